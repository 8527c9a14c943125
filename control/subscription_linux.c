/* SPDX-License-Identifier: Apache-2.0 */
#include "control/subscription.h"

#include "control/dial.h"
#include "control/packet.h"
#include "shm/detail.h"
#include "shm/os.h"
#include "shm/session_page.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    DEATH_NS = 100000000,
    NEWS_A_LOOK = 64,    /* a correct publisher sends one or two */
    NEWS_A_QUEUE = 1024, /* more than a socket holds */
    OFFERED_ITEMS = 16   /* as existing peers do by default */
};

bool netipc_subscription_alive(int socket, int pidfd)
{
    struct pollfd polled[] = {{.fd = socket}, {.fd = pidfd, .events = POLLIN}};
    if (poll(polled, 2, 0) < 0)
        return true; /* a signal, or no memory: that says nothing of the session */
    return (polled[0].revents & (POLLHUP | POLLERR)) == 0 && polled[1].revents == 0;
}

static netipc_status poll_session(struct netipc_subscription *client)
{
    const int fds[] = {client->socket, client->peer.pidfd};
    for (size_t i = 0; client->poll >= 0 && i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (fds[i] >= 0 && epoll_ctl(client->poll, EPOLL_CTL_ADD, fds[i], &event) < 0)
            return netipc_fail_errno(errno, "watch the session");
    }
    return NETIPC_OK;
}

static void stop_polling(struct netipc_subscription *client)
{
    if (client->poll < 0)
        return;
    if (client->socket >= 0)
        epoll_ctl(client->poll, EPOLL_CTL_DEL, client->socket, NULL);
    if (client->peer.pidfd >= 0)
        epoll_ctl(client->poll, EPOLL_CTL_DEL, client->peer.pidfd, NULL);
}

netipc_status netipc_subscription_open_poll(struct netipc_subscription *client)
{
    if (client->poll >= 0)
        return NETIPC_OK;
    client->poll = epoll_create1(EPOLL_CLOEXEC);
    if (client->poll < 0)
        return netipc_fail_errno(errno, "make an epoll descriptor");
    netipc_status status = poll_session(client);
    if (status != NETIPC_OK) {
        close(client->poll);
        client->poll = -1;
    }
    return status;
}

void netipc_subscription_init(struct netipc_subscription *client)
{
    *client = (struct netipc_subscription){.cancel = -1, .poll = -1, .socket = -1, .peer.pidfd = -1};
}

void netipc_subscription_disconnect(struct netipc_subscription *client, bool forked)
{
    if (!forked)
        stop_polling(client);
    /* Children forked meanwhile may hold the socket open for long: the session ends here all the same. */
    if (client->socket >= 0 && !forked)
        shutdown(client->socket, SHUT_RDWR);
    if (client->socket >= 0)
        close(client->socket);
    if (client->peer.pidfd >= 0)
        close(client->peer.pidfd);
    client->socket = -1;
    client->checksum = 0;
    client->peer = (struct netipc_peer){.pidfd = -1};
}

static netipc_status timed_out(const struct netipc_subscription *client)
{
    return netipc_fail(NETIPC_TIMED_OUT, "no answer from the publisher of %s for %llu ms", client->service,
                       (unsigned long long)((netipc_os_monotonic_ns() - client->asked_ns) / 1000000));
}

/* Waits until the socket is ready (events), the peer's process has died, or the calls are to end. */
static netipc_status await(struct netipc_subscription *client, short events, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = netipc_os_monotonic_ns();
        if (now >= deadline_ns)
            return timed_out(client);
        struct pollfd polled[] = {
            {.fd = client->socket, .events = events},
            {.fd = client->cancel, .events = POLLIN},
            {.fd = client->peer.pidfd, .events = POLLIN},
        };
        uint64_t left = deadline_ns - now;
        struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
        int ready = ppoll(polled, 3, &timeout, NULL);
        if (ready < 0 && errno != EINTR)
            return netipc_fail_errno(errno, "wait for the publisher");
        if (ready <= 0)
            continue;
        if (polled[1].revents)
            return netipc_fail(NETIPC_ABORTED, "aborted while waiting for the publisher of %s", client->service);
        if (polled[0].revents)
            return NETIPC_OK;
        return netipc_fail(NETIPC_GONE, "publisher process %u died", client->peer.pid);
    }
}

