/* SPDX-License-Identifier: Apache-2.0 */
#include "control/client.h"

#include "control/endpoint.h"
#include "control/packet.h"
#include "shm/detail.h"
#include "shm/os.h"
#include "shm/session_page.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG_RETRY_MS = 10,
    DEATH_NS = 100000000,
    NEWS_A_LOOK = 64,       /* a correct publisher sends one or two */
    NEWS_A_QUEUE = 1024,    /* more than a socket holds */
    OFFERED_PAYLOAD = 4096, /* ceilings that existing peers offer by default */
    OFFERED_ITEMS = 16
};

bool netipc_client_alive(int socket, int pidfd)
{
    struct pollfd polled[] = {{.fd = socket}, {.fd = pidfd, .events = POLLIN}};
    if (poll(polled, 2, 0) < 0)
        return true; /* a signal, or no memory: that says nothing of the session */
    return (polled[0].revents & (POLLHUP | POLLERR)) == 0 && polled[1].revents == 0;
}

static netipc_status poll_session(struct netipc_client *client)
{
    const int fds[] = {client->socket, client->peer.pidfd};
    for (size_t i = 0; client->poll >= 0 && i < 2; i++) {
        struct epoll_event event = {.events = EPOLLIN};
        if (fds[i] >= 0 && epoll_ctl(client->poll, EPOLL_CTL_ADD, fds[i], &event) < 0)
            return netipc_fail_errno(errno, "watch the session");
    }
    return NETIPC_OK;
}

static void stop_polling(struct netipc_client *client)
{
    if (client->poll < 0)
        return;
    if (client->socket >= 0)
        epoll_ctl(client->poll, EPOLL_CTL_DEL, client->socket, NULL);
    if (client->peer.pidfd >= 0)
        epoll_ctl(client->poll, EPOLL_CTL_DEL, client->peer.pidfd, NULL);
}

netipc_status netipc_client_open_poll(struct netipc_client *client)
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

void netipc_client_init(struct netipc_client *client)
{
    *client = (struct netipc_client){.cancel = -1, .poll = -1, .socket = -1, .peer.pidfd = -1};
}

void netipc_client_disconnect(struct netipc_client *client, bool forked)
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
    client->peer = (struct netipc_peer){.pidfd = -1};
}

