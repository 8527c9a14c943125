/* SPDX-License-Identifier: Apache-2.0 */
#include "control/packet.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

enum { PACKET_OVERHEAD = 32 }; /* bytes of the send buffer that the kernel keeps from the largest packet */

static enum netipc_packet_result result_of_errno(void)
{
    switch (errno) {
    case EAGAIN:
        return NETIPC_PACKET_AGAIN;
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS:
        return NETIPC_PACKET_STARVED;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return NETIPC_PACKET_CLOSED;
    default:
        return NETIPC_PACKET_FAILED;
    }
}

static enum netipc_packet_result send_message(int socket, const struct msghdr *message)
{
    ssize_t sent;
    do
        sent = sendmsg(socket, message, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? result_of_errno() : NETIPC_PACKET_DONE;
}

enum netipc_packet_result netipc_packet_send_parts(int socket, struct iovec *parts, size_t count)
{
    const struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    return send_message(socket, &message);
}

enum netipc_packet_result netipc_packet_send(int socket, const void *packet, size_t length, const int *fds,
                                             size_t fd_count)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(NETIPC_PACKET_FDS_MAX * sizeof(int))];
    } ancillary;
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        memset(&ancillary, 0, sizeof ancillary);
        message.msg_control = ancillary.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    return send_message(socket, &message);
}

static enum netipc_packet_result receive(int socket, struct msghdr *message, size_t *length)
{
    ssize_t got;
    bool reset = false;
    for (;;) {
        got = recvmsg(socket, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
        /* A peer that closed without having read everything: the kernel says so once, ahead of what that peer had sent
         * before. What it said last, a refusal for instance, is still there to be read. */
        if (got < 0 && errno == ECONNRESET && !reset)
            reset = true;
        else if (got >= 0 || errno != EINTR)
            break;
    }
    if (got < 0) {
        enum netipc_packet_result result = result_of_errno();
        return result == NETIPC_PACKET_STARVED ? NETIPC_PACKET_AGAIN : result; /* what has come stays there */
    }
    *length = (size_t)got;
    /* A packet without bytes looks like the end, and no correct peer sends one: both end the session. */
    return got == 0 ? NETIPC_PACKET_CLOSED : NETIPC_PACKET_DONE;
}

enum netipc_packet_result netipc_packet_receive(int socket, void *buffer, size_t capacity, size_t *length)
{
    /* No room for ancillary data: the kernel closes whatever descriptors there are. */
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    return receive(socket, &message, length);
}

enum netipc_packet_result netipc_packet_receive_fds(int socket, void *buffer, size_t capacity, size_t *length,
                                                    int fds[NETIPC_PACKET_FDS_MAX], size_t *fd_count, bool *truncated)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(NETIPC_PACKET_FDS_MAX * sizeof(int))];
    } ancillary;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    *fd_count = 0;
    *truncated = false;
    enum netipc_packet_result result = receive(socket, &message, length);
    if (result == NETIPC_PACKET_AGAIN || result == NETIPC_PACKET_FAILED)
        return result;
    for (struct cmsghdr *part_of = CMSG_FIRSTHDR(&message); part_of != NULL; part_of = CMSG_NXTHDR(&message, part_of)) {
        if (part_of->cmsg_level != SOL_SOCKET || part_of->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part_of->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part_of) + i * sizeof(int), sizeof fd);
            if (*fd_count < NETIPC_PACKET_FDS_MAX) {
                fds[(*fd_count)++] = fd;
            } else {
                close(fd);
                *truncated = true;
            }
        }
    }
    if (message.msg_flags & MSG_CTRUNC)
        *truncated = true;
    if (*truncated || result != NETIPC_PACKET_DONE)
        while (*fd_count > 0)
            close(fds[--*fd_count]);
    return result;
}

void netipc_packet_refuse_fds(int socket)
{
    int off = 0;
    setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof off);
}

void netipc_packet_shut_down(int socket)
{
    enum { PACKETS_MOST = 4096 }; /* far more than a send buffer holds, and no more can come */
    shutdown(socket, SHUT_RDWR);
    for (int i = 0; i < PACKETS_MOST; i++)
        if (recv(socket, NULL, 0, MSG_DONTWAIT | MSG_TRUNC) <= 0)
            break;
}

bool netipc_packet_all_received(int socket)
{
    int queued = 0;
    return ioctl(socket, SIOCOUTQ, &queued) == 0 && queued == 0;
}

uint32_t netipc_packet_size_offer(int socket)
{
    int bytes = 0;
    socklen_t length = sizeof bytes;
    if (getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, &length) < 0 || bytes < 4096)
        return 4096;
    return (uint32_t)bytes - PACKET_OVERHEAD;
}
