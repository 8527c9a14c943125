/* SPDX-License-Identifier: Apache-2.0 */
#include "control/agreement.h"

#include "control/peer.h"

#include <string.h>

bool netipc_agreement_parse(const unsigned char *packet, size_t length, struct netipc_envelope *envelope,
                            struct netipc_hello *hello)
{
    *hello = (struct netipc_hello){0};
    if (!netipc_wire_envelope(packet, length, envelope) || envelope->magic != NETIPC_WIRE_MAGIC ||
        envelope->header_len != NETIPC_WIRE_ENVELOPE_SIZE || envelope->kind != NETIPC_KIND_CONTROL ||
        envelope->code != NETIPC_OP_HELLO || envelope->payload_len != NETIPC_WIRE_HELLO_SIZE ||
        length != NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_HELLO_SIZE || envelope->item_count != 1)
        return false;
    memcpy(hello, packet + NETIPC_WIRE_ENVELOPE_SIZE, NETIPC_WIRE_HELLO_SIZE);
    return hello->zero == 0;
}

static uint32_t offered(const struct netipc_terms *terms)
{
    return terms->profiles | terms->checksum.offered;
}

static bool lacks_checksum(const struct netipc_terms *terms, const struct netipc_hello *hello)
{
    return terms->checksum.required && (hello->supported_profiles & terms->checksum.offered) == 0;
}

/* In the order in which existing servers look: form, versions, who, what, how much. */
uint16_t netipc_agreement_judge(const struct netipc_terms *terms, const struct netipc_envelope *envelope,
                                const struct netipc_hello *hello, uint16_t refusal)
{
    if (envelope->version != NETIPC_WIRE_VERSION || hello->layout_version != NETIPC_WIRE_LAYOUT)
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    if (hello->flags != 0 || envelope->flags != 0 || envelope->transport_status != NETIPC_TRANSPORT_OK)
        return NETIPC_TRANSPORT_BAD_ENVELOPE;
    if (refusal == NETIPC_TRANSPORT_AUTH_FAILED || !netipc_token_equal(hello->auth_token, terms->token))
        return NETIPC_TRANSPORT_AUTH_FAILED;
    if ((hello->supported_profiles & terms->profiles) == 0 || lacks_checksum(terms, hello))
        return NETIPC_TRANSPORT_UNSUPPORTED;
    uint32_t checksum = netipc_checksum_select(hello->supported_profiles & terms->checksum.offered);
    if (hello->packet_size <= NETIPC_WIRE_ENVELOPE_SIZE + netipc_checksum_size(checksum))
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    if (hello->max_request_payload_bytes > terms->max_request_payload)
        return NETIPC_TRANSPORT_LIMIT_EXCEEDED;
    return refusal;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

struct netipc_hello_ack netipc_agreement_refusal(const struct netipc_terms *terms, const struct netipc_hello *hello,
                                                 uint16_t verdict)
{
    struct netipc_hello_ack ack = {.layout_version = NETIPC_WIRE_LAYOUT};
    /* Who has a common profile cannot know otherwise what there is none of. */
    if (verdict == NETIPC_TRANSPORT_UNSUPPORTED && (hello->supported_profiles & terms->profiles) != 0)
        ack.server_supported_profiles = offered(terms);
    return ack;
}

/* What is granted to all, or what the client hints at, up to the most. */
static uint32_t response_payload(const struct netipc_terms *terms, uint32_t hint)
{
    return smaller(hint > terms->response_payload ? hint : terms->response_payload, terms->max_response_payload);
}

struct netipc_hello_ack netipc_agreement_make(const struct netipc_terms *terms, const struct netipc_hello *hello,
                                              uint32_t own_packet, uint64_t session_id)
{
    uint32_t common = hello->supported_profiles & offered(terms);
    uint32_t items = smaller(hello->max_request_batch_items, terms->max_request_items);
    return (struct netipc_hello_ack){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = offered(terms),
        .intersection_profiles = common,
        .selected_profile = netipc_wire_select_profile(common, hello->preferred_profiles & terms->profiles),
        .max_request_payload_bytes = hello->max_request_payload_bytes,
        .max_request_batch_items = items,
        .max_response_payload_bytes = response_payload(terms, hello->max_response_payload_bytes),
        .max_response_batch_items = items, /* item i answers item i, whatever the hint */
        .packet_size = smaller(hello->packet_size, own_packet),
        .session_id = session_id,
    };
}
