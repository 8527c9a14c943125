/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cache.h>

#include "publish/cache_state.h"
#include "publish/rcu.h"
#include "publish/subscriber_state.h"
#include "shm/detail.h"
#include "shm/sized.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Knows the process that has opened caches. liburcu's locks may be held by threads that a forked child does not have,
 * and it has no way to ask: there, nothing of it may be used. A number would not do: a child may have its parent's pid,
 * in a pid namespace of its own. */
static struct {
    pthread_once_t opens;
    struct netipc_fork_guard guard;
} process = {.opens = PTHREAD_ONCE_INIT};

static void arm_process(void)
{
    (void)netipc_fork_guard_arm(&process.guard); /* goes by the pid when it fails */
}

static netipc_status join_process(void)
{
    pthread_once(&process.opens, arm_process);
    if (!netipc_fork_guard_forked(&process.guard))
        return NETIPC_OK;
    return netipc_fail(NETIPC_FORKED,
                       "process %u was forked from one that has opened caches, and may open none before exec",
                       netipc_os_pid());
}

void netipc_cache_config_init_sized(netipc_cache_config *config, size_t size)
{
    const netipc_cache_config defaults = {.max_retired_bytes = UINT64_C(64) << 20, .retired_wait_ns = 100000000};
    netipc_sized_defaults(config, size, &defaults, sizeof defaults);
}

