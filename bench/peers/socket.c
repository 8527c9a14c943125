/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Unix sockets, a pair for each reader: packets, one send and one recv a message; and streams, which need more where
 * the kernel cuts a message. The buffers are as large as the system lets anybody have, up to 4 MiB.
 */
enum { BUFFER = 4 << 20, PACKET_OVERHEAD = 32 };

struct reader {
    const struct station *station;
    size_t size, taken; /* of a message of a stream that has come in part */
    int fd;
    bool packets;
};

static enum peer_ready prepare(struct peer_link *link, int type)
{
    int wanted = BUFFER, given = 0;
    if (!pairs_make(link))
        return PEER_FAILED;
    struct pair *pairs = link->made;
    for (unsigned i = 0; i < link->readers; i++) {
        int ends[2];
        socklen_t length = sizeof given;
        if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) != 0)
            return pairs_give_up(link, peer_explain(link, PEER_FAILED,
                                                    "no socket: %s; take fewer --readers, or raise ulimit -n",
                                                    strerror(errno)));
        pairs[i] = (struct pair){.sends = ends[0], .receives = ends[1]};
        setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted);
        getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &given, &length);
    }
    if (type == SOCK_SEQPACKET && link->size + PACKET_OVERHEAD > (size_t)given)
        return pairs_give_up(link, peer_explain(link, PEER_UNABLE,
                                                "a packet has at most %d bytes here; raise net.core.wmem_max",
                                                given - PACKET_OVERHEAD));
    return PEER_READY;
}

static enum peer_ready prepare_seqpacket(struct peer_link *link)
{
    return prepare(link, SOCK_SEQPACKET);
}

static enum peer_ready prepare_stream(struct peer_link *link)
{
    return prepare(link, SOCK_STREAM);
}

static void send_all(const struct pairs_publisher *publisher, int fd, const char *bytes)
{
    for (size_t left = publisher->link->size; left > 0;) {
        ssize_t sent = send(fd, bytes, left, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            station_fail(publisher->station, NETIPC_SYSTEM, "cannot send: %s", strerror(errno));
        if (sent > 0) {
            bytes += sent;
            left -= (size_t)sent;
        }
    }
}

static void publish(void *context, const void *bytes)
{
    const struct pairs_publisher *publisher = context;
    for (unsigned i = 0; i < publisher->link->readers; i++)
        send_all(publisher, publisher->pairs[i].sends, bytes);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    struct reader *reader = peer_allocate(station, sizeof *reader);
    int fd = pairs_of_reader(link, number), type = 0;
    socklen_t length = sizeof type;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length);
    *reader = (struct reader){.station = station, .size = link->size, .fd = fd, .packets = type == SOCK_SEQPACKET};
    return reader;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    struct reader *reader = context;
    int flags = way == PEER_SPIN ? MSG_DONTWAIT : reader->packets ? 0 : MSG_WAITALL;
    ssize_t got = recv(reader->fd, (char *)buffer + reader->taken, reader->size - reader->taken, flags);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0)
        station_fail(reader->station, NETIPC_SYSTEM, "cannot receive: %s",
                     got == 0 ? "the publisher has hung up" : strerror(errno));
    reader->taken += (size_t)got;
    if (reader->packets && reader->taken != reader->size)
        station_fail(reader->station, NETIPC_CORRUPT, "received %zd bytes of %zu", got, reader->size);
    if (reader->taken < reader->size)
        return false;
    reader->taken = 0;
    return true;
}

const struct peer peer_seqpacket = {
    .name = "seqpacket",
    .delivery = PEER_EACH,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .prepare = prepare_seqpacket,
    .settle = pairs_of_nobody,
    .clear = pairs_clear,
    .open_publisher = pairs_open_publisher,
    .publish = publish,
    .close_publisher = peer_free_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .close_reader = free,
};

const struct peer peer_stream = {
    .name = "stream",
    .delivery = PEER_EACH,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .prepare = prepare_stream,
    .settle = pairs_of_nobody,
    .clear = pairs_clear,
    .open_publisher = pairs_open_publisher,
    .publish = publish,
    .close_publisher = peer_free_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .close_reader = free,
};
