/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_SUBSCRIPTION_H
#define NETIPC_CONTROL_SUBSCRIPTION_H

/*
 * The subscriber's side of the control channel: connect, HELLO, and the exchange that ends with a region and a session
 * page. Every step ends by the deadline given, or when somebody writes to the cancel descriptor.
 */

#include <netipc/status.h>

#include "control/dial.h"
#include "control/log.h"
#include "control/peer.h"
#include "control/wire.h"

#include <stdbool.h>
#include <stdint.h>

/* The ceilings of payloads, in bytes, that every subscriber says in its HELLO; existing peers do by default. A service
 * that takes smaller requests refuses them all. */
enum { NETIPC_SUBSCRIPTION_OFFERS = 4096 };

struct netipc_subscription {
    /* set by the owner before the first connect */
    const char *run_dir;
    const char *service;
    uint64_t token;
    struct netipc_checksum_wish checksum_wish;
    struct netipc_uid_list uids;
    int cancel; /* polls readable when the owner's calls are to end */
    int poll;   /* epoll descriptor over the session, for the owner's event loop; -1: not asked for */

    /* the session */
    int socket; /* -1: none */
    struct netipc_peer peer;
    uint64_t next_id;
    uint64_t asked_ns; /* when what is awaited was asked for; monotonic */
    uint32_t checksum; /* kind */

    struct netipc_dead_endpoint dead;
};

void netipc_subscription_init(struct netipc_subscription *client);

/* Makes client->poll, once. */
netipc_status netipc_subscription_open_poll(struct netipc_subscription *client);

/* Connects and agrees on the publication profile. deadline_ns is on the monotonic clock. */
netipc_status netipc_subscription_connect(struct netipc_subscription *client, uint64_t deadline_ns);

/* What ATTACH asks for. */
struct netipc_region_wish {
    uint64_t have_ordinal; /* of the region at hand in this session; 0: none */
    uint64_t max_region_size;
    uint32_t lease_words;
};

/* What REGION brought. The descriptors are the caller's. */
struct netipc_region_region {
    int region_fd;
    int page_fd; /* -1: the session has its page already */
    uint64_t region_size;
    uint64_t ordinal;
    uint64_t incarnation[2];
    uint32_t line_offset;
    uint64_t page_size;
    uint32_t lease_quota;
};

/* Asks for the region. NETIPC_UNCHANGED: the one at hand is the newest. */
netipc_status netipc_subscription_attach(struct netipc_subscription *client, const struct netipc_region_wish *wish,
                                         uint64_t deadline_ns, struct netipc_region_region *region);

/* Says that both are mapped and waits until the publisher has listed the session. */
netipc_status netipc_subscription_confirm(struct netipc_subscription *client, uint64_t ordinal, uint64_t deadline_ns);

/*
 * What has happened to the session since: NETIPC_OK (nothing), NETIPC_SUPERSEDED, NETIPC_CLOSED, NETIPC_GONE (the
 * process died, or hung up and nothing tells whether it lives), NETIPC_DISCONNECTED (it hung up and lives),
 * NETIPC_PROTOCOL, NETIPC_CHECKSUM_MISMATCH, NETIPC_SYSTEM. One system call when nothing has; after a hang-up it waits
 * for the death of the process for a moment.
 */
netipc_status netipc_subscription_look(struct netipc_subscription *client);

/* For other threads than the one that has the client: whether a session with these descriptors can go on. */
bool netipc_subscription_alive(int socket, int pidfd);

/* forked: in a child of the process that connected, whose session goes on. */
void netipc_subscription_disconnect(struct netipc_subscription *client, bool forked);

#endif
