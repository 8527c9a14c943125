/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_FOLLOWER_H
#define BENCH_FOLLOWER_H

/*
 * A subscriber that follows snapshots of cgroups: waits for the next one and takes it, as --wait and --mode say.
 *
 *     refresh   netipc_cache_refresh(): what a plugin does that keeps the items
 *     copy      netipc_subscriber_read()
 *     lease     netipc_reader_acquire(), netipc_reader_index(): what a plugin does that looks items up in place
 *
 * All of this runs in workers, and fails them.
 */

#include "bench/audience.h"
#include "bench/cgroups.h"
#include "bench/options.h"

#include <netipc/cache.h>
#include <netipc/netipc.h>

struct follower {
    const struct station *station;
    const struct options *options; /* wait, spin_ns, take */
    struct cgroups cgroups;
    netipc_subscriber *subscriber; /* refresh: NULL; else cache is */
    netipc_reader *reader;         /* lease */
    netipc_cache *cache;
    netipc_index index;
    const void *view;  /* lease: what it holds */
    void *buffer;      /* copy */
    uint64_t seen;     /* the latest generation taken */
    uint64_t taken;    /* snapshots */
    uint64_t missed;   /* generations between them */
    uint64_t overruns; /* NETIPC_OVERRUN: taken again */
    uint64_t vain;     /* refreshes that found nothing new */
    uint64_t opening;  /* refreshes that attached it */
};

/* Attaches. Nothing has been published yet. */
void follower_open(const struct station *station, const struct audience *audience, const struct options *options,
                   struct follower *follower);

/* Until there may be another generation than was seen. */
void follower_wait(struct follower *follower);

/* Takes the latest snapshot. False: it is the one that was seen, or it was overtaken. */
bool follower_take(struct follower *follower);

/* Whether every item of what was taken is what it has to be; and no more need of it. */
void follower_check(struct follower *follower);

/* Whether the library has counted what was done, when so many generations have been published. */
void follower_check_counters(struct follower *follower, uint64_t published);

void follower_close(struct follower *follower);

#endif
