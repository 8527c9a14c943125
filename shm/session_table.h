/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_SESSION_TABLE_H
#define NETIPC_SHM_SESSION_TABLE_H

/*
 * The publisher's list of attached sessions: written by the control thread, scanned by the publishing thread once a
 * publication, without a lock. Private to the process; only the lines it points to are shared with peers.
 *
 *   control thread                              publishing thread (scan)
 *   insert: entry ← line        release  (I1)   scan ← odd                  relaxed  (S1)
 *   remove: entry ← NULL        release  (R1)   seq_cst fence                        (S2)
 *           seq_cst fence                (R2)   line ← entry                acquire  (S3)  pairs with I1 and R1
 *           scan even?          acquire  (R3)   use the line: lease words  acquire  (S5)  pairs with L6,
 * ring_publisher.h scan ← even                 release  (S4)  pairs with R3
 *
 * Removal (epoch reclamation with one reader). When R3 reads an even value, every scan has either ended before it (S4
 * was read, so its uses are over) or has an S1 that R3 did not read; then R2 comes before that scan's S2, and its S3
 * reads NULL. When R3 reads an odd value, the control thread keeps the page and asks again; a scan is bounded and calls
 * nothing that blocks.
 *
 * Insertion (why the list is loaded after the fence): a session is inserted before its subscriber is told that it may
 * sleep. Its wait is: wake bit ← 1, seq_cst fence (W), load latest. The publication is: latest ← new, S2, S3. If S2
 * comes first, W's load sees the new generation and nobody sleeps; if W comes first, so does I1, and S3 finds the line
 * and its bit. A list loaded before S2 would lose that wake-up.
 *
 * Leases of the process's own. The control thread reads a slot under a lease in a line of its own, which it inserts
 * before and removes afterwards (publish/latest_answer.h). A scan that finds no line any more, by S3 or by used, has
 * acquired R1: what was read under the lease comes before what the publisher does with the slot, as with L6 and S5.
 *
 * If killed here: both threads die together, and nothing of this is shared.
 */

#include <netipc/status.h>

#include "shm/layout.h"

#include <stdbool.h>

struct netipc_session_table {
    netipc_atomic_u64 scan; /* odd while the publishing thread is inside a scan */
    netipc_atomic_u32 used; /* entries at and above are NULL */
    netipc_atomic_u32 rung; /* some entry has something due; set by the scan, taken by the control thread */
    uint32_t capacity;
    uint64_t slow_wake_ns; /* CPU time of a wake-up call above which it is slow; may be set before the first scan */
    struct netipc_session_entry *entries;
};

struct netipc_session_entry {
    netipc_atomic_pointer(struct netipc_session_line) line;
    netipc_atomic_u32 due;   /* NETIPC_DUE_…: what the control thread is to do for this one */
    netipc_atomic_u32 wakes; /* calls made, and how many looks in a row found them slow: the publishing thread's */
    netipc_atomic_u32 slow;
    netipc_atomic_u64 grant; /* ordinal << 16 | quota: in which region how many lease words count */
};

/* What one scan found: the slots of this region that are leased, a bit each. */
struct netipc_leases {
    uint64_t ordinal;    /* in: of the region */
    uint32_t slot_count; /* in */
    uint64_t leased[(NETIPC_SLOTS_MOST + 63) / 64];
};

static inline bool netipc_leased(const struct netipc_leases *leases, uint32_t slot)
{
    return (leases->leased[slot / 64] >> (slot % 64) & 1u) != 0;
}

netipc_status netipc_session_table_open(struct netipc_session_table *table, uint32_t capacity);
void netipc_session_table_close(struct netipc_session_table *table);

/* Control thread. index below capacity, its entry free. */
void netipc_session_table_insert(struct netipc_session_table *table, uint32_t index, struct netipc_session_line *line);

/* Control thread. No scan that begins later uses the line of this entry. */
void netipc_session_table_remove(struct netipc_session_table *table, uint32_t index);

/* Control thread. Whether no scan still uses lines that were removed before this call. */
bool netipc_session_table_quiet(struct netipc_session_table *table);

/* Control thread. From now on quota lease words of this session count in the region with this ordinal, and none in
 * others. */
void netipc_session_table_grant(struct netipc_session_table *table, uint32_t index, uint64_t ordinal, uint32_t quota);

/* What a scan leaves to the control thread. */
enum {
    NETIPC_DUE_DOORBELL = 1, /* to be sent */
    NETIPC_DUE_WAKE = 2      /* netipc_session_table_wake() */
};

/* Publishing thread. Whether scans have found something that the control thread should be woken for. */
static inline bool netipc_session_table_rung(struct netipc_session_table *table)
{
    return netipc_load(&table->rung, relaxed) != 0;
}

/* Control thread. Whether anything has been found since the last call; then each session's is asked for. */
bool netipc_session_table_take_rung(struct netipc_session_table *table);
uint32_t netipc_session_table_take_due(struct netipc_session_table *table, uint32_t index);

/* Control thread. Wakes the sleepers of a session whose wake-up calls take the publishing thread too long. */
void netipc_session_table_wake(struct netipc_session_table *table, uint32_t index);

/*
 * Publishing thread, after the store to latest that the sleepers are to see: the one fence and one scan of a
 * publication. Collects the leases, wakes every session that sleeps, and marks those whose doorbell is armed. *sent and
 * *saved count wake-up calls made and not needed.
 */
void netipc_session_table_scan(struct netipc_session_table *table, struct netipc_leases *leases, uint64_t *sent,
                               uint64_t *saved);

/* The same for leases only, when a slot has been condemned after the scan. */
void netipc_session_table_rescan(struct netipc_session_table *table, struct netipc_leases *leases);

#endif
