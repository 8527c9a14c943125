/* SPDX-License-Identifier: Apache-2.0 */
#include "control/dial.h"

#include "control/endpoint.h"
#include "control/packet.h"
#include "shm/detail.h"
#include "shm/os.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG_RETRY_NS = 10000000 };

void netipc_dial_init(struct netipc_dial *dial)
{
    *dial = (struct netipc_dial){.socket = -1, .peer.pidfd = -1};
}

void netipc_dial_hang_up(struct netipc_dial *dial, bool forked)
{
    /* Children forked meanwhile may hold the socket open for long: the session ends here all the same. */
    if (dial->socket >= 0 && !forked)
        netipc_packet_shut_down(dial->socket);
    if (dial->socket >= 0)
        close(dial->socket);
    if (dial->peer.pidfd >= 0)
        close(dial->peer.pidfd);
    dial->socket = -1;
    dial->peer = (struct netipc_peer){.pidfd = -1};
    dial->retry_ns = 0;
    dial->state = NETIPC_DIAL_IDLE;
}

static netipc_status not_found(const struct netipc_dial *dial)
{
    return netipc_fail(NETIPC_NOT_FOUND, "nobody serves %s in %s", dial->service, dial->run_dir);
}

/* --- connecting --- */

static bool known_dead(const struct netipc_dial *dial, const struct stat *file)
{
    const struct netipc_dead_endpoint *dead = &dial->dead;
    return dead->known && file->st_dev == dead->device && file->st_ino == dead->inode &&
           file->st_ctim.tv_sec == dead->changed.tv_sec && file->st_ctim.tv_nsec == dead->changed.tv_nsec;
}

static netipc_status look_at_file(const struct netipc_dial *dial, struct sockaddr_un *address, struct stat *file)
{
    netipc_status status = netipc_endpoint_path(dial->run_dir, dial->service, address->sun_path);
    if (status != NETIPC_OK)
        return status;
    if (stat(address->sun_path, file) < 0)
        return errno == ENOENT || errno == ENOTDIR ? not_found(dial)
                                                   : netipc_fail_errno(errno, "look at %s", address->sun_path);
    return NETIPC_OK;
}

static netipc_status identify(struct netipc_dial *dial, const struct stat *file)
{
    netipc_status status = netipc_peer_identify(dial->socket, &dial->peer);
    if (status == NETIPC_GONE) {
        dial->dead = (struct netipc_dead_endpoint){true, file->st_dev, file->st_ino, file->st_ctim};
        return not_found(dial);
    }
    if (status != NETIPC_OK)
        return status;
    if (!netipc_uid_list_has(dial->uids, dial->peer.uid))
        return netipc_fail(NETIPC_AUTH_FAILED, "the process that serves %s in %s has uid %u, which is not trusted",
                           dial->service, dial->run_dir, dial->peer.uid);
    return NETIPC_OK;
}

static netipc_status send_hello(struct netipc_dial *dial)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    dial->hello.packet_size = netipc_packet_size_offer(dial->socket);
    dial->hello.supported_profiles |= dial->checksum_wish.offered;
    size_t length =
        netipc_wire_control(NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &dial->hello, NETIPC_WIRE_HELLO_SIZE, packet);
    enum netipc_packet_result result = netipc_packet_send(dial->socket, packet, length, NULL, 0);
    if (result == NETIPC_PACKET_FAILED)
        return netipc_fail_errno(errno, "send to the server of %s", dial->service);
    if (result == NETIPC_PACKET_AGAIN || result == NETIPC_PACKET_STARVED)
        return netipc_fail(NETIPC_NO_MEMORY, "a new socket to the server of %s takes no packet", dial->service);
    /* When it has closed already, a refusal may have been sent before: the answer is read all the same. */
    dial->state = NETIPC_DIAL_HELLO;
    return NETIPC_OK;
}

static netipc_status connect_socket(struct netipc_dial *dial)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat file;
    netipc_status status = look_at_file(dial, &address, &file);
    if (status != NETIPC_OK)
        return status;
    int error;
    do
        error = connect(dial->socket, (const struct sockaddr *)&address, sizeof address) < 0 ? errno : 0;
    while (error == EINTR);
    switch (error) {
    case 0:
        break;
    case ENOENT:
    case ECONNREFUSED:
        return not_found(dial);
    case EAGAIN: /* the backlog is full, and nothing tells when there is room again */
        dial->retry_ns = netipc_os_monotonic_ns() + BACKLOG_RETRY_NS;
        return NETIPC_WOULD_BLOCK;
    case EPROTOTYPE:
        return netipc_fail(NETIPC_INCOMPATIBLE, "%s is a socket of another type", address.sun_path);
    default:
        return netipc_fail_errno(error, "connect to %s", address.sun_path);
    }
    dial->retry_ns = 0;
    status = identify(dial, &file);
    return status == NETIPC_OK ? send_hello(dial) : status;
}

