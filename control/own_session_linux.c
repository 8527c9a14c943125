/* SPDX-License-Identifier: Apache-2.0 */
/* A session by hand: either end of one. */
#include "control/endpoint.h"
#include "control/packet.h"
#include "control/session_state.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/sized.h"

#include <netipc/server.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HELLO_PACKET = 256, PACKETS_A_CALL = 64 };

void netipc_session_count_release(struct netipc_session_count *count)
{
    if (count != NULL && netipc_fetch_add(&count->holders, (uint32_t)-1, acq_rel) == 1)
        free(count);
}

netipc_status netipc_session_new(struct netipc_session **session)
{
    struct netipc_session *made = calloc(1, sizeof *made);
    *session = made;
    if (made == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a session");
    netipc_dial_init(&made->dial);
    made->epoll = -1;
    netipc_status status = netipc_fork_guard_arm(&made->fork_guard);
    if (status == NETIPC_OK) {
        made->epoll = epoll_create1(EPOLL_CLOEXEC);
        if (made->epoll < 0)
            status = netipc_fail_errno(errno, "make an epoll descriptor");
    }
    if (status != NETIPC_OK) {
        netipc_session_close(made);
        *session = NULL;
    }
    return status;
}

void netipc_session_close(netipc_session *session)
{
    if (session == NULL)
        return;
    bool forked = session->fork_guard.pid != 0 && netipc_fork_guard_forked(&session->fork_guard);
    netipc_dial_hang_up(&session->dial, forked);
    if (session->epoll >= 0)
        close(session->epoll);
    netipc_channel_free(&session->channel);
    if (session->count != NULL && !forked)
        netipc_fetch_add(session->counted ? &session->count->sessions : &session->count->refusing, (uint32_t)-1,
                         relaxed);
    netipc_session_count_release(session->count);
    netipc_uid_list_free(&session->uids);
    netipc_fork_guard_disarm(&session->fork_guard);
    free(session->scratch);
    free(session->run_dir);
    free(session->service);
    free(session);
}

static netipc_status check_call(const netipc_session *session)
{
    if (session == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no session given");
    if (netipc_fork_guard_forked(&session->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this session belongs to the parent process");
    if (session->over != NETIPC_OK)
        return netipc_fail(session->over, "the session is over");
    return NETIPC_OK;
}

static netipc_status end(netipc_session *session, netipc_status why)
{
    session->over = why;
    session->ready = false;
    return why;
}

static netipc_status hung_up(netipc_session *session)
{
    uint32_t pid = session->dial.peer.pid;
    if (netipc_peer_died(session->dial.peer.pidfd))
        return end(session, netipc_fail(NETIPC_GONE, "process %u at the other end died", pid));
    return end(session, netipc_fail(NETIPC_DISCONNECTED, "process %u at the other end hung up", pid));
}

/* --- polling --- */

netipc_status netipc_session_poll(struct netipc_session *session)
{
    const int fds[] = {session->dial.socket, session->dial.peer.pidfd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (fds[i] >= 0 && epoll_ctl(session->epoll, EPOLL_CTL_ADD, fds[i], &event) < 0)
            return netipc_fail_errno(errno, "watch the session");
    }
    return NETIPC_OK;
}

static void watch_for_room(netipc_session *session)
{
    bool waits = netipc_channel_waits_for_room(&session->channel);
    bool starved = netipc_channel_waits(&session->channel) && !waits;
    session->flush_ns = starved ? netipc_os_monotonic_ns() + NETIPC_PACKET_RETRY_NS : 0;
    if (waits == session->waits_for_room)
        return;
    struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0u)};
    if (epoll_ctl(session->epoll, EPOLL_CTL_MOD, session->dial.socket, &event) == 0)
        session->waits_for_room = waits;
}

int netipc_session_fd(const netipc_session *session)
{
    return session != NULL && !netipc_fork_guard_forked(&session->fork_guard) ? session->epoll : -1;
}

uint64_t netipc_session_retry_in(const netipc_session *session)
{
    if (check_call(session) != NETIPC_OK)
        return UINT64_MAX;
    uint64_t at = session->ready ? session->flush_ns : session->dial.retry_ns, now = netipc_os_monotonic_ns();
    if (at == 0)
        return UINT64_MAX;
    return at > now ? at - now : 0;
}

/* --- the handshake --- */

static netipc_status become_ready(netipc_session *session, uint32_t sends_most, uint32_t receives_most)
{
    uint32_t packet_size = session->agreed.packet_size;
    uint64_t queue = netipc_channel_queue_for(sends_most);
    unsigned char *scratch = malloc(netipc_channel_scratch_size(packet_size));
    if (scratch == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for packets of %u bytes", packet_size);
    free(session->scratch);
    session->scratch = scratch;
    /* What waits goes first: the answer to HELLO. */
    struct netipc_channel channel;
    netipc_channel_init(&channel, session->dial.socket, packet_size, receives_most,
                        queue > session->transmit_queue ? queue : session->transmit_queue);
    netipc_channel_protect(&channel, netipc_checksum_select(session->agreed.intersection_profiles));
    session->channel = channel;
    session->ready = true;
    return NETIPC_OK;
}

static netipc_status advance_dial(netipc_session *session)
{
    bool connected = session->dial.state == NETIPC_DIAL_HELLO;
    netipc_status status = session->dial.state == NETIPC_DIAL_IDLE ? netipc_dial_begin(&session->dial)
                                                                   : netipc_dial_advance(&session->dial);
    if ((status == NETIPC_OK || status == NETIPC_WOULD_BLOCK) && !connected &&
        session->dial.state >= NETIPC_DIAL_HELLO) {
        netipc_packet_refuse_fds(session->dial.socket);
        netipc_status polled = netipc_session_poll(session);
        if (polled != NETIPC_OK)
            return polled;
    }
    if (status != NETIPC_OK)
        return status;
    session->agreed = session->dial.ack;
    return become_ready(session, session->agreed.max_request_payload_bytes, session->agreed.max_response_payload_bytes);
}

static netipc_status send_ack(netipc_session *session, const struct netipc_hello_ack *ack, uint16_t verdict,
                              uint64_t id)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, verdict, id, ack, sizeof *ack, packet);
    switch (netipc_packet_send(session->dial.socket, packet, length, NULL, 0)) {
    case NETIPC_PACKET_DONE:
        return NETIPC_OK;
    case NETIPC_PACKET_CLOSED:
        return hung_up(session);
    default:
        return netipc_fail(NETIPC_NO_MEMORY, "a new connection takes no packet");
    }
}

static netipc_status refuse(netipc_session *session, const struct netipc_hello_ack *ack, uint16_t verdict, uint64_t id)
{
    netipc_status status = send_ack(session, ack, verdict, id);
    if (status != NETIPC_OK)
        return status;
    if (session->refusal == NETIPC_TRANSPORT_LIMIT_EXCEEDED && verdict == session->refusal)
        return netipc_fail(NETIPC_BUSY, "process %u was refused: there are as many sessions as may be",
                           session->dial.peer.pid);
    return netipc_fail(netipc_wire_status(verdict), "process %u of uid %u was refused (transport status %u)",
                       session->dial.peer.pid, session->dial.peer.uid, verdict);
}

static netipc_status answer_hello(netipc_session *session)
{
    unsigned char packet[HELLO_PACKET];
    struct netipc_envelope envelope;
    struct netipc_hello hello;
    size_t length;
    switch (netipc_packet_receive(session->dial.socket, packet, sizeof packet, &length)) {
    case NETIPC_PACKET_DONE:
        break;
    case NETIPC_PACKET_AGAIN:
        return netipc_peer_died(session->dial.peer.pidfd) ? hung_up(session) : NETIPC_WOULD_BLOCK;
    case NETIPC_PACKET_CLOSED:
        return hung_up(session);
    default:
        return netipc_fail_errno(errno, "receive a HELLO");
    }
    if (length > sizeof packet || !netipc_agreement_parse(packet, length, &envelope, &hello))
        return netipc_fail(NETIPC_PROTOCOL, "a packet of %zu bytes is no HELLO", length);
    uint16_t verdict = netipc_agreement_judge(&session->terms, &envelope, &hello, session->refusal);
    if (verdict != NETIPC_TRANSPORT_OK) {
        const struct netipc_hello_ack ack = netipc_agreement_refusal(&session->terms, &hello, verdict);
        return refuse(session, &ack, verdict, envelope.message_id);
    }
    session->agreed = netipc_agreement_make(&session->terms, &hello, netipc_packet_size_offer(session->dial.socket),
                                            ++session->count->last_number);
    netipc_status status = send_ack(session, &session->agreed, NETIPC_TRANSPORT_OK, envelope.message_id);
    return status == NETIPC_OK ? become_ready(session, session->agreed.max_response_payload_bytes,
                                              session->agreed.max_request_payload_bytes)
                               : status;
}

/* --- going on --- */

netipc_status netipc_session_advance(netipc_session *session)
{
    netipc_status status = check_call(session);
    if (status != NETIPC_OK)
        return status;
    if (!session->ready) {
        status = session->count != NULL ? answer_hello(session) : advance_dial(session);
        return status == NETIPC_OK || status == NETIPC_WOULD_BLOCK ? status : end(session, status);
    }
    enum netipc_channel_result result = netipc_channel_flush(&session->channel);
    watch_for_room(session);
    switch (result) {
    case NETIPC_CHANNEL_DONE:
        return NETIPC_OK;
    case NETIPC_CHANNEL_AGAIN:
        return netipc_peer_died(session->dial.peer.pidfd) ? hung_up(session) : NETIPC_WOULD_BLOCK;
    case NETIPC_CHANNEL_CLOSED:
        return hung_up(session);
    default:
        return end(session, netipc_fail_errno(errno, "send to process %u", session->dial.peer.pid));
    }
}

/* --- messages --- */

static netipc_status check_message(const netipc_session *session, const netipc_message *message)
{
    if (message == NULL || message->size < sizeof *message)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no message given, or its size is not set");
    bool request = message->kind == NETIPC_MESSAGE_REQUEST;
    if ((!request && message->kind != NETIPC_MESSAGE_RESPONSE) || message->method == 0 ||
        message->method > UINT16_MAX || message->outcome > (request ? 0u : NETIPC_OUTCOME_INTERNAL_ERROR) ||
        message->batch > 1 || message->item_count == 0 || (message->batch == 0 && message->item_count != 1) ||
        (message->payload == NULL && message->length > 0))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "kind %u, method %u, outcome %u, %u items is no message",
                           message->kind, message->method, message->outcome, message->item_count);
    const struct netipc_hello_ack *agreed = &session->agreed;
    uint32_t payload = request ? agreed->max_request_payload_bytes : agreed->max_response_payload_bytes;
    uint32_t items = request ? agreed->max_request_batch_items : agreed->max_response_batch_items;
    if (message->length > payload)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "a message of %zu bytes, %u were agreed on", message->length,
                           payload);
    if (message->batch == 1 && message->item_count > items)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "a batch of %u items, %u were agreed on", message->item_count, items);
    return NETIPC_OK;
}

