/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_BATCH_H
#define NETIPC_BATCH_H

#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The payload of a batch: a directory of items and the items behind it, in order, each at a multiple of 8. How many
 * there are is not in the payload but in its envelope. Pure functions over bytes: no allocation, no I/O, no state. Any
 * thread; one builder by one thread at a time. The bytes are in docs/wire.md.
 */

typedef struct netipc_batch_view {
    uint32_t item_count;
    const unsigned char *directory; /* private, as all below */
    const unsigned char *items;
    size_t items_length;
} netipc_batch_view;

/*
 * Checks the whole directory and fills in *view, which borrows payload. NETIPC_OK; NETIPC_CORRUPT with the place in
 * netipc_status_detail(): an item out of bounds, at no multiple of 8, or before the end of the one in front of it;
 * *view is empty then. payload needs no alignment, and may be NULL when length is 0.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_batch_decode(const void *payload, size_t length, uint32_t item_count,
                                                              netipc_batch_view *view);

/*
 * Points *item to the *length bytes of item index, 0 to item_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of
 * that; NETIPC_CORRUPT when the bytes have changed since they were decoded: both are untouched then.
 */
NETIPC_API netipc_status netipc_batch_item(const netipc_batch_view *view, uint32_t index, const void **item,
                                           size_t *length);

/* Builds a payload in a buffer of the caller's. */
typedef struct netipc_batch_builder {
    unsigned char *buffer; /* private, as all below */
    size_t capacity, length;
    uint32_t item_count, added, reserved;
} netipc_batch_builder;

/* For item_count items; buffer may be NULL when capacity is 0. NETIPC_OK; NETIPC_TOO_SMALL when there is no room for
 * the directory: then the builder takes no item and does not finish. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_batch_builder_init(netipc_batch_builder *builder, uint32_t item_count,
                                                                    void *buffer, size_t capacity);

/*
 * Where the next item goes: *room bytes, of which _add(…, NULL, n) then takes n. NETIPC_OK; NETIPC_WRONG_STATE when
 * there are item_count items already; NETIPC_TOO_SMALL when there is no room for an empty one.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_batch_builder_next(netipc_batch_builder *builder, void **item,
                                                                    size_t *room);

/*
 * Appends an item of length bytes: a copy of item, or with NULL what was written where _next pointed to. NETIPC_OK;
 * NETIPC_TOO_SMALL and NETIPC_WRONG_STATE as above, and nothing was added.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_batch_builder_add(netipc_batch_builder *builder, const void *item,
                                                                   size_t length);

/* *length gets the length of the payload. NETIPC_OK; NETIPC_WRONG_STATE when items are missing, or _init has
 * failed: then it stays as it is. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_batch_builder_finish(const netipc_batch_builder *builder,
                                                                      size_t *length);

NETIPC_END_DECLS

#endif
