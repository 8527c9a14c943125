/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_GOLDEN_H
#define NETIPC_TESTS_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The captures in plugin-ipc-v1.json: whole sessions between a client and a server of the published library, packet
 * by packet, and single encoded messages. Everything belongs to the golden_file and is gone with it.
 *
 * They come from a little-endian host, and the format is in host byte order. So on a big-endian one the envelopes,
 * continuation headers, HELLO and HELLO_ACK of the sessions are given in its order; other payloads are as captured.
 */
typedef enum golden_step_kind {
    GOLDEN_SEND,          /* one packet, client to server */
    GOLDEN_RECV,          /* one packet, server to client */
    GOLDEN_CLOSED,        /* the server closed */
    GOLDEN_CLIENT_CLOSED, /* the client did */
    GOLDEN_SILENCE        /* nothing came for silence_ms */
} golden_step_kind;

typedef struct golden_bytes {
    unsigned char *data; /* on the heap, of exactly this length */
    size_t length;
} golden_bytes;

typedef struct golden_step {
    golden_step_kind kind;
    golden_bytes packet; /* empty but in SEND and RECV */
    unsigned silence_ms; /* zero but in SILENCE */
} golden_step;

typedef struct golden_session {
    const char *name;
    golden_step *steps;
    size_t step_count;
} golden_session;

typedef struct golden_message {
    const char *name;
    golden_bytes bytes; /* a payload, or a header for those named so */
} golden_message;

typedef struct golden_file {
    golden_session *sessions;
    size_t session_count;
    golden_message *messages;
    size_t message_count;
    void *document; /* private */
} golden_file;

/* NULL, and why on stderr, when the file cannot be read or holds anything that is not described above. */
golden_file *golden_load(void);

/* NULL is allowed. */
void golden_free(golden_file *file);

/* NULL when there is none of this name. */
const golden_session *golden_session_named(const golden_file *file, const char *name);
const golden_message *golden_message_named(const golden_file *file, const char *name);

/*
 * The payload of the message whose first packet is that of step first, joined with those of the continuation packets
 * behind it in the same direction; *joined is the caller's to free(). false when first is no packet with an
 * envelope, or the message is not there in whole.
 */
bool golden_join_payload(const golden_session *session, size_t first, golden_bytes *joined);

/* Give a captured payload in host byte order: of a cgroups snapshot, of cgroups-lookup, of apps-lookup, of a batch of
 * count numbers of 8 bytes. */
void golden_snapshot_to_host(golden_bytes *payload);
void golden_lookup_request_to_host(golden_bytes *payload);
void golden_lookup_answer_to_host(golden_bytes *payload);
void golden_apps_request_to_host(golden_bytes *payload);
void golden_apps_answer_to_host(golden_bytes *payload);
void golden_numbers_to_host(golden_bytes *payload, size_t count);

#endif
