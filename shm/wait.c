/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/wait.h"

#include "shm/os.h"

static bool changed(const netipc_atomic_u64 *latest, uint64_t generation)
{
    uint64_t hot = netipc_load(latest, acquire); /* W3, pairs with P4 */
    uint64_t latest_generation = netipc_hot_generation(hot);
    /* Generation 0 is nothing to read, also for who saw generations of an earlier publisher. */
    return (latest_generation != generation && latest_generation != 0) || netipc_hot_ended(hot);
}

static bool spin(const netipc_atomic_u64 *latest, uint64_t generation, const netipc_atomic_u32 *aborted,
                 uint64_t spin_ns)
{
    if (changed(latest, generation))
        return true;
    if (spin_ns == 0)
        return false;
    uint64_t start = netipc_os_monotonic_ns();
    do {
        netipc_os_pause();
        if (changed(latest, generation))
            return true;
    } while (netipc_load(aborted, relaxed) == 0 && netipc_os_monotonic_ns() - start < spin_ns);
    return false;
}

enum netipc_wait_end netipc_wait_for_change(const netipc_atomic_u64 *latest, uint64_t generation,
                                            struct netipc_session_line *line, const netipc_atomic_u32 *aborted,
                                            uint64_t spin_ns, uint64_t sleep_ns, const netipc_atomic_u32 *others,
                                            bool *slept)
{
    *slept = false;
    if (netipc_load(aborted, relaxed) != 0)
        return NETIPC_WAIT_ABORTED;
    if (spin(latest, generation, aborted, spin_ns))
        return NETIPC_WAIT_CHANGED;
    if (sleep_ns > 0) {
        uint32_t expected = netipc_fetch_or(&line->wake, 1u, relaxed) | 1u; /* W1 */
        netipc_fence(seq_cst);                                              /* W2, pairs with P6 */
        if (changed(latest, generation))
            return NETIPC_WAIT_CHANGED;
        if (netipc_load(aborted, relaxed) == 0) {
            *slept = true;
            netipc_os_wait(&line->wake, expected, sleep_ns); /* W4 */
            /* Asked now: they may have come while this one slept. */
            if (netipc_load(others, relaxed) > 0 && netipc_load(&line->wake, relaxed) != expected)
                netipc_os_wake_all(&line->wake);
        }
    }
    if (netipc_load(aborted, relaxed) != 0)
        return NETIPC_WAIT_ABORTED;
    return changed(latest, generation) ? NETIPC_WAIT_CHANGED : NETIPC_WAIT_ELAPSED;
}

void netipc_wait_interrupt(struct netipc_session_line *line)
{
    netipc_fence(seq_cst); /* the caller's store to aborted comes first; pairs with W2 */
    netipc_fetch_add(&line->wake, 2u, relaxed);
    netipc_os_wake_all(&line->wake);
}
