/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_SERVER_STATE_H
#define NETIPC_CONTROL_SERVER_STATE_H

/*
 * What the server's files share, and nobody else sees: a server is a host of services, a service has sessions, a
 * session has calls. All of it belongs to the loop's thread, except what says otherwise.
 */

#include <netipc/server.h>

#include "control/answer.h"
#include "control/channel.h"
#include "control/endpoint.h"
#include "control/event_loop.h"
#include "control/log.h"
#include "control/peer.h"
#include "control/service.h"
#include "control/worker_pool.h"
#include "shm/counter.h"
#include "shm/os.h"
#include "shm/session_page.h"

#include <pthread.h>

struct netipc_call;

/*
 * One peer's session.
 *
 *   accept ──► HELLO ──HELLO_ACK──► OPEN ──ATTACH──► REGION_DUE ──REGION──► OFFERED ──ATTACHED──► OPEN (attached)
 *               └── refused: HELLO_ACK with the reason, then ENDED
 *
 * HELLO, REGION_DUE and OFFERED last handshake_timeout_ns at most, and so does OPEN before the first region when the
 * publication profile was selected. Requests are taken in OPEN, and while a region is on its way.
 */
enum netipc_session_state {
    NETIPC_SESSION_HELLO,
    NETIPC_SESSION_OPEN,
    NETIPC_SESSION_REGION_DUE,
    NETIPC_SESSION_OFFERED,
    /* Shut down. Freed once no scan uses its page, no worker its calls, and the peer has taken the descriptors that
     * were sent to it or is gone: until then they count against the limit of this uid, and the session keeps its
     * place. */
    NETIPC_SESSION_ENDED
};

/* How many sessions of a kind there may be, and are. */
struct netipc_session_quota {
    uint32_t most, taken;
};

struct netipc_peer_session {
    struct netipc_peer_session *next;
    struct netipc_service *service;
    struct netipc_source socket_source, peer_source;
    enum netipc_session_state state;
    struct netipc_channel channel; /* its socket is -1 once closed */
    uint32_t interest;             /* events that the loop tells of */
    bool ends_after_answers; /* nothing is read any more; it ends when what runs is answered, and what waits has left */
    struct netipc_peer peer;
    uint64_t number; /* session_id, from 1; 0 before HELLO_ACK */

    /* When it ends unless something happens; monotonic; 0: not. */
    uint64_t handshake_due_ns, read_due_ns, write_due_ns, idle_due_ns;
    uint64_t read_left_ns; /* what is left of the read deadline, which stands still while nothing is read; 0: it runs */
    uint64_t flush_ns;     /* when to try again to send what waits for the kernel's memory; 0: nothing does */

    uint16_t refusal;                   /* transport_status that its HELLO will get; OK: it may be accepted */
    bool counted;                       /* has a place, in the table too if there is one */
    uint32_t index;                     /* that place */
    bool waited_a_turn;                 /* with its HELLO, since one of the quotas is used up */
    struct netipc_session_quota *quota; /* of its kind, once HELLO_ACK has said which; NULL: none yet */

    /* agreed in the handshake */
    bool may_attach;  /* the publication profile is common */
    bool must_attach; /* and selected */
    uint32_t max_request_payload, max_response_payload;
    uint32_t max_request_items;

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

    /* its requests */
    struct netipc_lane lane;     /* for the workers */
    struct netipc_call *calls;   /* that workers have */
    struct netipc_call *answers; /* that wait for room, the oldest first */
    uint32_t in_flight;          /* both */
};

struct netipc_service {
    struct netipc_service *next;
    struct netipc_server *server;
    char name[NETIPC_SERVICE_MAX + 1];
    struct netipc_service_limits limits;
    uint16_t method; /* 0: none is served */
    netipc_handler handler;
    void *context;
    uint64_t token;
    struct netipc_checksum_wish checksum;

    struct netipc_endpoint endpoint;
    struct netipc_source listener_source;
    bool listening;                    /* the loop knows the endpoint */
    uint64_t listener_paused_until_ns; /* 0: it is polled */
    bool waited_a_turn;                /* who comes, since the service is full */
    int unidentified;                  /* an accepted peer for whose pidfd there was no descriptor left; -1: none */

    struct netipc_peer_session *sessions; /* open ones */
    struct netipc_peer_session *ended;
    /* A place is taken when somebody connects. Which kind of session it will be HELLO says, so there are as many places
     * as both kinds may have sessions; and neither kind takes those of the other. */
    uint32_t *free_indexes; /* a stack */
    uint32_t free_count;
    struct netipc_session_quota subscribing, requesting; /* publication profile selected, or not */
    uint32_t refusing;                                   /* open sessions that are there to be refused */
    uint64_t last_number;

    /* The publication, if there is one. */
    struct netipc_session_table *table; /* NULL: none */
    pthread_mutex_t offer_lock;         /* publishing thread and loop; held for a copy, or for one send */
    struct netipc_server_offer offer;
    uint64_t granted_ordinal; /* of the region in which granted_leases are given out */
    uint32_t granted_leases;

    /* written by the loop, read by any thread */
    struct netipc_service_counters {
        netipc_atomic_u64 sessions, attached, requesting, sessions_total, refused_auth, refused_busy, refused_other,
            timed_out;
        netipc_atomic_u64 broken, checksum_mismatches, requests, items, answers, failures, bytes_in, bytes_out;
    } totals;
};

