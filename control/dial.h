/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_DIAL_H
#define NETIPC_CONTROL_DIAL_H

/*
 * From a service's name to an agreed session, without blocking:
 *
 *   begin ──► CONNECTING ──► HELLO ──► DONE
 *              backlog full: again when retry_ns has come
 *
 * Advanced when the socket is readable, when retry_ns has come, or any other time. Deadlines are the caller's.
 */

#include <netipc/status.h>

#include "control/checksum.h"
#include "control/peer.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum netipc_dial_state { NETIPC_DIAL_IDLE, NETIPC_DIAL_CONNECTING, NETIPC_DIAL_HELLO, NETIPC_DIAL_DONE };

/* A socket file whose owner was found dead: not connected to again, since a forked child may still hold its backlog,
 * which would fill up. */
struct netipc_dead_endpoint {
    bool known;
    dev_t device;
    ino_t inode;
    struct timespec changed;
};

struct netipc_dial {
    /* the caller's; kept from one to the next */
    const char *run_dir;
    const char *service;
    const struct netipc_uid_list *uids;
    uint32_t required_profile; /* that the server must offer */
    struct netipc_checksum_wish checksum_wish;
    struct netipc_hello hello; /* what to ask for; packet_size and capabilities are filled in */
    struct netipc_dead_endpoint dead;

    enum netipc_dial_state state;
    int socket; /* -1: none. The caller's once the state is DONE, as is peer.pidfd */
    struct netipc_peer peer;
    uint64_t retry_ns; /* monotonic; 0: not waiting for a time */
    struct netipc_hello_ack ack;
    uint32_t checksum; /* kind, of all packets behind ack */
};

void netipc_dial_init(struct netipc_dial *dial);

/* From IDLE. As netipc_dial_advance(). */
netipc_status netipc_dial_begin(struct netipc_dial *dial);

/*
 * NETIPC_OK: DONE, and ack says what was agreed. NETIPC_WOULD_BLOCK: later. Anything else: it has failed, and is IDLE:
 * NETIPC_NOT_FOUND, NETIPC_AUTH_FAILED, NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED, NETIPC_BUSY,
 * NETIPC_INCOMPATIBLE, NETIPC_UNSUPPORTED, NETIPC_LIMIT_EXCEEDED, NETIPC_PROTOCOL, NETIPC_GONE, NETIPC_NO_MEMORY,
 * NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM.
 */
netipc_status netipc_dial_advance(struct netipc_dial *dial);

/* From IDLE, until it is DONE; or NETIPC_TIMED_OUT at deadline_ns (monotonic), or NETIPC_ABORTED when the descriptor
 * cancel is readable. */
netipc_status netipc_dial_until(struct netipc_dial *dial, int cancel, uint64_t deadline_ns);

/* Gives up, or hangs up what DONE brought. forked: in a child of the process that dialled. */
void netipc_dial_hang_up(struct netipc_dial *dial, bool forked);

/* What a refusal by this transport status means, with its reason in the detail. */
netipc_status netipc_dial_refusal(const char *service, uint16_t transport_status);

#endif
