/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CLIENT_STATE_H
#define NETIPC_CONTROL_CLIENT_STATE_H

/* What client.c and exchange_linux.c share, and nobody else sees. All of it belongs to the caller's thread, except the
 * atomic words. */

#include <netipc/client.h>

#include "control/channel.h"
#include "control/dial.h"
#include "control/log.h"
#include "control/reconnect.h"
#include "shm/counter.h"
#include "shm/os.h"

struct netipc_client {
    struct netipc_fork_guard fork_guard;
    struct netipc_log log;
    char *run_dir, *service;
    struct netipc_uid_list uids;
    uint32_t max_response_payload;
    uint64_t connect_timeout_ns, call_timeout_ns;

    int cancel;
    netipc_atomic_u32 aborts; /* odd while an abort is in force; so each abort is seen, even if it is over already */
    uint32_t aborts_before;   /* the call under way */
    uint64_t timeout_ns;      /* its */

    struct netipc_dial dial; /* DONE: the session */
    struct netipc_channel channel;
    unsigned char *scratch;
    uint32_t scratch_size;
    uint64_t next_id;

    struct netipc_reconnect reconnect;
    netipc_status last_attempt; /* what it said */
    uint64_t random;            /* of the jitter */

    netipc_atomic_u32 state; /* netipc_client_state */
    struct {
        netipc_atomic_u64 last_error, server_pid, session, packet_size, max_request_payload, max_response_payload;
        netipc_atomic_u64 max_batch_items, connects, sessions, breaks, calls, answers, failures, resends, growths;
        netipc_atomic_u64 breaker_trips, bytes_out, bytes_in, checksum;
    } info;
};

/* --- exchange_linux.c --- */

/* Sends a request and waits for its answer. NETIPC_DISCONNECTED and NETIPC_GONE: the session broke, with no answer. */
netipc_status netipc_client_exchange(struct netipc_client *client, netipc_client_request *request,
                                     uint64_t deadline_ns);

/* NETIPC_OK: the session stands, and nothing has come unasked. */
netipc_status netipc_client_look(struct netipc_client *client);

#endif
