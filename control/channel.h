/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CHANNEL_H
#define NETIPC_CONTROL_CHANNEL_H

/*
 * Whole messages over one connected socket, either end's, without ever blocking. What the socket has no room for waits
 * in a queue of a fixed size; when that is full too, nothing is taken. The socket stays the caller's.
 */

#include "control/checksum.h"
#include "control/chunks.h"
#include "control/packet.h"
#include "control/transmit_queue.h"

struct netipc_channel {
    int socket;
    uint32_t packet_size; /* agreed in the handshake; above NETIPC_WIRE_ENVELOPE_SIZE and what a checksum takes */
    uint32_t checksum;    /* kind; 0: none */
    size_t queue_size;    /* bytes of the transmit queue, which is made when needed, and kept only if it is not large */
    /* Messages, each whole: split only when they leave, since packets may be so small that their headers are most of
     * what there is to copy. */
    struct netipc_transmit_queue queue;
    uint32_t first_sent; /* packets of the first of them that have left */
    uint64_t flushed;    /* packets that have left it */
    bool starved;        /* the last packet met NETIPC_PACKET_STARVED: what waits is to be flushed after a while */
    struct netipc_joiner joiner;
    size_t came; /* bytes of the packet that came last */
    struct netipc_checksum_mismatch mismatch;
};

enum netipc_channel_result {
    NETIPC_CHANNEL_DONE,
    NETIPC_CHANNEL_AGAIN,    /* nothing has come; or there is no room, and nothing was taken */
    NETIPC_CHANNEL_CLOSED,   /* the peer has closed */
    NETIPC_CHANNEL_LARGE,    /* the message that comes is above the limit: its envelope is there */
    NETIPC_CHANNEL_BROKEN,   /* it is none of a correct peer */
    NETIPC_CHANNEL_MISMATCH, /* its checksum is wrong: see mismatch, and the detail */
    NETIPC_CHANNEL_NO_MEMORY,
    NETIPC_CHANNEL_FAILED /* errno says why */
};

void netipc_channel_init(struct netipc_channel *channel, int socket, uint32_t packet_size, uint32_t payload_limit,
                         size_t queue_size);
void netipc_channel_free(struct netipc_channel *channel);

/* From now on each packet has a checksum of this kind, if it is one; what waits already goes as it is. */
void netipc_channel_protect(struct netipc_channel *channel, uint32_t kind);

/* The size of a queue that takes one message with so much payload. */
size_t netipc_channel_queue_for(uint32_t payload_length);

/* Sends or queues a request or response whole, or takes nothing of it (AGAIN). envelope->payload_len bytes of payload.
 */
enum netipc_channel_result netipc_channel_send(struct netipc_channel *channel, const struct netipc_envelope *envelope,
                                               const void *payload);

/* The same for a control message, which is one packet whatever the packet size. */
enum netipc_channel_result netipc_channel_send_packet(struct netipc_channel *channel, const void *packet,
                                                      size_t length);

/* Sends what waits, but not without end. DONE: all of it; AGAIN: when the socket is writable, which it may be still, or
 * when starved, in NETIPC_PACKET_RETRY_NS. */
enum netipc_channel_result netipc_channel_flush(struct netipc_channel *channel);

static inline bool netipc_channel_waits(const struct netipc_channel *channel)
{
    return !netipc_transmit_queue_empty(&channel->queue);
}

/* Whether a writable socket is worth being told of. */
static inline bool netipc_channel_waits_for_room(const struct netipc_channel *channel)
{
    return netipc_channel_waits(channel) && !channel->starved;
}

/* Control messages are one packet each, however small the others are agreed to be. */
static inline uint32_t netipc_channel_scratch_size(uint32_t packet_size)
{
    return packet_size > NETIPC_WIRE_CONTROL_MAX ? packet_size : NETIPC_WIRE_CONTROL_MAX;
}

/*
 * Receives the next message: joiner.envelope and joiner.payload, which lasts until the next call. scratch has room for
 * netipc_channel_scratch_size() bytes, and is in use as long as the payload is. *packets is counted down for each
 * packet: at 0 the result is AGAIN, though there may be more.
 */
enum netipc_channel_result netipc_channel_receive(struct netipc_channel *channel, unsigned char *scratch,
                                                  unsigned *packets);

#endif
