/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_RING_PUBLISHER_H
#define NETIPC_SHM_RING_PUBLISHER_H

/*
 * The slot ring, the publisher's side. The reader's is ring_reader.h; they are two halves of one protocol:
 *
 *     publisher                                        copying reader
 *     P1  payload, annex into the slot   relaxed       R1  hot ← latest              acquire
 *     P2  slot header but seq            relaxed       R2  seq0 ← seq                acquire  pairs with P3
 *     P3  seq ← 2 x generation           release       R3  slot header, checked      relaxed
 *     P4  latest ← generation:LIVE:slot  release       R4  bytes out                 relaxed
 *     P5  seq(victim) ← odd              relaxed       R5  fence                     acquire  pairs with P6
 *     P6  fence                          seq_cst       R6  seq1 ← seq; equal seq0?   relaxed
 *     P7  scan the sessions once                   leasing reader
 *     P8  every odd slot leased? condemn:              L1  hot ← latest, or look for a generation
 *         another P5 and P6, scan again                L2  lease ← ordinal:slot      relaxed
 *     P9  seq(claimed) ← 2 x latest + 1  relaxed       L3  fence                     seq_cst  pairs with P6
 *         fence                          release       L4  seq = 2 x generation?     acquire  else lease ← 0, L1
 *                                                          read in place
 *                                                      L5  fence                     acquire  pairs with P9
 *                                                          seq = 2g or 2g + 1?       relaxed  else too late
 *                                                      L6  lease ← 0                 release  pairs with P7
 *
 * The publisher always holds one slot claimed ahead: odd, so that no read of it validates, and leased by nobody. So P1
 * of the next publication may begin as soon as P9 is done, and does, to have the lines of that slot back in time
 * (netipc_payload_own()). Stores past the caches are ordered by neither P9 nor P3; those that P1 may be made of have
 * fences of their own on both sides (payload_copy.h).
 *
 * Whole or nothing. Suppose that a read that began with seq0 = 2g saw in R4 a byte that P1 wrote for a later
 * generation. That P1 comes after a P6 behind the P5 that claimed the slot. P6 is a release fence too and R5 an acquire
 * fence, so R6 sees that P5 or something later in seq, all of them other than 2g: generations never repeat and no old
 * value is put back. The read fails. Suppose that it saw an older byte than generation g's: impossible, since R2 read
 * P3.
 *
 * In place. Before a slot is written again it was made odd (P5), and a later fence P6 and scan did not find it leased.
 * If L3 comes before that P6, the scan sees the lease, or sees that it has ended (L6), after which nothing is read any
 * more. If P6 comes before L3, L4 sees the odd value or a later generation, and the lease is given back without a look
 * at the slot. A session that ends loses its leases, perhaps unknown to its reader; but bytes of a later generation
 * imply P9, whose value is another odd one than P5's, and L5 sees it.
 *
 * There is always a slot. A slot that is odd and leased is condemned: it stays odd, so no new lease on it lasts, and it
 * is the next to be used when its lease has ended. Lease words count only up to the quotas granted, whose sum is Q;
 * each names one slot at most. So among Q + 1 odd slots each scan finds one that nobody leases, and P8 ends after Q
 * rounds whatever the session pages hold. Q <= N - 2 - history leaves history + 1 whole slots: the latest generations,
 * oldest victims first.
 *
 * What the reader finds. latest may lag or lead seq: seq alone carries safety, latest only says where to look. Its
 * release keeps a wait-then-read from finding the slot older than the hot word (then R2 would retry).
 *
 * If killed:
 *   in P1, P2         the claimed slot stays odd; latest names the one before: whole; so it is if P1 had begun early
 *   after P3          one whole slot more than latest says, which nobody looks for: as in P1, P2
 *   after P4          published; no slot is claimed, which only a publisher would need
 *   after P5, P6, P8  published; the oldest slots are gone
 *   in P7             published; sleepers that were not woken find it when they look after the publisher (grace)
 * If a leasing reader is killed at any point: its lease holds its one slot until the publisher ends the session.
 */

#include "shm/region.h"
#include "shm/session_table.h"

struct netipc_ring_totals {
    uint64_t publications, unchanged, bytes, wakes_sent, wakes_saved;
    uint64_t condemned; /* slots set aside beyond the first of a publication */
};

struct netipc_ring {
    const struct netipc_region *region;
    struct netipc_session_table *sessions;
    /* What the publisher decides by is here, never in the region. */
    uint64_t ordinal;
    uint64_t generation; /* the latest; 0: none in the life of the publisher */
    uint64_t latest_length;
    uint32_t latest; /* its slot, if latest_here */
    uint32_t claimed;
    bool latest_here; /* the latest generation is in this region */
    /* Whole and unused slots, oldest first: a queue of whole_count, from whole_first on, going round. */
    uint16_t whole[NETIPC_SLOTS_MOST];
    uint32_t whole_first, whole_count;
    /* Odd slots that a scan found leased, in no order. */
    uint16_t condemned[NETIPC_SLOTS_MOST];
    uint32_t condemned_count;
    bool condemned_are_leased; /* all of them, when last looked at */
    struct netipc_leases leases;
    struct netipc_ring_totals totals;
};

/* Claims the first slot of a new region. generation and totals go on from before. */
void netipc_ring_start(struct netipc_ring *ring, const struct netipc_region *region, uint64_t ordinal,
                       struct netipc_session_table *sessions, uint64_t generation,
                       const struct netipc_ring_totals *totals);

/* How many lease words may count at once in a ring of so many slots that keeps history generations behind the latest.
 */
uint32_t netipc_ring_quota(uint32_t slot_count, uint32_t history);

/* Where the next snapshot is to be put: capacity bytes that no read will deliver before netipc_ring_publish(). */
unsigned char *netipc_ring_claimed_data(const struct netipc_ring *ring);

/* The bytes of the latest snapshot; NULL when it is not in this region. */
const unsigned char *netipc_ring_latest_data(const struct netipc_ring *ring);

/* Publishes the first length bytes of the claimed slot, with annex_length bytes from the next multiple of 8 on (all of
 * it within the capacity), and claims the next. Wait-free. */
void netipc_ring_publish(struct netipc_ring *ring, uint64_t length, uint64_t annex_length);

/* Counts a publication that was not needed. */
void netipc_ring_count_unchanged(struct netipc_ring *ring);

/* Marks the region CLOSED or SUPERSEDED, for good, and wakes every sleeper. */
void netipc_ring_end(struct netipc_ring *ring, uint32_t state);

#endif
