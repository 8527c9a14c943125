/* SPDX-License-Identifier: Apache-2.0 */
/* A peer's session: what comes, what leaves, and when it ends. */
#include "control/packet.h"
#include "control/server_state.h"

#include <stddef.h>
#include <stdlib.h>

/* Then the other sessions get theirs: whichever comes first. Handlers that run in the loop take their time from them.
 */
enum { PACKETS_A_TURN = 16, NS_A_TURN = 500000 };

/* --- leaving --- */

/* The time for a message to come is the peer's only as long as it is read. */
static void stop_or_go_on_reading(struct netipc_peer_session *session, bool reads)
{
    if (reads && session->read_left_ns != 0) {
        netipc_session_set_due(session, &session->read_due_ns, session->read_left_ns);
        session->read_left_ns = 0;
    } else if (!reads && session->read_due_ns != 0) {
        uint64_t now = netipc_os_monotonic_ns();
        session->read_left_ns = session->read_due_ns > now ? session->read_due_ns - now : 1;
        netipc_session_clear_due(session, &session->read_due_ns);
    }
}

/* What waits has all left, or something has changed that decides what may be read. */
void netipc_session_watch(struct netipc_peer_session *session)
{
    if (session->state == NETIPC_SESSION_ENDED)
        return;
    bool reads = netipc_session_takes_requests(session);
    uint32_t interest = reads ? NETIPC_READABLE : 0;
    stop_or_go_on_reading(session, reads);
    if (netipc_channel_waits_for_room(&session->channel))
        interest |= NETIPC_WRITABLE;
    else if (netipc_channel_waits(&session->channel) && session->flush_ns == 0)
        netipc_session_set_due(session, &session->flush_ns, NETIPC_PACKET_RETRY_NS);
    if (interest == session->interest)
        return;
    session->interest = interest;
    if (!netipc_event_loop_change(&session->service->server->loop, session->channel.socket, interest,
                                  &session->socket_source))
        netipc_session_end(session, "no-memory"); /* it would wait for ever */
}

void netipc_session_sent(struct netipc_peer_session *session, enum netipc_channel_result result)
{
    if (result == NETIPC_CHANNEL_CLOSED || result == NETIPC_CHANNEL_FAILED) {
        netipc_session_end(session, result == NETIPC_CHANNEL_CLOSED ? "peer-closed" : "send-failed");
    } else if (result != NETIPC_CHANNEL_DONE) {
        netipc_session_end(session, "no-room");
    } else if (netipc_channel_waits(&session->channel)) {
        if (session->write_due_ns == 0)
            netipc_session_set_due(session, &session->write_due_ns, session->service->limits.write_timeout_ns);
    } else if (session->ends_after_answers && session->in_flight == 0) {
        netipc_session_end(session, "answered");
    }
    netipc_session_watch(session);
}

void netipc_session_tell(struct netipc_peer_session *session, uint16_t opcode, uint16_t transport_status, uint64_t id,
                         const void *payload, size_t length, bool then_end)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t whole = netipc_wire_control(opcode, transport_status, id, payload, length, packet);
    session->ends_after_answers = session->ends_after_answers || then_end;
    netipc_session_sent(session, netipc_channel_send_packet(&session->channel, packet, whole));
}

void netipc_session_note(struct netipc_peer_session *session, uint16_t opcode, uint64_t id, uint64_t ordinal)
{
    struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = ordinal};
    netipc_session_tell(session, opcode, NETIPC_TRANSPORT_OK, id, &note, sizeof note, false);
}

static void on_writable(struct netipc_peer_session *session)
{
    uint64_t before = session->channel.flushed;
    enum netipc_channel_result result = netipc_channel_flush(&session->channel);
    if (result != NETIPC_CHANNEL_DONE && result != NETIPC_CHANNEL_AGAIN) {
        netipc_session_end(session, "peer-closed");
        return;
    }
    if (!netipc_channel_waits(&session->channel)) {
        netipc_session_clear_due(session, &session->write_due_ns);
        netipc_session_not_idle(session);
    } else if (session->channel.flushed != before) {
        netipc_session_set_due(session, &session->write_due_ns, session->service->limits.write_timeout_ns);
    }
    netipc_session_send_answers(session);
    netipc_session_sent(session, NETIPC_CHANNEL_DONE);
    if (session->superseded_due && session->state != NETIPC_SESSION_ENDED)
        netipc_session_tell_superseded(session);
    if (session->doorbell_due && session->state != NETIPC_SESSION_ENDED)
        netipc_session_tell_doorbell(session);
}

/* --- coming --- */

