/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/knee.h"

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
