/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CACHE_GENERATION_H
#define NETIPC_PUBLISH_CACHE_GENERATION_H

/*
 * One snapshot in a cache: the payload's bytes, and a table of its items. Two blocks of memory that grow, however many
 * items there are, and that the next snapshot may use again.
 *
 * The table is made of chains, one a bucket, in the order of the snapshot. Making it takes the same time whatever the
 * hashes are, and they come from outside; should all of them be equal, lookups walk through all items, and end.
 */

#include <netipc/cache.h>

#include <stdbool.h>

struct netipc_cache_entry {
    netipc_item item;
    uint32_t next; /* in its bucket: number of the item + 1; 0: none */
};

struct netipc_cache_block {
    void *bytes;
    size_t capacity;
};

struct netipc_cache_generation {
    netipc_cache_snapshot snapshot; /* first: what readers have is a pointer to it */
    struct netipc_cache_entry *entries;
    uint32_t *buckets; /* 2^(32 - shift) of them, each the number of its first item + 1; 0: empty */
    uint32_t shift;    /* of netipc_index_bucket_of() */
    struct netipc_cache_block payload, table;
    struct netipc_cache_generation *next; /* among those that wait, or are spare */
    void *order;                          /* of rcu.h */
};

/* NULL: no memory. */
struct netipc_cache_generation *netipc_cache_generation_new(void *order);
void netipc_cache_generation_free(struct netipc_cache_generation *generation);

/* The memory that it takes, in bytes. */
size_t netipc_cache_generation_bytes(const struct netipc_cache_generation *generation);

/* Makes room for length bytes, whose content may get lost, and a quarter more if it must grow. NETIPC_OK,
 * NETIPC_NO_MEMORY. */
netipc_status netipc_cache_block_reserve(struct netipc_cache_block *block, uint64_t length);

/* Checks length bytes of payload, and makes the table. NETIPC_OK, NETIPC_CORRUPT, NETIPC_NO_MEMORY. */
netipc_status netipc_cache_generation_index(struct netipc_cache_generation *generation, const netipc_schema *schema,
                                            size_t length);

static inline const struct netipc_cache_generation *netipc_cache_generation_of(const netipc_cache_snapshot *snapshot)
{
    return (const struct netipc_cache_generation *)(const void *)snapshot;
}

#endif
