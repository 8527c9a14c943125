/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/pairs.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A POSIX message queue for each reader, as long as the system lets anybody make one (fs.mqueue.msg_max, 10 by
 * default). Their names go at once: on Linux a queue is a descriptor, which the processes inherit.
 */
struct reader {
    const struct station *station;
    size_t size;
    int fd;
    enum peer_way way; /* that fd is set to */
};

/* A limit of the system; 0: not known. */
static long limit(const char *name)
{
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/sys/fs/mqueue/%s", name);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    long value = fgets(text, sizeof text, file) != NULL ? strtol(text, NULL, 10) : 0;
    fclose(file);
    return value;
}

static bool open_queue(struct pair *pair, unsigned number, struct mq_attr *attributes)
{
    char name[48];
    snprintf(name, sizeof name, "/shmbench-%ld-%u", (long)getpid(), number);
    pair->sends = mq_open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600, attributes);
    if (pair->sends < 0)
        return false;
    pair->receives = mq_open(name, O_RDONLY | O_CLOEXEC);
    int error = errno;
    mq_unlink(name);
    errno = error;
    return pair->receives >= 0;
}

static enum peer_ready explain(struct peer_link *link)
{
    switch (errno) {
    case EINVAL:
        return peer_explain(link, PEER_UNABLE, "a message has at most %ld bytes here (fs.mqueue.msgsize_max)",
                            limit("msgsize_max"));
    case ENOSYS:
        return peer_explain(link, PEER_UNABLE, "this kernel has no message queues");
    case EMFILE:
    case ENFILE:
    case ENOSPC:
        return peer_explain(link, PEER_FAILED, "no message queue: %s; take fewer --readers, or raise ulimit -q",
                            strerror(errno));
    default:
        return peer_explain(link, PEER_FAILED, "no message queue: %s; leave mq out of --peers", strerror(errno));
    }
}

static enum peer_ready prepare(struct peer_link *link)
{
    long most = limit("msg_max");
    struct mq_attr attributes = {.mq_maxmsg = most > 0 ? most : 10, .mq_msgsize = (long)link->size};
    if (!pairs_make(link))
        return PEER_FAILED;
    struct pair *pairs = link->made;
    for (unsigned i = 0; i < link->readers; i++)
        if (!open_queue(&pairs[i], i, &attributes))
            return pairs_give_up(link, explain(link));
    return PEER_READY;
}

static void publish(void *context, const void *bytes)
{
    const struct pairs_publisher *publisher = context;
    for (unsigned i = 0; i < publisher->link->readers; i++)
        while (mq_send(publisher->pairs[i].sends, bytes, publisher->link->size, 0) != 0)
            if (errno != EINTR)
                station_fail(publisher->station, NETIPC_SYSTEM, "cannot send: %s", strerror(errno));
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
        struct mq_attr attributes = {.mq_flags = way == PEER_SPIN ? O_NONBLOCK : 0};
        if (mq_setattr(reader->fd, &attributes, NULL) != 0)
            station_fail(reader->station, NETIPC_SYSTEM, "cannot change the queue: %s", strerror(errno));
        reader->way = way;
    }
    ssize_t got = mq_receive(reader->fd, buffer, reader->size, NULL);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got != (ssize_t)reader->size)
        station_fail(reader->station, got < 0 ? NETIPC_SYSTEM : NETIPC_CORRUPT, "cannot receive: %s",
                     got < 0 ? strerror(errno) : "a message of another length");
    return true;
}

const struct peer peer_mq = {
    .name = "mq",
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
