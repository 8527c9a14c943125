/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_INDEX_SEARCH_H
#define NETIPC_PUBLISH_CODEC_INDEX_SEARCH_H

/* The search, once for all schemas and, inlined with its item function, once for those that are asked most. */

#include <netipc/index.h>

#include "publish/codec/index_layout.h"
#include "publish/codec/load_once.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static inline bool netipc_item_has_key(const netipc_item *item, const void *key, size_t key_length, uint32_t hash)
{
    return item->hash == hash && item->key_length == key_length &&
           (key_length == 0 || memcmp(item->key, key, key_length) == 0);
}

/* item_at: that of index->schema. */
static inline netipc_status netipc_index_search(const netipc_index *index,
                                                netipc_status (*item_at)(const netipc_items *, uint32_t, netipc_item *),
                                                const void *key, size_t key_length, uint32_t hash, netipc_item *found)
{
    struct netipc_index_bucket bucket;
    size_t at = netipc_index_bucket_of(hash, index->shift);
    netipc_load_once(&bucket, index->buckets + at * sizeof bucket, sizeof bucket);
    uint32_t ordinal = bucket.first, next;
    bool passed_over = bucket.hash != hash; /* the first one's hash is here, those of the others in the items */
    for (; ordinal != 0; ordinal = next, passed_over = false) {
        if (ordinal > index->items.count)
            return netipc_fail(NETIPC_CORRUPT, "the index names item %" PRIu32 " of %" PRIu32, ordinal - 1,
                               index->items.count);
        if (!passed_over) {
            netipc_status status = item_at(&index->items, ordinal - 1, found);
            if (status != NETIPC_OK || netipc_item_has_key(found, key, key_length, hash))
                return status;
        }
        netipc_load_once(&next, index->next + (size_t)(ordinal - 1) * sizeof next, sizeof next);
        if (next != 0 && next <= ordinal)
            return netipc_fail(NETIPC_CORRUPT, "the index goes back from item %" PRIu32 " to %" PRIu32, ordinal - 1,
                               next - 1);
    }
    return NETIPC_NOT_FOUND;
}

#endif
