/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SERVER_H
#define NETIPC_SERVER_H

#include <netipc/checksum.h>
#include <netipc/export.h>
#include <netipc/log.h>
#include <netipc/loop.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A server answers requests. It is the host of any number of services, each with an endpoint
 * <run_dir>/<service>.sock and one method, all served by one event loop that no peer can hold up. Handlers run in that
 * loop or, with workers, on threads of their own.
 *
 *     netipc_server_open(&config, &server);
 *     netipc_server_add(server, &service);
 *     netipc_server_start(server);
 *     …
 *     netipc_server_close(server);
 *
 * Threads: open, add, start, dispatch and close from one thread at a time; stats from any. After fork() the child's
 * copy is dead: every call on it returns NETIPC_FORKED, except _close, which frees the child's copy and leaves the
 * parent's services alone.
 */
typedef struct netipc_server netipc_server;

/* The methods that have a meaning already; a user's own are numbered from NETIPC_METHOD_OWN on. */
enum {
    NETIPC_METHOD_INCREMENT = 1,
    NETIPC_METHOD_CGROUPS_SNAPSHOT = 2,
    NETIPC_METHOD_STRING_REVERSE = 3,
    NETIPC_METHOD_CGROUPS_LOOKUP = 4,
    NETIPC_METHOD_APPS_LOOKUP = 5,
    NETIPC_METHOD_OWN = 0x4000
};

enum { NETIPC_WORKERS_MAX = 64, NETIPC_IN_FLIGHT_MAX = 1024, NETIPC_BATCH_ITEMS_MAX = 65536 };

/* Largest payload of a message, in bytes, that a service can be configured for. */
#define NETIPC_PAYLOAD_MAX (UINT32_C(1) << 30)

typedef struct netipc_server_config {
    uint32_t size;    /* sizeof(netipc_server_config), set by _init */
    uint32_t loop;    /* netipc_loop; default NETIPC_LOOP_OWN_THREAD */
    uint32_t workers; /* threads that run handlers, the sessions in turns; 0 to NETIPC_WORKERS_MAX; default 0: the
                       * event loop does */
    uint32_t reserved;

    const char *run_dir; /* as a publisher's. No default. */
    /* Who may connect, as a publisher's. Default NULL and 0: the effective uid and root. Copied. */
    const uint32_t *allowed_uids;
    uint32_t allowed_uid_count; /* 0 to 1024 */

    uint32_t directory_mode; /* of a directory that _add creates; default 0700 */
    uint32_t socket_mode;    /* default 0600 */
    uint32_t reserved2;
    uint64_t lock_timeout_ns; /* for the lock on the run directory; default 5 s */

    netipc_log_fn log; /* default NULL */
    void *log_context;
} netipc_server_config;

/* Fills in the defaults. The caller sets run_dir. */
NETIPC_API void netipc_server_config_init_sized(netipc_server_config *config, size_t size);
#define netipc_server_config_init(config) netipc_server_config_init_sized((config), sizeof *(config))

/* NETIPC_OK; NETIPC_INVALID_ARGUMENT, NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM, and *server is NULL then.
 * Nobody can connect yet. Does not block. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_server_open(const netipc_server_config *config,
                                                             netipc_server **server);

/* What a handler is asked. Everything lasts until it returns. */
typedef struct netipc_request {
    uint32_t size; /* of what the library knows: fields beyond are not there */
    uint32_t method;
    uint32_t item; /* of a batch: 0 to item_count - 1, each with a call of its own */
    uint32_t item_count;
    uint64_t id;      /* the message's, as the peer chose it */
    uint64_t session; /* the session's number, from 1 */
    uint32_t peer_pid;
    uint32_t peer_uid;
    const void *payload; /* aligned to 8 */
    size_t length;
    uint32_t max_answer;      /* bytes of an answer that this session agreed on; the items of a batch share them */
    uint32_t max_answer_ever; /* … that a session of this service can agree on: what needs more has no answer */
} netipc_request;

/* Where a handler puts its answer. */
typedef struct netipc_answer netipc_answer;

