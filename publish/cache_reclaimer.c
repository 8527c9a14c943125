/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/cache_reclaimer.h"

#include "publish/rcu.h"
#include "shm/checked.h"
#include "shm/os.h"

enum { SPARES = 4, SPARE_ROOM = 4096 };

static struct netipc_cache_generation *pop(struct netipc_cache_generation **list)
{
    struct netipc_cache_generation *first = *list;
    if (first != NULL)
        *list = first->next;
    return first;
}

static void free_all(struct netipc_cache_generation *list)
{
    for (struct netipc_cache_generation *generation; (generation = pop(&list)) != NULL;)
        netipc_cache_generation_free(generation);
}

/* Has far more room than what was in it needed: left over from a larger snapshot. */
static bool is_oversized(const struct netipc_cache_generation *generation)
{
    const netipc_cache_snapshot *snapshot = &generation->snapshot;
    return generation->payload.capacity / 4 > snapshot->items.length + SPARE_ROOM ||
           generation->table.capacity / 8 / sizeof *generation->entries > snapshot->count + SPARE_ROOM;
}

/* Keeps it, or puts it to those that are to be freed without the lock. */
static void keep_or(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation,
                    struct netipc_cache_generation **to_free)
{
    struct netipc_cache_generation **list = to_free;
    if (reclaimer->spare_count < SPARES && !reclaimer->stopping && !is_oversized(generation)) {
        list = &reclaimer->spare;
        reclaimer->spare_count++;
    }
    generation->next = *list;
    *list = generation;
}

/* With the lock, which it lets go of meanwhile. */
static void free_retired(struct netipc_cache_reclaimer *reclaimer)
{
    struct netipc_cache_generation *batch = reclaimer->retired, *to_free = NULL;
    reclaimer->retired = NULL;
    pthread_mutex_unlock(&reclaimer->lock);
    netipc_rcu_await(reclaimer);
    pthread_mutex_lock(&reclaimer->lock);
    for (struct netipc_cache_generation *generation; (generation = pop(&batch)) != NULL;) {
        reclaimer->retired_count--;
        reclaimer->retired_bytes -= netipc_cache_generation_bytes(generation);
        keep_or(reclaimer, generation, &to_free);
    }
    reclaimer->in_vain = false;
    pthread_mutex_unlock(&reclaimer->lock);
    netipc_cache_interrupt(reclaimer);
    free_all(to_free);
    pthread_mutex_lock(&reclaimer->lock);
}

static void *run(void *context)
{
    struct netipc_cache_reclaimer *reclaimer = context;
    pthread_mutex_lock(&reclaimer->lock);
    for (;;) {
        if (reclaimer->retired != NULL)
            free_retired(reclaimer);
        else if (reclaimer->stopping)
            break;
        else
            pthread_cond_wait(&reclaimer->work, &reclaimer->lock);
    }
    pthread_mutex_unlock(&reclaimer->lock);
    return NULL;
}

static void destroy_lock(struct netipc_cache_reclaimer *reclaimer)
{
    pthread_cond_destroy(&reclaimer->work);
    pthread_mutex_destroy(&reclaimer->lock);
}

netipc_status netipc_cache_reclaimer_start(struct netipc_cache_reclaimer *reclaimer)
{
    pthread_mutex_init(&reclaimer->lock, NULL);
    pthread_cond_init(&reclaimer->work, NULL);
    netipc_status status = netipc_os_thread_start(run, reclaimer, &reclaimer->thread);
    reclaimer->running = status == NETIPC_OK;
    if (!reclaimer->running)
        destroy_lock(reclaimer);
    return status;
}

void netipc_cache_reclaimer_stop(struct netipc_cache_reclaimer *reclaimer)
{
    if (!reclaimer->running)
        return;
    pthread_mutex_lock(&reclaimer->lock);
    reclaimer->stopping = true;
    pthread_cond_signal(&reclaimer->work);
    pthread_mutex_unlock(&reclaimer->lock);
    pthread_join(reclaimer->thread, NULL);
    destroy_lock(reclaimer);
    free_all(reclaimer->spare);
    reclaimer->running = false;
}

