/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/peer.h"

#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * nng, pub to sub over its ipc transport, with messages that it does not copy. Queues are of one message, which a later
 * one replaces. The library has threads of its own in each process, on the same CPU: a reader that spins gives way to
 * those.
 */
enum { QUEUE = 1, LOOKS = 10000, LOOK_NS = 1000000 };

struct publisher {
    const struct station *station;
    size_t size;
    unsigned readers;
    nng_socket socket;
    _Atomic unsigned connected; /* counted by a thread of nng's */
};

struct reader {
    const struct station *station;
    size_t size;
    nng_socket socket;
};

static void expect(const struct station *station, int result, const char *what)
{
    if (result != 0)
        station_fail(station, NETIPC_SYSTEM, "nng cannot %s: %s", what, nng_strerror(result));
}

static void on_connected(nng_pipe pipe, nng_pipe_ev event, void *context)
{
    struct publisher *publisher = context;
    (void)pipe, (void)event;
    atomic_fetch_add(&publisher->connected, 1);
}

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    char url[PEER_ADDRESS];
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->station = station;
    publisher->size = link->size;
    publisher->readers = link->readers;
    peer_ipc_address(link, url);
    expect(station, nng_pub0_open(&publisher->socket), "make a socket");
    expect(station, nng_socket_set_int(publisher->socket, NNG_OPT_SENDBUF, QUEUE), "set the length of its queues");
    expect(station, nng_pipe_notify(publisher->socket, NNG_PIPE_EV_ADD_POST, on_connected, publisher),
           "tell who connects");
    expect(station, nng_listen(publisher->socket, url, NULL, 0), "listen");
    return publisher;
}

static void await_readers(void *context)
{
    struct publisher *publisher = context;
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    for (unsigned looks = 0; atomic_load(&publisher->connected) != publisher->readers; looks++) {
        if (looks == LOOKS)
            station_fail(publisher->station, NETIPC_TIMED_OUT, "nng has %u readers, not %u",
                         atomic_load(&publisher->connected), publisher->readers);
        nanosleep(&pause, NULL);
    }
}

static void publish(void *context, const void *bytes)
{
    const struct publisher *publisher = context;
    nng_msg *message;
    expect(publisher->station, nng_msg_alloc(&message, publisher->size), "make a message");
    memcpy(nng_msg_body(message), bytes, publisher->size);
    expect(publisher->station, nng_sendmsg(publisher->socket, message, 0), "send");
}

static void close_publisher(void *context, uint64_t published)
{
    struct publisher *publisher = context;
    (void)published;
    nng_close(publisher->socket);
    free(publisher);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    char url[PEER_ADDRESS];
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    reader->station = station;
    reader->size = link->size;
    peer_ipc_address(link, url);
    expect(station, nng_sub0_open(&reader->socket), "make a socket");
    expect(station, nng_socket_set_int(reader->socket, NNG_OPT_RECVBUF, QUEUE), "set the length of its queue");
    expect(station, nng_socket_set_bool(reader->socket, NNG_OPT_SUB_PREFNEW, true), "prefer new messages");
    expect(station, nng_socket_set_size(reader->socket, NNG_OPT_RECVMAXSZ, link->size), "set the largest message");
    expect(station, nng_socket_set(reader->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0), "subscribe");
    expect(station, nng_dial(reader->socket, url, NULL, 0), "connect");
    return reader;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    const struct reader *reader = context;
    nng_msg *message;
    int result = nng_recvmsg(reader->socket, &message, way == PEER_SPIN ? NNG_FLAG_NONBLOCK : 0);
    if (result == NNG_EAGAIN) {
        sched_yield();
        return false;
    }
    expect(reader->station, result, "receive");
    if (nng_msg_len(message) != reader->size)
        station_fail(reader->station, NETIPC_CORRUPT, "nng has a message of %zu bytes", nng_msg_len(message));
    memcpy(buffer, nng_msg_body(message), reader->size);
    nng_msg_free(message);
    return true;
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    nng_close(reader->socket);
    free(reader);
}

const struct peer peer_nng = {
    .name = "nng",
    .delivery = PEER_SOME,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .settle = peer_remove_socket,
    .open_publisher = open_publisher,
    .await_readers = await_readers,
    .publish = publish,
    .close_publisher = close_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .close_reader = close_reader,
};
