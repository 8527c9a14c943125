/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_SESSION_STATE_H
#define NETIPC_CONTROL_SESSION_STATE_H

/* What own_session_linux.c and listener_linux.c share, and nobody else sees. */

#include <netipc/session.h>

#include "control/agreement.h"
#include "control/channel.h"
#include "control/dial.h"
#include "shm/os.h"

/* How many sessions of a listener there are, and how many that are there to be refused; shared by it and them, in
 * whatever order they end. */
struct netipc_session_count {
    netipc_atomic_u32 holders;
    netipc_atomic_u32 sessions, refusing;
    uint64_t last_number; /* the listener's */
};

void netipc_session_count_release(struct netipc_session_count *count);

struct netipc_session {
    struct netipc_fork_guard fork_guard;
    int epoll;
    bool waits_for_room; /* as epoll knows it */
    uint64_t flush_ns;   /* when to try again to send what waits for the kernel's memory; 0: nothing does */
    netipc_status over;  /* what ended it; NETIPC_OK: nothing has */
    bool ready;

    /* Connecting. */
    char *run_dir, *service;
    struct netipc_uid_list uids;
    struct netipc_dial dial; /* its socket and peer are the session's, also when it was accepted */

    /* Accepted. */
    struct netipc_session_count *count; /* NULL: this one connects */
    bool counted;
    struct netipc_terms terms;
    uint16_t refusal;

    struct netipc_hello_ack agreed;
    uint64_t transmit_queue;
    struct netipc_channel channel;
    unsigned char *scratch; /* for one packet */
};

/* The caller's config, or why it is none. */
netipc_status netipc_session_config_take(const netipc_session_config *given, netipc_session_config *config);

/* An object without a connection yet. */
netipc_status netipc_session_new(struct netipc_session **session);

/* Adds the connected socket, and the peer's pidfd, to what is polled. */
netipc_status netipc_session_poll(struct netipc_session *session);

#endif