static netipc_status send_control(struct netipc_subscription *client, uint16_t opcode, uint64_t id, const void *payload,
                                  size_t length, uint64_t deadline_ns)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t whole = netipc_wire_control(opcode, NETIPC_TRANSPORT_OK, id, payload, length, packet);
    whole = netipc_checksum_seal(client->checksum, packet, whole);
    client->asked_ns = netipc_os_monotonic_ns();
    for (;;) {
        enum netipc_packet_result result = netipc_packet_send(client->socket, packet, whole, NULL, 0);
        if (result == NETIPC_PACKET_DONE)
            return NETIPC_OK;
        /* A refusal may have been sent before the peer closed: the answer is read all the same. */
        if (result == NETIPC_PACKET_CLOSED)
            return NETIPC_OK;
        if (result == NETIPC_PACKET_FAILED)
            return netipc_fail_errno(errno, "send to the publisher");
        uint64_t retry_ns = netipc_os_monotonic_ns() + NETIPC_PACKET_RETRY_NS;
        bool starved = result == NETIPC_PACKET_STARVED && retry_ns < deadline_ns;
        netipc_status status = starved ? await(client, 0, retry_ns) : await(client, POLLOUT, deadline_ns);
        if (status != NETIPC_OK && !(starved && status == NETIPC_TIMED_OUT))
            return status;
    }
}

struct received {
    struct netipc_envelope envelope;
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length;
    int fds[NETIPC_PACKET_FDS_MAX];
    size_t fd_count;
};

static void drop_fds(struct received *received)
{
    while (received->fd_count > 0)
        close(received->fds[--received->fd_count]);
}

/* Whether a packet, of which capacity bytes could be taken, is whole, and has an envelope. */
static netipc_status open_packet(const struct netipc_subscription *client, const unsigned char *packet, size_t capacity,
                                 size_t *length, struct netipc_envelope *envelope)
{
    struct netipc_checksum_mismatch mismatch;
    netipc_status status = NETIPC_OK;
    if (*length <= capacity)
        status = netipc_checksum_open(client->checksum, packet, length, &mismatch);
    if (status != NETIPC_OK)
        return netipc_fail_within(status, client->service);
    if (*length > capacity || !netipc_wire_envelope(packet, *length, envelope))
        return netipc_fail(NETIPC_PROTOCOL, "a packet of %zu bytes is no control message", *length);
    return NETIPC_OK;
}

/* The next control message. On failure there are no descriptors to close. */
static netipc_status receive_control(struct netipc_subscription *client, uint64_t deadline_ns,
                                     struct received *received)
{
    for (;;) {
        if (netipc_os_monotonic_ns() >= deadline_ns)
            return timed_out(client);
        bool truncated;
        enum netipc_packet_result result =
            netipc_packet_receive_fds(client->socket, received->packet, sizeof received->packet, &received->length,
                                      received->fds, &received->fd_count, &truncated);
        if (result == NETIPC_PACKET_CLOSED)
            return netipc_fail(NETIPC_GONE, "the publisher of %s hung up", client->service);
        if (result == NETIPC_PACKET_FAILED)
            return netipc_fail_errno(errno, "receive from the publisher");
        if (result == NETIPC_PACKET_DONE) {
            if (truncated)
                return netipc_fail(NETIPC_NO_DESCRIPTORS,
                                   "descriptors sent by the publisher were lost: raise the limit of open files");
            netipc_status whole =
                open_packet(client, received->packet, sizeof received->packet, &received->length, &received->envelope);
            if (whole != NETIPC_OK)
                drop_fds(received);
            return whole;
        }
        netipc_status status = await(client, POLLIN, deadline_ns);
        if (status != NETIPC_OK)
            return status;
    }
}

static netipc_status unexpected(struct received *received)
{
    drop_fds(received);
    return netipc_fail(NETIPC_PROTOCOL, "kind %u, code 0x%x, %u bytes of payload were not expected now",
                       received->envelope.kind, received->envelope.code, received->envelope.payload_len);
}

/* --- connecting --- */

static struct netipc_hello hello_of(const struct netipc_subscription *client)
{
    return (struct netipc_hello){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .preferred_profiles = NETIPC_PROFILE_PUBLICATION,
        .max_request_payload_bytes = NETIPC_SUBSCRIPTION_OFFERS,
        .max_request_batch_items = OFFERED_ITEMS,
        .max_response_payload_bytes = NETIPC_SUBSCRIPTION_OFFERS,
        .max_response_batch_items = OFFERED_ITEMS,
        .auth_token = client->token,
    };
}

