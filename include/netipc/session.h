/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SESSION_H
#define NETIPC_SESSION_H

#include <netipc/checksum.h>
#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * Sessions by hand, for programs with an event loop of their own: whole messages in both directions over one
 * connection, without ever blocking. Requests may be sent before answers have come, and answers in any order: their ids
 * say what belongs together. client.h and server.h do the rest for everybody else.
 *
 *     netipc_session_connect(&config, &session);            netipc_listener_open(&config, &listener);
 *     loop: poll netipc_session_fd() for reading, at most   loop: poll netipc_listener_fd() for reading
 *           netipc_session_retry_in() long                        netipc_listener_accept(listener, &session);
 *           netipc_session_advance(session);                      … then as on the left
 *           netipc_session_send(), netipc_session_receive()
 *
 * Threads: an object by one thread at a time; different ones are independent. After fork() the child's copies are dead:
 * calls return NETIPC_FORKED, and _close frees the child's copy.
 */
typedef struct netipc_session netipc_session;
typedef struct netipc_listener netipc_listener;

/* What is asked for when a session is agreed on, or granted by a listener. */
typedef struct netipc_session_config {
    uint32_t size; /* sizeof(netipc_session_config), set by _init */

    uint32_t max_request_payload;  /* bytes; connecting: asked for; listening: a client that wants more is refused;
                                    * 1 to NETIPC_PAYLOAD_MAX (server.h); default 65,536; listening 1 MiB is usual */
    uint32_t max_response_payload; /* bytes; connecting: a hint; listening: granted; default 65,536 */
    uint32_t max_items;            /* of a batch, 1 to NETIPC_BATCH_ITEMS_MAX (server.h); default 1024 */
    const char *run_dir;           /* no default; copied */
    const char *service;           /* no default; copied */
    uint64_t token;                /* connecting: presented; listening: demanded; default 0 */

    /* Connecting: who may own the run directory and listen. Listening: who may connect. Default NULL and 0: the
     * effective uid and root. Copied. */
    const uint32_t *allowed_uids;
    uint32_t allowed_uid_count; /* 0 to 1024 */

    uint32_t directory_mode;  /* listening: of a directory that is made; default 0700 */
    uint32_t socket_mode;     /* listening; default 0600 */
    uint32_t max_sessions;    /* listening: at the same time; 1 to 4096; default 16; the next one is told "busy" */
    uint64_t transmit_queue;  /* bytes for messages that the socket has no room for; default and least: what the largest
                               * message that this side may send takes */
    uint64_t lock_timeout_ns; /* listening: for the lock on the run directory; default 5 s */

    uint32_t checksum; /* of packets, offered: NETIPC_CHECKSUM_… of checksum.h; default 0 */
    uint32_t reserved; /* 0 */
} netipc_session_config;

/* Fills in the defaults. The caller sets run_dir and service. */
NETIPC_API void netipc_session_config_init_sized(netipc_session_config *config, size_t size);
#define netipc_session_config_init(config) netipc_session_config_init_sized((config), sizeof *(config))

/*
 * Begins to connect. NETIPC_OK: the session is ready. NETIPC_WOULD_BLOCK: it will be, see _advance. Otherwise *session
 * is NULL: NETIPC_NOT_FOUND, NETIPC_AUTH_FAILED, NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED,
 * NETIPC_INCOMPATIBLE, NETIPC_INVALID_ARGUMENT, NETIPC_NO_MEMORY, NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_session_connect(const netipc_session_config *config,
                                                                 netipc_session **session);

/* Ends it. Messages that wait are lost. NULL is allowed. */
NETIPC_API void netipc_session_close(netipc_session *session);

/* A descriptor that polls readable when _advance or _receive has something to do: the same one for the session's life,
 * owned by it. -1 in a forked child. */
NETIPC_API int netipc_session_fd(const netipc_session *session);

/* How long until _advance has something to do though nothing is readable, in ns; UINT64_MAX: for ever. */
NETIPC_API uint64_t netipc_session_retry_in(const netipc_session *session);

/*
 * Goes on with the handshake, and sends what waits. NETIPC_OK: the session is ready and nothing waits any more.
 * NETIPC_WOULD_BLOCK: later. Otherwise the session is over, and says so again: as _connect, and NETIPC_BUSY,
 * NETIPC_UNSUPPORTED, NETIPC_PROTOCOL, NETIPC_GONE (the peer died), NETIPC_DISCONNECTED (it hung up).
 */
NETIPC_API netipc_status netipc_session_advance(netipc_session *session);

enum { NETIPC_MESSAGE_REQUEST = 1, NETIPC_MESSAGE_RESPONSE = 2 };

