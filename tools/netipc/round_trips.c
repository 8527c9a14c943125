/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/round_trips.h"

#include <stdlib.h>

bool round_trips_open(struct round_trips *trips, size_t capacity)
{
    *trips = (struct round_trips){.ns = calloc(capacity, sizeof *trips->ns), .capacity = capacity};
    return trips->ns != NULL;
}

void round_trips_free(struct round_trips *trips)
{
    free(trips->ns);
    *trips = (struct round_trips){0};
}

void round_trips_add(struct round_trips *trips, uint64_t ns)
{
    if (trips->count == trips->capacity)
        return;
    trips->ns[trips->count++] = ns;
    trips->sorted = false;
}

static int by_size(const void *one, const void *other)
{
    uint64_t left = *(const uint64_t *)one, right = *(const uint64_t *)other;
    return (left > right) - (left < right);
}

uint64_t round_trips_percentile(struct round_trips *trips, unsigned percentage)
{
    if (trips->count == 0)
        return 0;
    if (!trips->sorted)
        qsort(trips->ns, trips->count, sizeof *trips->ns, by_size);
    trips->sorted = true;
    return trips->ns[(trips->count * percentage + 99) / 100 - 1];
}
