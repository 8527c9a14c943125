/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/cache_generation.h"

#include "publish/codec/index_search.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <stdlib.h>
#include <string.h>

struct netipc_cache_generation *netipc_cache_generation_new(void *order)
{
    struct netipc_cache_generation *generation = calloc(1, sizeof *generation);
    if (generation != NULL)
        generation->order = order;
    return generation;
}

void netipc_cache_generation_free(struct netipc_cache_generation *generation)
{
    if (generation == NULL)
        return;
    free(generation->payload.bytes);
    free(generation->table.bytes);
    free(generation);
}

size_t netipc_cache_generation_bytes(const struct netipc_cache_generation *generation)
{
    return sizeof *generation + generation->payload.capacity + generation->table.capacity;
}

netipc_status netipc_cache_block_reserve(struct netipc_cache_block *block, uint64_t length)
{
    if (length <= block->capacity)
        return NETIPC_OK;
    size_t capacity;
    if (!netipc_to_size(netipc_add_saturating(length, length / 4), &capacity))
        return netipc_fail(NETIPC_NO_MEMORY, "%llu bytes do not fit into the address space",
                           (unsigned long long)length);
    free(block->bytes); /* first, so that the two are not needed at the same time */
    block->bytes = malloc(capacity);
    block->capacity = block->bytes != NULL ? capacity : 0;
    return block->bytes != NULL ? NETIPC_OK
                                : netipc_fail(NETIPC_NO_MEMORY, "no memory for %zu bytes of a cache", capacity);
}

/* Lays the table out for count items, at most half as many as there are buckets. */
static netipc_status reserve_table(struct netipc_cache_generation *generation, uint32_t count)
{
    unsigned bits = 1;
    while (bits < 32 && (UINT64_C(1) << bits) < (uint64_t)count * 2)
        bits++;
    uint64_t entries = (uint64_t)count * sizeof *generation->entries;
    netipc_status status = netipc_cache_block_reserve(&generation->table, entries + (sizeof(uint32_t) << bits));
    if (status != NETIPC_OK)
        return status;
    generation->entries = generation->table.bytes;
    generation->buckets = (uint32_t *)(void *)((unsigned char *)generation->table.bytes + entries);
    generation->shift = 32 - bits;
    memset(generation->buckets, 0, sizeof(uint32_t) << bits);
    return NETIPC_OK;
}

/* From the last item to the first, each in front of those of its bucket: so they are found in the snapshot's order. */
static netipc_status fill_table(struct netipc_cache_generation *generation, const netipc_schema *schema)
{
    for (uint32_t index = generation->snapshot.count; index-- > 0;) {
        struct netipc_cache_entry *entry = &generation->entries[index];
        netipc_status status = schema->item(&generation->snapshot.items, index, &entry->item);
        if (status != NETIPC_OK)
            return status;
        uint32_t *bucket = &generation->buckets[netipc_index_bucket_of(entry->item.hash, generation->shift)];
        entry->next = *bucket;
        *bucket = index + 1;
    }
    return NETIPC_OK;
}

netipc_status netipc_cache_generation_index(struct netipc_cache_generation *generation, const netipc_schema *schema,
                                            size_t length)
{
    netipc_cache_snapshot *snapshot = &generation->snapshot;
    *snapshot = (netipc_cache_snapshot){0};
    netipc_status status = schema->parse(generation->payload.bytes, length, &snapshot->items);
    if (status == NETIPC_OK)
        status = schema->check(&snapshot->items);
    if (status == NETIPC_OK && snapshot->items.count == UINT32_MAX)
        status = netipc_fail(NETIPC_CORRUPT, "a snapshot of %u items", snapshot->items.count);
    if (status == NETIPC_OK)
        status = reserve_table(generation, snapshot->items.count);
    if (status != NETIPC_OK)
        return status;
    snapshot->count = snapshot->items.count;
    return fill_table(generation, schema);
}

const netipc_item *netipc_cache_find(const netipc_cache_snapshot *snapshot, const void *key, size_t key_length,
                                     uint32_t hash)
{
    if (snapshot == NULL || (key == NULL && key_length > 0))
        return NULL;
    const struct netipc_cache_generation *generation = netipc_cache_generation_of(snapshot);
    uint32_t number = generation->buckets[netipc_index_bucket_of(hash, generation->shift)];
    while (number != 0) {
        const struct netipc_cache_entry *entry = &generation->entries[number - 1];
        if (netipc_item_has_key(&entry->item, key, key_length, hash))
            return &entry->item;
        number = entry->next;
    }
    return NULL;
}

const netipc_item *netipc_cache_item(const netipc_cache_snapshot *snapshot, uint32_t index)
{
    if (snapshot == NULL || index >= snapshot->count)
        return NULL;
    return &netipc_cache_generation_of(snapshot)->entries[index].item;
}
