/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/pace.h"

void netipc_pace_learn(struct netipc_pace *pace, uint64_t generation, uint64_t now_ns)
{
    if (generation == pace->generation)
        return;
    if (generation < pace->generation || pace->generation == 0 || now_ns < pace->seen_ns) {
        *pace = (struct netipc_pace){.generation = generation, .seen_ns = now_ns};
        return;
    }
    uint64_t interval = (now_ns - pace->seen_ns) / (generation - pace->generation);
    pace->average_ns = pace->known ? pace->average_ns - pace->average_ns / 8 + interval / 8 : interval;
    pace->last_ns = interval;
    pace->known = true;
    pace->generation = generation;
    pace->seen_ns = now_ns;
}

uint64_t netipc_pace_spin_ns(const struct netipc_pace *pace, uint64_t now_ns, uint64_t budget_ns)
{
    if (!pace->known)
        return 0;
    uint64_t expected = pace->last_ns < pace->average_ns ? pace->last_ns : pace->average_ns;
    uint64_t since = now_ns - pace->seen_ns;
    /* Overdue: as much again may be ahead, so a publisher that has stopped is soon not spun for any more. */
    uint64_t left = since < expected ? expected - since : since;
    return left <= budget_ns ? budget_ns : 0;
}
