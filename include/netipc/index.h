/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_INDEX_H
#define NETIPC_INDEX_H

#include <netipc/export.h>
#include <netipc/schema.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * An index finds the items of a payload by key. A publisher that has a schema (netipc_publisher_config.schema) puts one
 * behind each snapshot, where netipc_reader_index() of reader.h opens it in place; whoever has a payload of his own,
 * from netipc_reader_read() or an RPC, can build one over it. The bytes of both are the same (docs/region-format.md).
 *
 * Pure functions over bytes: no allocation, no state, no blocking; any thread. Bytes that are opened and searched need
 * no alignment and no trust: whatever they hold, and whoever writes to them meanwhile, nothing outside of them is read,
 * a search ends after a look at each item at most, and what it finds has the key that was asked for.
 */
typedef struct netipc_index {
    const netipc_schema *schema;
    netipc_items items;           /* what is searched */
    const unsigned char *buckets; /* private, as all below */
    const unsigned char *next;
    uint32_t shift;
    uint32_t reserved;
} netipc_index;

/* Bytes of an index of so many items, some 20 to 36 an item; 0: of so many there is none (more than 2^30). */
NETIPC_API uint64_t netipc_index_length(uint32_t count);

/*
 * Writes the index of items into capacity bytes at index, which must be aligned to 8: one look at each item, whatever
 * their hashes are. *length, if not NULL, gets netipc_index_length(). NETIPC_OK; NETIPC_TOO_SMALL; NETIPC_TOO_LARGE;
 * NETIPC_CORRUPT, with the item that is not sound in netipc_status_detail(): the content is unspecified then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_index_build(const netipc_schema *schema, const netipc_items *items,
                                                             void *index, size_t capacity, size_t *length);

/*
 * Opens the index of items in length bytes at bytes; a look at its header, the same for any number of items. schema,
 * the payload and the index must stay as long as *index is used. NETIPC_OK; NETIPC_UNSUPPORTED: it is no index, or one
 * of another version; NETIPC_CORRUPT: it is not one of these items, or not whole.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_index_open(const netipc_schema *schema, const netipc_items *items,
                                                            const void *bytes, size_t length, netipc_index *index);

/*
 * Finds the first item with this key; hash is that of the key as the publisher stores it (netipc_key_hash() for the
 * schemas of this library). NETIPC_OK; NETIPC_NOT_FOUND, without a detail: no item has this key and hash;
 * NETIPC_CORRUPT. *item is unspecified but with NETIPC_OK. key may be NULL when key_length is 0.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_index_find(const netipc_index *index, const void *key,
                                                            size_t key_length, uint32_t hash, netipc_item *item);

NETIPC_END_DECLS

#endif
