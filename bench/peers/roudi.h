/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PEERS_ROUDI_H
#define BENCH_PEERS_ROUDI_H

/*
 * The broker of iceoryx, iox-roudi, for one measurement. Its socket, its locks and its shared memory have the same
 * names in /tmp and /dev/shm for everybody on a system. So it gets these two directories for itself, empty ones in
 * memory, in a mount namespace of its own, which those enter that talk to it. Nothing of it is seen elsewhere, no
 * other broker is in the way, and all of it is gone with the last of these processes, however they end.
 */

#include "bench/peers/peer.h"

#include <sys/types.h>

struct roudi {
    pid_t pid;
    int output; /* what it says; it ends when nobody can read that */
    int users;  /* its user namespace, for who is not root; -1: none */
    int mounts; /* its mount namespace */
};

/* Supervisor: starts it, with count chunks for messages of size bytes, and waits until it is ready. */
enum peer_ready roudi_start(struct roudi *roudi, struct peer_link *link, size_t size, unsigned count);

/* Supervisor: ends it, and waits for that. */
void roudi_stop(struct roudi *roudi);

/* A worker, before its first call to iceoryx. False, and errno: it cannot. */
bool roudi_enter(const struct roudi *roudi);

#endif