netipc_status netipc_subscription_connect(struct netipc_subscription *client, uint64_t deadline_ns)
{
    struct netipc_dial dial;
    netipc_dial_init(&dial);
    dial.run_dir = client->run_dir;
    dial.service = client->service;
    dial.uids = &client->uids;
    dial.required_profile = NETIPC_PROFILE_PUBLICATION;
    dial.checksum_wish = client->checksum_wish;
    dial.hello = hello_of(client);
    dial.dead = client->dead;
    netipc_status status = netipc_dial_until(&dial, client->cancel, deadline_ns);
    client->dead = dial.dead;
    if (status != NETIPC_OK)
        return status;
    client->socket = dial.socket;
    client->peer = dial.peer;
    client->next_id = 1;
    client->checksum = dial.checksum;
    status = poll_session(client);
    if (status != NETIPC_OK)
        netipc_subscription_disconnect(client, false);
    return status;
}

/* --- attaching --- */

/* What the ATTACH or ATTACHED under way has made old. */
static bool is_old_news(const struct netipc_envelope *envelope, size_t length)
{
    return netipc_wire_is_control(envelope, length, NETIPC_OP_SUPERSEDED, NETIPC_WIRE_NOTE_SIZE) ||
           netipc_wire_is_control(envelope, length, NETIPC_OP_DOORBELL, NETIPC_WIRE_NOTE_SIZE);
}

/* The next message that is neither news that the ATTACH under way makes old, nor an answer. */
static netipc_status receive_answer(struct netipc_subscription *client, uint64_t deadline_ns, struct received *received)
{
    for (int notes = 0; notes < NEWS_A_QUEUE; notes++) {
        netipc_status status = receive_control(client, deadline_ns, received);
        if (status != NETIPC_OK)
            return status;
        if (received->fd_count == 0 && is_old_news(&received->envelope, received->length))
            continue;
        if (!netipc_wire_is_control(&received->envelope, received->length, NETIPC_OP_CLOSED, NETIPC_WIRE_NOTE_SIZE))
            return NETIPC_OK;
        drop_fds(received);
        return netipc_fail(NETIPC_CLOSED, "the publisher of %s closed", client->service);
    }
    return netipc_fail(NETIPC_PROTOCOL, "the publisher of %s says SUPERSEDED and nothing else", client->service);
}

static netipc_status take_region(struct netipc_subscription *client, uint64_t id, const struct netipc_region_wish *wish,
                                 struct received *received, struct netipc_region_region *region)
{
    bool want_page = wish->have_ordinal == 0;
    if (received->envelope.message_id != id ||
        !netipc_wire_is_control(&received->envelope, received->length, NETIPC_OP_REGION, NETIPC_WIRE_REGION_SIZE))
        return unexpected(received);
    struct netipc_region_offer offer;
    memcpy(&offer, received->packet + NETIPC_WIRE_ENVELOPE_SIZE, sizeof offer);
    if (received->envelope.transport_status != NETIPC_TRANSPORT_OK) {
        drop_fds(received);
        if (received->envelope.transport_status == NETIPC_TRANSPORT_LIMIT_EXCEEDED)
            return netipc_fail(NETIPC_LIMIT_EXCEEDED, "the region of %s has %llu bytes, more than max_region_size",
                               client->service, (unsigned long long)offer.region_size);
        return netipc_dial_refusal(client->service, received->envelope.transport_status);
    }
    uint16_t flags = want_page ? NETIPC_REGION_WITH_PAGE : 0;
    if (offer.layout_version != NETIPC_WIRE_LAYOUT || offer.flags != flags || offer.zero != 0 || offer.ordinal == 0 ||
        offer.lease_quota > wish->lease_words || received->fd_count != (want_page ? 2u : 1u) ||
        !netipc_session_page_announced_ok(offer.line_offset, offer.page_size)) {
        drop_fds(received);
        return netipc_fail(NETIPC_PROTOCOL, "REGION with layout %u, flags 0x%x, line at %u of %u bytes",
                           offer.layout_version, offer.flags, offer.line_offset, offer.page_size);
    }
    *region = (struct netipc_region_region){
        .region_fd = received->fds[0],
        .page_fd = want_page ? received->fds[1] : -1,
        .region_size = offer.region_size,
        .ordinal = offer.ordinal,
        .incarnation = {offer.incarnation[0], offer.incarnation[1]},
        .line_offset = offer.line_offset,
        .page_size = offer.page_size,
        .lease_quota = offer.lease_quota,
    };
    return NETIPC_OK;
}

