/* SPDX-License-Identifier: Apache-2.0 */
#include "control/packet.h"
#include "control/server_state.h"

#include "shm/checked.h"

#include <string.h>

enum {
    REQUEST_PAYLOAD_MAX = (1 << 20) - NETIPC_WIRE_ENVELOPE_SIZE, /* a frame of 1 MiB */
    PACKETS_A_TURN = 16,                                         /* then the other sessions get theirs */
    REGION_RETRY_NS = 2000000
};

static void arm_deadline(struct netipc_server *server, struct netipc_session *session)
{
    session->deadline_ns = netipc_add_saturating(netipc_os_monotonic_ns(), server->handshake_timeout_ns);
}

/* Something that had a deadline is done: it goes if nothing else of the session has one. */
static void settle_deadline(struct netipc_session *session)
{
    if (session->state == NETIPC_SESSION_OPEN && session->skip_bytes == 0 && session->pending_length == 0 &&
        (!session->must_attach || session->have_ordinal != 0))
        session->deadline_ns = 0;
}

static void answer(struct netipc_server *server, struct netipc_session *session, const void *packet, size_t length,
                   bool then_end)
{
    enum netipc_packet_result result = netipc_packet_send(session->socket, packet, length, NULL, 0);
    if (result == NETIPC_PACKET_AGAIN) {
        memcpy(session->pending, packet, length);
        session->pending_length = length;
        session->end_after_pending = then_end;
        if (session->deadline_ns == 0)
            arm_deadline(server, session);
        netipc_server_watch(server, session, false, true);
    } else if (result != NETIPC_PACKET_DONE) {
        netipc_server_end_session(server, session, "peer-closed");
    } else if (then_end) {
        netipc_server_end_session(server, session, "refused");
    }
}

static void answer_note(struct netipc_server *server, struct netipc_session *session, uint16_t opcode, uint64_t id,
                        uint64_t ordinal)
{
    struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = ordinal};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(opcode, NETIPC_TRANSPORT_OK, id, &note, sizeof note, packet);
    answer(server, session, packet, length, false);
}

/* --- HELLO --- */

static void refuse_hello(struct netipc_server *server, struct netipc_session *session, uint16_t status, uint64_t id)
{
    netipc_atomic_u64 *counter = &server->totals.refused_other;
    if (status == NETIPC_TRANSPORT_AUTH_FAILED)
        counter = &server->totals.refused_auth;
    else if (session->refusal == NETIPC_TRANSPORT_LIMIT_EXCEEDED)
        counter = &server->totals.refused_busy;
    netipc_count(counter, 1);
    netipc_log_field fields[] = {
        {"transport_status", NULL, status}, {"uid", NULL, session->peer.uid}, {"pid", NULL, session->peer.pid}};
    netipc_log_event(&server->log, NETIPC_LOG_WARNING, "session-refused", fields, 3);

    struct netipc_hello_ack ack = {.layout_version = NETIPC_WIRE_LAYOUT};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, status, id, &ack, sizeof ack, packet);
    answer(server, session, packet, length, true);
}

/* In the order in which existing servers look: form, versions, who, what, how much. */
static uint16_t judge_hello(const struct netipc_server *server, const struct netipc_session *session,
                            const struct netipc_envelope *envelope, const struct netipc_hello *hello)
{
    if (envelope->version != NETIPC_WIRE_VERSION || hello->layout_version != NETIPC_WIRE_LAYOUT)
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    if (hello->flags != 0 || envelope->flags != 0 || envelope->transport_status != NETIPC_TRANSPORT_OK)
        return NETIPC_TRANSPORT_BAD_ENVELOPE;
    if (session->refusal == NETIPC_TRANSPORT_AUTH_FAILED || !netipc_token_equal(hello->auth_token, server->token))
        return NETIPC_TRANSPORT_AUTH_FAILED;
    const uint32_t offered = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION;
    if ((hello->supported_profiles & offered) == 0)
        return NETIPC_TRANSPORT_UNSUPPORTED;
    if (hello->packet_size <= NETIPC_WIRE_ENVELOPE_SIZE)
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    if (hello->max_request_payload_bytes > REQUEST_PAYLOAD_MAX)
        return NETIPC_TRANSPORT_LIMIT_EXCEEDED;
    return session->refusal;
}

