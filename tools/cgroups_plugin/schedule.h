/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_SCHEDULE_H
#define CGROUPS_PLUGIN_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * When to scan: at start + n · interval, however long a scan takes, and early when somebody has reason to think that
 * something has changed. Early scans are at least early_ns apart from the scan before, and so far that scanning takes
 * no more than a tenth of the time. Times are those of CLOCK_MONOTONIC, in nanoseconds; nothing here asks a clock.
 */
struct schedule {
    uint64_t interval_ns;
    uint64_t early_ns;
    uint64_t next_ns;   /* of the regular scans */
    uint64_t wanted_ns; /* when an early one is due; 0: none is wanted */
    uint64_t free_ns;   /* no early scan before */
    uint64_t miss_ns;   /* as early_ns, for scans that somebody else asks for; more for each that was in vain */
    uint64_t miss_free_ns;
    bool for_miss; /* why it is wanted */
    bool scanning_for_miss;
};

void schedule_start(struct schedule *schedule, uint64_t interval_ns, uint64_t early_ns, uint64_t now);

/* Something has changed: an early scan is wanted. What belongs to it may follow within a moment, which is waited for.
 */
void schedule_want(struct schedule *schedule, uint64_t now);

/*
 * Somebody asked for what is not there. He may go on asking for what never will be, so each such scan that finds
 * nothing new makes the wait for the next one twice as long, up to the interval.
 */
void schedule_want_for_miss(struct schedule *schedule, uint64_t now);

/* When the next scan is due. */
uint64_t schedule_due(const struct schedule *schedule);

/* A scan begins at began, whatever the reason, ... */
void schedule_begin(struct schedule *schedule, uint64_t began);

/* ... and has ended at now, with something new or not. */
void schedule_end(struct schedule *schedule, uint64_t began, uint64_t now, bool changed);

#endif
