/* SPDX-License-Identifier: Apache-2.0 */
/* A session's requests: taken, answered here or by workers, and the answers sent. */
#include "control/call.h"
#include "control/server_state.h"

#include <stddef.h>

bool netipc_session_takes_requests(const struct netipc_peer_session *session)
{
    const struct netipc_service *service = session->service;
    if (session->ends_after_answers)
        return false;
    if (session->state == NETIPC_SESSION_HELLO)
        return true;
    if (session->in_flight >= service->limits.max_in_flight || netipc_server_draining(service->server))
        return false;
    const struct netipc_channel *channel = &session->channel;
    return !netipc_channel_waits(channel) ||
           netipc_transmit_queue_room(&channel->queue) >= netipc_channel_queue_for(session->max_response_payload);
}

/* --- answering --- */

static uint16_t transport_status(const struct netipc_envelope *request, netipc_status status)
{
    bool batch = (request->flags & NETIPC_ENVELOPE_BATCH) != 0;
    switch (status) {
    case NETIPC_OK:
        return NETIPC_TRANSPORT_OK;
    case NETIPC_LIMIT_EXCEEDED:
    case NETIPC_TOO_LARGE:
        return NETIPC_TRANSPORT_LIMIT_EXCEEDED;
    case NETIPC_CORRUPT:
        return batch ? NETIPC_TRANSPORT_INTERNAL_ERROR : NETIPC_TRANSPORT_BAD_ENVELOPE;
    default:
        return NETIPC_TRANSPORT_INTERNAL_ERROR;
    }
}

static void count_answer(struct netipc_service *service, const struct netipc_envelope *envelope, int by)
{
    netipc_count(&service->totals.answers, by);
    netipc_count(&service->totals.failures, envelope->transport_status != NETIPC_TRANSPORT_OK ? by : 0);
    netipc_count(&service->totals.bytes_out, by * (int64_t)envelope->payload_len);
}

static enum netipc_channel_result send_answer(struct netipc_peer_session *session,
                                              const struct netipc_envelope *request, uint16_t transport,
                                              const unsigned char *answer, size_t length)
{
    bool ok = transport == NETIPC_TRANSPORT_OK;
    const struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_RESPONSE,
        .flags = ok ? request->flags : 0,
        .code = request->code,
        .transport_status = transport,
        .payload_len = ok ? (uint32_t)length : 0,
        .item_count = ok ? request->item_count : 1,
        .message_id = request->message_id,
    };
    /* Before it is sent: who has got an answer finds it counted. */
    count_answer(session->service, &envelope, 1);
    enum netipc_channel_result result = netipc_channel_send(&session->channel, &envelope, answer);
    if (result == NETIPC_CHANNEL_DONE)
        netipc_session_not_idle(session);
    else
        count_answer(session->service, &envelope, -1);
    return result;
}

/* Sends an answer without payload; unless that is a refusal of this one request only, the session ends with it. */
static void refuse(struct netipc_peer_session *session, const struct netipc_envelope *request, uint16_t transport)
{
    session->ends_after_answers = session->ends_after_answers || transport != NETIPC_TRANSPORT_UNSUPPORTED;
    netipc_session_sent(session, send_answer(session, request, transport, NULL, 0));
}

static enum netipc_channel_result send_result(struct netipc_peer_session *session, const struct netipc_call *call)
{
    uint16_t transport = transport_status(&call->envelope, call->status);
    enum netipc_channel_result result =
        send_answer(session, &call->envelope, transport, call->answer, call->answer_length);
    if (result == NETIPC_CHANNEL_DONE && transport != NETIPC_TRANSPORT_OK)
        session->ends_after_answers = true;
    return result;
}

void netipc_session_send_answers(struct netipc_peer_session *session)
{
    while (session->answers != NULL && session->state != NETIPC_SESSION_ENDED) {
        struct netipc_call *call = session->answers;
        enum netipc_channel_result result = send_result(session, call);
        if (result == NETIPC_CHANNEL_AGAIN)
            return;
        session->answers = call->next;
        session->in_flight--;
        netipc_call_free(call);
        netipc_session_sent(session, result);
    }
}

/* --- workers --- */

static void run_job(struct netipc_job *job)
{
    struct netipc_call_part *part = (struct netipc_call_part *)(void *)job; /* its first member */
    struct netipc_call *call = part->call;
    if (netipc_call_run(part))
        call->done(call);
}

static void on_call_done(struct netipc_call *call)
{
    struct netipc_peer_session *session = call->owner;
    struct netipc_server *server = session->service->server;
    /* From the push on the loop's thread may free the call, and then the session. */
    pthread_mutex_lock(&server->done_lock);
    *server->done_last = call;
    server->done_last = &call->next_done;
    pthread_mutex_unlock(&server->done_lock);
    netipc_event_loop_wake(&server->loop);
}

static void hand_to_workers(struct netipc_peer_session *session, struct netipc_call *call)
{
    call->owner = session;
    call->done = on_call_done;
    call->next = session->calls;
    session->calls = call;
    session->in_flight++;
    for (uint32_t i = 0, count = call->part_count; i < count; i++) {
        call->parts[i].job.run = run_job;
        netipc_worker_pool_add(&session->service->server->pool, &session->lane, &call->parts[i].job);
    }
}

