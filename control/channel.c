/* SPDX-License-Identifier: Apache-2.0 */
#include "control/channel.h"

#include <string.h>

enum {
    PACKETS_AT_ONCE = 64, /* sent, then it is others' turn: who reads as fast as we send must not hold them up */
    /* Memory of a queue that nothing is in, as that of a session with default limits. */
    QUEUE_KEPT = 65536 + NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_CONTROL_MAX + 2 * NETIPC_TRANSMIT_OVERHEAD
};

void netipc_channel_init(struct netipc_channel *channel, int socket, uint32_t packet_size, uint32_t payload_limit,
                         size_t queue_size)
{
    *channel = (struct netipc_channel){
        .socket = socket,
        .packet_size = packet_size,
        .queue_size = queue_size,
        .joiner = {.packet_size = packet_size, .payload_limit = payload_limit},
    };
}

void netipc_channel_protect(struct netipc_channel *channel, uint32_t kind)
{
    channel->checksum = kind;
    channel->joiner.packet_size = channel->packet_size - netipc_checksum_size(kind);
}

void netipc_channel_free(struct netipc_channel *channel)
{
    netipc_transmit_queue_close(&channel->queue);
    netipc_joiner_free(&channel->joiner);
}

size_t netipc_channel_queue_for(uint32_t payload_length)
{
    return (size_t)payload_length + NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_TRANSMIT_OVERHEAD;
}

static enum netipc_channel_result result_of(enum netipc_packet_result result)
{
    switch (result) {
    case NETIPC_PACKET_DONE:
        return NETIPC_CHANNEL_DONE;
    case NETIPC_PACKET_AGAIN:
    case NETIPC_PACKET_STARVED:
        return NETIPC_CHANNEL_AGAIN;
    case NETIPC_PACKET_CLOSED:
        return NETIPC_CHANNEL_CLOSED;
    default:
        return NETIPC_CHANNEL_FAILED;
    }
}

/* Whether what could not be sent is to wait, as the last attempt said. */
static bool is_to_wait(struct netipc_channel *channel, enum netipc_packet_result result)
{
    channel->starved = result == NETIPC_PACKET_STARVED;
    return channel->starved || result == NETIPC_PACKET_AGAIN;
}

/* The packet that a message has at an index. */
struct part {
    unsigned char header[NETIPC_WIRE_ENVELOPE_SIZE];
    uint32_t checksum;
    struct iovec iov[3];
};

/* What a checksum leaves of a packet for header and payload: the same for what comes. */
static uint32_t room_of(const struct netipc_channel *channel)
{
    return channel->joiner.packet_size;
}

/* The last part of a packet: the checksum of those before, or nothing. */
static struct iovec trailer(const struct netipc_channel *channel, const struct iovec *parts, size_t count,
                            uint32_t *checksum)
{
    *checksum = channel->checksum != 0 ? netipc_checksum_of(channel->checksum, parts, count) : 0;
    return (struct iovec){checksum, netipc_checksum_size(channel->checksum)};
}

static void make_part(const struct netipc_channel *channel, const struct netipc_envelope *envelope,
                      const unsigned char *payload, uint32_t index, struct part *part)
{
    uint32_t offset, length;
    netipc_chunk_at(envelope, room_of(channel), index, part->header, &offset, &length);
    part->iov[0] = (struct iovec){part->header, sizeof part->header};
    part->iov[1] = (struct iovec){length > 0 ? (void *)(uintptr_t)(payload + offset) : NULL, length};
    part->iov[2] = trailer(channel, part->iov, 2, &part->checksum);
}

static bool make_queue(struct netipc_channel *channel)
{
    return channel->queue.bytes != NULL ||
           netipc_transmit_queue_open(&channel->queue, channel->queue_size) == NETIPC_OK;
}

static void trim_queue(struct netipc_channel *channel)
{
    if (channel->queue.size > QUEUE_KEPT && !netipc_channel_waits(channel))
        netipc_transmit_queue_close(&channel->queue);
}

enum netipc_channel_result netipc_channel_send(struct netipc_channel *channel, const struct netipc_envelope *envelope,
                                               const void *payload)
{
    uint32_t count = netipc_chunks_count(envelope->payload_len, room_of(channel)), sent = 0;
    size_t needed = netipc_channel_queue_for(envelope->payload_len);
    size_t room = channel->queue.bytes != NULL ? netipc_transmit_queue_room(&channel->queue) : channel->queue_size;
    if (needed > room)
        return NETIPC_CHANNEL_AGAIN;
    /* The queue is there before the first of several packets is sent: then nothing can go wrong half-way. */
    if (count > 1 && !make_queue(channel))
        return NETIPC_CHANNEL_NO_MEMORY;
    for (; sent < count && sent < PACKETS_AT_ONCE && !netipc_channel_waits(channel); sent++) {
        struct part part;
        make_part(channel, envelope, payload, sent, &part);
        enum netipc_packet_result result = netipc_packet_send_parts(channel->socket, part.iov, 3);
        if (is_to_wait(channel, result))
            break;
        if (result != NETIPC_PACKET_DONE)
            return result_of(result);
    }
    if (sent == count) {
        trim_queue(channel);
        return NETIPC_CHANNEL_DONE;
    }
    if (!make_queue(channel))
        return NETIPC_CHANNEL_NO_MEMORY;
    if (sent > 0) /* nothing waits, then */
        channel->first_sent = sent;
    const struct iovec whole[] = {{(void *)(uintptr_t)envelope, sizeof *envelope},
                                  {(void *)(uintptr_t)payload, envelope->payload_len}};
    netipc_transmit_queue_append(&channel->queue, whole, 2);
    return NETIPC_CHANNEL_DONE;
}

