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
 *     spinning pays      at a rate where a budget of a whole period or more costs less than the smallest of all
 *     break-even         between the longest period where it pays, as at all shorter ones, and the next longer one
 *
 * An adaptive wait spins until the next publication or sleeps at once, so it is the break-even that is for it.
 */

#include <stdbool.h>
#include <stddef.h>

enum { KNEE_NONE = -1 };

/*
 * The place of the first value that is at most a tenth above the least: of costs by ascending budget the knee, of
 * latencies what those want to whom CPU time is nothing. KNEE_NONE: there are no values.
 */
int knee_find(const double *values, size_t count);

/* Budgets ascend, and there is one at least. False also when none is as long as a period. */
bool knee_spin_pays(const double *budgets, const double *costs, size_t count, double period);

/* Rates a second ascend. 0: it pays at no rate, or not at the highest. In nanoseconds. */
double knee_break_even(const double *rates, const bool *pays, size_t count);

#endif