static void on_hello(struct netipc_server *server, struct netipc_session *session, const unsigned char *packet,
                     size_t length)
{
    struct netipc_envelope envelope;
    struct netipc_hello hello = {0};
    if (!netipc_wire_envelope(packet, length, &envelope) || envelope.magic != NETIPC_WIRE_MAGIC ||
        envelope.header_len != NETIPC_WIRE_ENVELOPE_SIZE || envelope.kind != NETIPC_KIND_CONTROL ||
        envelope.code != NETIPC_OP_HELLO || envelope.payload_len != NETIPC_WIRE_HELLO_SIZE ||
        length != NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_HELLO_SIZE || envelope.item_count != 1) {
        netipc_server_end_session(server, session, "no-hello");
        return;
    }
    memcpy(&hello, packet + NETIPC_WIRE_ENVELOPE_SIZE, NETIPC_WIRE_HELLO_SIZE);
    if (hello.zero != 0) {
        netipc_server_end_session(server, session, "no-hello");
        return;
    }
    uint16_t verdict = judge_hello(server, session, &envelope, &hello);
    if (verdict != NETIPC_TRANSPORT_OK) {
        refuse_hello(server, session, verdict, envelope.message_id);
        return;
    }

    const uint32_t offered = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION;
    uint32_t own_packet = netipc_packet_size_offer(session->socket);
    struct netipc_hello_ack ack = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = offered,
        .intersection_profiles = hello.supported_profiles & offered,
        .selected_profile =
            netipc_wire_select_profile(hello.supported_profiles & offered, hello.preferred_profiles & offered),
        .max_request_payload_bytes = hello.max_request_payload_bytes,
        .max_request_batch_items = hello.max_request_batch_items,
        .max_response_payload_bytes = hello.max_response_payload_bytes,
        .max_response_batch_items = hello.max_response_batch_items,
        .packet_size = hello.packet_size < own_packet ? hello.packet_size : own_packet,
        .session_id = ++server->last_number,
    };
    session->number = ack.session_id;
    session->state = NETIPC_SESSION_OPEN;
    session->may_attach = (ack.intersection_profiles & NETIPC_PROFILE_PUBLICATION) != 0;
    session->must_attach = ack.selected_profile == NETIPC_PROFILE_PUBLICATION;
    session->max_request_payload = ack.max_request_payload_bytes;
    session->packet_size = ack.packet_size;
    arm_deadline(server, session); /* for ATTACH, if one must come */
    settle_deadline(session);
    unsigned char out[NETIPC_WIRE_CONTROL_MAX];
    size_t out_length =
        netipc_wire_control(NETIPC_OP_HELLO_ACK, NETIPC_TRANSPORT_OK, envelope.message_id, &ack, sizeof ack, out);
    answer(server, session, out, out_length, false);
}

/* --- attaching --- */

static void refuse_region(struct netipc_server *server, struct netipc_session *session, uint16_t status,
                          const struct netipc_server_offer *offer)
{
    netipc_log_field fields[] = {{"transport_status", NULL, status}, {"region_size", NULL, offer->region_size}};
    netipc_log_event(&server->log, NETIPC_LOG_WARNING, "attach-refused", fields, 2);
    netipc_count(&server->totals.refused_other, 1);
    struct netipc_region_offer region = {
        .layout_version = NETIPC_WIRE_LAYOUT, .region_size = offer->region_size, .ordinal = offer->ordinal};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_REGION, status, session->attach_id, &region, sizeof region, packet);
    answer(server, session, packet, length, true);
}

/* What this session may be granted of the leases of the region on offer. Those of a superseded region are all free. */
static uint32_t grantable(struct netipc_server *server, const struct netipc_session *session,
                          const struct netipc_server_offer *offer)
{
    if (server->granted_ordinal != offer->ordinal) {
        server->granted_ordinal = offer->ordinal;
        server->granted_leases = 0;
    }
    uint32_t left = offer->lease_quota - server->granted_leases;
    return session->leases_wanted < left ? session->leases_wanted : left;
}

/* Called with the offer locked, so that its descriptor stays what it is. */
static enum netipc_packet_result send_region(struct netipc_session *session, const struct netipc_server_offer *offer,
                                             uint32_t leases)
{
    /* Descriptors under way count against this uid's limit: at most one region waits in the peer's queue, and only when
     * everything before it has been received. */
    if (!netipc_packet_all_received(session->socket))
        return NETIPC_PACKET_AGAIN;
    bool with_page = session->have_ordinal == 0;
    struct netipc_region_offer region = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .flags = with_page ? NETIPC_REGION_WITH_PAGE : 0,
        .line_offset = session->page.line_offset,
        .region_size = offer->region_size,
        .ordinal = offer->ordinal,
        .incarnation = {offer->incarnation[0], offer->incarnation[1]},
        .page_size = (uint32_t)netipc_session_page_bytes(),
        .lease_quota = leases,
    };
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length =
        netipc_wire_control(NETIPC_OP_REGION, NETIPC_TRANSPORT_OK, session->attach_id, &region, sizeof region, packet);
    int fds[2] = {offer->fd, session->page.fd};
    return netipc_packet_send(session->socket, packet, length, fds, with_page ? 2 : 1);
}