void netipc_cache_retire(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation)
{
    pthread_mutex_lock(&reclaimer->lock);
    generation->next = reclaimer->retired;
    reclaimer->retired = generation;
    reclaimer->retired_count++;
    reclaimer->retired_bytes += netipc_cache_generation_bytes(generation);
    pthread_mutex_unlock(&reclaimer->lock);
    pthread_cond_signal(&reclaimer->work); /* behind it, or the thread would wake up to wait for the lock */
}

static bool has_room(const struct netipc_cache_reclaimer *reclaimer, uint64_t bytes, uint64_t limit)
{
    return reclaimer->retired_count < NETIPC_CACHE_RETIRED_LEAST ||
           (reclaimer->retired_bytes <= limit && bytes <= limit - reclaimer->retired_bytes);
}

void netipc_cache_interrupt(struct netipc_cache_reclaimer *reclaimer)
{
    netipc_fetch_add(&reclaimer->freed, 1u, seq_cst);
    netipc_os_wake_all(&reclaimer->freed);
}

static bool is_odd(const netipc_atomic_u32 *aborts)
{
    return netipc_load(aborts, acquire) % 2 != 0;
}

/* With the lock, which it lets go of meanwhile. */
static void sleep_for_room(struct netipc_cache_reclaimer *reclaimer, uint64_t timeout_ns,
                           const netipc_atomic_u32 *aborts)
{
    /* Loaded before what it is to tell of is looked at: aborts here, and by the caller, with the lock, what is freed.
     */
    uint32_t freed = netipc_load(&reclaimer->freed, seq_cst);
    pthread_mutex_unlock(&reclaimer->lock);
    if (!is_odd(aborts))
        netipc_os_wait(&reclaimer->freed, freed, timeout_ns);
    pthread_mutex_lock(&reclaimer->lock);
}

bool netipc_cache_await_room(struct netipc_cache_reclaimer *reclaimer, uint64_t bytes, uint64_t limit,
                             uint64_t timeout_ns, const netipc_atomic_u32 *aborts)
{
    pthread_mutex_lock(&reclaimer->lock);
    bool room = has_room(reclaimer, bytes, limit);
    if (!room && !reclaimer->in_vain) {
        uint64_t start = netipc_os_monotonic_ns(), elapsed = 0;
        while (!room && elapsed < timeout_ns && !is_odd(aborts)) {
            sleep_for_room(reclaimer, timeout_ns - elapsed, aborts);
            room = has_room(reclaimer, bytes, limit);
            elapsed = netipc_os_monotonic_ns() - start;
        }
    }
    if (room || !is_odd(aborts))
        reclaimer->in_vain = !room;
    pthread_mutex_unlock(&reclaimer->lock);
    return room;
}

struct netipc_cache_generation *netipc_cache_take_spare(struct netipc_cache_reclaimer *reclaimer)
{
    pthread_mutex_lock(&reclaimer->lock);
    struct netipc_cache_generation *generation = pop(&reclaimer->spare);
    if (generation != NULL)
        reclaimer->spare_count--;
    pthread_mutex_unlock(&reclaimer->lock);
    return generation != NULL ? generation : netipc_cache_generation_new(reclaimer);
}

void netipc_cache_give_back(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation)
{
    struct netipc_cache_generation *to_free = NULL;
    pthread_mutex_lock(&reclaimer->lock);
    keep_or(reclaimer, generation, &to_free);
    pthread_mutex_unlock(&reclaimer->lock);
    free_all(to_free);
}

void netipc_cache_count_retired(struct netipc_cache_reclaimer *reclaimer, uint64_t *count, uint64_t *bytes)
{
    pthread_mutex_lock(&reclaimer->lock);
    *count = reclaimer->retired_count;
    *bytes = reclaimer->retired_bytes;
    pthread_mutex_unlock(&reclaimer->lock);
}
