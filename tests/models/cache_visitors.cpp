/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of a cache replaces and frees at once is nobody's, and whoever enters sees all of what is there. The
 * functions are those of publish/cache_state.h, publish/cache_refresh.c and publish/cache.c, taken out of these files
 * by functions.awk. Of liburcu there is only what they ask it: what is left to it is freed at the end.
 */
#include "tests/models/model.h"

#include <netipc/cache.h>

#include "shm/detail.h"

struct netipc_cache_generation {
    netipc_cache_snapshot snapshot;
    rl::var<unsigned> whole; /* stands for the rest of it: read inside, written when it is made and freed */
    struct netipc_cache_generation *next;
};

struct netipc_cache_reclaimer {
    struct netipc_cache_generation *retired;
};

struct netipc_cache {
    int fork_guard;
    uint32_t flags;
    netipc_atomic_pointer(struct netipc_cache_generation) current;
    netipc_atomic_u64 visitors;
    struct netipc_cache_generation *previous;
    struct netipc_cache_reclaimer reclaimer;
    uint64_t builds;
};

enum { NETIPC_CACHE_NOBODY, NETIPC_CACHE_SHARING, NETIPC_CACHE_SEVERAL };

enum { OWNER = 0, HEIR = 1, THREADS = 4, REPLACEMENTS = 3, VISITS = 2 };

static unsigned inside[THREADS]; /* each thread's own */

static void netipc_rcu_enter(void)
{
    inside[rl::thread_index()]++;
}

static void netipc_rcu_leave(void *order)
{
    (void)order;
    inside[rl::thread_index()]--;
}

static bool netipc_rcu_is_inside(void)
{
    return inside[rl::thread_index()] > 0;
}

static uint64_t netipc_rcu_thread(void)
{
    return NETIPC_CACHE_SEVERAL + 1 + rl::thread_index();
}

static bool netipc_fork_guard_forked(const int *guard)
{
    return *guard != 0;
}

netipc_status netipc_cache_check(const netipc_cache *cache)
{
    return cache != NULL ? NETIPC_OK : NETIPC_INVALID_ARGUMENT;
}

static struct netipc_cache_generation *netipc_cache_at_hand(const netipc_cache *cache)
{
    return netipc_load(&cache->current, relaxed);
}

static unsigned freed_at_once;

static void netipc_cache_give_back(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation)
{
    (void)reclaimer;
    generation->whole($) = 0;
    delete generation;
    freed_at_once++;
}

static void netipc_cache_retire(struct netipc_cache_reclaimer *reclaimer, struct netipc_cache_generation *generation)
{
    generation->next = reclaimer->retired;
    reclaimer->retired = generation;
}

#include "visitors_functions.inc"

struct cache_visitors : rl::test_suite<cache_visitors, THREADS> {
    netipc_cache cache;
    netipc_atomic_u32 handed_over;

    void before()
    {
        model::reset();
        cache.fork_guard = 0;
        cache.flags = rl::rand(2) == 0 ? NETIPC_CACHE_CHANGES : 0;
        cache.previous = NULL;
        cache.reclaimer.retired = NULL;
        cache.builds = freed_at_once = 0;
    }

    void after()
    {
        RL_ASSERT(cache.builds >= REPLACEMENTS);
        RL_ASSERT(inside[OWNER] == 0 && inside[HEIR] == 0);
        if (cache.previous != NULL)
            netipc_cache_retire(&cache.reclaimer, cache.previous);
        netipc_cache_retire(&cache.reclaimer, netipc_cache_at_hand(&cache));
        while (cache.reclaimer.retired != NULL) {
            struct netipc_cache_generation *generation = cache.reclaimer.retired;
            cache.reclaimer.retired = generation->next;
            delete generation;
        }
    }

    void thread(unsigned index)
    {
        inside[index] = 0;
        if (index == OWNER)
            own();
        else
            visit_often();
        if (index == HEIR && netipc_load(&handed_over, acquire) != 0)
            refresh();
    }

    void refresh()
    {
        struct netipc_cache_generation *generation = new struct netipc_cache_generation;
        generation->whole($) = 1;
        replace(&cache, generation);
    }

    void own()
    {
        for (unsigned i = 0; i < REPLACEMENTS; i++) {
            model::stretch stretch(3);
            bool stays = rl::rand(4) == 0;
            const netipc_cache_snapshot *snapshot = NULL;
            if (stays && netipc_cache_enter(&cache, &snapshot) == NETIPC_OK)
                look(snapshot);
            refresh();
            if (snapshot != NULL) {
                look(snapshot);
                netipc_rcu_leave(NULL);
            }
        }
        netipc_store(&handed_over, 1, release);
    }

    void look(const netipc_cache_snapshot *snapshot)
    {
        const void *generation = snapshot; /* comes first in it */
        RL_ASSERT(((const struct netipc_cache_generation *)generation)->whole($) == 1);
    }

    void visit_often()
    {
        for (unsigned i = 0; i < VISITS; i++) {
            const netipc_cache_snapshot *snapshot;
            if (netipc_cache_enter(&cache, &snapshot) != NETIPC_OK)
                continue;
            for (unsigned times = 0; times < 2; times++) {
                rl::ctx().sched();
                look(snapshot);
            }
            netipc_rcu_leave(NULL);
        }
    }
};

int main(int argc, char **argv)
{
    return model::run<cache_visitors>(model::parse(argc, argv), 100000);
}