static void offer_region(struct netipc_server *server, struct netipc_session *session)
{
    pthread_mutex_lock(&server->offer_lock);
    struct netipc_server_offer offer = server->offer;
    enum netipc_packet_result result = NETIPC_PACKET_FAILED;
    bool fits = offer.region_size <= session->attach_limit;
    bool has_page = session->page.base != NULL;
    if (fits && !has_page)
        has_page = netipc_session_page_create(session->number, &session->page) == NETIPC_OK;
    uint32_t leases = grantable(server, session, &offer);
    if (fits && has_page)
        result = send_region(session, &offer, leases);
    pthread_mutex_unlock(&server->offer_lock);

    session->retry_ns = 0;
    if (!fits) {
        refuse_region(server, session, NETIPC_TRANSPORT_LIMIT_EXCEEDED, &offer);
    } else if (!has_page) {
        refuse_region(server, session, NETIPC_TRANSPORT_INTERNAL_ERROR, &offer);
    } else if (result == NETIPC_PACKET_DONE) {
        session->state = NETIPC_SESSION_OFFERED;
        session->offered_ordinal = offer.ordinal;
        session->descriptors_sent = true;
        session->leases_granted = leases;
        server->granted_leases += leases;
    } else if (result == NETIPC_PACKET_AGAIN) {
        session->retry_ns = netipc_os_monotonic_ns() + REGION_RETRY_NS;
    } else {
        netipc_server_end_session(server, session, "peer-closed");
    }
}

static void on_attach(struct netipc_server *server, struct netipc_session *session, uint64_t id,
                      const unsigned char *payload)
{
    struct netipc_attach attach;
    memcpy(&attach, payload, sizeof attach);
    if (session->state != NETIPC_SESSION_OPEN || !session->may_attach || attach.layout_version != NETIPC_WIRE_LAYOUT ||
        attach.flags != 0 || attach.have_ordinal != session->have_ordinal) {
        netipc_server_end_session(server, session, "bad-attach");
        return;
    }
    session->attach_id = id;
    session->attach_limit = attach.max_region_size;
    session->leases_wanted = attach.lease_words < NETIPC_SESSION_LEASES ? attach.lease_words : NETIPC_SESSION_LEASES;
    pthread_mutex_lock(&server->offer_lock);
    uint64_t newest = server->offer.ordinal;
    pthread_mutex_unlock(&server->offer_lock);
    if (session->have_ordinal == newest) {
        answer_note(server, session, NETIPC_OP_READY, id, newest);
        return;
    }
    session->state = NETIPC_SESSION_REGION_DUE;
    arm_deadline(server, session);
    offer_region(server, session);
}

static void on_attached(struct netipc_server *server, struct netipc_session *session, uint64_t id,
                        const unsigned char *payload)
{
    struct netipc_note note;
    memcpy(&note, payload, sizeof note);
    if (session->state != NETIPC_SESSION_OFFERED || note.layout_version != NETIPC_WIRE_LAYOUT || note.flags != 0 ||
        note.ordinal != session->offered_ordinal || note.status != NETIPC_OK) {
        netipc_server_end_session(server, session, "not-attached");
        return;
    }
    if (!session->listed) {
        /* From the seal on the peer can take nothing away; only then may the publishing thread look at the page. */
        if (netipc_session_page_seal(&session->page) != NETIPC_OK) {
            netipc_server_end_session(server, session, "session-page-tampered");
            return;
        }
        netipc_session_table_grant(server->table, session->index, session->offered_ordinal, session->leases_granted);
        netipc_session_table_insert(server->table, session->index, session->page.line);
        session->listed = true;
        netipc_count(&server->totals.attached, 1);
    } else {
        netipc_session_table_grant(server->table, session->index, session->offered_ordinal, session->leases_granted);
    }
    session->have_ordinal = session->offered_ordinal;
    /* What waits for the peer from now on is without descriptors, unless it speaks of a region that it did not take. */
    session->descriptors_sent = !netipc_packet_all_received(session->socket);
    session->state = NETIPC_SESSION_OPEN;
    settle_deadline(session);
    pthread_mutex_lock(&server->offer_lock);
    session->superseded_due = server->offer.ordinal > session->have_ordinal;
    pthread_mutex_unlock(&server->offer_lock);
    answer_note(server, session, NETIPC_OP_READY, id, session->have_ordinal);
    if (session->superseded_due)
        netipc_session_tell_superseded(server, session);
}

