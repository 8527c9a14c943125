/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_RING_READER_H
#define NETIPC_SHM_RING_READER_H

/* The slot ring, a copying reader's side: the protocol is in ring_publisher.h. Nothing here writes to shared memory. */

#include "shm/region.h"

/* How often a read that the publisher overtook starts again. Each try fails only if the publisher went round the whole
 * ring during it. */
enum { NETIPC_READ_TRIES = 16 };

struct netipc_ring_snapshot {
    uint64_t generation;
    uint64_t length;
    uint64_t publish_time_ns;
    uint32_t state;   /* NETIPC_REGION_… of the hot word that was read */
    uint32_t retries; /* tries that were overtaken */
};

/*
 * Copies the latest snapshot. NETIPC_OK, NETIPC_EMPTY, NETIPC_TOO_SMALL (snapshot->length is needed), NETIPC_OVERRUN,
 * NETIPC_CORRUPT. snapshot is filled in as far as is known.
 */
netipc_status netipc_ring_read(const struct netipc_region_view *view, void *buffer, uint64_t capacity,
                               struct netipc_ring_snapshot *snapshot);

#endif
