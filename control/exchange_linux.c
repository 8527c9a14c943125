/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a client, and its answer. */
#include <netipc/batch.h>

#include "control/cancel.h"
#include "control/client_state.h"
#include "shm/detail.h"

#include <errno.h>
#include <poll.h>

enum { PACKETS_A_LOOK = 1024 };

static netipc_status broken(const struct netipc_client *client)
{
    if (netipc_peer_died(client->dial.peer.pidfd))
        return netipc_fail(NETIPC_GONE, "the server of %s, process %u, died", client->service, client->dial.peer.pid);
    return netipc_fail(NETIPC_DISCONNECTED, "the server of %s, process %u, ended the session", client->service,
                       client->dial.peer.pid);
}

/* Until the socket can go on, or the peer has died: then what it sent before is still there to be read. */
static netipc_status await(const struct netipc_client *client, uint64_t deadline_ns)
{
    uint64_t now = netipc_os_monotonic_ns();
    if (now >= deadline_ns)
        return netipc_fail(NETIPC_TIMED_OUT, "no answer from the server of %s within %llu ms", client->service,
                           (unsigned long long)(client->timeout_ns / 1000000));
    bool starved = netipc_channel_waits(&client->channel) && client->channel.starved;
    uint64_t left = deadline_ns - now;
    if (starved && left > NETIPC_PACKET_RETRY_NS)
        left = NETIPC_PACKET_RETRY_NS;
    struct pollfd polled[] = {
        {.fd = client->dial.socket, .events = POLLIN | (netipc_channel_waits_for_room(&client->channel) ? POLLOUT : 0)},
        {.fd = client->cancel, .events = POLLIN},
        {.fd = client->dial.peer.pidfd, .events = POLLIN},
    };
    const struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
    if (ppoll(polled, 3, &timeout, NULL) < 0) {
        if (errno != EINTR)
            return netipc_fail_errno(errno, "wait for the server of %s", client->service);
        return NETIPC_OK;
    }
    /* Perhaps left behind by one that is over. First: what one that begins now fires after the load must stay. */
    if (polled[1].revents != 0)
        netipc_cancel_clear(client->cancel);
    if (netipc_load(&client->aborts, acquire) != client->aborts_before)
        return netipc_fail(NETIPC_ABORTED, "an abort is in force");
    if (polled[0].revents == 0 && polled[2].revents != 0)
        return broken(client);
    return NETIPC_OK;
}

/* --- the request --- */

static netipc_status check_agreed(const struct netipc_client *client, const netipc_client_request *request)
{
    const struct netipc_hello_ack *ack = &client->dial.ack;
    if (request->length > ack->max_request_payload_bytes)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "a request of %zu bytes, %u were agreed on with the server of %s",
                           request->length, ack->max_request_payload_bytes, client->service);
    if (request->item_count > 1 &&
        (request->item_count > ack->max_request_batch_items || request->item_count > ack->max_response_batch_items))
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "a batch of %u items, %u were agreed on with the server of %s",
                           request->item_count, ack->max_request_batch_items, client->service);
    return NETIPC_OK;
}

/* *closed: the server takes no more. */
static netipc_status send_request(struct netipc_client *client, const netipc_client_request *request,
                                  struct netipc_envelope *envelope, bool *closed)
{
    *envelope = (struct netipc_envelope){
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_REQUEST,
        .flags = request->item_count > 1 ? NETIPC_ENVELOPE_BATCH : 0,
        .code = (uint16_t)request->method,
        .payload_len = (uint32_t)request->length,
        .item_count = request->item_count,
        .message_id = client->next_id++,
    };
    switch (netipc_channel_send(&client->channel, envelope, request->payload)) {
    case NETIPC_CHANNEL_DONE:
        netipc_count(&client->info.bytes_out, (int64_t)request->length);
        return NETIPC_OK;
    case NETIPC_CHANNEL_CLOSED:
        *closed = true;
        return NETIPC_OK;
    case NETIPC_CHANNEL_FAILED:
        return netipc_fail_errno(errno, "send to the server of %s", client->service);
    default:
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a request of %zu bytes", request->length);
    }
}

static netipc_status send_rest(struct netipc_client *client, bool *closed)
{
    enum netipc_channel_result result = netipc_channel_flush(&client->channel);
    *closed = result == NETIPC_CHANNEL_CLOSED;
    return result == NETIPC_CHANNEL_FAILED ? netipc_fail_errno(errno, "send to the server of %s", client->service)
                                           : NETIPC_OK;
}

/* --- the answer --- */

static netipc_status status_of(const struct netipc_client *client, uint16_t transport_status)
{
    switch (transport_status) {
    case NETIPC_TRANSPORT_OK:
        return NETIPC_OK;
    case NETIPC_TRANSPORT_BAD_ENVELOPE:
        return netipc_fail(NETIPC_CORRUPT, "the server of %s cannot decode the request", client->service);
    case NETIPC_TRANSPORT_UNSUPPORTED:
        return netipc_fail(NETIPC_UNSUPPORTED, "the server of %s does not have this method", client->service);
    case NETIPC_TRANSPORT_LIMIT_EXCEEDED:
        return netipc_fail(NETIPC_LIMIT_EXCEEDED,
                           "the answer of %s is larger than the %u bytes agreed on; %u are accepted at most",
                           client->service, client->dial.ack.max_response_payload_bytes, client->max_response_payload);
    case NETIPC_TRANSPORT_INTERNAL_ERROR:
        return netipc_fail(NETIPC_REQUEST_FAILED, "the server of %s could not carry out the request", client->service);
    default:
        return netipc_fail(NETIPC_PROTOCOL, "an answer with transport status %u", transport_status);
    }
}