static void take_out(struct netipc_peer_session *session, struct netipc_call *call)
{
    struct netipc_call **at = &session->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    call->next = NULL;
}

static void on_done(struct netipc_call *call)
{
    struct netipc_peer_session *session = call->owner;
    take_out(session, call);
    if (session->state == NETIPC_SESSION_ENDED) {
        netipc_call_free(call);
        netipc_service_times_changed(session->service); /* the session may be freed now */
        return;
    }
    struct netipc_call **last = &session->answers;
    while (*last != NULL)
        last = &(*last)->next;
    *last = call;
    netipc_session_send_answers(session);
    netipc_session_watch(session);
}

void netipc_server_on_done(struct netipc_server *server)
{
    pthread_mutex_lock(&server->done_lock);
    struct netipc_call *call = server->done;
    server->done = NULL;
    server->done_last = &server->done;
    pthread_mutex_unlock(&server->done_lock);
    while (call != NULL) {
        struct netipc_call *next = call->next_done;
        on_done(call);
        call = next;
    }
}

static void free_list(struct netipc_call *call)
{
    while (call != NULL) {
        struct netipc_call *next = call->next;
        netipc_call_free(call);
        call = next;
    }
}

void netipc_session_free_calls(struct netipc_peer_session *session)
{
    free_list(session->calls);
    free_list(session->answers);
    session->calls = session->answers = NULL;
}

/* --- taking --- */

static void end_broken(struct netipc_peer_session *session, const char *reason)
{
    netipc_count(&session->service->totals.broken, 1);
    netipc_session_end(session, reason);
}

/* The server's own answer memory goes into the only part of a call that runs here, and comes back. */
static void run_here(struct netipc_peer_session *session, struct netipc_call *call)
{
    struct netipc_answer *kept = &session->service->server->answer, *used = &call->parts[0].answer;
    size_t limit = used->limit;
    *used = *kept;
    used->limit = limit;
    netipc_call_run(&call->parts[0]);
    enum netipc_channel_result result = send_result(session, call);
    *kept = *used;
    *used = (struct netipc_answer){0};
    netipc_answer_reset(kept);
    netipc_call_free(call);
    netipc_session_sent(session, result);
}

static void start_call(struct netipc_peer_session *session, const struct netipc_envelope *envelope,
                       const unsigned char *payload)
{
    struct netipc_service *service = session->service;
    uint32_t workers = service->server->pool.count;
    struct netipc_call *call;
    netipc_status status = netipc_call_new(envelope, payload, workers > 0, workers > 0 ? workers : 1,
                                           session->max_response_payload, &call);
    if (status == NETIPC_CORRUPT) {
        end_broken(session, "bad-batch");
        return;
    }
    if (status != NETIPC_OK) {
        refuse(session, envelope, NETIPC_TRANSPORT_INTERNAL_ERROR);
        return;
    }
    netipc_count(&service->totals.items, envelope->item_count);
    call->handler = service->handler;
    call->context = service->context;
    call->request.size = sizeof call->request;
    call->request.method = envelope->code;
    call->request.item_count = envelope->item_count;
    call->request.id = envelope->message_id;
    call->request.session = session->number;
    call->request.peer_pid = session->peer.pid;
    call->request.peer_uid = session->peer.uid;
    call->request.max_answer = session->max_response_payload;
    call->request.max_answer_ever = service->limits.max_response_payload;
    if (workers > 0)
        hand_to_workers(session, call);
    else
        run_here(session, call);
}

void netipc_session_on_request(struct netipc_peer_session *session)
{
    struct netipc_service *service = session->service;
    const struct netipc_envelope envelope = session->channel.joiner.envelope;
    bool batch = envelope.flags == NETIPC_ENVELOPE_BATCH;
    if (envelope.flags > NETIPC_ENVELOPE_BATCH || envelope.transport_status != NETIPC_TRANSPORT_OK ||
        envelope.item_count == 0 || (!batch && envelope.item_count != 1)) {
        end_broken(session, "bad-request");
        return;
    }
    netipc_count(&service->totals.requests, 1);
    netipc_count(&service->totals.bytes_in, envelope.payload_len);
    if (service->method == 0 || envelope.code != service->method)
        refuse(session, &envelope, NETIPC_TRANSPORT_UNSUPPORTED);
    else if (envelope.payload_len > session->max_request_payload ||
             (batch && envelope.item_count > session->max_request_items))
        refuse(session, &envelope, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    else
        start_call(session, &envelope, session->channel.joiner.payload);
}

void netipc_session_on_large(struct netipc_peer_session *session)
{
    const struct netipc_envelope envelope = session->channel.joiner.envelope;
    if (envelope.kind != NETIPC_KIND_REQUEST) {
        end_broken(session, "bad-envelope");
        return;
    }
    netipc_count(&session->service->totals.requests, 1);
    refuse(session, &envelope, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
}