netipc_status netipc_subscription_attach(struct netipc_subscription *client, const struct netipc_region_wish *wish,
                                         uint64_t deadline_ns, struct netipc_region_region *region)
{
    struct netipc_attach attach = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .lease_words = wish->lease_words,
        .max_region_size = wish->max_region_size,
        .have_ordinal = wish->have_ordinal,
    };
    uint64_t id = client->next_id++;
    struct received received;
    netipc_status status = send_control(client, NETIPC_OP_ATTACH, id, &attach, sizeof attach, deadline_ns);
    if (status == NETIPC_OK)
        status = receive_answer(client, deadline_ns, &received);
    if (status != NETIPC_OK)
        return status;
    if (wish->have_ordinal != 0 && received.fd_count == 0 && received.envelope.message_id == id &&
        netipc_wire_is_control(&received.envelope, received.length, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE))
        return NETIPC_UNCHANGED;
    return take_region(client, id, wish, &received, region);
}

netipc_status netipc_subscription_confirm(struct netipc_subscription *client, uint64_t ordinal, uint64_t deadline_ns)
{
    struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = ordinal};
    uint64_t id = client->next_id++;
    struct received received;
    netipc_status status = send_control(client, NETIPC_OP_ATTACHED, id, &note, sizeof note, deadline_ns);
    if (status == NETIPC_OK)
        status = receive_answer(client, deadline_ns, &received);
    if (status != NETIPC_OK)
        return status;
    if (received.fd_count > 0 || received.envelope.message_id != id ||
        !netipc_wire_is_control(&received.envelope, received.length, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE))
        return unexpected(&received);
    return NETIPC_OK;
}

/* --- afterwards --- */

/* A process that dies closes its descriptors some time before its pidfd tells. Signals do not cut that time short. */
static bool dies_soon(const struct netipc_subscription *client)
{
    uint64_t now = netipc_os_monotonic_ns(), end = now + DEATH_NS;
    for (; now < end; now = netipc_os_monotonic_ns()) {
        struct pollfd polled = {.fd = client->peer.pidfd, .events = POLLIN};
        int ready = ppoll(&polled, 1, &(struct timespec){.tv_nsec = (long)(end - now)}, NULL);
        if (ready > 0)
            return true;
        if (ready < 0 && errno != EINTR)
            break;
    }
    return netipc_peer_died(client->peer.pidfd);
}

static netipc_status explain_hang_up(struct netipc_subscription *client)
{
    if (client->peer.pidfd >= 0 && !dies_soon(client))
        return netipc_fail(NETIPC_DISCONNECTED, "the publisher of %s, process %u, ended the session", client->service,
                           client->peer.pid);
    return netipc_fail(NETIPC_GONE, "the publisher of %s, process %u, is gone", client->service, client->peer.pid);
}

netipc_status netipc_subscription_look(struct netipc_subscription *client)
{
    struct pollfd polled[] = {
        {.fd = client->socket, .events = POLLIN},
        {.fd = client->peer.pidfd, .events = POLLIN},
    };
    int ready = poll(polled, 2, 0);
    if (ready == 0 || (ready < 0 && (errno == EINTR || errno == ENOMEM)))
        return NETIPC_OK;
    if (ready < 0)
        return netipc_fail_errno(errno, "look at the session");
    netipc_status news = NETIPC_OK;
    for (int packets = 0; polled[0].revents && packets < NEWS_A_LOOK; packets++) {
        unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
        size_t length;
        struct netipc_envelope envelope;
        enum netipc_packet_result result = netipc_packet_receive(client->socket, packet, sizeof packet, &length);
        if (result == NETIPC_PACKET_AGAIN)
            break;
        if (result != NETIPC_PACKET_DONE)
            return explain_hang_up(client);
        netipc_status whole = open_packet(client, packet, sizeof packet, &length, &envelope);
        if (whole != NETIPC_OK)
            return whole;
        if (netipc_wire_is_control(&envelope, length, NETIPC_OP_CLOSED, NETIPC_WIRE_NOTE_SIZE))
            return netipc_fail(NETIPC_CLOSED, "the publisher of %s closed", client->service);
        if (netipc_wire_is_control(&envelope, length, NETIPC_OP_DOORBELL, NETIPC_WIRE_NOTE_SIZE))
            continue; /* it has woken who polls, and the hot word says the rest */
        if (!netipc_wire_is_control(&envelope, length, NETIPC_OP_SUPERSEDED, NETIPC_WIRE_NOTE_SIZE))
            return netipc_fail(NETIPC_PROTOCOL, "kind %u, code 0x%x was not expected now", envelope.kind,
                               envelope.code);
        news = NETIPC_SUPERSEDED;
    }
    if (polled[1].revents)
        return netipc_fail(NETIPC_GONE, "publisher process %u died", client->peer.pid);
    return news;
}
