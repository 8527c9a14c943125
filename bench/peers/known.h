/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PEERS_KNOWN_H
#define BENCH_PEERS_KNOWN_H

/* The transports that there are, and those that this program was built without. netipc is the first. */

#include "bench/peers/peer.h"

enum { KNOWN_MOST = 16 };

struct known {
    const char *name;
    const struct peer *peer; /* NULL: not built in */
    const char *package;     /* of Debian, that brings it; NULL: the C library does */
};

/* Ends with a name of NULL. */
extern const struct known known_peers[];

/*
 * Picks some of those known by a list of names ("lmdb,pipe"; NULL: all that are built in); the first one known is
 * always there, and first. Returns their number. 0, and a notice: a name is wrong, or not built in.
 */
size_t known_pick(const struct known *known, const char *names, const struct peer *picked[KNOWN_MOST]);

/* The names for --help, as they are and with the packages of those that are missing. */
void known_print(void);

#endif
