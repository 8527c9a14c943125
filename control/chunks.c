/* SPDX-License-Identifier: Apache-2.0 */
#include "control/chunks.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_BYTES = 65536 }; /* of memory between two messages */

static uint32_t room(uint32_t packet_size)
{
    return packet_size - NETIPC_WIRE_ENVELOPE_SIZE;
}

uint32_t netipc_chunks_count(uint32_t payload_length, uint32_t packet_size)
{
    return payload_length == 0 ? 1 : (payload_length - 1) / room(packet_size) + 1;
}

void netipc_chunk_at(const struct netipc_envelope *envelope, uint32_t packet_size, uint32_t index,
                     unsigned char header[NETIPC_WIRE_ENVELOPE_SIZE], uint32_t *offset, uint32_t *length)
{
    *offset = index * room(packet_size);
    uint32_t left = envelope->payload_len - *offset;
    *length = left < room(packet_size) ? left : room(packet_size);
    if (index == 0) {
        memcpy(header, envelope, sizeof *envelope);
        return;
    }
    const struct netipc_chunk chunk = {
        .magic = NETIPC_WIRE_CHUNK_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .message_id = envelope->message_id,
        .total_message_len = NETIPC_WIRE_ENVELOPE_SIZE + envelope->payload_len,
        .chunk_index = index,
        .chunk_count = netipc_chunks_count(envelope->payload_len, packet_size),
        .chunk_payload_len = *length,
    };
    memcpy(header, &chunk, sizeof chunk);
}

static bool make_room(struct netipc_joiner *joiner, uint32_t length)
{
    if (length <= joiner->capacity)
        return true;
    unsigned char *joined = malloc(length);
    if (joined == NULL)
        return false;
    free(joiner->joined);
    joiner->joined = joined;
    joiner->capacity = length;
    return true;
}

/* A control message is one packet, whatever the size of the others. */
static bool is_too_long(const struct netipc_joiner *joiner, const struct netipc_envelope *envelope, size_t length)
{
    return length > joiner->packet_size && (envelope->kind != NETIPC_KIND_CONTROL || length > NETIPC_WIRE_CONTROL_MAX);
}

static enum netipc_join_result begin(struct netipc_joiner *joiner, const unsigned char *packet, size_t length)
{
    struct netipc_envelope *envelope = &joiner->envelope;
    if (!netipc_wire_envelope(packet, length, envelope) || envelope->magic != NETIPC_WIRE_MAGIC ||
        envelope->version != NETIPC_WIRE_VERSION || envelope->header_len != NETIPC_WIRE_ENVELOPE_SIZE ||
        is_too_long(joiner, envelope, length))
        return NETIPC_JOIN_BROKEN;
    if (envelope->payload_len > joiner->payload_limit)
        return NETIPC_JOIN_LARGE;
    uint32_t here = (uint32_t)length - NETIPC_WIRE_ENVELOPE_SIZE;
    if (here > envelope->payload_len)
        return NETIPC_JOIN_BROKEN;
    joiner->payload = packet + NETIPC_WIRE_ENVELOPE_SIZE;
    if (here == envelope->payload_len)
        return NETIPC_JOIN_WHOLE;
    if (!make_room(joiner, envelope->payload_len))
        return NETIPC_JOIN_NO_MEMORY;
    memcpy(joiner->joined, packet + NETIPC_WIRE_ENVELOPE_SIZE, here);
    joiner->have = here;
    joiner->next_index = 1;
    joiner->count = 0;
    return NETIPC_JOIN_MORE;
}

/* The peer's packets may be smaller than the agreed size, but their number must be the same in all of them. */
static bool fits(const struct netipc_joiner *joiner, const struct netipc_chunk *chunk, size_t length)
{
    return chunk->magic == NETIPC_WIRE_CHUNK_MAGIC && chunk->version == NETIPC_WIRE_VERSION && chunk->flags == 0 &&
           chunk->message_id == joiner->envelope.message_id &&
           chunk->total_message_len == (uint64_t)joiner->envelope.payload_len + NETIPC_WIRE_ENVELOPE_SIZE &&
           chunk->chunk_index == joiner->next_index && chunk->chunk_index < chunk->chunk_count &&
           (joiner->count == 0 || chunk->chunk_count == joiner->count) &&
           chunk->chunk_payload_len == length - sizeof *chunk && chunk->chunk_payload_len > 0 &&
           chunk->chunk_payload_len <= joiner->envelope.payload_len - joiner->have;
}

static enum netipc_join_result go_on(struct netipc_joiner *joiner, const unsigned char *packet, size_t length)
{
    struct netipc_chunk chunk;
    if (length < sizeof chunk || length > joiner->packet_size)
        return NETIPC_JOIN_BROKEN;
    memcpy(&chunk, packet, sizeof chunk);
    if (!fits(joiner, &chunk, length))
        return NETIPC_JOIN_BROKEN;
    memcpy(joiner->joined + joiner->have, packet + sizeof chunk, chunk.chunk_payload_len);
    joiner->have += chunk.chunk_payload_len;
    joiner->count = chunk.chunk_count;
    joiner->next_index++;
    bool last = joiner->next_index == chunk.chunk_count, whole = joiner->have == joiner->envelope.payload_len;
    if (last != whole)
        return NETIPC_JOIN_BROKEN;
    if (!last)
        return NETIPC_JOIN_MORE;
    joiner->next_index = 0;
    joiner->payload = joiner->joined;
    return NETIPC_JOIN_WHOLE;
}

enum netipc_join_result netipc_join(struct netipc_joiner *joiner, const unsigned char *packet, size_t length)
{
    return netipc_join_under_way(joiner) ? go_on(joiner, packet, length) : begin(joiner, packet, length);
}

bool netipc_join_under_way(const struct netipc_joiner *joiner)
{
    return joiner->next_index > 0;
}

void netipc_joiner_trim(struct netipc_joiner *joiner)
{
    if (joiner->capacity > KEPT_BYTES && !netipc_join_under_way(joiner))
        netipc_joiner_free(joiner);
}

void netipc_joiner_free(struct netipc_joiner *joiner)
{
    free(joiner->joined);
    joiner->joined = NULL;
    joiner->capacity = joiner->next_index = 0;
}
