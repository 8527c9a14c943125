/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/wait.h"

#include "shm/os.h"

static bool changed(const struct netipc_wait *wait)
{
    uint64_t hot = netipc_load(wait->latest, acquire); /* W3, pairs with P4 */
    uint64_t latest_generation = netipc_hot_generation(hot);
    /* Generation 0 is nothing to read, also for who saw generations of an earlier publisher. */
    return (latest_generation != wait->generation && latest_generation != 0) || netipc_hot_ended(hot);
}

static bool interrupted(const struct netipc_wait *wait)
{
    return netipc_load(wait->news, acquire) != wait->expected_news;
}

/* Looks in between two looks at the clock, which take as long as a few of them. */
enum { LOOKS = 8 };

/* Behind the change there is no look at the clock: the caller has a hand-over to end. */
static bool spin(const struct netipc_wait *wait, uint64_t *looked_ns)
{
    uint64_t start = netipc_os_monotonic_ns();
    *looked_ns = start;
    do {
        for (int i = 0; i < LOOKS; i++) {
            netipc_os_pause();
            if (changed(wait))
                return true;
        }
        if (interrupted(wait))
            return false;
        *looked_ns = netipc_os_monotonic_ns();
    } while (*looked_ns - start < wait->spin_ns);
    return false;
}

/* The publisher woke one, for all, and the first to be up wakes the others, once a round. That one may be who lay down
 * between the publisher's sum and its wake-up, and for whom the word has not moved on: the kernel wakes whom it likes,
 * who has a real-time priority first. others is asked for only now, since they may have come while this one slept. */
static void pass_on(const struct netipc_wait *wait, netipc_atomic_u32 *wake)
{
    uint32_t now = netipc_load(wake, acquire); /* pairs with W1 of the others */
    if (netipc_load(wait->others, relaxed) == 0)
        return;
    uint32_t round = now & ~1u; /* a later sleeper may have set the bit again */
    if (netipc_exchange(wait->passed_on, round, relaxed) != round)
        netipc_os_wake_all(wake);
}

enum netipc_wait_end netipc_wait_for_change(const struct netipc_wait *wait, struct netipc_wait_effort *effort)
{
    netipc_atomic_u32 *wake = netipc_line_wake(wait->line);
    *effort = (struct netipc_wait_effort){0};
    if (interrupted(wait))
        return NETIPC_WAIT_INTERRUPTED;
    if (changed(wait))
        return NETIPC_WAIT_CHANGED;
    effort->spun = wait->spin_ns > 0;
    if (effort->spun && spin(wait, &effort->looked_ns))
        return NETIPC_WAIT_CHANGED;
    if (wait->sleep_ns > 0) {
        uint32_t expected = netipc_fetch_or(wake, 1u, release) | 1u; /* W1; release: others is known to who wakes */
        netipc_fence(seq_cst);                                       /* W2, pairs with P6 */
        if (changed(wait))
            return NETIPC_WAIT_CHANGED;
        if (!interrupted(wait)) {
            effort->slept = true;
            netipc_os_wait(wake, expected, wait->sleep_ns); /* W4 */
            pass_on(wait, wake);
        }
    }
    if (interrupted(wait))
        return NETIPC_WAIT_INTERRUPTED;
    return changed(wait) ? NETIPC_WAIT_CHANGED : NETIPC_WAIT_ELAPSED;
}

void netipc_wait_interrupt(struct netipc_session_line *line)
{
    netipc_fence(seq_cst); /* the caller's change of news comes first; pairs with W2 */
    netipc_fetch_add(netipc_line_wake(line), 2u, relaxed);
    netipc_os_wake_all(netipc_line_wake(line));
}
