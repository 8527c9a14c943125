/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_ROUND_TRIPS_H
#define NETIPC_TOOL_ROUND_TRIPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How long each of a number of calls took. */
struct round_trips {
    uint64_t *ns;
    size_t count, capacity;
    bool sorted;
};

/* Room for so many. False: out of memory. */
bool round_trips_open(struct round_trips *trips, size_t capacity);
void round_trips_free(struct round_trips *trips);

void round_trips_add(struct round_trips *trips, uint64_t ns);

/* The least time that this percentage, 1 to 100, of the calls took no longer than; 0 when there are none. */
uint64_t round_trips_percentile(struct round_trips *trips, unsigned percentage);

#endif
