/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_WORKER_POOL_H
#define NETIPC_CONTROL_WORKER_POOL_H

/* Threads that run jobs, the oldest first. All of them block all signals. */

#include <netipc/status.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct netipc_job {
    struct netipc_job *next;
    void (*run)(struct netipc_job *job); /* on a worker; may free the job */
};

struct netipc_worker_pool {
    pthread_t *threads;
    uint32_t count; /* 0: there is no pool */
    pthread_mutex_t lock;
    pthread_cond_t change;
    struct netipc_job *first, **last;
    bool stopping;
};

/* Starts count threads. On failure none runs. */
netipc_status netipc_worker_pool_start(struct netipc_worker_pool *pool, uint32_t count);

/* Ends the threads when their jobs are done; jobs that had not begun never run. Nothing when there is no pool. */
void netipc_worker_pool_stop(struct netipc_worker_pool *pool);

/* Any thread; not after stop. */
void netipc_worker_pool_add(struct netipc_worker_pool *pool, struct netipc_job *job);

#endif
