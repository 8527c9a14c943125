/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PEERS_PEER_H
#define BENCH_PEERS_PEER_H

/*
 * One way to bring bytes from a process to others, at one size of messages: netipc, or another transport in the
 * configuration that its users take for speed. A struct peer is a file in this folder and a line in known.c.
 *
 *     supervisor          publisher               readers, `readers` processes
 *     prepare
 *                         open_publisher
 *                                                 open_reader
 *                         await_readers
 *     settle
 *                         publish …               read …, reread …
 *                         close_publisher         close_reader
 *     clear
 *
 * Publisher and readers are processes of a crew (bench/crew.h): what cannot be done there fails the worker, by
 * station_fail(). Threads that a library makes stay on the CPU of the process.
 */

#include "bench/crew.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a reader gets at a message: asleep until there is one, as the transport's own documentation does it; or by
 * looking again and again. */
enum peer_way { PEER_BLOCK, PEER_SPIN, PEER_WAYS };

/* What a publisher does to readers that are slower. */
enum peer_delivery {
    PEER_EACH,   /* waits for them: each message arrives */
    PEER_LATEST, /* nothing: a reader gets the latest one, which it may read again */
    PEER_SOME    /* a queue that is full loses messages */
};

enum peer_ready {
    PEER_READY,
    PEER_UNABLE, /* this transport cannot carry messages of this size here: that is a result */
    PEER_FAILED  /* something is missing that could be there: that ends the measurement */
};

enum { PEER_WHY = 200, PEER_PATH = 128, PEER_ADDRESS = PEER_PATH + 8 };

/* Made before the processes are forked, and the same in all of them. */
struct peer_link {
    size_t size; /* of each message */
    unsigned readers;
    char dir[PEER_PATH - 32]; /* empty, of this link alone, removed with all that is in it; in memory (tmpfs) */
    void *made;               /* by prepare; belongs to the peer */
    char why[PEER_WHY];       /* when not PEER_READY: for PEER_FAILED with what to do */
};

struct peer {
    const char *name; /* in --peers and the JSON */
    enum peer_delivery delivery;
    unsigned ways; /* 1u << enum peer_way, of all that it has */
    bool repeats;  /* PEER_LATEST: a read may give the latest message once more as a new one */

    enum peer_ready (*prepare)(struct peer_link *link); /* may be NULL */
    /* All are there: names that nobody needs any more can go, so that not even SIGKILL leaves them. May be NULL. */
    void (*settle)(struct peer_link *link);
    /* After PEER_READY, when all processes have ended, however they did. May be NULL. */
    void (*clear)(struct peer_link *link);

    void *(*open_publisher)(const struct station *station, struct peer_link *link);
    void (*await_readers)(void *publisher); /* may be NULL */
    /* Brings link->size bytes to all readers, or where they find them. */
    void (*publish)(void *publisher, const void *bytes);
    /* With the number of calls of publish, for a transport that counts them itself. */
    void (*close_publisher)(void *publisher, uint64_t published);

    void *(*open_reader)(const struct station *station, struct peer_link *link, unsigned number);
    /*
     * One try: true with the next message in buffer, or the latest one if that is new. False: not yet; with PEER_BLOCK
     * too, where a wait may end without a message. Only the ways that it has.
     */
    bool (*read)(void *reader, enum peer_way way, void *buffer);
    /* PEER_LATEST: the latest message again, whatever was read. Else NULL. */
    void (*reread)(void *reader, void *buffer);
    void (*close_reader)(void *reader);
};

/* One of these is in each of the files; known.h has those that are built in. */
extern const struct peer peer_netipc, peer_bare, peer_seqpacket, peer_stream, peer_pipe, peer_mq, peer_lmdb,
    peer_zeromq, peer_nng, peer_iceoryx, peer_mmv;

/* Zeroed memory, for a worker; fails it when there is none. */
void *peer_allocate(const struct station *station, size_t bytes);

/* For close_publisher, where nothing but such memory is there; free() does it for close_reader. */
void peer_free_publisher(void *publisher, uint64_t published);

/* "ipc://…", for transports that take such addresses: of a socket in link->dir. peer_remove_socket() is for settle. */
void peer_ipc_address(const struct peer_link *link, char address[PEER_ADDRESS]);
void peer_remove_socket(struct peer_link *link);

/* For prepare: why it is not ready, in words. Returns ready. */
enum peer_ready peer_explain(struct peer_link *link, enum peer_ready ready, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
