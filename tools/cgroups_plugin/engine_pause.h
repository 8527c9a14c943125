/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_ENGINE_PAUSE_H
#define CGROUPS_PLUGIN_ENGINE_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

/* How much is asked of a container engine: less of one that does not answer, nothing for a while of one that is not
 * there. Zeroed is an engine of which nothing bad is known. Times are nanoseconds of one clock. */
struct engine_pause {
    unsigned failures; /* in a row */
    unsigned pauses;   /* in a row */
    uint64_t until;
};

enum { ENGINE_PARALLEL = 8 };

/* How many questions may be under way now. */
unsigned engine_may_ask(const struct engine_pause *pause, uint64_t now);

/* It answered, whatever it said. */
void engine_answered(struct engine_pause *pause);

/* It did not; reached: there was somebody who took the question. */
void engine_failed(struct engine_pause *pause, bool reached, uint64_t now);

/* first doubled as many times as times says, but at most last. */
uint64_t backoff(uint64_t first, unsigned times, uint64_t last);

#endif