/* Waits until the socket is ready (events), the peer's process has died, or the calls are to end. */
static netipc_status await(struct netipc_client *client, short events, uint64_t deadline_ns)
{
    for (;;) {
        uint64_t now = netipc_os_monotonic_ns();
        if (now >= deadline_ns)
            return netipc_fail(NETIPC_TIMED_OUT, "no answer from the publisher of %s", client->service);
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

static netipc_status send_control(struct netipc_client *client, uint16_t opcode, uint64_t id, const void *payload,
                                  size_t length, uint64_t deadline_ns)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t whole = netipc_wire_control(opcode, NETIPC_TRANSPORT_OK, id, payload, length, packet);
    for (;;) {
        enum netipc_packet_result result = netipc_packet_send(client->socket, packet, whole, NULL, 0);
        if (result == NETIPC_PACKET_DONE)
            return NETIPC_OK;
        /* A refusal may have been sent before the peer closed: the answer is read all the same. */
        if (result == NETIPC_PACKET_CLOSED)
            return NETIPC_OK;
        if (result == NETIPC_PACKET_FAILED)
            return netipc_fail_errno(errno, "send to the publisher");
        netipc_status status = await(client, POLLOUT, deadline_ns);
        if (status != NETIPC_OK)
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

/* The next control message. On failure there are no descriptors to close. */
static netipc_status receive_control(struct netipc_client *client, uint64_t deadline_ns, struct received *received)
{
    for (;;) {
        if (netipc_os_monotonic_ns() >= deadline_ns)
            return netipc_fail(NETIPC_TIMED_OUT, "no answer from the publisher of %s", client->service);
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
            if (received->length > sizeof received->packet ||
                !netipc_wire_envelope(received->packet, received->length, &received->envelope)) {
                drop_fds(received);
                return netipc_fail(NETIPC_PROTOCOL, "a packet of %zu bytes is no control message", received->length);
            }
            return NETIPC_OK;
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

static netipc_status refused(const struct received *received)
{
    static const char *const reasons[] = {"",
                                          "bad envelope",
                                          "authentication failed: wrong uid or token",
                                          "incompatible version",
                                          "no common profile",
                                          "limit exceeded, or no free session",
                                          "internal error"};
    uint16_t reason = received->envelope.transport_status;
    return netipc_fail(netipc_wire_status(reason), "the publisher refused: %s (%u)",
                       reason < sizeof reasons / sizeof *reasons ? reasons[reason] : "unknown reason", reason);
}

/* --- connecting --- */

static netipc_status not_found(const char *path)
{
    return netipc_fail(NETIPC_NOT_FOUND, "no publisher at %s", path);
}

static bool known_dead(const struct netipc_client *client, const struct stat *file)
{
    return client->dead_known && file->st_dev == client->dead_device && file->st_ino == client->dead_inode &&
           file->st_ctim.tv_sec == client->dead_changed.tv_sec && file->st_ctim.tv_nsec == client->dead_changed.tv_nsec;
}

/* The backlog is full, and nothing tells when there is room again. */
static netipc_status pause_connecting(struct netipc_client *client, uint64_t deadline_ns)
{
    if (netipc_os_monotonic_ns() >= deadline_ns)
        return netipc_fail(NETIPC_TIMED_OUT, "the publisher of %s accepts nobody: its backlog is full",
                           client->service);
    struct pollfd polled = {.fd = client->cancel, .events = POLLIN};
    if (poll(&polled, 1, BACKLOG_RETRY_MS) > 0)
        return netipc_fail(NETIPC_ABORTED, "aborted while connecting to the publisher of %s", client->service);
    return NETIPC_OK;
}

static netipc_status connect_socket(struct netipc_client *client, const struct sockaddr_un *address,
                                    uint64_t deadline_ns)
{
    while (connect(client->socket, (const struct sockaddr *)address, sizeof *address) < 0) {
        switch (errno) {
        case ENOENT:
        case ECONNREFUSED:
            return not_found(address->sun_path);
        case EINTR:
            continue;
        case EAGAIN: {
            netipc_status status = pause_connecting(client, deadline_ns);
            if (status != NETIPC_OK)
                return status;
            continue;
        }
        case EPROTOTYPE:
            return netipc_fail(NETIPC_INCOMPATIBLE, "%s is a socket of another type", address->sun_path);
        default:
            return netipc_fail_errno(errno, "connect to %s", address->sun_path);
        }
    }
    return NETIPC_OK;
}

static netipc_status identify(struct netipc_client *client, const char *path, const struct stat *file)
{
    netipc_status status = netipc_peer_identify(client->socket, &client->peer);
    if (status == NETIPC_GONE) {
        client->dead_known = true;
        client->dead_device = file->st_dev;
        client->dead_inode = file->st_ino;
        client->dead_changed = file->st_ctim;
        return not_found(path);
    }
    if (status != NETIPC_OK)
        return status;
    if (!netipc_uid_list_has(&client->uids, client->peer.uid))
        return netipc_fail(NETIPC_AUTH_FAILED, "the process that listens at %s has uid %u, which is not trusted", path,
                           client->peer.uid);
    return NETIPC_OK;
}

static netipc_status shake_hands(struct netipc_client *client, uint64_t deadline_ns)
{
    struct netipc_hello hello = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .preferred_profiles = NETIPC_PROFILE_PUBLICATION,
        .max_request_payload_bytes = OFFERED_PAYLOAD,
        .max_request_batch_items = OFFERED_ITEMS,
        .max_response_payload_bytes = OFFERED_PAYLOAD,
        .max_response_batch_items = OFFERED_ITEMS,
        .auth_token = client->token,
        .packet_size = netipc_packet_size_offer(client->socket),
    };
    struct received received;
    client->next_id = 1;
    netipc_status status = send_control(client, NETIPC_OP_HELLO, 0, &hello, NETIPC_WIRE_HELLO_SIZE, deadline_ns);
    if (status == NETIPC_OK)
        status = receive_control(client, deadline_ns, &received);
    if (status != NETIPC_OK)
        return status;
    if (received.fd_count > 0 ||
        !netipc_wire_is_control(&received.envelope, received.length, NETIPC_OP_HELLO_ACK, NETIPC_WIRE_HELLO_ACK_SIZE))
        return unexpected(&received);
    if (received.envelope.transport_status == NETIPC_TRANSPORT_LIMIT_EXCEEDED)
        return netipc_fail(NETIPC_BUSY, "the publisher of %s has no free session", client->service);
    if (received.envelope.transport_status != NETIPC_TRANSPORT_OK)
        return refused(&received);
    struct netipc_hello_ack ack;
    memcpy(&ack, received.packet + NETIPC_WIRE_ENVELOPE_SIZE, sizeof ack);
    if (ack.layout_version != NETIPC_WIRE_LAYOUT || ack.flags != 0 || ack.zero != 0)
        return netipc_fail(NETIPC_PROTOCOL, "HELLO_ACK of layout %u with flags 0x%x", ack.layout_version, ack.flags);
    if ((ack.intersection_profiles & NETIPC_PROFILE_PUBLICATION) == 0)
        return netipc_fail(NETIPC_UNSUPPORTED, "the server of %s offers profiles 0x%x, without publication",
                           client->service, ack.server_supported_profiles);
    return NETIPC_OK;
}

netipc_status netipc_client_connect(struct netipc_client *client, uint64_t deadline_ns)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    netipc_status status = netipc_endpoint_path(client->run_dir, client->service, address.sun_path);
    if (status != NETIPC_OK)
        return status;
    struct stat file;
    if (stat(address.sun_path, &file) < 0)
        return errno == ENOENT || errno == ENOTDIR ? not_found(address.sun_path)
                                                   : netipc_fail_errno(errno, "look at %s", address.sun_path);
    if (known_dead(client, &file))
        return not_found(address.sun_path);
    status = netipc_endpoint_check_directory(client->run_dir, &client->uids);
    if (status != NETIPC_OK)
        return status;
    client->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->socket < 0)
        return netipc_fail_errno(errno, "make a socket");
    status = connect_socket(client, &address, deadline_ns);
    if (status == NETIPC_OK)
        status = identify(client, address.sun_path, &file);
    if (status == NETIPC_OK)
        status = shake_hands(client, deadline_ns);
    if (status == NETIPC_OK)
        status = poll_session(client);
    if (status != NETIPC_OK)
        netipc_client_disconnect(client, false);
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
static netipc_status receive_answer(struct netipc_client *client, uint64_t deadline_ns, struct received *received)
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

static netipc_status take_region(struct netipc_client *client, uint64_t id, const struct netipc_client_wish *wish,
                                 struct received *received, struct netipc_client_region *region)
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
        return refused(received);
    }
    uint16_t flags = want_page ? NETIPC_REGION_WITH_PAGE : 0;
    if (offer.layout_version != NETIPC_WIRE_LAYOUT || offer.flags != flags || offer.zero != 0 || offer.ordinal == 0 ||
        offer.lease_quota > wish->lease_words || received->fd_count != (want_page ? 2u : 1u) ||
        !netipc_session_page_announced_ok(offer.line_offset, offer.page_size)) {
        drop_fds(received);
        return netipc_fail(NETIPC_PROTOCOL, "REGION with layout %u, flags 0x%x, line at %u of %u bytes",
                           offer.layout_version, offer.flags, offer.line_offset, offer.page_size);
    }
    *region = (struct netipc_client_region){
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

netipc_status netipc_client_attach(struct netipc_client *client, const struct netipc_client_wish *wish,
                                   uint64_t deadline_ns, struct netipc_client_region *region)
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

netipc_status netipc_client_confirm(struct netipc_client *client, uint64_t ordinal, uint64_t deadline_ns)
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
static bool dies_soon(const struct netipc_client *client)
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

static netipc_status explain_hang_up(struct netipc_client *client)
{
    if (client->peer.pidfd >= 0 && !dies_soon(client))
        return netipc_fail(NETIPC_DISCONNECTED, "the publisher of %s, process %u, ended the session", client->service,
                           client->peer.pid);
    return netipc_fail(NETIPC_GONE, "the publisher of %s, process %u, is gone", client->service, client->peer.pid);
}

netipc_status netipc_client_look(struct netipc_client *client)
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
        if (!netipc_wire_envelope(packet, length, &envelope))
            return netipc_fail(NETIPC_PROTOCOL, "a packet of %zu bytes is no control message", length);
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