static void end_broken(struct netipc_peer_session *session, const char *reason)
{
    netipc_count(&session->service->totals.broken, 1);
    netipc_session_end(session, reason);
}

static void on_control(struct netipc_peer_session *session)
{
    const struct netipc_envelope *envelope = &session->channel.joiner.envelope;
    const unsigned char *payload = session->channel.joiner.payload;
    size_t length = NETIPC_WIRE_ENVELOPE_SIZE + (size_t)envelope->payload_len;
    if (netipc_wire_is_control(envelope, length, NETIPC_OP_ATTACH, NETIPC_WIRE_ATTACH_SIZE))
        netipc_session_on_attach(session, envelope->message_id, payload);
    else if (netipc_wire_is_control(envelope, length, NETIPC_OP_ATTACHED, NETIPC_WIRE_NOTE_SIZE))
        netipc_session_on_attached(session, envelope->message_id, payload);
    else
        end_broken(session, "bad-envelope");
}

static void on_message(struct netipc_peer_session *session)
{
    netipc_session_clear_due(session, &session->read_due_ns);
    if (session->channel.joiner.envelope.kind == NETIPC_KIND_REQUEST)
        netipc_session_on_request(session);
    else
        on_control(session);
    if (session->state != NETIPC_SESSION_ENDED)
        netipc_joiner_trim(&session->channel.joiner);
}

static void on_hello_packet(struct netipc_peer_session *session, unsigned char *scratch, unsigned *packets)
{
    size_t length;
    const struct netipc_service *service = session->service;
    /* Who has left in this turn gives its quota back when the turn is over, and is perhaps this client. */
    if (session->counted && !session->waited_a_turn &&
        (service->subscribing.taken == service->subscribing.most ||
         service->requesting.taken == service->requesting.most)) {
        session->waited_a_turn = true;
        *packets = 0;
        return;
    }
    --*packets;
    switch (netipc_packet_receive(session->channel.socket, scratch, session->channel.packet_size, &length)) {
    case NETIPC_PACKET_DONE:
        netipc_session_on_hello(session, scratch, length);
        break;
    case NETIPC_PACKET_AGAIN:
        *packets = 0;
        break;
    default:
        netipc_session_end(session, "peer-closed");
    }
}

/* Nothing more comes. Perhaps the peer has shut down its sending half only, and waits for the answers to what it has
 * asked; if not, the loop is told that it has hung up, unasked. */
static void on_last(struct netipc_peer_session *session)
{
    if (session->in_flight > 0 || netipc_channel_waits(&session->channel))
        session->ends_after_answers = true;
    else
        netipc_session_end(session, "peer-closed");
}

static void end_mismatch(struct netipc_peer_session *session)
{
    const struct netipc_checksum_mismatch *mismatch = &session->channel.mismatch;
    netipc_log_field fields[] = {{"session", NULL, session->number},
                                 {"pid", NULL, session->peer.pid},
                                 {"expected", NULL, mismatch->expected},
                                 {"actual", NULL, mismatch->actual}};
    netipc_log_event(&session->service->server->log, NETIPC_LOG_WARNING, "checksum-mismatch", fields, 4);
    netipc_count(&session->service->totals.checksum_mismatches, 1);
    netipc_session_end(session, "checksum-mismatch");
}

static void on_next(struct netipc_peer_session *session, unsigned char *scratch, unsigned *packets)
{
    switch (netipc_channel_receive(&session->channel, scratch, packets)) {
    case NETIPC_CHANNEL_DONE:
        --*packets;
        on_message(session);
        break;
    case NETIPC_CHANNEL_AGAIN:
        *packets = 0;
        if (netipc_join_under_way(&session->channel.joiner) && session->read_due_ns == 0)
            netipc_session_set_due(session, &session->read_due_ns, session->service->limits.read_timeout_ns);
        break;
    case NETIPC_CHANNEL_LARGE:
        *packets = 0;
        netipc_session_on_large(session);
        break;
    case NETIPC_CHANNEL_BROKEN:
        end_broken(session, "bad-packet");
        break;
    case NETIPC_CHANNEL_MISMATCH:
        end_mismatch(session);
        break;
    case NETIPC_CHANNEL_NO_MEMORY:
        netipc_session_end(session, "no-memory");
        break;
    case NETIPC_CHANNEL_CLOSED:
        *packets = 0;
        on_last(session);
        break;
    default:
        netipc_session_end(session, "receive-failed");
    }
}