netipc_status netipc_session_send(netipc_session *session, const netipc_message *message)
{
    netipc_status status = check_call(session);
    if (status != NETIPC_OK)
        return status;
    if (!session->ready)
        return netipc_fail(NETIPC_WRONG_STATE, "the session is not ready yet");
    status = check_message(session, message);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = (uint16_t)message->kind,
        .flags = message->batch != 0 ? NETIPC_ENVELOPE_BATCH : 0,
        .code = (uint16_t)message->method,
        .transport_status = (uint16_t)message->outcome,
        .payload_len = (uint32_t)message->length,
        .item_count = message->item_count,
        .message_id = message->id,
    };
    enum netipc_channel_result result = netipc_channel_send(&session->channel, &envelope, message->payload);
    watch_for_room(session);
    switch (result) {
    case NETIPC_CHANNEL_DONE:
        return NETIPC_OK;
    case NETIPC_CHANNEL_AGAIN:
        return NETIPC_WOULD_BLOCK;
    case NETIPC_CHANNEL_CLOSED:
        return hung_up(session);
    case NETIPC_CHANNEL_NO_MEMORY:
        return end(session, netipc_fail(NETIPC_NO_MEMORY, "no memory for a message of %zu bytes", message->length));
    default:
        return end(session, netipc_fail_errno(errno, "send to process %u", session->dial.peer.pid));
    }
}

