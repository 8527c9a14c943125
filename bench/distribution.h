/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_DISTRIBUTION_H
#define BENCH_DISTRIBUTION_H

/*
 * How often which duration was seen, in a fixed amount of memory whatever the number of samples: durations below 256
 * ns are counted exactly, longer ones to within 0.8 %. The largest one is kept exactly. All zero: empty.
 */

#include <stdint.h>

enum {
    DISTRIBUTION_STEPS = 128, /* counters for each doubling */
    DISTRIBUTION_BUCKETS = DISTRIBUTION_STEPS * 58
};

struct distribution {
    uint64_t n, max;
    uint64_t counts[DISTRIBUTION_BUCKETS];
};

void distribution_add(struct distribution *distribution, uint64_t ns);
void distribution_merge(struct distribution *into, const struct distribution *from);

/* The duration that the fraction `part` (0.5: the median) of all samples does not pass; 0 when there are none. */
double distribution_quantile(const struct distribution *distribution, double part);

#endif
