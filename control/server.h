/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_SERVER_H
#define NETIPC_CONTROL_SERVER_H

/*
 * The publisher's side of the control channel: one endpoint, one epoll loop, any number of sessions, none of which can
 * hold up another. What a session may do, and when it is ended, is in session.h.
 */

#include <netipc/status.h>

#include "control/log.h"
#include "shm/session_table.h"

#include <stdbool.h>
#include <stdint.h>

struct netipc_server;

struct netipc_server_config {
    const char *run_dir;
    const char *service;
    uint64_t token;
    const uint32_t *allowed_uids;
    uint32_t allowed_uid_count;
    uint32_t max_sessions;
    uint32_t directory_mode;
    uint32_t socket_mode;
    uint64_t handshake_timeout_ns;
    uint64_t lock_timeout_ns;
    struct netipc_session_table *table; /* outlives the server; has max_sessions entries */
    struct netipc_log log;
};

struct netipc_server_totals {
    uint64_t sessions, attached, sessions_total, refused_auth, refused_busy, refused_other, timed_out;
};

/* The region that is handed to subscribers. fd stays the caller's, and open until it is replaced or the server closed.
 */
struct netipc_server_offer {
    int fd;
    uint64_t region_size;
    uint64_t ordinal;
    uint64_t incarnation[2];
    uint32_t lease_quota; /* lease words for all sessions together */
};

/* Claims the endpoint and serves it: on a thread of its own, or when dispatched. */
netipc_status netipc_server_open(const struct netipc_server_config *config, const struct netipc_server_offer *offer,
                                 bool own_thread, struct netipc_server **server);

/* Hands out another region from now on and tells every session that holds an older one. Any thread. */
void netipc_server_replace_offer(struct netipc_server *server, const struct netipc_server_offer *offer);

/* Has the loop send the doorbells that a scan of the table has found. Any thread. */
void netipc_server_ring(struct netipc_server *server);

/* Without an own thread: the descriptor to poll, and the work to do when it is readable. */
int netipc_server_fd(const struct netipc_server *server);
netipc_status netipc_server_dispatch(struct netipc_server *server, uint64_t timeout_ns);

/* Any thread. */
void netipc_server_totals(struct netipc_server *server, struct netipc_server_totals *totals);

/* Ends the thread, tells every attached session, removes the endpoint. In a forked child: only frees the copy. */
void netipc_server_close(struct netipc_server *server, bool forked);

#endif
