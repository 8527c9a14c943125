/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/formats.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seed_file.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/index.h>

#include <stdio.h>
#include <string.h>

static unsigned char payload[1 << 14];
static size_t payload_length;

/* count items, of which some share a key and some a hash, as far as these may be told apart by their numbers */
static void put_payload(unsigned count, unsigned names, unsigned hashes)
{
    netipc_cgroups_snapshot_builder *builder;
    char name[32];
    fuzz_check(netipc_cgroups_snapshot_builder_new(&builder) == NETIPC_OK);
    for (unsigned i = 0; i < count; i++) {
        size_t length = (size_t)snprintf(name, sizeof name, "%.*s%u", (int)(i % names % 7), "service", i % names);
        uint32_t hash = hashes > 0 ? i % hashes : netipc_key_hash(name, length);
        fuzz_check(netipc_cgroups_snapshot_builder_add(builder, hash, 0, 1, name, "/x") == NETIPC_OK);
    }
    fuzz_check(netipc_cgroups_snapshot_builder_write(builder, 7, 1, payload, sizeof payload, &payload_length) ==
               NETIPC_OK);
    netipc_cgroups_snapshot_builder_free(builder);
    put_u16((unsigned)payload_length);
    put(payload, payload_length);
}

static void put_index(void)
{
    static uint64_t bytes[1 << 10];
    netipc_items items;
    size_t length;
    const netipc_schema *schema = netipc_cgroups_schema();
    fuzz_check(schema->parse(payload, payload_length, &items) == NETIPC_OK);
    fuzz_check(netipc_index_build(schema, &items, bytes, sizeof bytes, &length) == NETIPC_OK);
    put_u16((unsigned)length);
    put(bytes, length);
}

static void put_write(unsigned at, uint32_t word)
{
    put_u16(at);
    put_u64(word);
}

static void put_key(uint32_t hash, const char *key)
{
    put_u64(hash);
    put_u8((unsigned)strlen(key));
    put(key, strlen(key));
}

static void put_keys(void)
{
    put_key(0, "");
    put_key(0, "0");
    put_key(1, "s1");
    put_key(3, "none");
}

void index_seeds(void)
{
    static const struct {
        const char *name;
        unsigned count, names, hashes;
    } shapes[] = {{"empty", 0, 1, 0},        {"one", 1, 1, 0},        {"many", 40, 40, 0},
                  {"duplicates", 30, 10, 0}, {"one-hash", 20, 20, 1}, {"few-hashes", 24, 12, 5}};
    char name[64];
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        put_payload(shapes[i].count, shapes[i].names, shapes[i].hashes);
        put_u8(FUZZ_INDEX_BUILT);
        put_u8(0);
        put_keys();
        snprintf(name, sizeof name, "built-%s", shapes[i].name);
        save("index", name);

        put_payload(shapes[i].count, shapes[i].names, shapes[i].hashes);
        put_u8(0);
        put_index();
        put_keys();
        snprintf(name, sizeof name, "given-%s", shapes[i].name);
        save("index", name);
    }
    /* Each bucket names an item that is not there; each chain leads to itself; the header lies. */
    static const struct {
        const char *name;
        unsigned from, step, count;
        uint32_t word;
    } patches[] = {{"patched-firsts", 36, 8, 31, 99},
                   {"patched-chains", 32 + 8 * 64, 4, 20, 1},
                   {"patched-hashes", 32, 8, 31, 0},
                   {"patched-header", 8, 4, 2, 0x40000000}};
    for (size_t i = 0; i < sizeof patches / sizeof *patches; i++) {
        put_payload(20, 20, 1);
        put_u8(FUZZ_INDEX_BUILT);
        put_u8(patches[i].count);
        for (unsigned k = 0; k < patches[i].count; k++)
            put_write(patches[i].from + k * patches[i].step, patches[i].word);
        put_keys();
        save("index", patches[i].name);
    }
}