static netipc_status check_config(const netipc_cache_config *config)
{
    const netipc_schema *schema = config->schema;
    if (schema == NULL || config->subscriber == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no %s given", schema == NULL ? "schema" : "subscriber's config");
    if (schema->size < sizeof *schema || schema->parse == NULL || schema->check == NULL || schema->item == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a schema of %u bytes, or without its functions", schema->size);
    if ((config->flags & ~(NETIPC_CACHE_CHANGES | NETIPC_CACHE_NO_REQUESTS)) != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "flags 0x%x are none of NETIPC_CACHE_", config->flags);
    return NETIPC_OK;
}

static netipc_status open_client(netipc_cache *cache, const netipc_cache_config *config)
{
    if (cache->schema->method == 0 || (config->flags & NETIPC_CACHE_NO_REQUESTS) != 0)
        return NETIPC_OK;
    if (config->client != NULL)
        return netipc_client_open(config->client, &cache->client);
    netipc_subscriber_config subscriber;
    netipc_subscriber_config_init(&subscriber);
    netipc_status status = netipc_sized_in(&subscriber, sizeof subscriber, config->subscriber);
    if (status != NETIPC_OK)
        return status;
    netipc_client_config client;
    netipc_client_config_init(&client);
    client.run_dir = subscriber.run_dir;
    client.service = subscriber.service;
    client.token = subscriber.token;
    client.allowed_uids = subscriber.allowed_uids;
    client.allowed_uid_count = subscriber.allowed_uid_count;
    client.connect_timeout_ns = subscriber.connect_timeout_ns;
    client.log = subscriber.log;
    client.log_context = subscriber.log_context;
    return netipc_client_open(&client, &cache->client);
}

static netipc_status fill(netipc_cache *cache, const netipc_cache_config *config)
{
    cache->schema = config->schema;
    cache->flags = config->flags;
    cache->max_retired_bytes = config->max_retired_bytes;
    cache->retired_wait_ns = config->retired_wait_ns;
    netipc_status status = netipc_fork_guard_arm(&cache->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_subscriber_open(config->subscriber, &cache->subscriber);
    if (status == NETIPC_OK)
        status = netipc_reader_open(cache->subscriber, &cache->reader);
    if (status == NETIPC_OK)
        status = open_client(cache, config);
    return status == NETIPC_OK ? netipc_cache_reclaimer_start(&cache->reclaimer) : status;
}

netipc_status netipc_cache_open(const netipc_cache_config *given, netipc_cache **cache)
{
    if (cache == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the cache given");
    *cache = NULL;
    netipc_cache_config config;
    netipc_cache_config_init(&config);
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    if (status == NETIPC_OK)
        status = check_config(&config);
    if (status == NETIPC_OK)
        status = join_process();
    if (status != NETIPC_OK)
        return status;
    netipc_cache *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a cache");
    status = fill(opened, &config);
    if (status != NETIPC_OK) {
        netipc_cache_close(opened);
        return status;
    }
    *cache = opened;
    return NETIPC_OK;
}

static bool is_forked(const netipc_cache *cache)
{
    return cache->fork_guard.pid != 0 && netipc_fork_guard_forked(&cache->fork_guard);
}

void netipc_cache_close(netipc_cache *cache)
{
    if (cache == NULL)
        return;
    struct netipc_cache_generation *current = netipc_cache_at_hand(cache);
    if (is_forked(cache)) {
        /* The child has one thread. What the reclaimer had may be half-way in or out of its lists. */
        netipc_cache_generation_free(current);
        netipc_cache_generation_free(cache->previous);
    } else {
        netipc_store(&cache->current, NULL, relaxed);
        if (current != NULL)
            netipc_cache_retire(&cache->reclaimer, current);
        if (cache->previous != NULL)
            netipc_cache_retire(&cache->reclaimer, cache->previous);
        netipc_cache_reclaimer_stop(&cache->reclaimer);
    }
    free(cache->changes.bytes);
    free(cache->partners.bytes);
    netipc_client_close(cache->client);
    if (cache->reader != NULL)
        netipc_reader_close(cache->reader);
    netipc_subscriber_close(cache->subscriber);
    netipc_fork_guard_disarm(&cache->fork_guard);
    free(cache);
}

netipc_status netipc_cache_check(const netipc_cache *cache)
{
    if (cache == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no cache given");
    if (netipc_fork_guard_forked(&cache->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this cache belongs to the parent process");
    return NETIPC_OK;
}

/* --- readers --- */

netipc_status netipc_cache_enter(netipc_cache *cache, const netipc_cache_snapshot **snapshot)
{
    if (snapshot == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the snapshot given");
    *snapshot = NULL;
    if (cache == NULL || netipc_fork_guard_forked(&cache->fork_guard))
        return netipc_cache_check(cache);
    netipc_rcu_enter();
    uint64_t visitors = netipc_load(&cache->visitors, acquire);
    const struct netipc_cache_generation *generation = netipc_load(&cache->current, acquire);
    if (generation == NULL) {
        netipc_rcu_leave(&cache->reclaimer);
        return netipc_fail(NETIPC_EMPTY, "there has been no snapshot yet");
    }
    if (visitors != NETIPC_CACHE_SEVERAL && visitors != netipc_rcu_thread()) {
        netipc_cache_share(cache);
        generation = netipc_load(&cache->current, acquire);
    }
    *snapshot = &generation->snapshot;
    return NETIPC_OK;
}

void netipc_cache_leave(const netipc_cache_snapshot *snapshot)
{
    if (snapshot != NULL)
        netipc_rcu_leave(netipc_cache_generation_of(snapshot)->order);
}

int netipc_cache_changed(const netipc_cache *cache)
{
    if (cache == NULL)
        return 0;
    uint64_t latest = netipc_hot_generation(netipc_subscriber_hot(cache->subscriber));
    return latest != netipc_load(&cache->settled, relaxed);
}

/* --- the owner --- */

netipc_status netipc_cache_wait(netipc_cache *cache, uint64_t timeout_ns)
{
    netipc_status status = netipc_cache_check(cache);
    return status == NETIPC_OK ? netipc_subscriber_wait(cache->subscriber, cache->tried, timeout_ns) : status;
}

int netipc_cache_fd(netipc_cache *cache)
{
    return netipc_cache_check(cache) == NETIPC_OK ? netipc_subscriber_fd(cache->subscriber) : -1;
}

netipc_status netipc_cache_arm(netipc_cache *cache)
{
    netipc_status status = netipc_cache_check(cache);
    return status == NETIPC_OK ? netipc_subscriber_arm(cache->subscriber, cache->tried) : status;
}

void netipc_cache_abort(netipc_cache *cache)
{
    if (cache == NULL || is_forked(cache))
        return;
    netipc_subscriber_abort(cache->subscriber);
    if (cache->client != NULL)
        netipc_client_abort(cache->client);
    netipc_cache_interrupt(&cache->reclaimer);
}

void netipc_cache_resume(netipc_cache *cache)
{
    if (netipc_cache_check(cache) != NETIPC_OK)
        return;
    netipc_subscriber_resume(cache->subscriber);
    if (cache->client != NULL)
        netipc_client_resume(cache->client);
}

netipc_status netipc_cache_status(netipc_cache *cache, netipc_cache_info *info)
{
    netipc_status status = netipc_cache_check(cache);
    if (status != NETIPC_OK)
        return status;
    netipc_cache_info filled = {.size = sizeof filled,
                                .last_error = cache->last_error,
                                .refreshes = cache->refreshes,
                                .requests = cache->requests,
                                .builds = cache->builds,
                                .unchanged = cache->unchanged,
                                .failures = cache->failures,
                                .busy = cache->busy};
    const struct netipc_cache_generation *generation = netipc_cache_at_hand(cache);
    if (generation != NULL) {
        const netipc_cache_snapshot *snapshot = &generation->snapshot;
        filled.source = snapshot->source;
        filled.count = snapshot->count;
        memcpy(filled.incarnation, snapshot->incarnation, sizeof filled.incarnation);
        filled.generation = snapshot->generation;
        filled.payload_bytes = snapshot->items.length;
        filled.memory_bytes = netipc_cache_generation_bytes(generation);
    }
    netipc_cache_count_retired(&cache->reclaimer, &filled.retired, &filled.retired_bytes);
    netipc_subscriber_info subscriber = {.size = sizeof subscriber};
    status = netipc_subscriber_status(cache->subscriber, &subscriber);
    if (status != NETIPC_OK)
        return status;
    filled.subscriber_state = subscriber.state;
    filled.publisher_state = subscriber.publisher_state;
    memcpy(filled.region_incarnation, subscriber.incarnation, sizeof filled.region_incarnation);
    filled.region_generation = subscriber.generation;
    return netipc_sized_out(info, &filled, sizeof filled);
}
