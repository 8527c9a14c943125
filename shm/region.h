/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_REGION_H
#define NETIPC_SHM_REGION_H

/*
 * A region: one sealed shared-memory object that holds the header, the slot headers and the slots.
 *
 *   publisher   create (map, place, allocate, populate) ── write identity ── seal ── hand over ── destroy
 *   subscriber  attach (verify seals, size and allocation; map read-only; check identity) ── detach
 */

#include <netipc/status.h>

#include "shm/layout.h"
#include "shm/placement.h"

#include <stdbool.h>

/* Where things are: computed by the publisher, recomputed and compared by the subscriber. */
struct netipc_region_geometry {
    uint32_t slot_count;
    uint64_t capacity;
    uint64_t slot_stride;
    uint64_t slot_headers_offset;
    uint64_t slot_data_offset;
    uint64_t region_size; /* a multiple of 4096 and of the page size */
};

/* NETIPC_INVALID_ARGUMENT (slots or capacity out of range), NETIPC_TOO_LARGE (above limit, in bytes). */
netipc_status netipc_region_plan(uint32_t slot_count, uint64_t capacity, uint64_t limit,
                                 struct netipc_region_geometry *geometry);

/* What the publisher says of itself in the identity. */
struct netipc_region_label {
    uint64_t incarnation[2];
    uint64_t ordinal;
    uint32_t schema_id;
    uint32_t schema_version;
    const char *service;
};

/* The publisher's end. */
struct netipc_region {
    struct netipc_region_geometry geometry;
    struct netipc_region_header *header;
    struct netipc_slot_header *slots;
    unsigned char *data;
    int fd;
    struct netipc_placement placement;
};

/* A sealed region in which nothing is published. What of the wish (NULL: none) the system refuses it does without. */
netipc_status netipc_region_create(const struct netipc_region_geometry *geometry,
                                   const struct netipc_region_label *label, const struct netipc_placement_wish *wish,
                                   struct netipc_region *region);

/* Unmaps and closes the publisher's end; subscribers keep theirs. In a forked child (forked): closes only, since
 * fork did not inherit the mapping. */
void netipc_region_destroy(struct netipc_region *region, bool forked);

static inline unsigned char *netipc_region_slot_data(const struct netipc_region *region, uint32_t slot)
{
    return region->data + slot * region->geometry.slot_stride;
}

/* A subscriber's end: all of it is hostile but this struct, which holds checked local copies. */
struct netipc_region_view {
    const struct netipc_region_header *header;
    const struct netipc_slot_header *slots;
    const unsigned char *data;
    struct netipc_region_geometry geometry;
    struct netipc_region_identity identity;
    struct netipc_placement placement;
};

/*
 * Proves and maps a region received as fd, which stays the caller's. announced_size is what the publisher said;
 * limit is what the subscriber accepts; placement is NETIPC_PLACE_… for the mapping.
 * NETIPC_LIMIT_EXCEEDED, NETIPC_CORRUPT, NETIPC_INCOMPATIBLE, NETIPC_NO_MEMORY, …
 */
netipc_status netipc_region_attach(int fd, uint64_t announced_size, uint64_t limit, uint32_t placement,
                                   struct netipc_region_view *view);

void netipc_region_detach(struct netipc_region_view *view, bool forked);

#endif