/* Makes room for minimum bytes at least, keeping what is there: *data points to *capacity writable bytes, aligned to 8.
 * NETIPC_OK; NETIPC_LIMIT_EXCEEDED when that is more than the session agreed on; NETIPC_NO_MEMORY. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_answer_room(netipc_answer *answer, size_t minimum, void **data,
                                                             size_t *capacity);

/* The answer is the first length bytes of that room. NETIPC_OK; NETIPC_INVALID_ARGUMENT when it is smaller. */
NETIPC_API netipc_status netipc_answer_set_length(netipc_answer *answer, size_t length);

/* The answer is a copy of these bytes. Errors as for _room. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_answer_write(netipc_answer *answer, const void *bytes, size_t length);

/*
 * Answers one request, or one item of a batch. Called by the event loop's thread, or with workers by any of them, also
 * for several requests at once: what context points to has to bear that. In the event loop a handler must not block,
 * and no other session is served meanwhile.
 *
 * With NETIPC_OK the answer is sent. NETIPC_CORRUPT: the payload cannot be decoded. NETIPC_LIMIT_EXCEEDED,
 * NETIPC_TOO_LARGE: the answer is too large for this session. Anything else: the request failed. These three are told
 * to the peer, and its session ends, as programs of the published library expect it. Methods from NETIPC_METHOD_OWN on
 * report every failure but an answer that is too large to the caller instead, item by item, and the session goes on.
 */
typedef netipc_status (*netipc_handler)(void *context, const netipc_request *request, netipc_answer *answer);

typedef struct netipc_service_config {
    uint32_t size;          /* sizeof(netipc_service_config), set by _init */
    uint32_t method;        /* 1 to 65535. No default. */
    const char *service;    /* as a publisher's. No default. Copied. */
    netipc_handler handler; /* no default */
    void *context;          /* handed to handler */
    uint64_t token;         /* what a client must present in its HELLO; default 0 */

    uint32_t max_sessions;         /* 1 to NETIPC_SESSIONS_MAX (publisher.h); default 16; the next one is told "busy" */
    uint32_t max_request_payload;  /* bytes, 1 to NETIPC_PAYLOAD_MAX; default 1 MiB, the most that programs of the
                                    * published library ask for; a client that wants more is refused */
    uint32_t max_request_items;    /* of a batch, 1 to NETIPC_BATCH_ITEMS_MAX; default 1024; a client may agree on
                                    * less, and is granted this when it wants more */
    uint32_t response_payload;     /* bytes of an answer that every session is granted; default 65,536 */
    uint32_t max_response_payload; /* … that a session is granted whose client asks for it; both 1 to
                                    * NETIPC_PAYLOAD_MAX; default 1 MiB */
    uint32_t max_in_flight;        /* requests of a session that are answered at the same time, with workers; 1 to
                                    * NETIPC_IN_FLIGHT_MAX; default 16; the next ones wait in the socket */
    uint64_t transmit_queue;       /* bytes for answers of a session that its socket has no room for; default and least:
                                    * what the largest answer takes. While it is full, nothing is read from that peer. */

    uint64_t handshake_timeout_ns; /* from connect to HELLO; default 5 s */
    uint64_t read_timeout_ns;  /* from the first packet of a message to its last, not counting what answers that wait
                                * keep it from being read; default 30 s */
    uint64_t write_timeout_ns; /* for a peer to make room for an answer; default 10 s */
    uint64_t idle_timeout_ns;  /* without a request; default 0: none */

    uint32_t checksum; /* of packets, offered to clients: NETIPC_CHECKSUM_… of checksum.h; default 0 */
    uint32_t reserved; /* 0 */
} netipc_service_config;

/* Fills in the defaults. The caller sets service, method and handler. */
NETIPC_API void netipc_service_config_init_sized(netipc_service_config *config, size_t size);
#define netipc_service_config_init(config) netipc_service_config_init_sized((config), sizeof *(config))

/*
 * Claims an endpoint; nothing in config is kept but what handler and context point to. NETIPC_WRONG_STATE after _start:
 * services are fixed then. Otherwise as netipc_publisher_open(): NETIPC_INVALID_ARGUMENT, NETIPC_ADDRESS_IN_USE,
 * NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED, NETIPC_NOT_FOUND, NETIPC_TIMED_OUT, NETIPC_NO_MEMORY,
 * NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM, NETIPC_FORKED. Blocks for the lock on the run directory.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_server_add(netipc_server *server, const netipc_service_config *config);

/* Begins to serve. NETIPC_OK; NETIPC_WRONG_STATE when it does already; NETIPC_NO_MEMORY, NETIPC_SYSTEM (no thread), and
 * it may be tried again; NETIPC_FORKED. Does not block. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_server_start(netipc_server *server);

/*
 * Takes no new session (who connects is told "busy") and no new request, and waits until every request that was taken
 * is answered and its answer has left. NETIPC_OK; NETIPC_TIMED_OUT: some are still there; NETIPC_WRONG_STATE before
 * _start, and in the loop's thread for handlers and watches; NETIPC_FORKED. Blocks for timeout_ns at most. There is no
 * way back but _close.
 */
