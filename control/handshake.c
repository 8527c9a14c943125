/* SPDX-License-Identifier: Apache-2.0 */
/* HELLO, and what a service answers. */
#include "control/agreement.h"
#include "control/packet.h"
#include "control/server_state.h"

enum { CONTROL_PAYLOAD = NETIPC_WIRE_CONTROL_MAX - NETIPC_WIRE_ENVELOPE_SIZE }; /* not subject to a session's limits */

static void refuse_hello(struct netipc_peer_session *session, uint16_t status, uint64_t id,
                         const struct netipc_hello_ack *ack)
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
    netipc_session_tell(session, NETIPC_OP_HELLO_ACK, status, id, ack, sizeof *ack, true);
}

static struct netipc_terms terms_of(const struct netipc_service *service)
{
    const struct netipc_service_limits *limits = &service->limits;
    return (struct netipc_terms){
        .token = service->token,
        .checksum = service->checksum,
        .profiles = NETIPC_PROFILE_BASELINE | (service->table != NULL ? NETIPC_PROFILE_PUBLICATION : 0),
        .max_request_payload = limits->max_request_payload,
        .max_request_items = limits->max_request_items,
        .response_payload = limits->response_payload,
        .max_response_payload = limits->max_response_payload,
    };
}

/* By the profile that it will select. */
static struct netipc_session_quota *quota_for(struct netipc_service *service, const struct netipc_terms *terms,
                                              const struct netipc_hello *hello)
{
    uint32_t selected = netipc_wire_select_profile(hello->supported_profiles & terms->profiles,
                                                   hello->preferred_profiles & terms->profiles);
    return selected == NETIPC_PROFILE_PUBLICATION ? &service->subscribing : &service->requesting;
}

/* Gives a session that has a place one of its kind's; false: there is none left. */
static bool take_quota(struct netipc_peer_session *session, struct netipc_session_quota *quota)
{
    if (quota->taken >= quota->most) {
        session->refusal = NETIPC_TRANSPORT_LIMIT_EXCEEDED;
        return false;
    }
    quota->taken++;
    session->quota = quota;
    if (quota == &session->service->requesting)
        netipc_count(&session->service->totals.requesting, 1);
    return true;
}

static void open_session(struct netipc_peer_session *session, const struct netipc_hello_ack *ack)
{
    const struct netipc_service_limits *limits = &session->service->limits;
    uint64_t queue = netipc_channel_queue_for(ack->max_response_payload_bytes);
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

void netipc_session_on_hello(struct netipc_peer_session *session, const unsigned char *packet, size_t length)
{
    struct netipc_service *service = session->service;
    const struct netipc_terms terms = terms_of(service);
    struct netipc_envelope envelope;
    struct netipc_hello hello;
    if (!netipc_agreement_parse(packet, length, &envelope, &hello)) {
        netipc_count(&service->totals.broken, 1);
        netipc_session_end(session, "no-hello");
        return;
    }
    if (session->refusal == NETIPC_TRANSPORT_OK && netipc_server_draining(service->server))
        session->refusal = NETIPC_TRANSPORT_LIMIT_EXCEEDED; /* it connected before, and says so too late */
    uint16_t verdict = netipc_agreement_judge(&terms, &envelope, &hello, session->refusal);
    if (verdict == NETIPC_TRANSPORT_OK && !take_quota(session, quota_for(service, &terms, &hello)))
        verdict = session->refusal;
    struct netipc_hello_ack ack = netipc_agreement_refusal(&terms, &hello, verdict);
    if (verdict != NETIPC_TRANSPORT_OK) {
        refuse_hello(session, verdict, envelope.message_id, &ack);
        return;
    }
    ack = netipc_agreement_make(&terms, &hello, netipc_packet_size_offer(session->channel.socket),
                                ++service->last_number);
    open_session(session, &ack);
    netipc_session_tell(session, NETIPC_OP_HELLO_ACK, NETIPC_TRANSPORT_OK, envelope.message_id, &ack, sizeof ack,
                        false);
    netipc_channel_protect(&session->channel, netipc_checksum_select(ack.intersection_profiles));
}
