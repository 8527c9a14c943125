/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/lookups.h"

#include "bench/audience.h"

#include <stdlib.h>
#include <string.h>

/* --- what is measured --- */

static inline const struct lookups_key *next_key(struct lookups *lookups)
{
    const struct lookups_key *key = &lookups->keys->keys[lookups->at++];
    if (lookups->at == lookups->keys->count)
        lookups->at = 0;
    return key;
}

/* Looks into what was found, as a caller does; what it says is compared later. */
static inline uint32_t differs(const netipc_item *item, const struct lookups_key *key)
{
    return (item != NULL ? item->index : LOOKUPS_NOBODY) ^ key->index;
}

void lookups_cached(void *context, uint64_t times)
{
    struct lookups *lookups = context;
    uint32_t wrong = 0;
    for (; times > 0; times--) {
        const struct lookups_key *key = next_key(lookups);
        const netipc_cache_snapshot *snapshot;
        netipc_status status = netipc_cache_enter(lookups->cache, &snapshot);
        if (status != NETIPC_OK)
            station_fail_status(lookups->station, status, "cannot enter");
        wrong |= differs(netipc_cache_find(snapshot, key->name, key->length, key->hash), key);
        netipc_cache_leave(snapshot);
    }
    lookups->wrong |= wrong;
}

void lookups_cached_within(void *context, uint64_t times)
{
    struct lookups *lookups = context;
    const netipc_cache_snapshot *snapshot;
    uint32_t wrong = 0;
    netipc_status status = netipc_cache_enter(lookups->cache, &snapshot);
    if (status != NETIPC_OK)
        station_fail_status(lookups->station, status, "cannot enter");
    for (; times > 0; times--) {
        const struct lookups_key *key = next_key(lookups);
        wrong |= differs(netipc_cache_find(snapshot, key->name, key->length, key->hash), key);
    }
    netipc_cache_leave(snapshot);
    lookups->wrong |= wrong;
}

void lookups_index(void *context, uint64_t times)
{
    struct lookups *lookups = context;
    uint32_t wrong = 0;
    for (; times > 0; times--) {
        const struct lookups_key *key = next_key(lookups);
        netipc_item item;
        netipc_status status = netipc_index_find(lookups->index, key->name, key->length, key->hash, &item);
        wrong |= differs(status == NETIPC_OK ? &item : NULL, key);
    }
    lookups->wrong |= wrong;
}

void lookups_cgroups(void *context, uint64_t times)
{
    struct lookups *lookups = context;
    uint32_t wrong = 0;
    for (; times > 0; times--) {
        const struct lookups_key *key = next_key(lookups);
        netipc_cgroup_view view;
        netipc_status status = netipc_cgroups_find(lookups->index, key->name, key->length, key->hash, &view);
        wrong |= status == NETIPC_OK ? view.options ^ key->options : 1;
    }
    lookups->wrong |= wrong;
}

static const struct lookups_entry *find_bare(const struct lookups_table *table, const struct lookups_key *key)
{
    uint32_t number = table->buckets[key->hash & table->mask];
    while (number != 0) {
        const struct lookups_entry *entry = &table->entries[number - 1];
        if (entry->hash == key->hash && entry->length == key->length &&
            memcmp(entry->name, key->name, key->length) == 0)
            return entry;
        number = entry->next;
    }
    return NULL;
}

void lookups_bare(void *context, uint64_t times)
{
    struct lookups *lookups = context;
    uint32_t wrong = 0;
    for (; times > 0; times--) {
        const struct lookups_key *key = next_key(lookups);
        const struct lookups_entry *entry = find_bare(lookups->table, key);
        wrong |= (entry != NULL ? entry->index : LOOKUPS_NOBODY) ^ key->index;
    }
    lookups->wrong |= wrong;
}

void lookups_check(void *context, uint64_t times)
{
    struct lookups *lookups = context;
    lookups->made += times;
    if (lookups->wrong != 0)
        station_fail(lookups->station, NETIPC_CORRUPT, "a lookup gives another item than the one with the key");
}

/* --- what it needs --- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void shuffle(struct lookups_keys *keys)
{
    uint64_t state = keys->count;
    for (size_t i = keys->count; i > 1; i--) {
        size_t other = next_random(&state) % i;
        struct lookups_key key = keys->keys[i - 1];
        keys->keys[i - 1] = keys->keys[other];
        keys->keys[other] = key;
    }
}

static void make_keys(const struct station *station, const struct cgroups *cgroups, bool misses,
                      struct lookups_keys *keys)
{
    keys->count = cgroups->count;
    keys->keys = audience_buffer(station, keys->count * sizeof *keys->keys);
    for (uint32_t i = 0; i < cgroups->count; i++) {
        struct cgroups_label label;
        cgroups_label(misses ? (uint64_t)cgroups->count + i : i, &label);
        struct lookups_key *key = &keys->keys[i];
        *key = (struct lookups_key){.length = label.name_length, .hash = label.hash};
        key->index = misses ? LOOKUPS_NOBODY : i;
        memcpy(key->name, label.name, sizeof key->name);
    }
    shuffle(keys);
}

static void make_table(const struct station *station, const struct cgroups *cgroups, struct lookups_table *table)
{
    uint32_t buckets = 2, count = cgroups->count;
    while (buckets < 2 * count)
        buckets *= 2;
    table->mask = buckets - 1;
    table->buckets = calloc(buckets, sizeof *table->buckets);
    table->entries = calloc(count, sizeof *table->entries);
    table->names = calloc(count, CGROUPS_NAME_MOST + 1);
    if (table->buckets == NULL || table->entries == NULL || table->names == NULL)
        station_fail(station, NETIPC_NO_MEMORY, "no memory for a table of %u items", count);
    char *name = table->names;
    for (uint32_t i = 0; i < count; i++) {
        const struct cgroups_label *label = &cgroups->labels[i];
        uint32_t *bucket = &table->buckets[label->hash & table->mask];
        table->entries[i] = (struct lookups_entry){name, label->name_length, label->hash, i, *bucket};
        *bucket = i + 1;
        memcpy(name, label->name, label->name_length);
        name += label->name_length;
    }
}

void lookups_prepare(const struct station *station, const struct cgroups *cgroups, struct lookups_keys *hits,
                     struct lookups_keys *misses, struct lookups_table *table)
{
    make_keys(station, cgroups, false, hits);
    make_keys(station, cgroups, true, misses);
    make_table(station, cgroups, table);
}

void lookups_expect(struct lookups_keys *hits, uint64_t generation)
{
    for (size_t i = 0; i < hits->count; i++)
        hits->keys[i].options = cgroups_options(generation, hits->keys[i].index);
}

void lookups_forget(struct lookups_keys *hits, struct lookups_keys *misses, struct lookups_table *table)
{
    free(hits->keys);
    free(misses->keys);
    free(table->buckets);
    free(table->entries);
    free(table->names);
}