/* The server's buffer, large enough for a packet of this session. NULL: no memory. */
static unsigned char *scratch_for(const struct netipc_peer_session *session)
{
    struct netipc_server *server = session->service->server;
    uint32_t needed = netipc_channel_scratch_size(session->channel.packet_size);
    if (needed > server->scratch_size) {
        unsigned char *larger = malloc(needed);
        if (larger == NULL)
            return NULL;
        free(server->scratch);
        server->scratch = larger;
        server->scratch_size = needed;
    }
    return server->scratch;
}

static void on_readable(struct netipc_peer_session *session)
{
    uint64_t began_ns = netipc_os_monotonic_ns();
    for (unsigned packets = PACKETS_A_TURN; packets > 0;) {
        if (session->state == NETIPC_SESSION_ENDED || !netipc_session_takes_requests(session))
            break;
        unsigned char *scratch = scratch_for(session);
        if (scratch == NULL)
            netipc_session_end(session, "no-memory");
        else if (session->state == NETIPC_SESSION_HELLO)
            on_hello_packet(session, scratch, &packets);
        else
            on_next(session, scratch, &packets);
        if (packets > 0 && netipc_os_monotonic_ns() - began_ns >= NS_A_TURN)
            break; /* what has come meanwhile is told of again */
    }
    netipc_session_watch(session);
}

/* --- events --- */

void netipc_session_on_socket(struct netipc_source *source, uint32_t events)
{
    struct netipc_peer_session *session = netipc_source_owner(source, struct netipc_peer_session, socket_source);
    if (session->state != NETIPC_SESSION_ENDED && (events & NETIPC_WRITABLE) != 0)
        on_writable(session);
    if (session->state != NETIPC_SESSION_ENDED && (session->interest & NETIPC_READABLE) != 0 &&
        (events & (NETIPC_READABLE | NETIPC_HUNG_UP)) != 0)
        on_readable(session);
    else if (session->state != NETIPC_SESSION_ENDED && (events & NETIPC_HUNG_UP) != 0)
        netipc_session_end(session, "peer-closed"); /* nothing that it might have sent would be read */
}

void netipc_session_on_peer(struct netipc_source *source, uint32_t events)
{
    (void)events;
    netipc_session_end(netipc_source_owner(source, struct netipc_peer_session, peer_source), "peer-died");
}

void netipc_session_not_idle(struct netipc_peer_session *session)
{
    uint64_t timeout_ns = session->service->limits.idle_timeout_ns;
    if (timeout_ns != 0 && session->state != NETIPC_SESSION_HELLO)
        netipc_session_set_due(session, &session->idle_due_ns, timeout_ns);
}

void netipc_session_settle(struct netipc_peer_session *session)
{
    if (session->state == NETIPC_SESSION_OPEN && (!session->must_attach || session->have_ordinal != 0))
        netipc_session_clear_due(session, &session->handshake_due_ns);
}

/* A session whose request comes, runs, or is being answered is not idle, however long that takes; nor is one that has
 * the region, or is to get it. */
static bool is_idle(const struct netipc_peer_session *session)
{
    return !session->must_attach && session->have_ordinal == 0 && session->in_flight == 0 &&
           !netipc_join_under_way(&session->channel.joiner) && !netipc_channel_waits(&session->channel);
}

static uint64_t earliest_due(const struct netipc_peer_session *session)
{
    const uint64_t times[] = {session->handshake_due_ns, session->read_due_ns, session->write_due_ns,
                              is_idle(session) ? session->idle_due_ns : 0};
    uint64_t due = 0;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i] != 0 && (due == 0 || times[i] < due))
            due = times[i];
    return due;
}

uint64_t netipc_session_on_time(struct netipc_peer_session *session, uint64_t now_ns)
{
    if (session->state == NETIPC_SESSION_ENDED)
        return 0;
    uint64_t due = earliest_due(session);
    if (due != 0 && now_ns >= due) {
        netipc_count(&session->service->totals.timed_out, 1);
        netipc_session_end(session, "deadline");
        return 0;
    }
    if (session->flush_ns != 0 && now_ns >= session->flush_ns) {
        session->flush_ns = 0;
        on_writable(session);
    }
    /* An answer that waits for room goes first. */
    if (session->state == NETIPC_SESSION_REGION_DUE && session->retry_ns != 0 && now_ns >= session->retry_ns)
        netipc_session_offer_region(session);
    due = earliest_due(session);
    const uint64_t retries[] = {session->retry_ns, session->flush_ns};
    for (size_t i = 0; i < sizeof retries / sizeof *retries; i++)
        if (retries[i] != 0 && (due == 0 || retries[i] < due))
            due = retries[i];
    return due;
}
