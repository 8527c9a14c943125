/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_SERVER_STATE_H
#define NETIPC_CONTROL_SERVER_STATE_H

/* What server_linux.c and session.c share, and nobody else sees. All of it belongs to the loop's thread, except what
 * says otherwise. */

#include "control/endpoint.h"
#include "control/peer.h"
#include "control/server.h"
#include "control/wire.h"
#include "shm/counter.h"
#include "shm/os.h"
#include "shm/session_page.h"

#include <pthread.h>

/* What epoll hands back. */
struct netipc_source {
    enum netipc_source_kind {
        NETIPC_SOURCE_LISTENER,
        NETIPC_SOURCE_WAKE,
        NETIPC_SOURCE_TIMER,
        NETIPC_SOURCE_SOCKET, /* a session's */
        NETIPC_SOURCE_PEER    /* a session's pidfd */
    } kind;
    struct netipc_session *session;
};

/*
 * One peer's session.
 *
 *   accept ──► HELLO ──HELLO_ACK──► OPEN ──ATTACH──► REGION_DUE ──REGION──► OFFERED ──ATTACHED──► OPEN (attached)
 *               └── refused: HELLO_ACK with the reason, then ENDED
 *
 * HELLO, REGION_DUE and OFFERED last handshake_timeout_ns at most, and so does OPEN before the first region when the
 * publication profile was selected, a message that has come in part, and an answer that the peer does not take. While
 * an answer waits for room nothing is read from that peer.
 */
enum netipc_session_state {
    NETIPC_SESSION_HELLO,
    NETIPC_SESSION_OPEN,
    NETIPC_SESSION_REGION_DUE,
    NETIPC_SESSION_OFFERED,
    /* Shut down. Freed once no scan uses its page, and the peer has taken the descriptors that were sent to it or is
     * gone: until then they count against the limit of this uid, and the session as one of max_sessions. */
    NETIPC_SESSION_ENDED
};

struct netipc_session {
    struct netipc_session *next;
    struct netipc_source socket_source, peer_source;
    enum netipc_session_state state;
    int socket; /* -1 once closed */
    struct netipc_peer peer;
    uint64_t number;      /* session_id, from 1; 0 before HELLO_ACK */
    uint64_t deadline_ns; /* monotonic; 0: none */

    uint16_t refusal; /* transport_status that its HELLO will get; OK: it may be accepted */
    bool counted;     /* is one of max_sessions, with a place in the table */
    uint32_t index;   /* that place */

    /* agreed in the handshake */
    bool may_attach;  /* the publication profile is common */
    bool must_attach; /* and selected */
    uint32_t max_request_payload;
    uint32_t packet_size;

    /* the attachment */
    uint64_t attach_id; /* message_id of the ATTACH under way */
    uint64_t attach_limit;
    uint32_t leases_wanted;
    uint32_t leases_granted; /* in the region offered last; given back when the session is freed */
    uint64_t retry_ns;       /* when to try to send REGION again; 0: not waiting */
    uint64_t offered_ordinal;
    bool descriptors_sent;
    uint64_t have_ordinal;             /* 0: not attached */
    uint64_t told_ordinal;             /* the newest region that SUPERSEDED has told of */
    bool superseded_due, doorbell_due; /* notes that wait for room */
    struct netipc_session_page page;
    bool listed; /* its line is in the table */

    /* a request in several packets: what is still to come of it */
    uint64_t skip_bytes;
    uint64_t skip_id;
    uint32_t skip_total, skip_index, skip_count;
    uint16_t skip_code;

    /* the one packet that waits for room */
    unsigned char pending[NETIPC_WIRE_CONTROL_MAX];
    size_t pending_length;
    bool end_after_pending;
};

struct netipc_server {
    struct netipc_log log;
    struct netipc_uid_list uids;
    uint64_t token;
    uint64_t handshake_timeout_ns;
    uint64_t lock_timeout_ns;
    uint32_t max_sessions;

    struct netipc_endpoint endpoint;
    int epoll, wake, timer;
    struct netipc_source listener_source, wake_source, timer_source;
    uint64_t listener_paused_until_ns; /* 0: it is polled */
    int unidentified;                  /* an accepted peer for whose pidfd there was no descriptor left; -1: none */
    uint64_t timer_at_ns;              /* what the timer is set to; 0: off */

    struct netipc_session *sessions; /* open ones */
    struct netipc_session *ended;
    struct netipc_session_table *table;
    uint32_t *free_indexes; /* a stack of max_sessions */
    uint32_t free_count;
    uint32_t refusing; /* open sessions that are there to be refused */
    uint64_t last_number;

    pthread_mutex_t offer_lock; /* publishing thread and loop; held for a copy, or for one send */
    struct netipc_server_offer offer;
    uint64_t granted_ordinal; /* of the region in which granted_leases are given out */
    uint32_t granted_leases;

    netipc_atomic_u32 stopping;
    bool has_thread;
    pthread_t thread;

    /* written by the loop, read by any thread */
    struct {
        netipc_atomic_u64 sessions, attached, sessions_total, refused_auth, refused_busy, refused_other, timed_out;
    } totals;
};

/* server_linux.c */

/* epoll_ctl(); events and source as epoll takes and gives them. */
bool netipc_server_poll(struct netipc_server *server, int operation, int fd, uint32_t events,
                        struct netipc_source *source);
void netipc_server_watch(struct netipc_server *server, struct netipc_session *session, bool readable, bool writable);
void netipc_server_end_session(struct netipc_server *server, struct netipc_session *session, const char *reason);

/* admission_linux.c: somebody connects. Takes up to some number of them, or pauses the listener when it cannot. */
void netipc_server_on_listener(struct netipc_server *server);

/* session.c */
void netipc_session_on_readable(struct netipc_server *server, struct netipc_session *session);
void netipc_session_on_writable(struct netipc_server *server, struct netipc_session *session);
void netipc_session_on_time(struct netipc_server *server, struct netipc_session *session, uint64_t now_ns);
void netipc_session_tell_doorbell(struct netipc_server *server, struct netipc_session *session);
void netipc_session_tell_superseded(struct netipc_server *server, struct netipc_session *session);
void netipc_session_tell_closed(struct netipc_session *session);

#endif
