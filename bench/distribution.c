/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/distribution.h"

/* Durations below 2 x STEPS have a counter each; above, the STEPS values of the leading bits have. */
static uint32_t bucket_of(uint64_t ns)
{
    uint32_t shift = 0;
    while (ns >> shift >= 2 * DISTRIBUTION_STEPS)
        shift++;
    return shift * DISTRIBUTION_STEPS + (uint32_t)(ns >> shift);
}

/* The middle of what a counter stands for. */
static double middle_of(uint32_t bucket)
{
    if (bucket < 2 * DISTRIBUTION_STEPS)
        return bucket;
    uint32_t shift = bucket / DISTRIBUTION_STEPS - 1;
    uint64_t low = (uint64_t)(bucket - shift * DISTRIBUTION_STEPS) << shift;
    return (double)low + (double)((UINT64_C(1) << shift) - 1) / 2;
}

void distribution_add(struct distribution *distribution, uint64_t ns)
{
    distribution->counts[bucket_of(ns)]++;
    distribution->n++;
    if (ns > distribution->max)
        distribution->max = ns;
}

void distribution_merge(struct distribution *into, const struct distribution *from)
{
    for (uint32_t bucket = 0; bucket < DISTRIBUTION_BUCKETS; bucket++)
        into->counts[bucket] += from->counts[bucket];
    into->n += from->n;
    if (from->max > into->max)
        into->max = from->max;
}

double distribution_quantile(const struct distribution *distribution, double part)
{
    double wanted = part * (double)distribution->n;
    uint64_t below = 0;
    for (uint32_t bucket = 0; bucket < DISTRIBUTION_BUCKETS; bucket++) {
        below += distribution->counts[bucket];
        if (below > 0 && (double)below >= wanted) {
            double middle = middle_of(bucket);
            return middle < (double)distribution->max ? middle : (double)distribution->max;
        }
    }
    return 0;
}