void netipc_session_tell_superseded(struct netipc_server *server, struct netipc_session *session)
{
    session->superseded_due = true;
    if (session->state != NETIPC_SESSION_OPEN || session->have_ordinal == 0 || session->pending_length > 0)
        return;
    session->superseded_due = false;
    pthread_mutex_lock(&server->offer_lock);
    session->told_ordinal = server->offer.ordinal;
    pthread_mutex_unlock(&server->offer_lock);
    answer_note(server, session, NETIPC_OP_SUPERSEDED, 0, session->told_ordinal);
}

void netipc_session_tell_doorbell(struct netipc_server *server, struct netipc_session *session)
{
    /* What it has not taken yet wakes it as well: one at most is under way, however often it arms. */
    session->doorbell_due = session->pending_length > 0;
    if (!session->doorbell_due && netipc_packet_all_received(session->socket))
        answer_note(server, session, NETIPC_OP_DOORBELL, 0, session->have_ordinal);
}

void netipc_session_tell_closed(struct netipc_session *session)
{
    if (session->have_ordinal == 0 || session->pending_length > 0)
        return;
    struct netipc_note note = {
        .layout_version = NETIPC_WIRE_LAYOUT, .status = NETIPC_CLOSED, .ordinal = session->have_ordinal};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_CLOSED, NETIPC_TRANSPORT_OK, 0, &note, sizeof note, packet);
    netipc_packet_send(session->socket, packet, length, NULL, 0);
}

/* --- requests: no method is served here, and every one is told so --- */

static void answer_request(struct netipc_server *server, struct netipc_session *session, uint16_t code, uint64_t id,
                           uint16_t transport_status, bool then_end)
{
    struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_RESPONSE,
        .code = code,
        .transport_status = transport_status,
        .item_count = 1,
        .message_id = id,
    };
    answer(server, session, &envelope, sizeof envelope, then_end);
}

static void on_request(struct netipc_server *server, struct netipc_session *session,
                       const struct netipc_envelope *envelope, size_t length)
{
    if (envelope->payload_len > session->max_request_payload) {
        answer_request(server, session, envelope->code, envelope->message_id, NETIPC_TRANSPORT_LIMIT_EXCEEDED, true);
        return;
    }
    size_t here = length - NETIPC_WIRE_ENVELOPE_SIZE;
    if (here > envelope->payload_len || length > session->packet_size) {
        netipc_server_end_session(server, session, "bad-length");
        return;
    }
    if (here == envelope->payload_len) {
        answer_request(server, session, envelope->code, envelope->message_id, NETIPC_TRANSPORT_UNSUPPORTED, false);
        return;
    }
    session->skip_bytes = envelope->payload_len - here;
    session->skip_id = envelope->message_id;
    session->skip_code = envelope->code;
    session->skip_total = NETIPC_WIRE_ENVELOPE_SIZE + envelope->payload_len;
    session->skip_index = 1;
    session->skip_count = 0;
    if (session->deadline_ns == 0) /* one that runs is for something else, and is not put off by this */
        arm_deadline(server, session);
}

