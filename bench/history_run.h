/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_HISTORY_RUN_H
#define BENCH_HISTORY_RUN_H

/*
 * Each run has two parts. In the first the publisher's process fills the whole history when the reader asks for it, and
 * the baseline's buffers, of which there are as many; the reader then reads every generation by number, and copies
 * every buffer. In the second the publisher publishes all the time, and the reader is absent for three quarters of the
 * history, then reads what it missed, the oldest first.
 */

#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/command.h"
#include "bench/distribution.h"
#include "bench/series.h"

/* Per piece of work, in thousandths of a nanosecond; of the run at hand. */
struct history_figure {
    struct distribution run_ps;
    struct series ns;
};

struct history_run {
    struct audience audience;
    struct baseline baseline;
    struct options options;
    uint64_t part_ns, kept;         /* generations that are filled and read: the latest, and the history */
    _Atomic uint64_t asked, filled; /* how often */
    _Atomic uint64_t runs_filled, runs_done;
    struct history_figure publish, written, read, copied, lease, list;
    struct distribution catch_up_ns, oldest_age_ns;
    uint64_t laps, listed, caught, expired, overruns, flow_count, flow_ns;
    netipc_publisher_info info;
};

/* With a struct history_run that the processes share; an experiment_supervisor. */
bool history_supervise(struct experiment *experiment, void *context, struct crew *crew);

#endif
