/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_COUNTER_H
#define NETIPC_SHM_COUNTER_H

#include "shm/atomics.h"

/* Adds to a counter that one thread at a time writes and any thread reads: no read-modify-write is needed. */
static inline void netipc_count(netipc_atomic_u64 *counter, int64_t change)
{
    netipc_store(counter, netipc_load(counter, relaxed) + (uint64_t)change, relaxed);
}

#endif
