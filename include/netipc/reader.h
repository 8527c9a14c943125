/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_READER_H
#define NETIPC_READER_H

#include <netipc/export.h>
#include <netipc/index.h>
#include <netipc/status.h>
#include <netipc/subscriber.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A reader is one thread's handle on a subscriber. With handles, any number of threads read, wait and hold snapshots in
 * place while the subscriber's owner refreshes.
 *
 * Threads: one reader by one thread at a time; different readers side by side, and beside everything else of the
 * subscriber but its close. Readers are closed before their subscriber.
 */
typedef struct netipc_reader netipc_reader;

/* In the place of a generation: whichever is the latest. */
#define NETIPC_GENERATION_LATEST UINT64_C(0)

/*
 * Makes a handle, and gives it the lowest free lease word of the subscriber. Whether the publisher lets it hold leases
 * is known when it asks for one. NETIPC_OK, NETIPC_INVALID_ARGUMENT, NETIPC_NO_MEMORY, NETIPC_FORKED. Any thread; takes
 * a lock for a moment.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_reader_open(netipc_subscriber *subscriber, netipc_reader **reader);

/* Ends its view, if it has one, and frees it. NULL is allowed. */
NETIPC_API void netipc_reader_close(netipc_reader *reader);

/*
 * Copies the snapshot of a generation (NETIPC_GENERATION_LATEST: of the latest) as netipc_subscriber_read() does, with
 * the same results, and two more: NETIPC_EXPIRED, the generation has left the ring; NETIPC_EMPTY, it is not published
 * yet. Where every try was overtaken, a reader that has a lease word and no view tries once more under a lease, so
 * NETIPC_OVERRUN is then all but impossible. No lock, no read-modify-write on shared memory, no system call.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_reader_read(netipc_reader *reader, uint64_t generation, void *buffer,
                                                             size_t capacity, netipc_snapshot_info *info);

/*
 * Lends a snapshot in place: *data points to info->length bytes in the region, aligned to 128, read-only, which stay as
 * they are until netipc_reader_release(). One view a reader. The publisher is not held up, whatever is held for however
 * long; it goes round the slot.
 *
 * NETIPC_OK. NETIPC_EMPTY, NETIPC_EXPIRED, NETIPC_DISCONNECTED, NETIPC_CORRUPT, NETIPC_FORKED, NETIPC_INVALID_ARGUMENT
 * as above. NETIPC_WRONG_STATE: it holds a view. NETIPC_NO_LEASE: the publisher granted fewer leases than this
 * subscriber has readers; read by copy. NETIPC_OVERRUN: every try was overtaken. Does not block; no system call.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_reader_acquire(netipc_reader *reader, uint64_t generation,
                                                                const void **data, netipc_snapshot_info *info);

/*
 * Opens the index of the view that this reader holds, for netipc_index_find() and its like until
 * netipc_reader_release(); so there is nothing to build and nothing to keep. What is found lies in the view. A look at
 * three headers, whatever the number of items; do it once a view.
 *
 * NETIPC_OK. NETIPC_UNSUPPORTED: the snapshots are of another schema (by id and version), or the publisher puts no
 * index behind them: go through the items, or build an index over a copy. NETIPC_CORRUPT: the payload's frame or the
 * index's is not sound; see netipc_status_detail(). NETIPC_WRONG_STATE: there is no view. NETIPC_INVALID_ARGUMENT,
 * NETIPC_FORKED. Does not block; no system call.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_reader_index(netipc_reader *reader, const netipc_schema *schema,
                                                              netipc_index *index);

/*
 * Ends the view: its bytes must not be touched any more. NETIPC_OK: they were all the time what acquire gave.
 * NETIPC_OVERRUN: the session had ended with the publisher alive, and the slot may have been used again: what was made
 * of the bytes may be wrong. NETIPC_WRONG_STATE: there is no view.
 */
NETIPC_API netipc_status netipc_reader_release(netipc_reader *reader);

/*
 * Lists the generations that can be read now, ascending: at most capacity, the latest ones. *count gets their number, 0
 * before the first publication. NETIPC_OK, NETIPC_DISCONNECTED (never attached), NETIPC_INVALID_ARGUMENT,
 * NETIPC_FORKED.
 */
NETIPC_API netipc_status netipc_reader_history(netipc_reader *reader, uint64_t *generations, size_t capacity,
                                               size_t *count);

/*
 * Waits as netipc_subscriber_wait(), beside other threads that wait, with the same results. What it notices (GONE,
 * CLOSED, SUPERSEDED) it reports at once when it happens during the wait; when it was so before, it sleeps for
 * reconnect_ns first, since only the owner's refresh can change it.
 */
NETIPC_API netipc_status netipc_reader_wait(netipc_reader *reader, uint64_t generation, uint64_t timeout_ns);

NETIPC_END_DECLS

#endif
