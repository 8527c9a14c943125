/* SPDX-License-Identifier: Apache-2.0 */
/* An index over a payload, both of any bytes: what is found has the key that was asked for, and every search ends. */
#include "tests/fuzz/formats.h"
#include "tests/fuzz/fuzz.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/index.h>

#include <stdlib.h>
#include <string.h>

enum { BUILT, OPENED, FOUND, MISSED, REFUSED, SEARCHED_OTHERS };
const char *const fuzz_goals[] = {"built",           "opened what was not built so",   "found", "not found",
                                  "found to be bad", "searched for keys of the input", NULL};

/* On the heap, of exactly their lengths. */
struct scene {
    uint8_t *payload, *bytes;
    size_t payload_length, length;
    netipc_schema schema;
    netipc_items items;
    netipc_index index;
};

static uint64_t looks;

static netipc_status counted_item(const netipc_items *items, uint32_t index, netipc_item *item)
{
    looks++;
    return netipc_cgroups_schema()->item(items, index, item);
}

static uint8_t *take(struct fuzz_input *input, size_t *length)
{
    *length = fuzz_u16(input);
    if (*length > input->left)
        *length = input->left;
    uint8_t *bytes = malloc(*length);
    fuzz_check(bytes != NULL || *length == 0);
    fuzz_bytes(input, bytes, *length);
    return bytes;
}

static bool same_key(const netipc_item *item, const void *key, size_t key_length, uint32_t hash)
{
    return item->hash == hash && item->key_length == key_length &&
           (key_length == 0 || memcmp(item->key, key, key_length) == 0);
}

static netipc_status search(const struct scene *scene, const void *key, size_t key_length, uint32_t hash,
                            netipc_item *item)
{
    looks = 0;
    netipc_status status = netipc_index_find(&scene->index, key, key_length, hash, item);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_NOT_FOUND) | FUZZ_STATUS(NETIPC_CORRUPT),
                      "find");
    fuzz_check(looks <= scene->items.count);
    fuzz_reached[status == NETIPC_OK ? FOUND : status == NETIPC_NOT_FOUND ? MISSED : REFUSED]++;
    if (status == NETIPC_OK) {
        const uint8_t *at = item->key;
        fuzz_check(at >= scene->payload && item->key_length <= scene->payload_length - (size_t)(at - scene->payload));
        fuzz_check(item->index < scene->items.count && same_key(item, key, key_length, hash));
    }
    return status;
}

/* The keys of the first items; with an index as it was built, each leads to the first item that has it. */
static void search_own_keys(const struct scene *scene, bool as_built)
{
    netipc_item own[FUZZ_INDEX_OWN_KEYS], found;
    for (uint32_t i = 0; i < scene->items.count && i < FUZZ_INDEX_OWN_KEYS; i++) {
        if (scene->schema.item(&scene->items, i, &own[i]) != NETIPC_OK)
            return;
        netipc_status status = search(scene, own[i].key, own[i].key_length, own[i].hash, &found);
        if (!as_built)
            continue;
        uint32_t first = 0;
        while (!same_key(&own[first], own[i].key, own[i].key_length, own[i].hash))
            first++;
        fuzz_check(status == NETIPC_OK && found.index == first);
    }
}

static void search_keys_of(struct fuzz_input *input, const struct scene *scene)
{
    uint8_t key[256];
    netipc_item item;
    for (int i = 0; i < FUZZ_INDEX_KEYS_MOST && input->left > 0; i++) {
        uint32_t hash = (uint32_t)fuzz_u64(input);
        size_t length = fuzz_u8(input);
        fuzz_bytes(input, key, length);
        (void)search(scene, key, length, hash, &item);
        (void)search(scene, key, length, netipc_key_hash(key, length), &item);
        fuzz_reached[SEARCHED_OTHERS]++;
    }
}

static bool build(struct scene *scene)
{
    scene->length = (size_t)netipc_index_length(scene->items.count);
    scene->bytes = malloc(scene->length);
    fuzz_check(scene->bytes != NULL);
    looks = 0;
    netipc_status status =
        netipc_index_build(&scene->schema, &scene->items, scene->bytes, scene->length, &scene->length);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT), "build");
    fuzz_check(status == NETIPC_OK ? looks == scene->items.count : looks <= scene->items.count);
    if (status != NETIPC_OK)
        return false;
    fuzz_reached[BUILT]++;
    fuzz_check(netipc_index_open(&scene->schema, &scene->items, scene->bytes, scene->length, &scene->index) ==
               NETIPC_OK);
    search_own_keys(scene, true);
    return true;
}

static void write_words(struct fuzz_input *input, struct scene *scene)
{
    for (unsigned count = fuzz_u8(input) % FUZZ_INDEX_WRITES; count > 0; count--) {
        size_t at = fuzz_u16(input) % scene->length;
        uint32_t word = (uint32_t)fuzz_u64(input);
        memcpy(scene->bytes + at, &word, scene->length - at < sizeof word ? scene->length - at : sizeof word);
    }
}

static void run(struct fuzz_input *input, struct scene *scene)
{
    netipc_status status = scene->schema.parse(scene->payload, scene->payload_length, &scene->items);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT), "parse");
    if (status != NETIPC_OK)
        return;
    if (fuzz_u8(input) & FUZZ_INDEX_BUILT) {
        if (!build(scene))
            return;
        write_words(input, scene);
    } else {
        scene->bytes = take(input, &scene->length);
    }
    status = netipc_index_open(&scene->schema, &scene->items, scene->bytes, scene->length, &scene->index);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_UNSUPPORTED) | FUZZ_STATUS(NETIPC_CORRUPT),
                      "open");
    if (status != NETIPC_OK)
        return;
    fuzz_reached[OPENED]++;
    search_own_keys(scene, false);
    search_keys_of(input, scene);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct scene scene = {.schema = *netipc_cgroups_schema()};
    scene.schema.item = counted_item;
    scene.payload = take(&input, &scene.payload_length);
    run(&input, &scene);
    free(scene.payload);
    free(scene.bytes);
    return 0;
}
