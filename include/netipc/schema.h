/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SCHEMA_H
#define NETIPC_SCHEMA_H

#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A schema says how the items of one kind of snapshot are found in its bytes, and how an item tells its key. That is
 * all that an index in a region and a cache need to know of a payload. netipc_cgroups_schema() of
 * cgroups_snapshot.h is one; a program may define its own.
 *
 * Keys are bytes: of any length, 0 too, equal when all bytes are. Of several items with one key it is the first in the
 * snapshot's order that is found by it.
 */

/* A payload that was parsed. Points into the caller's bytes and lives no longer than they do. */
typedef struct netipc_items {
    const void *bytes;
    size_t length;
    uint64_t generation; /* as the payload itself tells, else 0 */
    uint32_t count;
    uint32_t reserved;
    uint64_t private_words[4]; /* the schema's own */
} netipc_items;

/* One item of it, borrowed from the same bytes. */
typedef struct netipc_item {
    const void *key;
    size_t key_length;
    const void *bytes; /* of the whole item */
    size_t length;
    uint32_t hash; /* of the key, as the publisher stored it; compared with nothing */
    uint32_t index;
} netipc_item;

/*
 * The functions keep nothing, never block, and work on any alignment; any thread. They never read outside of
 * items->bytes, whatever is there and whoever writes to it meanwhile.
 */
typedef struct netipc_schema {
    uint32_t size;       /* sizeof(netipc_schema) */
    uint32_t id;         /* what publishers of such snapshots put into netipc_publisher_config.schema_id */
    uint32_t version;    /* and into .schema_version */
    uint32_t method;     /* the RPC method that answers with such a payload; 0: none */
    const char *name;    /* "cgroups-snapshot" */
    const void *request; /* payload of a request for it */
    size_t request_length;

    /* Fills in *items after a look at the payload's frame, the same for any number of items: NETIPC_OK. NETIPC_CORRUPT,
     * and *items has no items then. bytes may be NULL when length is 0. */
    netipc_status (*parse)(const void *bytes, size_t length, netipc_items *items);

    /* One pass over all that was parsed: NETIPC_OK, and _item succeeds for every item as long as the bytes stay.
     * NETIPC_CORRUPT, with the place in netipc_status_detail(). */
    netipc_status (*check)(const netipc_items *items);

    /* Fills in *item with item index, 0 to items->count - 1, of items that were parsed, checked or not: NETIPC_OK.
     * NETIPC_INVALID_ARGUMENT outside of that; NETIPC_CORRUPT when it does not lie within the bytes. *item is untouched
     * then. */
    netipc_status (*item)(const netipc_items *items, uint32_t index, netipc_item *item);
} netipc_schema;

/*
 * The hash that the schemas of this library store with a key: 32-bit FNV-1a (offset 0x811c9dc5, prime 0x01000193) of
 * all its bytes. Any thread.
 */
NETIPC_API uint32_t netipc_key_hash(const void *key, size_t length);

NETIPC_END_DECLS

#endif
