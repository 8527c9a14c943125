/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_INDEX_SEARCH_H
#define NETIPC_PUBLISH_CODEC_INDEX_SEARCH_H

/* The search, once for all schemas and, inlined with how an item is looked at, once for those that are asked most. */

#include <netipc/index.h>

#include "publish/codec/index_layout.h"
#include "publish/codec/load_once.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static inline bool netipc_keys_equal(const void *a, size_t a_length, uint32_t a_hash, const void *b, size_t b_length,
                                     uint32_t b_hash)
{
    return a_hash == b_hash && a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0);
}

static inline bool netipc_item_has_key(const netipc_item *item, const void *key, size_t key_length, uint32_t hash)
{
    return netipc_keys_equal(item->key, item->key_length, item->hash, key, key_length, hash);
}

/* Looks at an item that the index names: NETIPC_OK, it has the key and *found is filled in; NETIPC_NOT_FOUND, without a
 * detail: it has another one; NETIPC_CORRUPT. */
typedef netipc_status netipc_index_look(const netipc_index *index, uint32_t number, const void *key, size_t key_length,
                                        uint32_t hash, void *found);

static inline netipc_status netipc_index_search(const netipc_index *index, netipc_index_look *look, const void *key,
                                                size_t key_length, uint32_t hash, void *found)
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
            netipc_status status = look(index, ordinal - 1, key, key_length, hash, found);
            if (status != NETIPC_NOT_FOUND)
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
