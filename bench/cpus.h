/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CPUS_H
#define BENCH_CPUS_H

/* Which CPUs the processes of a measurement run on. */

#include <stdbool.h>
#include <stddef.h>

enum cpus_relation {
    CPUS_ANY, /* the nearest of two different cores, or else of one */
    CPUS_SAME_CORE,
    CPUS_SAME_L2,
    CPUS_SAME_L3,
    CPUS_CROSS_NUMA
};

enum { CPUS_MOST = 1024 };

/* The first CPU is the publisher's; the subscribers take the others in turn. */
struct cpus {
    size_t count;
    unsigned numbers[CPUS_MOST];
    const char *how; /* what the first two share, in words */
};

/* "same-core" and so on. */
bool cpus_parse_relation(const char *text, enum cpus_relation *relation);
const char *cpus_relation_name(enum cpus_relation relation);

/* "0,2" or "0,2,3". */
bool cpus_parse_list(const char *text, struct cpus *cpus);

/* Finds CPUs that stand in this relation to the first, or looks at those that were listed. False, and a notice: there
 * are none, or this process may not use them. */
bool cpus_pick(enum cpus_relation relation, struct cpus *cpus);
bool cpus_check(struct cpus *cpus);

/* The CPU of a subscriber. */
unsigned cpus_of_subscriber(const struct cpus *cpus, size_t number);

/* This thread, and those that it makes. False, and errno. */
bool cpus_pin(unsigned cpu);

#endif
