/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_RING_READER_H
#define NETIPC_SHM_RING_READER_H

/*
 * The slot ring, the readers' side: the protocol is in ring_publisher.h. A copying reader writes nothing at all; a
 * leasing one writes one word of its own session's page.
 */

#include "shm/region.h"

/* How often a read that the publisher overtook starts again. Each try fails only if the publisher went round the whole
 * ring during it. */
enum { NETIPC_READ_TRIES = 16 };

/* In the place of a generation: whichever is the latest. */
#define NETIPC_LATEST UINT64_C(0)

struct netipc_ring_snapshot {
    uint64_t generation;
    uint64_t length;
    uint64_t annex_length; /* behind the payload, at the next multiple of 8; 0: none */
    uint64_t publish_time_ns;
    uint32_t state;   /* NETIPC_REGION_… of the hot word that was read */
    uint32_t retries; /* tries that were overtaken */
    uint32_t slot;
};

/*
 * Copies a snapshot. NETIPC_OK, NETIPC_EMPTY (nothing, or not yet), NETIPC_EXPIRED (the generation has left the ring),
 * NETIPC_TOO_SMALL (snapshot->length is needed), NETIPC_OVERRUN, NETIPC_CORRUPT. snapshot is filled in as far as is
 * known.
 */
netipc_status netipc_ring_read(const struct netipc_region_view *view, uint64_t generation, void *buffer,
                               uint64_t capacity, struct netipc_ring_snapshot *snapshot);

/*
 * Leases the slot of a snapshot by writing lease, a word of the session's line within the quota granted for this
 * region, which must be free. *data points into the region, to snapshot->length bytes that stay as they are until
 * netipc_ring_release(lease), as long as the session lasts. Results as above; the lease is free again with all but
 * NETIPC_OK.
 */
netipc_status netipc_ring_acquire(const struct netipc_region_view *view, netipc_atomic_u64 *lease, uint64_t generation,
                                  const unsigned char **data, struct netipc_ring_snapshot *snapshot);

/*
 * Copies as netipc_ring_read(), under a lease that it takes and gives back: the publisher, which overtook that, goes
 * round the slot.
 */
netipc_status netipc_ring_read_leased(const struct netipc_region_view *view, netipc_atomic_u64 *lease,
                                      uint64_t generation, void *buffer, uint64_t capacity,
                                      struct netipc_ring_snapshot *snapshot);

/* Looks in place without a lease, for a region that does not change any more. */
netipc_status netipc_ring_find(const struct netipc_region_view *view, uint64_t generation, const unsigned char **data,
                               struct netipc_ring_snapshot *snapshot);

void netipc_ring_release(netipc_atomic_u64 *lease);

/* Whether a slot has held what was acquired until now, whatever has become of the lease. */
bool netipc_ring_still(const struct netipc_region_view *view, const struct netipc_ring_snapshot *snapshot);

/* The generations that can be read now, ascending: at most capacity of them, the latest ones. Returns their number. */
uint32_t netipc_ring_history(const struct netipc_region_view *view, uint64_t *generations, uint32_t capacity);

#endif
