/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_PUBLISHER_STATE_H
#define NETIPC_PUBLISH_PUBLISHER_STATE_H

/* What publisher*.c and publish.c share, and nobody else sees. */

#include <netipc/publisher.h>

#include "control/log.h"
#include "control/service.h"
#include "publish/latest_answer.h"
#include "shm/detail.h"
#include "shm/os.h"
#include "shm/ring_publisher.h"
#include "shm/streaming.h"

struct netipc_publisher {
    struct netipc_fork_guard fork_guard;
    struct netipc_server *server;
    struct netipc_service *endpoint;
    struct netipc_session_table table;
    struct netipc_latest_answer latest;

    struct netipc_region region;
    struct netipc_ring ring;
    struct netipc_streaming streaming; /* how payloads get into its slots */
    uint64_t streamed;                 /* publications that were copied past the caches */
    struct netipc_region_label label;  /* of the region at hand; service points below */
    char service[NETIPC_SERVICE_NAME_MAX + 1];

    /* A larger region that is being filled for the next generation and that nobody has seen yet. */
    struct netipc_region next_region;
    struct netipc_ring next_ring;
    bool growing;

    bool lent; /* between begin and commit or abort */
    bool on_change;
    bool indexed;         /* each snapshot gets an index of */
    netipc_schema schema; /* this; else of zeros */
    uint32_t slots;       /* wanted; a large region may have fewer */
    uint32_t history;
    uint32_t own_leases; /* of the library itself */
    uint64_t ceiling;
    struct netipc_placement_wish placement;
    struct netipc_log log;
};

netipc_status netipc_publisher_check(const netipc_publisher *publisher);

/* publisher_config.c: own_leases as in the publisher. */
netipc_status netipc_publisher_check_config(const netipc_publisher_config *config, uint32_t own_leases);

/* publisher_regions.c */

/* The first, with label and service. */
netipc_status netipc_publisher_make_region(netipc_publisher *publisher, const netipc_publisher_config *config);

/* What new sessions get of this region, which is or becomes that of the label. */
struct netipc_server_offer netipc_publisher_offer(const netipc_publisher *publisher,
                                                  const struct netipc_region *region);

/* Makes a larger region for the next generation, of length bytes. Nothing that anybody can see changes. */
netipc_status netipc_publisher_grow(netipc_publisher *publisher, uint64_t length);

/* Whatever has become public is in the region at hand. */
void netipc_publisher_abandon(netipc_publisher *publisher);

/* Publishes what fills the larger region, and goes on there. */
void netipc_publisher_supersede(netipc_publisher *publisher, uint64_t length, uint64_t annex_length);

#endif
