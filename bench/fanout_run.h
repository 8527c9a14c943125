/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_FANOUT_RUN_H
#define BENCH_FANOUT_RUN_H

/*
 * Each run has two parts, in turn: `count` snapshots of cgroups that every reader takes; as many hand-offs of the
 * baseline, with the same bytes at the same rate, to the same readers. What is taken is checked half a period later, so
 * that nobody who is to be woken waits for a CPU that checks.
 */

#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/command.h"
#include "bench/distribution.h"
#include "bench/series.h"
#include "bench/usage.h"

/* How one snapshot got on. */
struct fanout_journey {
    _Atomic uint64_t published_ns, first_ns, last_ns;
    _Atomic uint32_t readers;
};

/* CPU time of a process in a part of a run; own: for making and checking snapshots, which is no work of the library's.
 */
struct fanout_cost {
    uint64_t cpu_ns, own_ns;
};

struct fanout_reading {
    struct distribution latency_ns, handoff_ns;
    struct fanout_cost cost; /* of the last part */
    struct usage_memory memory;
    uint64_t taken, missed, overruns, handoffs_missed;
};

/* One way to hand snapshots on, the library's or the baseline's. */
struct fanout_side {
    struct distribution publish_ns, spread_ns;
    struct fanout_cost publisher;                     /* of the last part */
    uint64_t part_ns;                                 /* which took so long */
    struct series publisher_us, readers_us;           /* CPU time for each publication, of all readers together */
    struct series publisher_percent, readers_percent; /* of one CPU */
    struct fanout_cost all_publisher, all_readers;
    uint64_t all_ns;
};

struct fanout_run {
    struct audience audience;
    struct baseline baseline;
    struct options options;
    uint64_t count; /* publications a run */
    struct distribution lag_ns;
    struct fanout_side library, bare;
    struct usage_memory publisher_memory;
    netipc_publisher_info info;
    struct fanout_reading *readings;
    struct fanout_journey *journeys;
};

/* With a struct fanout_run that the processes share; an experiment_supervisor. */
bool fanout_supervise(struct experiment *experiment, void *context, struct crew *crew);

#endif