static void describe(const netipc_session *session, bool whole, netipc_message *message)
{
    const struct netipc_envelope *envelope = &session->channel.joiner.envelope;
    *message = (netipc_message){
        .size = message->size,
        .kind = envelope->kind,
        .method = envelope->code,
        .outcome = envelope->transport_status,
        .batch = envelope->flags,
        .item_count = envelope->item_count,
        .id = envelope->message_id,
        .payload = whole ? session->channel.joiner.payload : NULL,
        .length = envelope->payload_len,
    };
}

static bool is_message(const struct netipc_envelope *envelope)
{
    bool request = envelope->kind == NETIPC_KIND_REQUEST;
    return (request || envelope->kind == NETIPC_KIND_RESPONSE) && envelope->flags <= NETIPC_ENVELOPE_BATCH &&
           envelope->item_count > 0 && (envelope->flags != 0 || envelope->item_count == 1) &&
           (!request || envelope->transport_status == NETIPC_TRANSPORT_OK);
}

netipc_status netipc_session_receive(netipc_session *session, netipc_message *message)
{
    netipc_status status = check_call(session);
    if (status != NETIPC_OK)
        return status;
    if (message == NULL || message->size < sizeof *message)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no message given, or its size is not set");
    if (!session->ready)
        return netipc_fail(NETIPC_WRONG_STATE, "the session is not ready yet");
    netipc_joiner_trim(&session->channel.joiner); /* the last message has been dealt with */
    unsigned packets = PACKETS_A_CALL;
    enum netipc_channel_result result = netipc_channel_receive(&session->channel, session->scratch, &packets);
    const struct netipc_envelope *envelope = &session->channel.joiner.envelope;
    switch (result) {
    case NETIPC_CHANNEL_DONE:
        if (!is_message(envelope))
            break;
        describe(session, true, message);
        return NETIPC_OK;
    case NETIPC_CHANNEL_AGAIN:
        if (packets > 0 && netipc_peer_died(session->dial.peer.pidfd))
            return hung_up(session);
        return NETIPC_WOULD_BLOCK;
    case NETIPC_CHANNEL_LARGE:
        describe(session, false, message);
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "a message of %u bytes comes, %u were agreed on",
                           envelope->payload_len, session->channel.joiner.payload_limit);
    case NETIPC_CHANNEL_CLOSED:
        return hung_up(session);
    case NETIPC_CHANNEL_NO_MEMORY:
        return end(session,
                   netipc_fail(NETIPC_NO_MEMORY, "no memory for a message of %u bytes", envelope->payload_len));
    case NETIPC_CHANNEL_FAILED:
        return end(session, netipc_fail_errno(errno, "receive from process %u", session->dial.peer.pid));
    case NETIPC_CHANNEL_MISMATCH:
        return end(session, NETIPC_CHECKSUM_MISMATCH);
    default:
        break;
    }
    return end(session, netipc_fail(NETIPC_PROTOCOL, "process %u sent what is no message: a packet of %zu bytes",
                                    session->dial.peer.pid, session->channel.came));
}