static netipc_status take_answer(struct netipc_client *client, const struct netipc_envelope *sent,
                                 netipc_client_request *request)
{
    const struct netipc_envelope *got = &client->channel.joiner.envelope;
    const unsigned char *payload = client->channel.joiner.payload;
    if (got->kind == NETIPC_KIND_CONTROL && got->code == NETIPC_OP_CLOSED)
        return broken(client);
    if (got->kind != NETIPC_KIND_RESPONSE || got->code != sent->code || got->message_id != sent->message_id)
        return netipc_fail(NETIPC_PROTOCOL, "kind %u, code %u, id %llu in the place of the answer to %llu", got->kind,
                           got->code, (unsigned long long)got->message_id, (unsigned long long)sent->message_id);
    netipc_status status = status_of(client, got->transport_status);
    if (status != NETIPC_OK)
        return status;
    if (got->flags != sent->flags || got->item_count != sent->item_count)
        return netipc_fail(NETIPC_PROTOCOL, "an answer of %u items with flags 0x%x to a request of %u", got->item_count,
                           got->flags, sent->item_count);
    netipc_batch_view items;
    if (sent->flags == NETIPC_ENVELOPE_BATCH &&
        netipc_batch_decode(payload, got->payload_len, got->item_count, &items) != NETIPC_OK)
        return netipc_fail_within(NETIPC_PROTOCOL, "the answer's directory");
    if (netipc_channel_waits(&client->channel))
        return netipc_fail(NETIPC_PROTOCOL, "an answer to a request of which not all was sent");
    request->answer = payload;
    request->answer_length = got->payload_len;
    netipc_count(&client->info.bytes_in, got->payload_len);
    return NETIPC_OK;
}

static netipc_status receive_answer(struct netipc_client *client, const struct netipc_envelope *sent,
                                    netipc_client_request *request)
{
    unsigned packets = PACKETS_A_LOOK;
    switch (netipc_channel_receive(&client->channel, client->scratch, &packets)) {
    case NETIPC_CHANNEL_DONE:
        return take_answer(client, sent, request);
    case NETIPC_CHANNEL_AGAIN:
        return NETIPC_WOULD_BLOCK;
    case NETIPC_CHANNEL_CLOSED:
        return broken(client);
    case NETIPC_CHANNEL_LARGE:
        return netipc_fail(NETIPC_LIMIT_EXCEEDED, "an answer of %u bytes, %u were agreed on; %u are accepted at most",
                           client->channel.joiner.envelope.payload_len, client->dial.ack.max_response_payload_bytes,
                           client->max_response_payload);
    case NETIPC_CHANNEL_NO_MEMORY:
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for an answer of %u bytes",
                           client->channel.joiner.envelope.payload_len);
    case NETIPC_CHANNEL_FAILED:
        return netipc_fail_errno(errno, "receive from the server of %s", client->service);
    case NETIPC_CHANNEL_MISMATCH:
        return netipc_fail_within(NETIPC_CHECKSUM_MISMATCH, client->service);
    default:
        return netipc_fail(NETIPC_PROTOCOL, "the server of %s sent what is no message: a packet of %zu bytes",
                           client->service, client->channel.came);
    }
}

netipc_status netipc_client_exchange(struct netipc_client *client, netipc_client_request *request, uint64_t deadline_ns)
{
    struct netipc_envelope envelope;
    bool closed = false;
    netipc_status status = check_agreed(client, request);
    if (status == NETIPC_OK)
        status = send_request(client, request, &envelope, &closed);
    if (status != NETIPC_OK)
        return status;
    do {
        if (!closed) {
            status = await(client, deadline_ns);
            if (status == NETIPC_OK)
                status = send_rest(client, &closed);
        }
        /* A server that has closed may have said why before, and says nothing more. */
        if (status == NETIPC_OK)
            status = receive_answer(client, &envelope, request);
        if (status == NETIPC_WOULD_BLOCK && closed)
            status = broken(client);
    } while (status == NETIPC_WOULD_BLOCK);
    return status;
}

netipc_status netipc_client_look(struct netipc_client *client)
{
    struct pollfd polled[] = {{.fd = client->dial.socket, .events = POLLIN},
                              {.fd = client->dial.peer.pidfd, .events = POLLIN}};
    int ready = poll(polled, 2, 0);
    if (ready == 0 || (ready < 0 && (errno == EINTR || errno == ENOMEM)))
        return NETIPC_OK;
    if (ready < 0)
        return netipc_fail_errno(errno, "look at the session");
    return broken(client); /* nothing may come unasked */
}
