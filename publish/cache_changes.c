/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two generations of a cache. */
#include "publish/cache_state.h"
#include "publish/codec/index_search.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <stdlib.h>
#include <string.h>

/* Comparisons of keys that an item may cost, on average. One or two are usual; only hashes that were made for it need
 * so many. */
enum { COMPARISONS = 64 };

/* The chains of a table, to take items out of: each is the partner of one item at most. */
struct partners {
    const struct netipc_cache_generation *of;
    uint32_t *buckets, *next; /* as in the table */
    uint64_t budget;          /* comparisons left */
};

#define TAKEN UINT32_MAX

/* What a block may have too much, beside three times what it needs. */
enum { BLOCK_ROOM = 65536 };

/* As netipc_cache_block_reserve(), but a block that a far larger snapshot needed is given back. */
static netipc_status reserve(struct netipc_cache_block *block, uint64_t length)
{
    if (block->capacity / 4 > length + BLOCK_ROOM) {
        free(block->bytes);
        *block = (struct netipc_cache_block){0};
    }
    return netipc_cache_block_reserve(block, length);
}

static netipc_status open_partners(netipc_cache *cache, const struct netipc_cache_generation *before,
                                   uint32_t after_count, struct partners *partners)
{
    size_t bucket_count = (size_t)1 << (32 - before->shift), count = before->snapshot.count;
    netipc_status status = reserve(&cache->partners, (uint64_t)(bucket_count + count) * sizeof(uint32_t));
    if (status != NETIPC_OK)
        return status;
    partners->of = before;
    partners->buckets = cache->partners.bytes;
    partners->next = partners->buckets + bucket_count;
    partners->budget = ((uint64_t)count + after_count) * COMPARISONS;
    memcpy(partners->buckets, before->buckets, bucket_count * sizeof(uint32_t));
    for (size_t i = 0; i < count; i++)
        partners->next[i] = before->entries[i].next;
    return NETIPC_OK;
}

/* The first item with this key that is not taken yet, and takes it. NULL: none, or the budget is used up. */
static const netipc_item *take_partner(struct partners *partners, const netipc_item *item)
{
    uint32_t *link = &partners->buckets[netipc_index_bucket_of(item->hash, partners->of->shift)];
    while (*link != 0 && partners->budget > 0) {
        partners->budget--;
        uint32_t index = *link - 1;
        const netipc_item *other = &partners->of->entries[index].item;
        if (netipc_item_has_key(other, item->key, item->key_length, item->hash)) {
            *link = partners->next[index];
            partners->next[index] = TAKEN;
            return other;
        }
        link = &partners->next[index];
    }
    return NULL;
}

static bool is_same(const netipc_item *a, const netipc_item *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static void add_change(netipc_cache *cache, const netipc_item *before, const netipc_item *after)
{
    netipc_cache_change *changes = cache->changes.bytes;
    changes[cache->change_count++] = (netipc_cache_change){before, after};
}

static void compare_with(netipc_cache *cache, struct partners *partners, const struct netipc_cache_generation *after)
{
    for (uint32_t i = 0; i < after->snapshot.count; i++) {
        const netipc_item *item = &after->entries[i].item, *partner = take_partner(partners, item);
        if (partner == NULL || !is_same(partner, item))
            add_change(cache, partner, item);
    }
    for (uint32_t i = 0; i < partners->of->snapshot.count; i++)
        if (partners->next[i] != TAKEN)
            add_change(cache, &partners->of->entries[i].item, NULL);
    cache->changes_cut = partners->budget == 0 && partners->of->snapshot.count > 0;
    if (cache->changes_cut)
        cache->change_count = 0;
}

netipc_status netipc_cache_compare(netipc_cache *cache, const struct netipc_cache_generation *before,
                                   const struct netipc_cache_generation *after)
{
    struct partners partners = {0};
    uint64_t most = (uint64_t)after->snapshot.count + (before != NULL ? before->snapshot.count : 0);
    netipc_status status = reserve(&cache->changes, most * sizeof(netipc_cache_change));
    if (status == NETIPC_OK && before != NULL)
        status = open_partners(cache, before, after->snapshot.count, &partners);
    if (status != NETIPC_OK)
        return status;
    if (before != NULL)
        compare_with(cache, &partners, after);
    else
        for (uint32_t i = 0; i < after->snapshot.count; i++)
            add_change(cache, NULL, &after->entries[i].item);
    return NETIPC_OK;
}

netipc_status netipc_cache_changes(netipc_cache *cache, const netipc_cache_change **changes, size_t *count)
{
    if (changes != NULL)
        *changes = NULL;
    if (count != NULL)
        *count = 0;
    netipc_status status = netipc_cache_check(cache);
    if (status != NETIPC_OK)
        return status;
    if (changes == NULL || count == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the changes given");
    if ((cache->flags & NETIPC_CACHE_CHANGES) == 0)
        return netipc_fail(NETIPC_WRONG_STATE, "this cache was opened without NETIPC_CACHE_CHANGES");
    if (cache->changes_cut)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "too many of the %u keys have the same hash",
                           netipc_cache_at_hand(cache)->snapshot.count);
    *changes = cache->changes.bytes;
    *count = cache->change_count;
    return NETIPC_OK;
}
