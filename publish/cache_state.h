/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CACHE_STATE_H
#define NETIPC_PUBLISH_CACHE_STATE_H

/* What cache.c, cache_refresh.c and cache_changes.c share, and nobody else sees. */

#include <netipc/cache.h>
#include <netipc/reader.h>

#include "publish/cache_generation.h"
#include "publish/cache_reclaimer.h"
#include "shm/atomics.h"
#include "shm/os.h"

struct netipc_cache {
    struct netipc_fork_guard fork_guard;
    const netipc_schema *schema;
    uint32_t flags;
    uint64_t max_retired_bytes, retired_wait_ns;
    netipc_subscriber *subscriber;
    netipc_reader *reader; /* of the subscriber, with its own lease word if there is one */
    netipc_client *client; /* NULL: no requests */

    /* What readers load. Stored by the owner, release; loaded by who has entered, acquire: they see all that was
     * written to it before. */
    netipc_atomic_pointer(struct netipc_cache_generation) current;

    /* Which threads have entered: NETIPC_CACHE_NOBODY, at most the one of this number, which was the first to refresh,
     * or, for good, NETIPC_CACHE_SEVERAL. */
    netipc_atomic_u64 visitors;

    /* The region's generation that netipc_cache_changed() has nothing to say of: it was fetched, or cannot be; 0: none.
     * Any thread. */
    netipc_atomic_u64 settled;

    /* The owner's. */
    uint64_t tried; /* the region's generation that a refresh last tried to fetch */
    uint64_t fetched_incarnation[2], fetched_generation; /* … and that none is to fetch again; 0: none */
    bool by_request;
    uint64_t sessions; /* that the client had had when it was found that there is no region */
    struct netipc_cache_reclaimer reclaimer;
    struct netipc_cache_generation *previous; /* what the changes speak of; NULL: none, or not asked for */
    struct netipc_cache_block changes, partners;
    size_t change_count;
    bool changes_cut;
    netipc_status last_error;
    uint64_t refreshes, requests, builds, unchanged, failures, busy;
};

/*
 * A cache that nobody but its owner has entered needs no grace period, and none of the wake-ups that one costs: what
 * the owner replaces while it is not inside, nobody has.
 *
 *     another thread, at its first entry          the owner
 *     visitors ← SHARING                          current ← new                  release
 *     fence                          seq_cst      fence                          seq_cst
 *     visitors ← SEVERAL             release      visitors is its own number?    free(old)
 *     current                        acquire
 *
 * Of the two fences one is first: the owner sees that it is not alone, or the other thread sees the new generation. Who
 * finds SEVERAL (acquire) comes behind that thread's fence, and needs none; who finds SHARING makes one itself.
 */
enum { NETIPC_CACHE_NOBODY, NETIPC_CACHE_SHARING, NETIPC_CACHE_SEVERAL };

/* By a thread that is not known as the only one, before it looks at current. */
static inline void netipc_cache_share(netipc_cache *cache)
{
    netipc_store(&cache->visitors, NETIPC_CACHE_SHARING, relaxed);
    netipc_fence(seq_cst);
    netipc_store(&cache->visitors, NETIPC_CACHE_SEVERAL, release);
}

netipc_status netipc_cache_check(const netipc_cache *cache);

/* The owner's. */
static inline struct netipc_cache_generation *netipc_cache_at_hand(const netipc_cache *cache)
{
    return netipc_load(&cache->current, relaxed);
}

/* cache_changes.c: compares them (before may be NULL), into cache->changes. NETIPC_OK, NETIPC_NO_MEMORY: nothing has
 * changed then. */
netipc_status netipc_cache_compare(netipc_cache *cache, const struct netipc_cache_generation *before,
                                   const struct netipc_cache_generation *after);

#endif
