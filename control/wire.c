/* SPDX-License-Identifier: Apache-2.0 */
#include "control/wire.h"

#include <string.h>

size_t netipc_wire_control(uint16_t opcode, uint16_t transport_status, uint64_t message_id, const void *payload,
                           size_t payload_length, unsigned char *packet)
{
    struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_CONTROL,
        .code = opcode,
        .transport_status = transport_status,
        .payload_len = (uint32_t)payload_length,
        .item_count = 1,
        .message_id = message_id,
    };
    memcpy(packet, &envelope, sizeof envelope);
    memcpy(packet + sizeof envelope, payload, payload_length);
    return sizeof envelope + payload_length;
}

bool netipc_wire_envelope(const unsigned char *packet, size_t length, struct netipc_envelope *envelope)
{
    if (length < sizeof *envelope)
        return false;
    memcpy(envelope, packet, sizeof *envelope);
    return true;
}

bool netipc_wire_is_control(const struct netipc_envelope *envelope, size_t packet_length, uint16_t opcode,
                            size_t payload_length)
{
    return envelope->magic == NETIPC_WIRE_MAGIC && envelope->version == NETIPC_WIRE_VERSION &&
           envelope->header_len == NETIPC_WIRE_ENVELOPE_SIZE && envelope->kind == NETIPC_KIND_CONTROL &&
           envelope->flags == 0 && envelope->code == opcode && envelope->item_count == 1 &&
           envelope->payload_len == payload_length && packet_length == sizeof *envelope + payload_length;
}

netipc_status netipc_wire_status(uint16_t transport_status)
{
    switch (transport_status) {
    case NETIPC_TRANSPORT_OK:
        return NETIPC_OK;
    case NETIPC_TRANSPORT_AUTH_FAILED:
        return NETIPC_AUTH_FAILED;
    case NETIPC_TRANSPORT_INCOMPATIBLE:
        return NETIPC_INCOMPATIBLE;
    case NETIPC_TRANSPORT_UNSUPPORTED:
        return NETIPC_UNSUPPORTED;
    case NETIPC_TRANSPORT_LIMIT_EXCEEDED:
        return NETIPC_LIMIT_EXCEEDED;
    case NETIPC_TRANSPORT_INTERNAL_ERROR:
        return NETIPC_NO_MEMORY;
    default:
        return NETIPC_PROTOCOL;
    }
}

uint32_t netipc_wire_select_profile(uint32_t common, uint32_t preferred_by_both)
{
    uint32_t candidates = common & preferred_by_both & NETIPC_PROFILE_MASK;
    if (candidates == 0)
        candidates = common & NETIPC_PROFILE_MASK;
    uint32_t highest = 0;
    for (uint32_t bit = 1; bit != 0 && bit <= candidates; bit <<= 1)
        if (candidates & bit)
            highest = bit;
    return highest;
}
