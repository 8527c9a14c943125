/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_ATTACHMENT_H
#define NETIPC_PUBLISH_ATTACHMENT_H

/*
 * What a subscriber has mapped, and how threads use it while the owner replaces it.
 *
 * The owner's refresh puts a new attachment in the place of the old one; reader threads may be in the middle of a copy,
 * or hold a view for hours. Each reader has two hazard pointers (M. Michael, "Hazard Pointers", 2004): what it reads by
 * copy now, and what its view is in. The owner unmaps an old attachment only when no hazard points to it; until then it
 * waits in a list.
 *
 *     reader                                           owner
 *     H1  a ← current                    relaxed       O1  current ← new               release  pairs with H4
 *     H2  hazard ← a                     relaxed       O2  heavy barrier
 *     H3  light barrier                                O3  hazard = old? keep it       acquire  pairs with H5
 *     H4  current = a? else H1           acquire
 *         use a
 *     H5  hazard ← NULL                  release
 *
 * If H3 comes before O2, O3 sees the hazard, or that it has ended. If O2 comes before H3, H4 sees O1. It is H4 that
 * must acquire: between H1 and H4 the owner may free a and make another attachment at the same address. The heavy
 * barrier (Linux: membarrier) interrupts the running threads, so that the light one costs a reader nothing; where the
 * system has no such call, the light one is a fence.
 *
 * Nothing here is shared with other processes: if killed anywhere, the kernel unmaps.
 */

#include <netipc/subscriber.h>

#include "shm/region.h"
#include "shm/session_page.h"

#include <stdbool.h>

/* A session's page, mapped. One session may have several attachments, one a region. */
struct netipc_session_map {
    void *base;
    void *spare; /* a second mapping, made before the seal, until the window has taken it; NULL afterwards */
    uint64_t bytes;
    struct netipc_session_line *line;
    uint32_t attachments;
    netipc_atomic_u32 passed_on; /* see wait.h */
};

/* What keeps the bytes of a view as they are. */
enum netipc_protection {
    NETIPC_PROTECTION_LEASES, /* the session lasts: its leases hold */
    NETIPC_PROTECTION_FROZEN, /* the publisher is dead, or has ended the region: nobody writes any more */
    NETIPC_PROTECTION_LOST    /* the session has ended, and its publisher may go on */
};

/* What a read looks at comes first, and first in view too. */
struct netipc_attachment {
    struct netipc_session_map *session;
    uint32_t lease_quota;
    netipc_atomic_u32 publisher_gone; /* it has lost its publisher without a word */
    netipc_atomic_u32 protection;     /* enum netipc_protection; the owner moves it on from LEASES, once */
    struct netipc_region_view view;
    struct netipc_attachment *next; /* among those that wait to be unmapped */
};

/* The attachment at hand, and hazard pointers to it. */
typedef netipc_atomic_pointer(struct netipc_attachment) netipc_atomic_attachment;

/* Maps a received page twice. The publisher seals it afterwards: then no mapping of it can be made any more. */
netipc_status netipc_session_map_join(int fd, uint64_t bytes, uint32_t line_offset, struct netipc_session_map **map);

/* Takes over view, and counts itself in session. NULL: no memory, and nothing was taken over. */
struct netipc_attachment *netipc_attachment_new(const struct netipc_region_view *view,
                                                struct netipc_session_map *session, uint32_t lease_quota);

/* What a region state of this attachment means to the library's user; NULL is allowed. */
netipc_publisher_state netipc_attachment_publisher(const struct netipc_attachment *attachment, uint32_t region_state);

/* For a map that no attachment has counted itself in; nothing is done to others. */
void netipc_session_map_drop(struct netipc_session_map *map, bool forked);

/* Unmaps the region, and the session's page with its last attachment. */
void netipc_attachment_free(struct netipc_attachment *attachment, bool forked);

#endif