netipc_status netipc_session_status(const netipc_session *session, netipc_session_info *info)
{
    if (session == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no session given");
    if (netipc_fork_guard_forked(&session->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this session belongs to the parent process");
    const struct netipc_hello_ack *agreed = &session->agreed;
    const netipc_session_info filled = {
        .size = sizeof filled,
        .ready = session->ready,
        .peer_pid = session->dial.peer.pid,
        .peer_uid = session->dial.peer.uid,
        .session = agreed->session_id,
        .packet_size = agreed->packet_size,
        .max_request_payload = agreed->max_request_payload_bytes,
        .max_response_payload = agreed->max_response_payload_bytes,
        .max_request_items = agreed->max_request_batch_items,
        .max_response_items = agreed->max_response_batch_items,
        .checksum = netipc_checksum_told(session->channel.checksum),
        .waiting = session->channel.queue.used,
    };
    return netipc_sized_out(info, &filled, sizeof filled);
}

/* --- connecting --- */

void netipc_session_config_init_sized(netipc_session_config *config, size_t size)
{
    const netipc_session_config defaults = {
        .max_request_payload = 65536,
        .max_response_payload = 65536,
        .max_items = 1024,
        .directory_mode = 0700,
        .socket_mode = 0600,
        .max_sessions = 16,
        .lock_timeout_ns = UINT64_C(5000000000),
    };
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

static netipc_status fill(netipc_session *session, const netipc_session_config *config)
{
    session->transmit_queue = config->transmit_queue;
    session->run_dir = strdup(config->run_dir);
    session->service = strdup(config->service);
    if (session->run_dir == NULL || session->service == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a session");
    session->dial.run_dir = session->run_dir;
    session->dial.service = session->service;
    session->dial.uids = &session->uids;
    session->dial.required_profile = NETIPC_PROFILE_BASELINE;
    (void)netipc_checksum_wish(config->checksum, &session->dial.checksum_wish); /* checked */
    session->dial.hello = (struct netipc_hello){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE,
        .preferred_profiles = NETIPC_PROFILE_BASELINE,
        .max_request_payload_bytes = config->max_request_payload,
        .max_request_batch_items = config->max_items,
        .max_response_payload_bytes = config->max_response_payload,
        .max_response_batch_items = config->max_items,
        .auth_token = config->token,
    };
    return netipc_uid_list_copy(config->allowed_uids, config->allowed_uid_count, &session->uids);
}

netipc_status netipc_session_connect(const netipc_session_config *given, netipc_session **session)
{
    if (session == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the session given");
    *session = NULL;
    netipc_session_config config;
    netipc_status status = netipc_session_config_take(given, &config);
    netipc_session *made = NULL;
    if (status == NETIPC_OK)
        status = netipc_session_new(&made);
    if (status == NETIPC_OK)
        status = fill(made, &config);
    if (status == NETIPC_OK)
        status = netipc_session_advance(made);
    if (status == NETIPC_OK || status == NETIPC_WOULD_BLOCK)
        *session = made;
    else
        netipc_session_close(made);
    return status;
}