static netipc_status begin(struct netipc_dial *dial)
{
    struct sockaddr_un address;
    struct stat file;
    netipc_status status = look_at_file(dial, &address, &file);
    if (status != NETIPC_OK)
        return status;
    if (known_dead(dial, &file))
        return not_found(dial);
    status = netipc_endpoint_check_directory(dial->run_dir, dial->uids);
    if (status != NETIPC_OK)
        return status;
    dial->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (dial->socket < 0)
        return netipc_fail_errno(errno, "make a socket");
    dial->state = NETIPC_DIAL_CONNECTING;
    return NETIPC_OK;
}

/* --- HELLO_ACK --- */

netipc_status netipc_dial_refusal(const char *service, uint16_t transport_status)
{
    static const char *const reasons[] = {"",
                                          "bad envelope",
                                          "authentication failed: wrong uid or token",
                                          "incompatible version",
                                          "no common profile",
                                          "limit exceeded, or no free session",
                                          "internal error"};
    return netipc_fail(netipc_wire_status(transport_status), "the server of %s refused: %s (%u)", service,
                       transport_status < sizeof reasons / sizeof *reasons ? reasons[transport_status]
                                                                           : "unknown reason",
                       transport_status);
}

/* Which kind of checksum there is to be, if any. */
static netipc_status check_checksum(struct netipc_dial *dial)
{
    const struct netipc_checksum_wish *wish = &dial->checksum_wish;
    uint32_t common = dial->ack.intersection_profiles & NETIPC_CAPABILITY_CHECKSUMS;
    if ((common & ~wish->offered) != 0)
        return netipc_fail(NETIPC_PROTOCOL, "the server of %s agrees on checksums 0x%x, 0x%x were offered",
                           dial->service, common, wish->offered);
    if (common == 0 && wish->required)
        return netipc_fail(NETIPC_UNSUPPORTED, "the server of %s offers 0x%x, a packet checksum (0x%x) is needed",
                           dial->service, dial->ack.server_supported_profiles, wish->offered);
    dial->checksum = netipc_checksum_select(common);
    return NETIPC_OK;
}

static netipc_status check_refusal(const struct netipc_dial *dial, uint16_t transport_status)
{
    uint32_t checksums = dial->ack.server_supported_profiles & NETIPC_CAPABILITY_CHECKSUMS;
    if (transport_status == NETIPC_TRANSPORT_UNSUPPORTED && checksums != 0)
        return netipc_fail(NETIPC_UNSUPPORTED,
                           "the server of %s refused: it requires a packet checksum (0x%x), 0x%x are offered",
                           dial->service, checksums, dial->checksum_wish.offered);
    return netipc_dial_refusal(dial->service, transport_status);
}

static netipc_status check_ack(struct netipc_dial *dial, const struct netipc_envelope *envelope,
                               const unsigned char *payload)
{
    if (envelope->transport_status == NETIPC_TRANSPORT_LIMIT_EXCEEDED)
        return netipc_fail(NETIPC_BUSY, "the server of %s has no free session, or takes smaller requests only",
                           dial->service);
    struct netipc_hello_ack *ack = &dial->ack;
    memcpy(ack, payload, sizeof *ack);
    if (envelope->transport_status != NETIPC_TRANSPORT_OK)
        return check_refusal(dial, envelope->transport_status);
    if (ack->layout_version != NETIPC_WIRE_LAYOUT || ack->flags != 0 || ack->zero != 0)
        return netipc_fail(NETIPC_PROTOCOL, "HELLO_ACK of layout %u with flags 0x%x", ack->layout_version, ack->flags);
    if ((ack->intersection_profiles & dial->required_profile) == 0)
        return netipc_fail(NETIPC_UNSUPPORTED, "the server of %s offers profiles 0x%x, 0x%x is needed", dial->service,
                           ack->server_supported_profiles, dial->required_profile);
    uint32_t selected = ack->selected_profile & ack->intersection_profiles & dial->hello.supported_profiles;
    if (selected != ack->selected_profile || netipc_wire_select_profile(selected, 0) != selected || selected == 0)
        return netipc_fail(NETIPC_PROTOCOL, "profiles 0x%x were offered, and 0x%x selected of 0x%x in common",
                           dial->hello.supported_profiles, ack->selected_profile, ack->intersection_profiles);
    netipc_status status = check_checksum(dial);
    if (status != NETIPC_OK)
        return status;
    uint32_t least = NETIPC_WIRE_ENVELOPE_SIZE + netipc_checksum_size(dial->checksum);
    if (ack->packet_size <= least || ack->packet_size > dial->hello.packet_size)
        return netipc_fail(NETIPC_PROTOCOL, "packets of %u bytes were offered, and %u agreed on",
                           dial->hello.packet_size, ack->packet_size);
    return NETIPC_OK;
}