NETIPC_API netipc_status netipc_server_drain(netipc_server *server, uint64_t timeout_ns);

/* Ends all sessions, removes the endpoints and frees everything. Blocks for handlers that run, and as
 * netipc_publisher_close(). NULL is allowed. */
NETIPC_API void netipc_server_close(netipc_server *server);

/* With NETIPC_LOOP_CALLER, as netipc_publisher_fd() and netipc_publisher_dispatch(). Before _start nothing is served.
 * NETIPC_WRONG_STATE for handlers and watches: they run inside of it. */
NETIPC_API int netipc_server_fd(const netipc_server *server);
NETIPC_API netipc_status netipc_server_dispatch(netipc_server *server, uint64_t timeout_ns);

/*
 * Event sources of the user's own, in the server's loop beside its services: timers (timerfd), signals (signalfd),
 * kernel events (netlink, inotify, pressure stall), pipes, whatever can be polled.
 */
typedef struct netipc_watch netipc_watch;

enum {
    NETIPC_WATCH_READABLE = 1,
    NETIPC_WATCH_WRITABLE = 2,
    NETIPC_WATCH_HUNG_UP = 4, /* or in error; told unasked */
    NETIPC_WATCH_PRIORITY = 8 /* POLLPRI: pressure stall triggers, files of cgroups and sysfs, out-of-band data */
};

/*
 * Called in the loop's thread, each time that turn of the loop finds fd ready: level-triggered, so what is ready has to
 * be taken. Must not block. It may call netipc_server_unwatch() for any watch, and netipc_server_watch().
 */
typedef void (*netipc_on_event)(void *context, int fd, uint32_t events);

/*
 * Watches fd, which stays the caller's and open until _unwatch, for events (NETIPC_WATCH_READABLE, _WRITABLE,
 * _PRIORITY). NETIPC_OK; NETIPC_INVALID_ARGUMENT (also: a file that cannot be polled, or one that is watched already),
 * NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS (of the system, for watches), NETIPC_FORKED; *watch is NULL then. Before
 * _start from the thread that has the server; afterwards in the loop's thread only.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_server_watch(netipc_server *server, int fd, uint32_t events,
                                                              netipc_on_event on_event, void *context,
                                                              netipc_watch **watch);

/* Watches for other events from now on. Errors and thread as above. */
NETIPC_API netipc_status netipc_server_rewatch(netipc_watch *watch, uint32_t events);

/* No event of this watch comes any more, and it is freed. Thread as above; _close does it for those that are left. NULL
 * is allowed. */
NETIPC_API void netipc_server_unwatch(netipc_watch *watch);

typedef struct netipc_service_info {
    uint32_t size;     /* sizeof(netipc_service_info), set by the caller; only so much is written */
    uint32_t sessions; /* now */
    uint64_t sessions_total;
    uint64_t requests; /* messages taken */
    uint64_t items;    /* of these, each a call of the handler */
    uint64_t answers;  /* sent, failures included */
    uint64_t failures; /* answers that told of one */
    uint64_t refused_auth;
    uint64_t refused_busy;
    uint64_t refused_other;
    uint64_t timed_out; /* sessions ended by a deadline */
    uint64_t broken;    /* sessions ended because the peer sent what no correct one sends */
    uint64_t bytes_in;  /* payload */
    uint64_t bytes_out;
    uint64_t checksum_mismatches; /* sessions ended because of one */
} netipc_service_info;

/* NETIPC_OK; NETIPC_NOT_FOUND: no service of this name; NETIPC_INVALID_ARGUMENT; NETIPC_FORKED. Does not block. */
NETIPC_API netipc_status netipc_server_stats(const netipc_server *server, const char *service,
                                             netipc_service_info *info);

NETIPC_END_DECLS

#endif
