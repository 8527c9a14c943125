/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_KNEE_H
#define BENCH_KNEE_H

/*
 * How long a spin is worth it. To spin as long as a sleep and its wake-up would cost takes at most twice what is best
 * (Karlin, Li, Manasse, Owicki: Empirical Studies of Competitive Spinning, 1991). What a sleep costs is latency, what a
 * spin costs is CPU time, so both are put on one scale, a nanosecond of the one for a nanosecond of the other:
 *
 *     cost of a budget   the median latency, and the CPU time of a subscriber for each publication that it reads
 *     knee of a rate     the smallest budget that costs at most a tenth more than the cheapest
 *     recommended        the largest knee of all rates: where publications come less often than that, an adaptive wait
 *                        does not spin
 */

#include <stddef.h>

enum { KNEE_NONE = -1 };

/*
 * The place of the first value that is at most a tenth above the least: of costs by ascending budget the knee, of
 * latencies what those want to whom CPU time is nothing. KNEE_NONE: there are no values.
 */
int knee_find(const double *values, size_t count);

#endif
