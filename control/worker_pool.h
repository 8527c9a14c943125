/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_WORKER_POOL_H
#define NETIPC_CONTROL_WORKER_POOL_H

/*
 * Threads that run jobs. Jobs are queued in lanes, the oldest first, and lanes take turns, a job each: so whoever has
 * queued many is in front of nobody by more than one. All threads block all signals.
 */

#include <netipc/status.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct netipc_job {
    struct netipc_job *next;
    void (*run)(struct netipc_job *job); /* on a worker; may free the job */
};

/* The queue of one who adds jobs; starts as zeros. Under the pool's lock. */
struct netipc_lane {
    struct netipc_lane *next; /* in the pool, as long as it has jobs */
    struct netipc_job *first, *last;
};

struct netipc_worker_pool {
    pthread_t *threads;
    uint32_t count; /* 0: there is no pool */
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct netipc_lane *first, **last; /* lanes with jobs; the first one's turn is next */
    bool stopping;
};

/* Starts count threads. On failure none runs. */
netipc_status netipc_worker_pool_start(struct netipc_worker_pool *pool, uint32_t count);

/* Ends the threads when their jobs are done; jobs that had not begun never run. Nothing when there is no pool. */
void netipc_worker_pool_stop(struct netipc_worker_pool *pool);

/* Any thread; not after stop. The lane must last until the last of its jobs has begun, or the pool has stopped. */
void netipc_worker_pool_add(struct netipc_worker_pool *pool, struct netipc_lane *lane, struct netipc_job *job);

#endif
