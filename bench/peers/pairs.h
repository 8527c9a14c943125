/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PEERS_PAIRS_H
#define BENCH_PEERS_PAIRS_H

/* Descriptors that are made before the processes are forked, two for each reader; for transports that are nothing but
 * that. They are link->made. */

#include "bench/peers/peer.h"

struct pair {
    int sends, receives; /* -1: none, or closed in this process */
};

/* Makes link->made, without descriptors; false: explained. */
bool pairs_make(struct peer_link *link);

/* What such a publisher is; peer_free_publisher() closes it. Closes what is of the readers. */
struct pairs_publisher {
    const struct station *station;
    const struct peer_link *link;
    const struct pair *pairs;
};

void *pairs_open_publisher(const struct station *station, struct peer_link *link);

/* Closes what is not of this reader; and all. */
int pairs_of_reader(struct peer_link *link, unsigned number);
void pairs_of_nobody(struct peer_link *link);

/* The same, and frees link->made; gives ready. */
enum peer_ready pairs_give_up(struct peer_link *link, enum peer_ready ready);
void pairs_clear(struct peer_link *link);

#endif
