/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CLIENT_H
#define NETIPC_CLIENT_H

#include <netipc/checksum.h>
#include <netipc/export.h>
#include <netipc/log.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * A client calls one service of one run directory. It needs no server to exist: it is opened first, and
 * netipc_client_refresh() connects when somebody is there, and again after that server has been replaced. Speaks to
 * servers of this library and of the published plugin-ipc v1 alike.
 *
 *     netipc_client_open(&config, &client);
 *     for (;;) {
 *         netipc_client_refresh(client);
 *         if (netipc_client_ready(client))
 *             netipc_client_call(client, &request);
 *         …
 *     }
 *
 * Threads: everything from one thread at a time; _abort, _ready and _status from any thread at any time before close,
 * _abort from signal handlers too. After fork() the child's copy is dead: calls return NETIPC_FORKED, _abort does
 * nothing, and _close frees the child's copy.
 */
typedef struct netipc_client netipc_client;

/*
 *                    refresh
 *   DISCONNECTED ──────────────► CONNECTING ──────► READY ──► (server dies or ends the session) DISCONNECTED
 *        ▲                            │
 *        └── next refresh ── NOT_FOUND, AUTH_FAILED, INCOMPATIBLE, BROKEN
 */
typedef enum netipc_client_state {
    NETIPC_CLIENT_DISCONNECTED = 0, /* no session now */
    NETIPC_CLIENT_CONNECTING = 1,   /* inside a refresh or a call */
    NETIPC_CLIENT_READY = 2,        /* a session with a server */
    NETIPC_CLIENT_NOT_FOUND = 3,    /* the last attempt found no server */
    NETIPC_CLIENT_AUTH_FAILED = 4,  /* … was refused for its uid or token, or did not trust the server's */
    NETIPC_CLIENT_INCOMPATIBLE = 5, /* … found another layout, protocol or profile */
    NETIPC_CLIENT_BROKEN = 6        /* … failed otherwise */
} netipc_client_state;

typedef struct netipc_client_config {
    uint32_t size;     /* sizeof(netipc_client_config), set by _init */
    uint32_t checksum; /* of packets, offered to the server: NETIPC_CHECKSUM_… of checksum.h; default 0 */

    const char *run_dir; /* as the server's. No default. Copied. */
    const char *service; /* as the server's. No default. Copied. */
    uint64_t token;      /* as the server's; default 0 */

    /* Uids that may own the run directory and be the server. Default NULL and 0: the effective uid and root. Copied. */
    const uint32_t *allowed_uids;
    uint32_t allowed_uid_count; /* 0 to 1024 */

    uint32_t max_request_payload;  /* bytes, 1 to NETIPC_PAYLOAD_MAX (server.h); default 65,536. A server that takes
                                    * less refuses the session */
    uint32_t max_batch_items;      /* of a request, and of its answer; 1 to NETIPC_BATCH_ITEMS_MAX; default 1024 */
    uint32_t response_payload;     /* bytes of an answer to ask for at first; default 65,536 */
    uint32_t max_response_payload; /* … and at most: when an answer does not fit, the client asks for twice as much and
                                    * calls again, unless the server grants no more than before; default 64 MiB; both
                                    * 1 to NETIPC_PAYLOAD_MAX */

    uint64_t connect_timeout_ns; /* for one attempt to connect and shake hands; default 5 s */
    uint64_t call_timeout_ns;    /* for a call that gives none; default 30 s */

    /*
     * When a refresh connects again. After a failure that another attempt may cure (no server, busy, hung up, timed
     * out) it waits backoff_first_ns × 2ⁿ, up to backoff_most_ns, each with a random half taken off; until then it
     * says what the last attempt said. After one that only a change of configuration can cure (wrong uid or token,
     * another protocol, an unsafe directory) it waits backoff_most_ns at once, less such a half. Aborts do not count.
     * With a backoff_first_ns of 0 there is no wait but that. A call whose session breaks does not wait.
     */
    uint64_t backoff_first_ns; /* default 100 ms */
    uint64_t backoff_most_ns;  /* default 30 s */
    /* The circuit breaker: after so many failed attempts in a row (0: never) nothing is tried for breaker_ns; then one
     * attempt is. */
    uint32_t breaker_failures; /* default 10 */
    uint32_t reserved2;
    uint64_t breaker_ns; /* default 60 s */

    netipc_log_fn log; /* default NULL */
    void *log_context;
} netipc_client_config;

/* Fills in the defaults. The caller sets run_dir and service. */
NETIPC_API void netipc_client_config_init_sized(netipc_client_config *config, size_t size);
#define netipc_client_config_init(config) netipc_client_config_init_sized((config), sizeof *(config))

/* Touches neither the run directory nor the server and does not block. NETIPC_OK; NETIPC_INVALID_ARGUMENT,
 * NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM; *client is NULL then. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_client_open(const netipc_client_config *config,
                                                             netipc_client **client);

/* Ends the session and frees everything. No other call may be under way. NULL is allowed. */
NETIPC_API void netipc_client_close(netipc_client *client);

