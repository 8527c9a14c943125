/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/series.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    double left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

/* Between two neighbours it is taken in proportion. */
static double quantile_of_sorted(const double *sorted, size_t count, double part)
{
    double place = part * (double)(count - 1);
    size_t low = (size_t)place;
    size_t high = low + 1 < count ? low + 1 : low;
    return sorted[low] + (place - (double)low) * (sorted[high] - sorted[low]);
}

void series_add(struct series *series, double value)
{
    if (series->count < SERIES_RUNS_MOST)
        series->runs[series->count++] = value;
}

double series_quartile(const struct series *series, unsigned quarter)
{
    double sorted[SERIES_RUNS_MOST];
    if (series->count == 0)
        return 0;
    memcpy(sorted, series->runs, series->count * sizeof *sorted);
    qsort(sorted, series->count, sizeof *sorted, compare);
    return quantile_of_sorted(sorted, series->count, quarter / 4.0);
}

void series_difference(const struct series *a, const struct series *b, struct series *result)
{
    result->count = 0;
    for (size_t run = 0; run < a->count && run < b->count; run++)
        series_add(result, a->runs[run] - b->runs[run]);
}

void series_quotient(const struct series *a, const struct series *b, struct series *result)
{
    result->count = 0;
    for (size_t run = 0; run < a->count && run < b->count; run++)
        if (b->runs[run] > 0)
            series_add(result, a->runs[run] / b->runs[run]);
}

double series_median_of(double *values, size_t count)
{
    if (count == 0)
        return 0;
    qsort(values, count, sizeof *values, compare);
    return quantile_of_sorted(values, count, 0.5);
}
