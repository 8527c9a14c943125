/* SPDX-License-Identifier: Apache-2.0 */
/* HELLO, and what a service answers. */
#include "control/packet.h"
#include "control/server_state.h"

#include <string.h>

enum { CONTROL_PAYLOAD = NETIPC_WIRE_CONTROL_MAX - NETIPC_WIRE_ENVELOPE_SIZE }; /* not subject to a session's limits */

static void refuse_hello(struct netipc_peer_session *session, uint16_t status, uint64_t id)
{
    struct netipc_service *service = session->service;
    netipc_atomic_u64 *counter = &service->totals.refused_other;
    if (status == NETIPC_TRANSPORT_AUTH_FAILED)
        counter = &service->totals.refused_auth;
    else if (session->refusal == NETIPC_TRANSPORT_LIMIT_EXCEEDED)
        counter = &service->totals.refused_busy;
    netipc_count(counter, 1);
    netipc_log_field fields[] = {
        {"transport_status", NULL, status}, {"uid", NULL, session->peer.uid}, {"pid", NULL, session->peer.pid}};
    netipc_log_event(&service->server->log, NETIPC_LOG_WARNING, "session-refused", fields, 3);
    struct netipc_hello_ack ack = {.layout_version = NETIPC_WIRE_LAYOUT};
    netipc_session_tell(session, NETIPC_OP_HELLO_ACK, status, id, &ack, sizeof ack, true);
}

static uint32_t offered_profiles(const struct netipc_service *service)
{
    return NETIPC_PROFILE_BASELINE | (service->table != NULL ? NETIPC_PROFILE_PUBLICATION : 0);
}

/* In the order in which existing servers look: form, versions, who, what, how much. */
static uint16_t judge_hello(const struct netipc_peer_session *session, const struct netipc_envelope *envelope,
                            const struct netipc_hello *hello)
{
    const struct netipc_service *service = session->service;
    if (envelope->version != NETIPC_WIRE_VERSION || hello->layout_version != NETIPC_WIRE_LAYOUT)
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    if (hello->flags != 0 || envelope->flags != 0 || envelope->transport_status != NETIPC_TRANSPORT_OK)
        return NETIPC_TRANSPORT_BAD_ENVELOPE;
    if (session->refusal == NETIPC_TRANSPORT_AUTH_FAILED || !netipc_token_equal(hello->auth_token, service->token))
        return NETIPC_TRANSPORT_AUTH_FAILED;
    if ((hello->supported_profiles & offered_profiles(service)) == 0)
        return NETIPC_TRANSPORT_UNSUPPORTED;
    if (hello->packet_size <= NETIPC_WIRE_ENVELOPE_SIZE)
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    if (hello->max_request_payload_bytes > service->limits.max_request_payload)
        return NETIPC_TRANSPORT_LIMIT_EXCEEDED;
    return session->refusal;
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What is granted to all, or what the client hints at, up to the configured most. */
static uint32_t response_payload(const struct netipc_service_limits *limits, uint32_t hint)
{
    uint32_t granted = hint > limits->response_payload ? hint : limits->response_payload;
    return smaller(granted, limits->max_response_payload);
}

static struct netipc_hello_ack agree(struct netipc_peer_session *session, const struct netipc_hello *hello)
{
    struct netipc_service *service = session->service;
    const uint32_t offered = offered_profiles(service);
    const uint32_t items = smaller(hello->max_request_batch_items, service->limits.max_request_items);
    return (struct netipc_hello_ack){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = offered,
        .intersection_profiles = hello->supported_profiles & offered,
        .selected_profile =
            netipc_wire_select_profile(hello->supported_profiles & offered, hello->preferred_profiles & offered),
        .max_request_payload_bytes = hello->max_request_payload_bytes,
        .max_request_batch_items = items,
        .max_response_payload_bytes = response_payload(&service->limits, hello->max_response_payload_bytes),
        .max_response_batch_items = items, /* item i answers item i, whatever the client's hint */
        .packet_size = smaller(hello->packet_size, netipc_packet_size_offer(session->channel.socket)),
        .session_id = ++service->last_number,
    };
}

static void open_session(struct netipc_peer_session *session, const struct netipc_hello_ack *ack)
{
    const struct netipc_service_limits *limits = &session->service->limits;
    uint64_t queue = netipc_channel_queue_for(ack->max_response_payload_bytes, ack->packet_size);
    uint32_t payload = ack->max_request_payload_bytes;
    if (queue < limits->transmit_queue)
        queue = limits->transmit_queue;
    netipc_channel_init(&session->channel, session->channel.socket, ack->packet_size,
                        payload > CONTROL_PAYLOAD ? payload : CONTROL_PAYLOAD,
                        queue + NETIPC_WIRE_CONTROL_MAX + NETIPC_TRANSMIT_OVERHEAD);
    session->number = ack->session_id;
    session->state = NETIPC_SESSION_OPEN;
    session->may_attach = (ack->intersection_profiles & NETIPC_PROFILE_PUBLICATION) != 0;
    session->must_attach = ack->selected_profile == NETIPC_PROFILE_PUBLICATION;
    session->max_request_payload = payload;
    session->max_response_payload = ack->max_response_payload_bytes;
    session->max_request_items = ack->max_request_batch_items;
    /* For ATTACH, if one must come. The old time goes first: a timer that is set for it would wake for nothing. */
    netipc_session_clear_due(session, &session->handshake_due_ns);
    netipc_session_set_due(session, &session->handshake_due_ns, limits->handshake_timeout_ns);
    netipc_session_settle(session);
    netipc_session_not_idle(session);
}

static bool is_hello(const unsigned char *packet, size_t length, struct netipc_envelope *envelope,
                     struct netipc_hello *hello)
{
    if (!netipc_wire_envelope(packet, length, envelope) || envelope->magic != NETIPC_WIRE_MAGIC ||
        envelope->header_len != NETIPC_WIRE_ENVELOPE_SIZE || envelope->kind != NETIPC_KIND_CONTROL ||
        envelope->code != NETIPC_OP_HELLO || envelope->payload_len != NETIPC_WIRE_HELLO_SIZE ||
        length != NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_HELLO_SIZE || envelope->item_count != 1)
        return false;
    memcpy(hello, packet + NETIPC_WIRE_ENVELOPE_SIZE, NETIPC_WIRE_HELLO_SIZE);
    return hello->zero == 0;
}

void netipc_session_on_hello(struct netipc_peer_session *session, const unsigned char *packet, size_t length)
{
    struct netipc_envelope envelope;
    struct netipc_hello hello = {0};
    if (!is_hello(packet, length, &envelope, &hello)) {
        netipc_count(&session->service->totals.broken, 1);
        netipc_session_end(session, "no-hello");
        return;
    }
    uint16_t verdict = judge_hello(session, &envelope, &hello);
    if (verdict != NETIPC_TRANSPORT_OK) {
        refuse_hello(session, verdict, envelope.message_id);
        return;
    }
    struct netipc_hello_ack ack = agree(session, &hello);
    open_session(session, &ack);
    netipc_session_tell(session, NETIPC_OP_HELLO_ACK, NETIPC_TRANSPORT_OK, envelope.message_id, &ack, sizeof ack,
                        false);
}