/*
 * Notices whether the session still stands, and connects when there is none and the time has come. With a session that
 * stands it costs one system call.
 *
 * NETIPC_OK: ready. NETIPC_NOT_FOUND, NETIPC_AUTH_FAILED, NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED,
 * NETIPC_BUSY (no free session, or the server takes smaller requests only), NETIPC_INCOMPATIBLE, NETIPC_UNSUPPORTED,
 * NETIPC_PROTOCOL, NETIPC_TIMED_OUT, NETIPC_GONE, NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM: what the last
 * attempt said, made now or, during the wait between two, before. NETIPC_ABORTED. NETIPC_FORKED. Blocks for
 * connect_timeout_ns at most.
 */
NETIPC_API netipc_status netipc_client_refresh(netipc_client *client);

/* How long a refresh will do nothing new, in ns; 0: it would connect, or is connected. For timers of event loops. */
NETIPC_API uint64_t netipc_client_retry_in(netipc_client *client);

/* Whether the last refresh or call left a session: two loads. 0 in a forked child. Any thread; async-signal-safe. */
NETIPC_API int netipc_client_ready(const netipc_client *client);

/* A request and its answer. */
typedef struct netipc_client_request {
    uint32_t size;       /* sizeof(netipc_client_request), set by the caller */
    uint32_t method;     /* 1 to 65535 */
    const void *payload; /* NULL when length is 0 */
    size_t length;       /* bytes */
    uint32_t item_count; /* 1; or more: payload is that of a batch (batch.h) of so many */
    uint32_t reserved;   /* 0 */
    uint64_t timeout_ns; /* 0: call_timeout_ns of the config */

    /* Filled in with NETIPC_OK: the answer, owned by the client, until its next call, refresh or close; aligned to 8.
     * Of a batch it is the payload of a batch of item_count items. */
    const void *answer;
    size_t answer_length;
} netipc_client_request;

/*
 * Calls the server and waits for its answer. Not ready: fails at once, with NETIPC_NOT_READY. When the session breaks
 * under the call (the server died, or ended it without an answer), it connects once more and sends the request again:
 * so a request may be carried out twice (at least once); so it may be when a larger answer is asked for. A timeout and
 * an abort are final. They end the session, since the answer might still come, as does every failure below but
 * NETIPC_UNSUPPORTED, NETIPC_INVALID_ARGUMENT and a request above what was agreed on: refresh, then call again.
 *
 * Methods from NETIPC_METHOD_OWN on (server.h) tell failures in the answer: each item begins with a uint32_t, its
 * netipc_status, and four bytes of zeros; what the handler gave is behind them.
 *
 * NETIPC_OK. NETIPC_NOT_READY. NETIPC_TIMED_OUT. NETIPC_ABORTED. NETIPC_LIMIT_EXCEEDED: the request is above what was
 * agreed on (nothing was sent), or the answer above max_response_payload or what the server grants. NETIPC_UNSUPPORTED:
 * the server does not have this method. NETIPC_CORRUPT: the server cannot decode the request. NETIPC_REQUEST_FAILED: it
 * could not carry it out. NETIPC_PROTOCOL: its answer was none. NETIPC_CHECKSUM_MISMATCH: … was changed on the way.
 * NETIPC_DISCONNECTED, NETIPC_GONE: the session broke a second time. NETIPC_INVALID_ARGUMENT, NETIPC_FORKED,
 * NETIPC_NO_MEMORY, NETIPC_SYSTEM; and what the attempt to connect again said. Blocks for the timeout at most,
 * connecting included.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_client_call(netipc_client *client, netipc_client_request *request);

/* Ends the refresh or call under way on another thread, and every later one, with NETIPC_ABORTED, until
 * netipc_client_resume(). Any thread; does not block. */
NETIPC_API void netipc_client_abort(netipc_client *client);

/* Ends what netipc_client_abort() began. The caller's thread. */
NETIPC_API void netipc_client_resume(netipc_client *client);

typedef struct netipc_client_info {
    uint32_t size;        /* sizeof(netipc_client_info), set by the caller; only so much is written */
    uint32_t state;       /* netipc_client_state */
    uint32_t last_error;  /* netipc_status of the last attempt or call that failed; 0: none */
    uint32_t server_pid;  /* as the kernel told it; 0: no session */
    uint64_t session;     /* its number at the server */
    uint32_t packet_size; /* agreed with the server, as the next three */
    uint32_t max_request_payload;
    uint32_t max_response_payload;
    uint32_t max_batch_items;
    uint64_t connects; /* attempts */
    uint64_t sessions; /* … that succeeded */
    uint64_t breaks;   /* sessions that ended unasked */
    uint64_t calls;
    uint64_t answers; /* calls that gave NETIPC_OK */
    uint64_t failures;
    uint64_t resends; /* requests that were sent a second time, since the session broke */
    uint64_t growths; /* times that a larger answer was asked for */
    uint64_t breaker_trips;
    uint64_t bytes_out; /* payload */
    uint64_t bytes_in;
    uint32_t checksum; /* NETIPC_CHECKSUM_… of the session's packets */
    uint32_t reserved; /* 0 */
} netipc_client_info;

/* NETIPC_OK, NETIPC_INVALID_ARGUMENT (size is 0), NETIPC_FORKED. No system call. Any thread. */
NETIPC_API netipc_status netipc_client_status(netipc_client *client, netipc_client_info *info);

/* Static text: "READY" and so on; "unknown" for other values. */
NETIPC_API const char *netipc_client_state_name(netipc_client_state state);

NETIPC_END_DECLS

#endif