/* netipc_message.outcome */
typedef enum netipc_outcome {
    NETIPC_OUTCOME_OK = 0,
    NETIPC_OUTCOME_BAD_REQUEST = 1, /* it cannot be decoded */
    NETIPC_OUTCOME_AUTH_FAILED = 2,
    NETIPC_OUTCOME_INCOMPATIBLE = 3,
    NETIPC_OUTCOME_UNSUPPORTED = 4,    /* no such method */
    NETIPC_OUTCOME_LIMIT_EXCEEDED = 5, /* the request, or its answer, is larger than agreed on */
    NETIPC_OUTCOME_INTERNAL_ERROR = 6
} netipc_outcome;

typedef struct netipc_message {
    uint32_t size;       /* sizeof(netipc_message), set by the caller */
    uint32_t kind;       /* NETIPC_MESSAGE_… */
    uint32_t method;     /* 1 to 65535 */
    uint32_t outcome;    /* netipc_outcome; of a request 0 */
    uint32_t batch;      /* 1: payload is that of a batch (batch.h) of item_count items; 0: it is not */
    uint32_t item_count; /* 1, if it is no batch */
    uint64_t id;         /* chosen with the request, repeated in the response */
    const void *payload; /* of a message received: owned by the session until the next _receive, aligned to 8 */
    size_t length;       /* bytes */
} netipc_message;

/*
 * Sends a message, or queues it, whole. NETIPC_OK. NETIPC_WOULD_BLOCK: there is no room, and nothing was taken: again
 * after an _advance. NETIPC_LIMIT_EXCEEDED: above what was agreed on; nothing was taken. NETIPC_WRONG_STATE: not ready
 * yet. NETIPC_INVALID_ARGUMENT, NETIPC_FORKED. Otherwise the session is over, as with _advance.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_session_send(netipc_session *session, const netipc_message *message);

/*
 * Takes the next message. NETIPC_OK. NETIPC_WOULD_BLOCK: none has come whole. NETIPC_LIMIT_EXCEEDED: one comes that is
 * larger than agreed on; message says which, without payload. The session cannot receive any more: answer that, and
 * close. NETIPC_PROTOCOL: what came is no message; NETIPC_CHECKSUM_MISMATCH: it was changed on
 * the way; the session is over. Otherwise as with _advance.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_session_receive(netipc_session *session, netipc_message *message);

typedef struct netipc_session_info {
    uint32_t size; /* sizeof(netipc_session_info), set by the caller; only so much is written */
    uint32_t ready;
    uint32_t peer_pid; /* as the kernel told them */
    uint32_t peer_uid;
    uint64_t session;     /* its number at the server, from 1; 0: not ready yet */
    uint32_t packet_size; /* agreed, as the next four */
    uint32_t max_request_payload;
    uint32_t max_response_payload;
    uint32_t max_request_items;
    uint32_t max_response_items;
    uint32_t checksum; /* NETIPC_CHECKSUM_… of its packets */
    uint64_t waiting;  /* bytes in the transmit queue */
} netipc_session_info;

/* NETIPC_OK, NETIPC_INVALID_ARGUMENT (size is 0), NETIPC_FORKED. No system call. */
NETIPC_API netipc_status netipc_session_status(const netipc_session *session, netipc_session_info *info);

/*
 * Claims an endpoint. As netipc_publisher_open(): NETIPC_INVALID_ARGUMENT, NETIPC_ADDRESS_IN_USE,
 * NETIPC_UNSAFE_DIRECTORY, NETIPC_PERMISSION_DENIED, NETIPC_NOT_FOUND, NETIPC_TIMED_OUT, NETIPC_NO_MEMORY,
 * NETIPC_NO_DESCRIPTORS, NETIPC_SYSTEM; *listener is NULL then. Blocks for the lock on the run directory.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_listener_open(const netipc_session_config *config,
                                                               netipc_listener **listener);

/* Removes the endpoint. Sessions that were accepted go on. NULL is allowed. */
NETIPC_API void netipc_listener_close(netipc_listener *listener);

/* Polls readable when somebody connects. Owned by the listener. -1 in a forked child. */
NETIPC_API int netipc_listener_fd(const netipc_listener *listener);

/*
 * Takes the next one that connects; its handshake is still to come, by _advance, which also refuses whoever may not
 * have a session; as soon as 64 sessions wait for that and are not closed, further ones are refused here. A peer that
 * says nothing has no deadline but the caller's: close what does not become ready in time.
 *
 * NETIPC_OK. NETIPC_WOULD_BLOCK: poll. NETIPC_NO_DESCRIPTORS, NETIPC_NO_MEMORY: they wait until there is room again; do
 * not poll meanwhile. NETIPC_SYSTEM, NETIPC_FORKED, NETIPC_INVALID_ARGUMENT. *session is NULL then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_listener_accept(netipc_listener *listener, netipc_session **session);

NETIPC_END_DECLS

#endif