enum { NETIPC_SCRATCH_LEAST = 4096 };

struct netipc_server {
    struct netipc_fork_guard fork_guard;
    struct netipc_log log;
    char *run_dir;
    struct netipc_uid_list uids;
    uint32_t directory_mode, socket_mode, loop_kind, workers;
    uint64_t lock_timeout_ns;
    netipc_atomic_pointer(struct netipc_service) services; /* fixed once it has started; see below */
    struct netipc_watch *watches, *unwatched;              /* the latter to be freed when a turn is over */

    struct netipc_event_loop loop;
    struct netipc_source woken, timer;
    bool times_changed;     /* something is due at another time than the timer is set to */
    unsigned char *scratch; /* for one packet */
    uint32_t scratch_size;
    struct netipc_answer answer; /* memory for what the loop answers itself */

    bool started, has_thread, turning; /* the last: inside events of a turn */
    netipc_atomic_u32 stopping;
    pthread_t thread;

    struct netipc_worker_pool pool;
    pthread_mutex_t done_lock;
    struct netipc_call *done, **done_last; /* calls that workers have ended, the oldest first; under done_lock */

    netipc_atomic_u32 draining;
    pthread_mutex_t drain_lock;
    pthread_cond_t drain_change;
    bool drained; /* under drain_lock */
};

/* The first one. Any thread: a service is whole before it is put in front, and stays until the server is freed. */
static inline struct netipc_service *netipc_server_services(const struct netipc_server *server)
{
    return netipc_load(&server->services, acquire);
}

static inline bool netipc_server_draining(const struct netipc_server *server)
{
    return netipc_load(&server->draining, acquire) != 0;
}

/* --- service_linux.c --- */

/* What is due next has changed. */
static inline void netipc_service_times_changed(struct netipc_service *service)
{
    service->server->times_changed = true;
}

/* Sets one of a session's times. */
void netipc_session_set_due(struct netipc_peer_session *session, uint64_t *due_ns, uint64_t timeout_ns);
void netipc_session_clear_due(struct netipc_peer_session *session, uint64_t *due_ns);

void netipc_session_end(struct netipc_peer_session *session, const char *reason);

/* Does what is due now; returns when the next thing is; 0: nothing. */
uint64_t netipc_service_on_time(struct netipc_service *service, uint64_t now_ns);
void netipc_service_on_wake(struct netipc_service *service);
bool netipc_service_listen(struct netipc_service *service);

/* The server drains: no requests are read any more. Who connects is refused, and not left to wait in the backlog. */
void netipc_service_stop_reading(struct netipc_service *service);

void netipc_service_free(struct netipc_service *service, bool forked);

/* Whether every request that was taken is answered, and the answers have left. */
bool netipc_service_quiet(const struct netipc_service *service);

/* --- admission_linux.c: somebody connects --- */

void netipc_service_on_listener(struct netipc_source *source, uint32_t events);

/* --- session.c --- */

void netipc_session_on_socket(struct netipc_source *source, uint32_t events);
void netipc_session_on_peer(struct netipc_source *source, uint32_t events);
uint64_t netipc_session_on_time(struct netipc_peer_session *session, uint64_t now_ns);

/* Tells the loop what the session waits for now. */
void netipc_session_watch(struct netipc_peer_session *session);

/* After something was sent or queued. */
void netipc_session_sent(struct netipc_peer_session *session, enum netipc_channel_result result);

/* Sends a control message of ours, or queues it. */
void netipc_session_tell(struct netipc_peer_session *session, uint16_t opcode, uint16_t transport_status, uint64_t id,
                         const void *payload, size_t length, bool then_end);
void netipc_session_note(struct netipc_peer_session *session, uint16_t opcode, uint64_t id, uint64_t ordinal);

/* The time without a request begins anew. */
void netipc_session_not_idle(struct netipc_peer_session *session);

/* The handshake's time goes if nothing needs it any more. */
void netipc_session_settle(struct netipc_peer_session *session);

/* --- handshake.c --- */

void netipc_session_on_hello(struct netipc_peer_session *session, const unsigned char *packet, size_t length);

/* --- region_offer.c --- */

void netipc_session_on_attach(struct netipc_peer_session *session, uint64_t id, const unsigned char *payload);
void netipc_session_on_attached(struct netipc_peer_session *session, uint64_t id, const unsigned char *payload);
void netipc_session_offer_region(struct netipc_peer_session *session);
void netipc_session_tell_doorbell(struct netipc_peer_session *session);
void netipc_session_tell_superseded(struct netipc_peer_session *session);
void netipc_session_tell_closed(struct netipc_peer_session *session);

/* --- watch_linux.c --- */

/* Frees what was unwatched; and, all, what is watched too. */
void netipc_server_free_watches(struct netipc_server *server, bool all);

/* --- requests.c --- */

/* A whole request, whose payload lasts until this returns; and one that is too large. */
void netipc_session_on_request(struct netipc_peer_session *session);
void netipc_session_on_large(struct netipc_peer_session *session);

/* Whether another request may be taken. */
bool netipc_session_takes_requests(const struct netipc_peer_session *session);

/* Sends the answers that there is room for now. */
void netipc_session_send_answers(struct netipc_peer_session *session);

/* Answers what workers have ended. */
void netipc_server_on_done(struct netipc_server *server);
void netipc_session_free_calls(struct netipc_peer_session *session);

#endif
