/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/peer.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <zmq.h>

/*
 * ZeroMQ, PUB to SUB over its ipc transport. At a subscriber the latest message takes the place of one that waits
 * (ZMQ_CONFLATE; with that at the publisher too, a thread of 4.3.4 is never idle, and 100 times fewer messages arrive);
 * at the publisher those are lost that are too many for its queue, which is as long as it is by default. Each process
 * has a thread of ZeroMQ's for input and output, on the same CPU: a reader that spins gives way to that.
 */
#define CONNECTED "inproc://connected"

enum { CONNECT_MS = 10000 };

struct publisher {
    const struct station *station;
    size_t size;
    void *context, *socket;
};

struct reader {
    const struct station *station;
    size_t size;
    void *context, *socket;
};

static _Noreturn void fail(const struct station *station, const char *what)
{
    station_fail(station, NETIPC_SYSTEM, "ZeroMQ cannot %s: %s", what, zmq_strerror(errno));
}

static void set(const struct station *station, void *socket, int option, int value)
{
    if (zmq_setsockopt(socket, option, &value, sizeof value) != 0)
        fail(station, "set an option");
}

static void open_socket(const struct station *station, int type, void **context, void **socket)
{
    *context = zmq_ctx_new();
    *socket = *context != NULL ? zmq_socket(*context, type) : NULL;
    if (*socket == NULL)
        fail(station, "make a socket");
    set(station, *socket, ZMQ_LINGER, 0);
}

static void close_socket(void *context, void *socket)
{
    zmq_close(socket);
    zmq_ctx_term(context);
}

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    char endpoint[PEER_ADDRESS];
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->station = station;
    publisher->size = link->size;
    open_socket(station, ZMQ_PUB, &publisher->context, &publisher->socket);
    peer_ipc_address(link, endpoint);
    if (zmq_bind(publisher->socket, endpoint) != 0)
        fail(station, "bind its socket");
    return publisher;
}

static void publish(void *context, const void *bytes)
{
    const struct publisher *publisher = context;
    while (zmq_send(publisher->socket, bytes, publisher->size, 0) < 0)
        if (errno != EINTR)
            fail(publisher->station, "send");
}

static void close_publisher(void *context, uint64_t published)
{
    struct publisher *publisher = context;
    (void)published;
    close_socket(publisher->context, publisher->socket);
    free(publisher);
}

/* zmq_connect() begins to, and leaves the rest to its thread, which needs the path. */
static void connect_to(const struct reader *reader, const char *endpoint)
{
    const struct station *station = reader->station;
    void *monitor = zmq_socket(reader->context, ZMQ_PAIR);
    zmq_msg_t event;
    if (monitor == NULL || zmq_socket_monitor(reader->socket, CONNECTED, ZMQ_EVENT_HANDSHAKE_SUCCEEDED) != 0 ||
        zmq_connect(monitor, CONNECTED) != 0)
        fail(station, "tell when it is connected");
    set(station, monitor, ZMQ_RCVTIMEO, CONNECT_MS);
    zmq_msg_init(&event);
    if (zmq_connect(reader->socket, endpoint) != 0 || zmq_msg_recv(&event, monitor, 0) < 0)
        fail(station, "connect");
    zmq_msg_close(&event);
    zmq_socket_monitor(reader->socket, NULL, 0);
    zmq_close(monitor);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    char endpoint[PEER_ADDRESS];
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    reader->station = station;
    reader->size = link->size;
    open_socket(station, ZMQ_SUB, &reader->context, &reader->socket);
    set(station, reader->socket, ZMQ_CONFLATE, 1);
    if (zmq_setsockopt(reader->socket, ZMQ_SUBSCRIBE, "", 0) != 0)
        fail(station, "subscribe");
    peer_ipc_address(link, endpoint);
    connect_to(reader, endpoint);
    return reader;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    const struct reader *reader = context;
    int got = zmq_recv(reader->socket, buffer, reader->size, way == PEER_SPIN ? ZMQ_DONTWAIT : 0);
    if (got < 0 && errno == EAGAIN)
        sched_yield();
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got < 0)
        fail(reader->station, "receive");
    if ((size_t)got != reader->size)
        station_fail(reader->station, NETIPC_CORRUPT, "ZeroMQ has a message of %d bytes", got);
    return true;
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    close_socket(reader->context, reader->socket);
    free(reader);
}

const struct peer peer_zeromq = {
    .name = "zeromq",
    .delivery = PEER_SOME,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .settle = peer_remove_socket,
    .open_publisher = open_publisher,
    .publish = publish,
    .close_publisher = close_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .close_reader = close_reader,
};
