/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SERIES_H
#define BENCH_SERIES_H

/* One figure a run, and what is said of all runs. Of a fixed size, so that it can lie in shared memory. */

#include <stddef.h>

enum { SERIES_RUNS_LEAST = 11, SERIES_RUNS_MOST = 1000 };

struct series {
    size_t count;
    double runs[SERIES_RUNS_MOST];
};

/* At most SERIES_RUNS_MOST are kept. */
void series_add(struct series *series, double value);

/* quarter 1, 2 or 3; 2 is the median. 0 of an empty series. */
double series_quartile(const struct series *series, unsigned quarter);

/* The run-by-run difference and quotient of two series that were measured in turn. */
void series_difference(const struct series *a, const struct series *b, struct series *result);
void series_quotient(const struct series *a, const struct series *b, struct series *result);

/* The median of values, which are sorted by it. */
double series_median_of(double *values, size_t count);

#endif
