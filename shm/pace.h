/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_PACE_H
#define NETIPC_SHM_PACE_H

/*
 * When the next publication is due, learned from those before, and so whether it is worth spinning for.
 *
 * To spin as long as a sleep and a wake-up would cost, and then to sleep, takes at most twice what is best in each case
 * (Karlin, Li, Manasse, Owicki: Empirical Studies of Competitive Spinning, 1991). Publications mostly come at a pace,
 * so there is something better: no spin at all when the next one is not due within that budget. Expected is the shorter
 * of the last interval and of their moving average: a burst is met by spinning from its second generation on, and one
 * hiccup of a fast publisher does not send its readers to sleep for long. What is overdue is expected to take as long
 * again as it has been waited for.
 *
 * An interval is counted a generation, so how a reader waits, or what it misses, does not change what it learns. The
 * caller has the clock; one thread has the pace.
 */

#include <stdbool.h>
#include <stdint.h>

struct netipc_pace {
    uint64_t generation, seen_ns; /* of the latest arrival; generation 0: none yet */
    uint64_t last_ns, average_ns; /* intervals */
    bool known;                   /* two arrivals have been seen */
};

/* A generation has come, at about now_ns. A smaller one than before begins anew. */
void netipc_pace_learn(struct netipc_pace *pace, uint64_t generation, uint64_t now_ns);

/* budget_ns when a publication is expected by then, else 0. */
uint64_t netipc_pace_spin_ns(const struct netipc_pace *pace, uint64_t now_ns, uint64_t budget_ns);

#endif
