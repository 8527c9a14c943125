/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/knee.h"

#include <math.h>

/* What two measurements of one thing may differ by. */
static const double tolerance = 1.1;

int knee_find(const double *values, size_t count)
{
    double least = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 || values[i] < least)
            least = values[i];
    for (size_t i = 0; i < count; i++)
        if (values[i] <= least * tolerance)
            return (int)i;
    return KNEE_NONE;
}

bool knee_spin_pays(const double *budgets, const double *costs, size_t count, double period)
{
    for (size_t i = 1; i < count; i++)
        if (budgets[i] >= period && costs[i] < costs[0])
            return true;
    return false;
}

double knee_break_even(const double *rates, const bool *pays, size_t count)
{
    size_t slowest = count; /* of the highest ones, at all of which it pays */
    while (slowest > 0 && pays[slowest - 1])
        slowest--;
    if (slowest == count)
        return 0;
    double period = 1e9 / rates[slowest];
    /* Nothing is known of longer ones than the longest: a quarter more, for those that come a little late. */
    return slowest > 0 ? sqrt(period * 1e9 / rates[slowest - 1]) : period * 1.25;
}
