/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_RING_PUBLISHER_H
#define NETIPC_SHM_RING_PUBLISHER_H

/*
 * The slot ring, the publisher's side. The reader's is ring_reader.h; they are two halves of one protocol:
 *
 *     publisher                                        reader
 *     P1  bytes into the claimed slot    relaxed       R1  hot ← latest              acquire
 *     P2  slot header but seq            relaxed       R2  seq0 ← seq                acquire  pairs with P3
 *     P3  seq ← 2 x generation           release       R3  slot header, checked      relaxed
 *     P4  latest ← generation:LIVE:slot  release       R4  bytes out                 relaxed
 *     P5  seq(victim) ← odd              relaxed       R5  fence                     acquire  pairs with P6
 *     P6  fence                          seq_cst       R6  seq1 ← seq; equal seq0?   relaxed
 *     P7  scan the sessions once
 *
 * The publisher always holds one slot claimed ahead: odd, so that no read of it validates.
 *
 * Whole or nothing. Suppose that a read that began with seq0 = 2g saw in R4 a byte that P1 wrote for a later
 * generation. That P1 comes after a P6 behind the P5 that claimed the slot. P6 is a release fence too and R5 an acquire
 * fence, so R6 sees that P5 or something later in seq, all of them other than 2g: generations never repeat and no old
 * value is put back. The read fails. Suppose that it saw an older byte than generation g's: impossible, since R2 read
 * P3.
 *
 * What the reader finds. latest may lag or lead seq: seq alone carries safety, latest only says where to look. Its
 * release keeps a wait-then-read from finding the slot older than the hot word (then R2 would retry).
 *
 * The victim is the oldest slot, so N - 1 whole generations stay readable behind the hot word.
 *
 * If killed:
 *   in P1, P2         the claimed slot stays odd; latest names the one before: whole
 *   after P3          one whole slot more than latest says: nobody looks there
 *   after P4          published; no slot is claimed, which only a publisher would need
 *   after P5, P6      published; the oldest slot is gone
 *   in P7             published; sleepers that were not woken find it when they look after the publisher (grace)
 */

#include "shm/region.h"
#include "shm/session_table.h"

struct netipc_ring {
    const struct netipc_region *region;
    struct netipc_session_table *sessions;
    /* What the publisher decides by is here, never in the region. */
    uint64_t generation; /* the latest; 0: none in the life of the publisher */
    uint64_t latest_length;
    uint32_t latest; /* its slot, if latest_here */
    uint32_t claimed;
    bool latest_here; /* the latest generation is in this region */
    struct netipc_ring_totals {
        uint64_t publications, unchanged, bytes, wakes_sent, wakes_saved;
    } totals;
};

/* Claims the first slot of a new region. generation and totals go on from before. */
void netipc_ring_start(struct netipc_ring *ring, const struct netipc_region *region,
                       struct netipc_session_table *sessions, uint64_t generation,
                       const struct netipc_ring_totals *totals);

/* Where the next snapshot is to be put: capacity bytes that no read will deliver before netipc_ring_publish(). */
unsigned char *netipc_ring_claimed_data(const struct netipc_ring *ring);

/* The bytes of the latest snapshot; NULL when it is not in this region. */
const unsigned char *netipc_ring_latest_data(const struct netipc_ring *ring);

/* Publishes the first length (at most capacity) bytes of the claimed slot and claims the next. Wait-free. */
void netipc_ring_publish(struct netipc_ring *ring, uint64_t length);

/* Counts a publication that was not needed. */
void netipc_ring_count_unchanged(struct netipc_ring *ring);

/* Marks the region CLOSED or SUPERSEDED, for good, and wakes every sleeper. */
void netipc_ring_end(struct netipc_ring *ring, uint32_t state);

#endif
