/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A pipe for each reader, of a MiB, which is what the system gives to everybody. */
enum { BUFFER = 1 << 20 };

struct reader {
    const struct station *station;
    size_t size, taken; /* of the message at hand, what has come */
    int fd;
    enum peer_way way; /* that fd is set to */
};

static enum peer_ready prepare(struct peer_link *link)
{
    if (!pairs_make(link))
        return PEER_FAILED;
    struct pair *pairs = link->made;
    for (unsigned i = 0; i < link->readers; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) != 0)
            return pairs_give_up(link, peer_explain(link, PEER_FAILED,
                                                    "no pipe: %s; take fewer --readers, or raise ulimit -n",
                                                    strerror(errno)));
        pairs[i] = (struct pair){.sends = ends[1], .receives = ends[0]};
        fcntl(ends[1], F_SETPIPE_SZ, BUFFER); /* else it stays at 64 KiB */
    }
    return PEER_READY;
}

static void write_all(const struct pairs_publisher *publisher, int fd, const char *bytes)
{
    for (size_t left = publisher->link->size; left > 0;) {
        ssize_t written = write(fd, bytes, left);
        if (written < 0 && errno != EINTR)
            station_fail(publisher->station, NETIPC_SYSTEM, "cannot write: %s", strerror(errno));
        if (written > 0) {
            bytes += written;
            left -= (size_t)written;
        }
    }
}

static void publish(void *context, const void *bytes)
{
    const struct pairs_publisher *publisher = context;
    for (unsigned i = 0; i < publisher->link->readers; i++)
        write_all(publisher, publisher->pairs[i].sends, bytes);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    struct reader *reader = peer_allocate(station, sizeof *reader);
    *reader =
        (struct reader){.station = station, .size = link->size, .fd = pairs_of_reader(link, number), .way = PEER_BLOCK};
    return reader;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    struct reader *reader = context;
    if (reader->way != way) {
        if (fcntl(reader->fd, F_SETFL, way == PEER_SPIN ? O_NONBLOCK : 0) != 0)
            station_fail(reader->station, NETIPC_SYSTEM, "cannot change the pipe: %s", strerror(errno));
        reader->way = way;
    }
    ssize_t got = read(reader->fd, (char *)buffer + reader->taken, reader->size - reader->taken);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0)
        station_fail(reader->station, NETIPC_SYSTEM, "cannot read: %s",
                     got == 0 ? "the publisher has hung up" : strerror(errno));
    reader->taken += (size_t)got;
    if (reader->taken < reader->size)
        return false;
    reader->taken = 0;
    return true;
}

const struct peer peer_pipe = {
    .name = "pipe",
    .delivery = PEER_EACH,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .prepare = prepare,
    .settle = pairs_of_nobody,
    .clear = pairs_clear,
    .open_publisher = pairs_open_publisher,
    .publish = publish,
    .close_publisher = peer_free_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .close_reader = free,
};
