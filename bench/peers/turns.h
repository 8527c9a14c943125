/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PEERS_TURNS_H
#define BENCH_PEERS_TURNS_H

/*
 * The work that each transport does in its turn: a publisher's process and those of readers, which do the same parts in
 * the same order and meet before each of them.
 *
 *     for each way (blocking, spinning) that the transport has
 *         flat out    publishes as fast as it can, and the readers read as fast as they can
 *         at a rate   publishes at fixed dates with the time in the message
 *     then, if the latest message can be read again
 *         again       the first reader does so, while nothing is published
 *
 * Every message differs from the one before in all its words. At a rate all bytes of all messages are checked; flat
 * out, where checking would be the most of the work, the front of each, 4 KiB of each (others each time), and the
 * order.
 */

#include "bench/distribution.h"
#include "bench/peers/peer.h"
#include "bench/series.h"

#include <stdatomic.h>

struct turns_count {
    uint64_t messages, missed, cpu_ns, wall_ns; /* of all runs */
};

struct turns_publishing {
    struct series per_second; /* flat out, a run each */
    struct turns_count flat_out, at_rate;
    struct distribution lag_ns;
};

struct turns_reading {
    struct series per_second;     /* flat out */
    struct series latency_p50_ns; /* at a rate */
    struct distribution latency_ns;
    struct turns_count flat_out, at_rate;
};

/* What is done, the same for all transports at one size. */
struct turns_plan {
    size_t size;
    unsigned readers, ways; /* 1u << enum peer_way */
    uint64_t runs, part_ns;
    double hz;
};

/* One transport at one size, shared by its processes and the supervisor. */
struct turns {
    const struct peer *peer;
    struct peer_link link;
    struct turns_plan plan;
    size_t first;                  /* in the crew: the publisher; its readers follow */
    _Atomic uint64_t published[2]; /* messages before a part, of even ones and odd ones: either side may be one ahead */
    _Atomic uint64_t last;         /* the number of the last message of a part, when the publisher knows it */
    _Atomic uint32_t done;         /* readers that have had it, of all parts */
    struct series again_ns;
    struct turns_publishing publishing[PEER_WAYS];
    struct turns_reading readings[]; /* PEER_WAYS for each reader */
};

/* Memory that the processes share. NULL, and a notice: there is none. */
struct turns *turns_make(const struct peer *peer, const struct turns_plan *plan);
void turns_free(struct turns *turns);

/* How many parts, and so meetings, a run has. */
unsigned turns_parts(const struct peer *peer, unsigned ways);

/* What the crew's workers do, with a struct turns. */
void turns_publish(struct station *station, void *turns);
void turns_read(struct station *station, void *turns);

#endif
