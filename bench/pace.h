/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PACE_H
#define BENCH_PACE_H

/*
 * A fixed rate on an absolute schedule: whoever is late for one date is not late for the next because of that, and no
 * date is left out. Sleeps until a date that is far off, spins until one that is near.
 */

#include "bench/distribution.h"

struct pace {
    uint64_t start_ns;
    double period_ns;
    uint64_t index; /* of the next date */
};

/* The first date comes a moment after now. Sets the timer slack of this thread to the least. */
void pace_start(struct pace *pace, double hz);

/* The date with this index, from 0. */
uint64_t pace_date(const struct pace *pace, uint64_t index);

/* Until the next date. How late it was is added to lag, if that is not NULL. */
void pace_wait(struct pace *pace, struct distribution *lag);

#endif