enum netipc_channel_result netipc_channel_send_packet(struct netipc_channel *channel, const void *packet, size_t length)
{
    uint32_t checksum;
    struct iovec parts[2] = {{(void *)(uintptr_t)packet, length}};
    parts[1] = trailer(channel, parts, 1, &checksum);
    if (!netipc_channel_waits(channel)) {
        enum netipc_packet_result result = netipc_packet_send_parts(channel->socket, parts, 2);
        if (!is_to_wait(channel, result))
            return result_of(result);
    }
    if (!make_queue(channel))
        return NETIPC_CHANNEL_NO_MEMORY;
    return netipc_transmit_queue_append(&channel->queue, parts, 2) ? NETIPC_CHANNEL_DONE : NETIPC_CHANNEL_AGAIN;
}

/* Where the bytes from offset on are, of those in two parts; at most two parts again. */
static void cut(const struct iovec from[2], size_t offset, size_t length, struct iovec parts[2])
{
    size_t first = from[0].iov_len;
    size_t before = offset < first ? (length < first - offset ? length : first - offset) : 0;
    size_t behind = offset > first ? offset - first : 0;
    parts[0] = (struct iovec){before > 0 ? (unsigned char *)from[0].iov_base + offset : NULL, before};
    parts[1] = (struct iovec){(unsigned char *)from[1].iov_base + behind, length - before};
}

static void copy_out(const struct iovec from[2], void *to, size_t length)
{
    struct iovec parts[2];
    cut(from, 0, length, parts);
    if (parts[0].iov_len > 0)
        memcpy(to, parts[0].iov_base, parts[0].iov_len);
    if (parts[1].iov_len > 0)
        memcpy((unsigned char *)to + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
}

/* Sends the next packet of the message that waits first, and takes that out with its last. */
static enum netipc_packet_result send_next(struct netipc_channel *channel, struct iovec message[2])
{
    struct netipc_envelope envelope;
    unsigned char header[NETIPC_WIRE_ENVELOPE_SIZE];
    uint32_t offset, length, count = 1;
    enum netipc_packet_result result;
    copy_out(message, &envelope, sizeof envelope);
    if (envelope.kind == NETIPC_KIND_CONTROL) { /* as a packet, with what belongs behind it */
        result = netipc_packet_send_parts(channel->socket, message, 2);
    } else {
        uint32_t checksum;
        struct iovec parts[4] = {{header, sizeof header}};
        count = netipc_chunks_count(envelope.payload_len, room_of(channel));
        netipc_chunk_at(&envelope, room_of(channel), channel->first_sent, header, &offset, &length);
        cut(message, sizeof envelope + offset, length, parts + 1);
        parts[3] = trailer(channel, parts, 3, &checksum);
        result = netipc_packet_send_parts(channel->socket, parts, 4);
    }
    if (result != NETIPC_PACKET_DONE)
        return result;
    channel->flushed++;
    if (++channel->first_sent < count)
        return result;
    channel->first_sent = 0;
    netipc_transmit_queue_consume(&channel->queue);
    return result;
}

enum netipc_channel_result netipc_channel_flush(struct netipc_channel *channel)
{
    struct iovec message[2];
    for (unsigned packets = 0; netipc_transmit_queue_peek(&channel->queue, message) > 0; packets++) {
        if (packets == PACKETS_AT_ONCE)
            return NETIPC_CHANNEL_AGAIN;
        enum netipc_packet_result result = send_next(channel, message);
        channel->starved = result == NETIPC_PACKET_STARVED;
        if (result != NETIPC_PACKET_DONE)
            return result_of(result);
    }
    trim_queue(channel);
    return NETIPC_CHANNEL_DONE;
}

enum netipc_channel_result netipc_channel_receive(struct netipc_channel *channel, unsigned char *scratch,
                                                  unsigned *packets)
{
    const uint32_t most = netipc_channel_scratch_size(channel->packet_size);
    for (; *packets > 0; --*packets) {
        size_t length;
        enum netipc_packet_result received = netipc_packet_receive(channel->socket, scratch, most, &length);
        if (received != NETIPC_PACKET_DONE)
            return result_of(received);
        channel->came = length;
        if (length > most)
            return NETIPC_CHANNEL_BROKEN;
        netipc_status whole = netipc_checksum_open(channel->checksum, scratch, &length, &channel->mismatch);
        if (whole != NETIPC_OK)
            return whole == NETIPC_CHECKSUM_MISMATCH ? NETIPC_CHANNEL_MISMATCH : NETIPC_CHANNEL_BROKEN;
        switch (netipc_join(&channel->joiner, scratch, length)) {
        case NETIPC_JOIN_MORE:
            continue;
        case NETIPC_JOIN_WHOLE:
            return NETIPC_CHANNEL_DONE;
        case NETIPC_JOIN_LARGE:
            return NETIPC_CHANNEL_LARGE;
        case NETIPC_JOIN_NO_MEMORY:
            return NETIPC_CHANNEL_NO_MEMORY;
        default:
            return NETIPC_CHANNEL_BROKEN;
        }
    }
    return NETIPC_CHANNEL_AGAIN;
}