static void on_continuation(struct netipc_server *server, struct netipc_session *session, const unsigned char *packet,
                            size_t length)
{
    struct {
        uint32_t magic;
        uint16_t version, flags;
        uint64_t message_id;
        uint32_t total_message_len, chunk_index, chunk_count, chunk_payload_len;
    } chunk;
    static_assert(sizeof chunk == NETIPC_WIRE_ENVELOPE_SIZE, "");
    bool good = length > sizeof chunk && length <= session->packet_size;
    if (good) {
        memcpy(&chunk, packet, sizeof chunk);
        good = chunk.magic == NETIPC_WIRE_CHUNK_MAGIC && chunk.version == NETIPC_WIRE_VERSION && chunk.flags == 0 &&
               chunk.message_id == session->skip_id && chunk.total_message_len == session->skip_total &&
               chunk.chunk_index == session->skip_index && chunk.chunk_index < chunk.chunk_count &&
               (session->skip_count == 0 || chunk.chunk_count == session->skip_count) &&
               chunk.chunk_payload_len == length - sizeof chunk && chunk.chunk_payload_len <= session->skip_bytes;
    }
    if (!good) {
        netipc_server_end_session(server, session, "bad-chunk");
        return;
    }
    session->skip_count = chunk.chunk_count;
    session->skip_index++;
    session->skip_bytes -= chunk.chunk_payload_len;
    if (session->skip_bytes > 0)
        return;
    if (session->skip_index != session->skip_count) {
        netipc_server_end_session(server, session, "bad-chunk");
        return;
    }
    settle_deadline(session);
    answer_request(server, session, session->skip_code, session->skip_id, NETIPC_TRANSPORT_UNSUPPORTED, false);
}

/* --- events --- */

static void on_packet(struct netipc_server *server, struct netipc_session *session, const unsigned char *packet,
                      size_t length)
{
    if (session->state == NETIPC_SESSION_HELLO) {
        on_hello(server, session, packet, length);
        return;
    }
    if (session->skip_bytes > 0) {
        on_continuation(server, session, packet, length);
        return;
    }
    struct netipc_envelope envelope;
    if (!netipc_wire_envelope(packet, length, &envelope)) {
        netipc_server_end_session(server, session, "bad-envelope");
        return;
    }
    const unsigned char *payload = packet + NETIPC_WIRE_ENVELOPE_SIZE;
    if (netipc_wire_is_control(&envelope, length, NETIPC_OP_ATTACH, NETIPC_WIRE_ATTACH_SIZE))
        on_attach(server, session, envelope.message_id, payload);
    else if (netipc_wire_is_control(&envelope, length, NETIPC_OP_ATTACHED, NETIPC_WIRE_NOTE_SIZE))
        on_attached(server, session, envelope.message_id, payload);
    else if (envelope.magic == NETIPC_WIRE_MAGIC && envelope.version == NETIPC_WIRE_VERSION &&
             envelope.header_len == NETIPC_WIRE_ENVELOPE_SIZE && envelope.kind == NETIPC_KIND_REQUEST)
        on_request(server, session, &envelope, length);
    else
        netipc_server_end_session(server, session, "bad-envelope");
}

void netipc_session_on_readable(struct netipc_server *server, struct netipc_session *session)
{
    for (int packets = 0; packets < PACKETS_A_TURN; packets++) {
        if (session->state == NETIPC_SESSION_ENDED || session->pending_length > 0)
            return;
        unsigned char packet[256]; /* nothing that is looked into is longer */
        size_t length;
        enum netipc_packet_result result = netipc_packet_receive(session->socket, packet, sizeof packet, &length);
        if (result == NETIPC_PACKET_AGAIN)
            return;
        if (result != NETIPC_PACKET_DONE) {
            netipc_server_end_session(server, session, "peer-closed");
            return;
        }
        on_packet(server, session, packet, length);
    }
}

void netipc_session_on_writable(struct netipc_server *server, struct netipc_session *session)
{
    enum netipc_packet_result result =
        netipc_packet_send(session->socket, session->pending, session->pending_length, NULL, 0);
    if (result == NETIPC_PACKET_AGAIN)
        return;
    if (result != NETIPC_PACKET_DONE || session->end_after_pending) {
        netipc_server_end_session(server, session, result == NETIPC_PACKET_DONE ? "refused" : "peer-closed");
        return;
    }
    session->pending_length = 0;
    settle_deadline(session);
    netipc_server_watch(server, session, true, false);
    if (session->superseded_due)
        netipc_session_tell_superseded(server, session);
    if (session->doorbell_due && session->state != NETIPC_SESSION_ENDED)
        netipc_session_tell_doorbell(server, session);
}

void netipc_session_on_time(struct netipc_server *server, struct netipc_session *session, uint64_t now_ns)
{
    if (session->deadline_ns != 0 && now_ns >= session->deadline_ns) {
        netipc_count(&server->totals.timed_out, 1);
        netipc_server_end_session(server, session, "deadline");
    } else if (session->state == NETIPC_SESSION_REGION_DUE && session->retry_ns != 0 && now_ns >= session->retry_ns) {
        /* An answer that waits for room goes first. */
        if (session->pending_length == 0)
            offer_region(server, session);
        else
            session->retry_ns = now_ns + REGION_RETRY_NS;
    }
}
