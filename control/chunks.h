/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CHUNKS_H
#define NETIPC_CONTROL_CHUNKS_H

/*
 * A message in packets: one if it fits, else a first with the envelope and further ones with a continuation header
 * each, one behind the other, never with another message in between.
 */

#include "control/wire.h"

/* --- sending --- */

/* How many packets a payload takes. packet_size is above NETIPC_WIRE_ENVELOPE_SIZE. */
uint32_t netipc_chunks_count(uint32_t payload_length, uint32_t packet_size);

/* The header of packet index, and which part of the payload is behind it. */
void netipc_chunk_at(const struct netipc_envelope *envelope, uint32_t packet_size, uint32_t index,
                     unsigned char header[NETIPC_WIRE_ENVELOPE_SIZE], uint32_t *offset, uint32_t *length);

/* --- receiving --- */

enum netipc_join_result {
    NETIPC_JOIN_WHOLE,    /* a message: its envelope, and payload */
    NETIPC_JOIN_MORE,     /* its further packets are to come */
    NETIPC_JOIN_LARGE,    /* its payload is above the limit; the envelope is there, and nothing was allocated */
    NETIPC_JOIN_BROKEN,   /* no packet that a correct peer sends: the session is to end */
    NETIPC_JOIN_NO_MEMORY /* for a payload within the limit */
};

struct netipc_joiner {
    uint32_t packet_size; /* agreed in the handshake, as is the next; set by the caller */
    uint32_t payload_limit;
    struct netipc_envelope envelope; /* of the message that is coming, or has come */
    const unsigned char *payload;    /* of envelope.payload_len bytes, 8-aligned if the packet was; see below */
    /* private */
    unsigned char *joined;
    uint32_t capacity, have, next_index, count;
};

/*
 * Takes the next packet; length is its true one. What payload points to lasts until the next call, and no longer than
 * packet. Every field is checked before anything depends on it.
 */
enum netipc_join_result netipc_join(struct netipc_joiner *joiner, const unsigned char *packet, size_t length);

/* Whether a message has come in part. */
bool netipc_join_under_way(const struct netipc_joiner *joiner);

/* Gives large memory back, when the message has been dealt with; and all of it. */
void netipc_joiner_trim(struct netipc_joiner *joiner);
void netipc_joiner_free(struct netipc_joiner *joiner);

#endif
