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

static bool spin(const struct netipc_wait *wait)
{
    if (changed(wait))
        return true;
    if (wait->spin_ns == 0)
        return false;
    uint64_t start = netipc_os_monotonic_ns();
    do {
        netipc_os_pause();
        if (changed(wait))
            return true;
    } while (!interrupted(wait) && netipc_os_monotonic_ns() - start < wait->spin_ns);
    return false;
}

enum netipc_wait_end netipc_wait_for_change(const struct netipc_wait *wait, bool *slept)
{
    netipc_atomic_u32 *wake = netipc_line_wake(wait->line);
    *slept = false;
    if (interrupted(wait))
        return NETIPC_WAIT_INTERRUPTED;
    if (spin(wait))
        return NETIPC_WAIT_CHANGED;
    if (wait->sleep_ns > 0) {
        uint32_t expected = netipc_fetch_or(wake, 1u, release) | 1u; /* W1; release: others is known to who wakes */
        netipc_fence(seq_cst);                                       /* W2, pairs with P6 */
        if (changed(wait))
            return NETIPC_WAIT_CHANGED;
        if (!interrupted(wait)) {
            *slept = true;
            netipc_os_wait(wake, expected, wait->sleep_ns); /* W4 */
            /* One was woken, for all. Asked now: they may have come while this one slept. */
            if (netipc_load(wake, acquire) != expected && netipc_load(wait->others, relaxed) > 0)
                netipc_os_wake_all(wake);
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