static netipc_status receive_ack(struct netipc_dial *dial)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    struct netipc_envelope envelope;
    size_t length;
    switch (netipc_packet_receive(dial->socket, packet, sizeof packet, &length)) {
    case NETIPC_PACKET_DONE:
        break;
    case NETIPC_PACKET_AGAIN:
        if (netipc_peer_died(dial->peer.pidfd))
            return netipc_fail(NETIPC_GONE, "the server of %s, process %u, died", dial->service, dial->peer.pid);
        return NETIPC_WOULD_BLOCK;
    case NETIPC_PACKET_CLOSED:
        return netipc_fail(NETIPC_GONE, "the server of %s hung up", dial->service);
    default:
        return netipc_fail_errno(errno, "receive from the server of %s", dial->service);
    }
    if (length > sizeof packet || !netipc_wire_envelope(packet, length, &envelope) ||
        !netipc_wire_is_control(&envelope, length, NETIPC_OP_HELLO_ACK, NETIPC_WIRE_HELLO_ACK_SIZE))
        return netipc_fail(NETIPC_PROTOCOL, "a packet of %zu bytes is no HELLO_ACK", length);
    netipc_status status = check_ack(dial, &envelope, packet + NETIPC_WIRE_ENVELOPE_SIZE);
    if (status == NETIPC_OK)
        dial->state = NETIPC_DIAL_DONE;
    return status;
}

netipc_status netipc_dial_begin(struct netipc_dial *dial)
{
    netipc_status status = begin(dial);
    if (status == NETIPC_OK)
        return netipc_dial_advance(dial);
    netipc_dial_hang_up(dial, false);
    return status;
}

netipc_status netipc_dial_advance(struct netipc_dial *dial)
{
    netipc_status status = NETIPC_OK;
    if (dial->state == NETIPC_DIAL_CONNECTING) {
        if (dial->retry_ns != 0 && netipc_os_monotonic_ns() < dial->retry_ns)
            return NETIPC_WOULD_BLOCK;
        status = connect_socket(dial);
    }
    if (status == NETIPC_OK && dial->state == NETIPC_DIAL_HELLO)
        status = receive_ack(dial);
    if (status != NETIPC_OK && status != NETIPC_WOULD_BLOCK)
        netipc_dial_hang_up(dial, false);
    return status;
}

/* --- blocking --- */

static netipc_status await(const struct netipc_dial *dial, int cancel, uint64_t began_ns, uint64_t deadline_ns)
{
    uint64_t now = netipc_os_monotonic_ns();
    if (now >= deadline_ns)
        return netipc_fail(NETIPC_TIMED_OUT, "the server of %s %s for %llu ms", dial->service,
                           dial->state == NETIPC_DIAL_CONNECTING ? "accepts nobody, its backlog is full,"
                                                                 : "has not answered",
                           (unsigned long long)((now - began_ns) / 1000000));
    uint64_t until = dial->retry_ns != 0 && dial->retry_ns < deadline_ns ? dial->retry_ns : deadline_ns;
    uint64_t left = until > now ? until - now : 0;
    struct pollfd polled[] = {
        {.fd = cancel, .events = POLLIN},
        {.fd = dial->state == NETIPC_DIAL_HELLO ? dial->socket : -1, .events = POLLIN},
        {.fd = dial->state == NETIPC_DIAL_HELLO ? dial->peer.pidfd : -1, .events = POLLIN},
    };
    const struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
    if (ppoll(polled, 3, &timeout, NULL) < 0 && errno != EINTR)
        return netipc_fail_errno(errno, "wait for the server of %s", dial->service);
    if (polled[0].revents != 0)
        return netipc_fail(NETIPC_ABORTED, "aborted while connecting to the server of %s", dial->service);
    return NETIPC_OK;
}

netipc_status netipc_dial_until(struct netipc_dial *dial, int cancel, uint64_t deadline_ns)
{
    uint64_t began_ns = netipc_os_monotonic_ns();
    netipc_status status = netipc_dial_begin(dial);
    while (status == NETIPC_WOULD_BLOCK) {
        status = await(dial, cancel, began_ns, deadline_ns);
        if (status == NETIPC_OK)
            status = netipc_dial_advance(dial);
    }
    if (status != NETIPC_OK)
        netipc_dial_hang_up(dial, false);
    return status;
}
