/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CACHE_RECLAIMER_H
#define NETIPC_PUBLISH_CACHE_RECLAIMER_H

/*
 * A thread that waits until no reader uses the replaced generations of a cache any more, and frees them or hands them
 * back for another use. The cache's owner gives and takes under a lock that is held for a few loads and stores; readers
 * know nothing of it.
 */

#include "publish/cache_generation.h"
#include "shm/atomics.h"

#include <pthread.h>

/* So many may wait, however large they are. */
enum { NETIPC_CACHE_RETIRED_LEAST = 4 };

struct netipc_cache_reclaimer {
    bool running;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    netipc_atomic_u32 freed; /* counts what ends the owner's wait: something was freed, or an abort */
    /* Under the lock. */
    bool stopping, in_vain;
    struct netipc_cache_generation *retired; /* not waited for yet */
    uint64_t retired_count, retired_bytes;   /* those that are waited for included */
    struct netipc_cache_generation *spare;
    unsigned spare_count;
};

/* NETIPC_OK, or why no thread could be started. */
netipc_status netipc_cache_reclaimer_start(struct netipc_cache_reclaimer *reclaimer);

/* Waits until all that was retired is freed. Nothing happens if it was not started. */
void netipc_cache_reclaimer_stop(struct netipc_cache_reclaimer *reclaimer);

/* Takes over a generation that readers cannot reach any more but may have reached. */
void netipc_cache_retire(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation);

/* Whether another one of these bytes may be retired, below a limit; waits for that, unless it has waited in vain since
 * something was freed, and not while *aborts is odd. */
bool netipc_cache_await_room(struct netipc_cache_reclaimer *reclaimer, uint64_t bytes, uint64_t limit,
                             uint64_t timeout_ns, const netipc_atomic_u32 *aborts);

/* Has the owner's wait look at *aborts. Any thread; async-signal-safe. */
void netipc_cache_interrupt(struct netipc_cache_reclaimer *reclaimer);

/* One to build in; NULL: no memory. */
struct netipc_cache_generation *netipc_cache_take_spare(struct netipc_cache_reclaimer *reclaimer);

/* What nobody has, or can come to have. */
void netipc_cache_give_back(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation);

void netipc_cache_count_retired(struct netipc_cache_reclaimer *reclaimer, uint64_t *count, uint64_t *bytes);

#endif
