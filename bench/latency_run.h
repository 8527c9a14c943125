/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LATENCY_RUN_H
#define BENCH_LATENCY_RUN_H

/*
 * Publications at a fixed rate, and the processes that wait for them and read. Each run has three parts, in turn:
 * `count` publications; as many hand-offs of the baseline, at the same rate, between the publisher's process and the
 * first reader's; round trips of a line between these two, and readings of the clock. Without baselines it has the
 * first only, and the publisher also takes the time of each publication.
 */

#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/command.h"
#include "bench/distribution.h"
#include "bench/pace.h"
#include "bench/series.h"

/* What one reader has seen. */
struct latency_reading {
    struct distribution latency_ns, run_ns; /* of all runs, and of the one at hand */
    struct distribution from_date_ns;       /* of all runs; not from the publication, but from when it was due */
    uint64_t seen, missed, overruns, sleeps, spins, cpu_ns;
};

/* All of it but run_ns. */
void latency_reading_add(struct latency_reading *sum, const struct latency_reading *one);

/* In memory that all of its processes share. */
struct latency_run {
    struct audience audience;
    struct baseline baseline;
    struct options options;
    bool with_baselines;
    uint64_t count;       /* publications a run */
    struct pace schedule; /* of the run at hand, from before its first publication on */
    struct distribution lag_ns, publish_ns, handoff_ns, handoff_run_ns;
    struct series latency_p50_ns, handoff_p50_ns; /* of the first reader, a run each */
    struct series oneway_ns, clock_ns;
    uint64_t publisher_cpu_ns, wall_ns, handoffs_missed;
    netipc_publisher_info info;
    struct latency_reading readings[];
};

/*
 * As the options say (size, readers, hz, duration, repeat, wait, spin_ns), which need not be those of the experiment,
 * and the profile, unless it is NULL. NULL: notice and the experiment's failure have been given. Of all readers
 * together is what readings[0] has.
 */
struct latency_run *latency_run(struct experiment *experiment, const struct options *options,
                                const netipc_profile *profile, bool with_baselines);
void latency_run_free(struct latency_run *run);

#endif
