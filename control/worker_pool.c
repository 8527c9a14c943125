/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker_pool.h"

#include "shm/detail.h"
#include "shm/os.h"

#include <stdlib.h>

static void append(struct netipc_worker_pool *pool, struct netipc_lane *lane)
{
    lane->next = NULL;
    *pool->last = lane;
    pool->last = &lane->next;
}

static struct netipc_lane *take_first(struct netipc_worker_pool *pool)
{
    struct netipc_lane *lane = pool->first;
    pool->first = lane->next;
    if (pool->first == NULL)
        pool->last = &pool->first;
    return lane;
}

static struct netipc_job *next_job(struct netipc_worker_pool *pool)
{
    struct netipc_job *job = NULL;
    pthread_mutex_lock(&pool->lock);
    while (pool->first == NULL && !pool->stopping)
        pthread_cond_wait(&pool->change, &pool->lock);
    if (!pool->stopping) {
        struct netipc_lane *lane = take_first(pool);
        job = lane->first;
        lane->first = job->next;
        if (lane->first != NULL)
            append(pool, lane); /* behind all others that wait */
    }
    pthread_mutex_unlock(&pool->lock);
    return job;
}

static void *work(void *context)
{
    struct netipc_worker_pool *pool = context;
    for (struct netipc_job *job = next_job(pool); job != NULL; job = next_job(pool))
        job->run(job);
    return NULL;
}

netipc_status netipc_worker_pool_start(struct netipc_worker_pool *pool, uint32_t count)
{
    *pool = (struct netipc_worker_pool){0};
    if (count == 0)
        return NETIPC_OK;
    pool->threads = malloc(count * sizeof *pool->threads);
    if (pool->threads == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %u workers", count);
    pool->last = &pool->first;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->change, NULL);
    netipc_status status = NETIPC_OK;
    uint32_t started = 0;
    while (started < count && status == NETIPC_OK) {
        status = netipc_os_thread_start(work, pool, &pool->threads[started]);
        started += status == NETIPC_OK;
    }
    pool->count = started;
    if (status != NETIPC_OK && started == 0) {
        free(pool->threads);
        pool->threads = NULL;
    } else if (status != NETIPC_OK) {
        netipc_worker_pool_stop(pool);
    }
    return status;
}

void netipc_worker_pool_stop(struct netipc_worker_pool *pool)
{
    if (pool->count == 0)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->change);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->change);
    free(pool->threads);
    *pool = (struct netipc_worker_pool){0};
}

void netipc_worker_pool_add(struct netipc_worker_pool *pool, struct netipc_lane *lane, struct netipc_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    if (lane->first != NULL) {
        lane->last->next = job;
    } else {
        lane->first = job;
        append(pool, lane);
    }
    lane->last = job;
    pthread_cond_signal(&pool->change);
    pthread_mutex_unlock(&pool->lock);
}
