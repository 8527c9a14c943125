/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_LATEST_ANSWER_H
#define NETIPC_PUBLISH_LATEST_ANSWER_H

/*
 * Requests answered with the latest snapshot. The control thread is one more leasing reader of the region, in the
 * publisher's own process: it maps nothing and has no session. What a subscriber gets from the kernel and from its
 * session it has from these two:
 *
 * The region stays mapped while it is read, though the publishing thread replaces it when snapshots outgrow it. That is
 * a hazard pointer, as in attachment.h, with one reader:
 *
 *     control thread (a request)                       publishing thread (growth)
 *     A1  i ← shown                      relaxed       G1  the next generation into the new region
 *     A2  reading ← i                    relaxed       G2  shown ← new                 release  pairs with A4
 *     A3  fence                          seq_cst       G3  fence                       seq_cst  pairs with A3
 *     A4  shown = i? else A1             acquire       G4  reading = old? keep it for  acquire  pairs with A6
 *     A5  lease, copy, give it back                        later, else unmap it
 *     A6  reading ← none                 release
 *
 * If A3 comes before G3, G4 sees that the old region is being read, or that this has ended. If G3 comes before A3, A4
 * sees the new region in shown, and the old one is not looked at. What was kept is looked at again by each publication,
 * and at the next growth. Only one region can be in reading, so only one is ever kept: the next one that is replaced
 * finds either itself or the one kept before out of use. So three places for regions are enough: shown, kept, new. That
 * a place is filled again between A1 and A4 does no harm: A4 then acquires what it holds now.
 *
 * The slot stays as it is while it is copied: A5 takes a lease as ring_publisher.h says, in a session line that is not
 * in any session's page but here, and that is in the session table, in place PLACE, only as long as the request takes.
 * It is inserted (I1 of session_table.h) before the lease is stored and fenced (L2, L3), so a scan whose fence comes
 * behind L3 finds it, and one whose fence comes before L3 has made odd what L4 then refuses. A scan that still has the
 * line when it has left the table reads a lease word that is 0 or that of a later request, and the line lasts as long
 * as the table. The word counts in the region that is being read and in no other. It is one of the quota that sessions
 * share: NETIPC_LATEST_LEASES fewer are offered to them.
 *
 * So a request waits for nothing that the publisher does but to be overtaken: ring_reader.h tries to lease 16 times,
 * each of which fails only when the publisher goes round the whole ring between two loads, and this tries that
 * ANSWER_TRIES times. The publisher waits for nothing that a request does. A request begun when a publication is over
 * is answered with that one or a later one: G2 comes before netipc_publish() returns, and before subscribers are told.
 *
 * If killed here: the kernel takes it all, and of the region nothing was written; the client sees the session end.
 */

#include <netipc/publisher.h>

#include "shm/region.h"
#include "shm/session_table.h"

#include <stdbool.h>

enum {
    NETIPC_LATEST_PLACE = 0,  /* of the line in the session table, */
    NETIPC_LATEST_PLACES = 1, /* which has so many before those of sessions */
    NETIPC_LATEST_LEASES = 1
};

struct netipc_latest_answer {
    uint32_t method; /* 0: none is answered, and nothing of this is used but the regions */
    struct netipc_session_table *table;
    struct netipc_session_line line;
    struct netipc_latest_region {
        struct netipc_region region;
        struct netipc_region_view view;
    } regions[3];
    netipc_atomic_u32 shown;   /* which of them is read: index + 1 */
    netipc_atomic_u32 reading; /* which of them is being read; 0: none */
    /* the publishing thread's own */
    uint32_t replaced; /* by the one shown; 0: none */
    uint32_t kept;     /* not unmapped yet; 0: none */
};

/*
 * What of a publisher's config says how requests are answered: NULL, and *requests are the defaults with method 0; else
 * a checked copy. NETIPC_INVALID_ARGUMENT, NETIPC_UNSUPPORTED.
 */
netipc_status netipc_latest_config(const netipc_service_config *given, netipc_service_config *requests);

/* table outlives it. */
void netipc_latest_open(struct netipc_latest_answer *latest, uint32_t method, struct netipc_session_table *table);

/* G2: region, in which something is published or which is the first, is what requests are answered from. It stays the
 * caller's, mapped until it has been replaced. */
void netipc_latest_show(struct netipc_latest_answer *latest, const struct netipc_region *region, uint64_t ordinal);

/* G3 and G4: destroys the region shown before, now or later. */
void netipc_latest_retire(struct netipc_latest_answer *latest);

/* G4 again, for each publication: nearly always nothing. */
void netipc_latest_reclaim(struct netipc_latest_answer *latest);

static inline bool netipc_latest_keeps(const struct netipc_latest_answer *latest)
{
    return latest->kept != 0;
}

/* When no request is being answered any more. */
void netipc_latest_close(struct netipc_latest_answer *latest, bool forked);

/* The netipc_handler, with a struct netipc_latest_answer as context. */
netipc_status netipc_latest_handle(void *context, const netipc_request *request, netipc_answer *answer);

#endif
