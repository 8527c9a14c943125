/* SPDX-License-Identifier: Apache-2.0 */
/* How a cache's owner brings it up to date: from a region, or by request. */
#include "publish/cache_state.h"
#include "publish/rcu.h"
#include "publish/subscriber_state.h"
#include "shm/detail.h"

#include <string.h>

/* A buffer may turn out too small again when a larger snapshot is published between two reads. */
enum { READS_MOST = 8 };

/* --- putting a generation into the place of the one at hand --- */

/* The first to refresh is taken for the only visitor, until another enters: who enters finds nothing before the first
 * generation, and leaves no note; who finds that one writes behind this. */
static void visit(netipc_cache *cache)
{
    if (netipc_load(&cache->visitors, relaxed) == NETIPC_CACHE_NOBODY)
        netipc_store(&cache->visitors, netipc_rcu_thread(), relaxed);
}

static bool is_alone(const netipc_cache *cache)
{
    netipc_fence(seq_cst);
    return netipc_load(&cache->visitors, relaxed) == netipc_rcu_thread() && !netipc_rcu_is_inside();
}

static void replace(netipc_cache *cache, struct netipc_cache_generation *generation)
{
    struct netipc_cache_generation *before = netipc_cache_at_hand(cache), *unused = before;
    visit(cache);
    netipc_store(&cache->current, generation, release); /* pairs with netipc_cache_enter() */
    if ((cache->flags & NETIPC_CACHE_CHANGES) != 0) {
        unused = cache->previous;
        cache->previous = before;
    }
    if (unused != NULL && is_alone(cache))
        netipc_cache_give_back(&cache->reclaimer, unused);
    else if (unused != NULL)
        netipc_cache_retire(&cache->reclaimer, unused);
    cache->builds++;
}

/* What would have to be retired. */
static netipc_status check_room(netipc_cache *cache)
{
    const struct netipc_cache_generation *generation =
        (cache->flags & NETIPC_CACHE_CHANGES) != 0 ? cache->previous : netipc_cache_at_hand(cache);
    const netipc_atomic_u32 *aborts = &cache->subscriber->aborts;
    if (generation == NULL || netipc_cache_await_room(&cache->reclaimer, netipc_cache_generation_bytes(generation),
                                                      cache->max_retired_bytes, cache->retired_wait_ns, aborts))
        return NETIPC_OK;
    if (netipc_load(aborts, acquire) % 2 != 0)
        return netipc_aborted();
    return netipc_fail(NETIPC_BUSY, "replaced snapshots wait for readers to leave, max_retired_bytes is %llu",
                       (unsigned long long)cache->max_retired_bytes);
}

/* Indexes what was copied into generation, of length bytes, and describes it as told, and lets readers have it. */
static netipc_status adopt(netipc_cache *cache, struct netipc_cache_generation *generation, size_t length,
                           const netipc_cache_snapshot *told)
{
    netipc_status status = netipc_cache_generation_index(generation, cache->schema, length);
    if (status == NETIPC_OK && (cache->flags & NETIPC_CACHE_CHANGES) != 0)
        status = netipc_cache_compare(cache, netipc_cache_at_hand(cache), generation);
    if (status != NETIPC_OK)
        return status;
    netipc_cache_snapshot *snapshot = &generation->snapshot;
    memcpy(snapshot->incarnation, told->incarnation, sizeof snapshot->incarnation);
    snapshot->generation = told->source == NETIPC_CACHE_REGION ? told->generation : snapshot->items.generation;
    snapshot->publish_time_ns = told->publish_time_ns;
    snapshot->source = told->source;
    replace(cache, generation);
    return NETIPC_OK;
}

/* --- from a region --- */

static netipc_status read_latest(netipc_cache *cache, struct netipc_cache_block *payload, netipc_snapshot_info *info)
{
    for (int i = 0; i < READS_MOST; i++) {
        netipc_status status =
            netipc_reader_read(cache->reader, NETIPC_GENERATION_LATEST, payload->bytes, payload->capacity, info);
        if (status != NETIPC_TOO_SMALL)
            return status;
        status = netipc_cache_block_reserve(payload, info->length);
        if (status != NETIPC_OK)
            return status;
    }
    return netipc_fail(NETIPC_OVERRUN, "the snapshot has grown during each of %d reads", READS_MOST);
}

static void note_fetched(netipc_cache *cache, const uint64_t incarnation[2], uint64_t generation)
{
    memcpy(cache->fetched_incarnation, incarnation, sizeof cache->fetched_incarnation);
    cache->fetched_generation = generation;
}

static netipc_status build_from_region(netipc_cache *cache)
{
    netipc_status status = check_room(cache);
    if (status != NETIPC_OK)
        return status;
    struct netipc_cache_generation *generation = netipc_cache_take_spare(&cache->reclaimer);
    if (generation == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a generation of a cache");
    netipc_snapshot_info info = {.size = sizeof info};
    status = read_latest(cache, &generation->payload, &info);
    if (status == NETIPC_OK) {
        cache->tried = info.generation;
        const netipc_cache_snapshot told = {.incarnation = {info.incarnation[0], info.incarnation[1]},
                                            .generation = info.generation,
                                            .publish_time_ns = info.publish_time_ns,
                                            .source = NETIPC_CACHE_REGION};
        status = adopt(cache, generation, (size_t)info.length, &told);
    }
    if (status == NETIPC_OK)
        note_fetched(cache, info.incarnation, info.generation);
    else
        netipc_cache_give_back(&cache->reclaimer, generation);
    return status;
}

/* Asked of what was fetched, not of what is at hand: that may be the newer answer of a server which came later. */
static bool was_fetched(const netipc_cache *cache, const netipc_subscriber_info *info)
{
    return cache->fetched_generation == info->generation &&
           memcmp(cache->fetched_incarnation, info->incarnation, sizeof info->incarnation) == 0;
}

static netipc_status check_schema(const netipc_cache *cache, const netipc_subscriber_info *info)
{
    const netipc_schema *schema = cache->schema;
    if (info->schema_id == schema->id && info->schema_version == schema->version)
        return NETIPC_OK;
    return netipc_fail(NETIPC_INCOMPATIBLE, "the publisher's snapshots have schema %u version %u, %s is %u version %u",
                       info->schema_id, info->schema_version, schema->name, schema->id, schema->version);
}

static netipc_status fetch_from_region(netipc_cache *cache)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_status(cache->subscriber, &info);
    if (status != NETIPC_OK)
        return status;
    cache->tried = info.generation;
    if (info.generation != 0 && !was_fetched(cache, &info)) {
        status = check_schema(cache, &info);
        if (status == NETIPC_OK)
            status = build_from_region(cache);
    }
    /* Else nothing is: what was settled before may be a generation of the same number of another publisher. */
    bool settled = status == NETIPC_OK || status == NETIPC_CORRUPT || status == NETIPC_INCOMPATIBLE;
    netipc_store(&cache->settled, settled ? cache->tried : 0, relaxed); /* no other data hangs on it */
    return status;
}

/* What a publisher left that is gone is older than what a server has answered that came after it. */
static void pass_over_region(netipc_cache *cache)
{
    netipc_subscriber_info info = {.size = sizeof info};
    if (netipc_subscriber_status(cache->subscriber, &info) != NETIPC_OK)
        return;
    note_fetched(cache, info.incarnation, info.generation);
    cache->tried = info.generation;
    netipc_store(&cache->settled, cache->tried, relaxed);
}

/* --- by request --- */

static bool has_same_bytes(const netipc_cache *cache, const netipc_client_request *request)
{
    const struct netipc_cache_generation *generation = netipc_cache_at_hand(cache);
    return generation != NULL && generation->snapshot.source == NETIPC_CACHE_REQUEST &&
           generation->snapshot.items.length == request->answer_length &&
           memcmp(generation->payload.bytes, request->answer, request->answer_length) == 0;
}

static netipc_status build_from_answer(netipc_cache *cache, const netipc_client_request *request)
{
    netipc_status status = check_room(cache);
    if (status != NETIPC_OK)
        return status;
    struct netipc_cache_generation *generation = netipc_cache_take_spare(&cache->reclaimer);
    if (generation == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a generation of a cache");
    status = netipc_cache_block_reserve(&generation->payload, request->answer_length);
    if (status == NETIPC_OK) {
        if (request->answer_length > 0)
            memcpy(generation->payload.bytes, request->answer, request->answer_length);
        const netipc_cache_snapshot told = {.source = NETIPC_CACHE_REQUEST};
        status = adopt(cache, generation, request->answer_length, &told);
    }
    if (status != NETIPC_OK)
        netipc_cache_give_back(&cache->reclaimer, generation);
    return status;
}

/* knocked: it has just been found that there is no region. */
static netipc_status fetch_by_request(netipc_cache *cache, bool knocked)
{
    cache->by_request = false; /* until an answer has come */
    cache->requests++;
    netipc_status status = netipc_client_refresh(cache->client);
    if (status != NETIPC_OK)
        return status;
    netipc_client_request request = {.size = sizeof request,
                                     .method = cache->schema->method,
                                     .payload = cache->schema->request,
                                     .length = cache->schema->request_length,
                                     .item_count = 1};
    status = netipc_client_call(cache->client, &request);
    if (status != NETIPC_OK)
        return status;
    netipc_client_info info = {.size = sizeof info};
    (void)netipc_client_status(cache->client, &info);
    if (knocked)
        cache->sessions = info.sessions;
    cache->by_request = info.sessions == cache->sessions; /* else the client has found another server */
    return has_same_bytes(cache, &request) ? NETIPC_OK : build_from_answer(cache, &request);
}

/* --- both --- */

static netipc_status bring_up_to_date(netipc_cache *cache)
{
    if (cache->by_request) {
        netipc_status status = fetch_by_request(cache, false);
        /* After a timeout the other way is for the next refresh: this one has taken its time. */
        if (status == NETIPC_OK || cache->by_request || status == NETIPC_ABORTED || status == NETIPC_TIMED_OUT)
            return status;
    }
    int is_new; /* asked for, so that a wait knows whose generations are meant */
    netipc_status connected = netipc_subscriber_refresh(cache->subscriber, &is_new);
    if (cache->client != NULL && (connected == NETIPC_UNSUPPORTED || connected == NETIPC_INCOMPATIBLE)) {
        connected = fetch_by_request(cache, true);
        if (connected == NETIPC_OK) {
            pass_over_region(cache);
            return NETIPC_OK;
        }
    }
    /* Also what a publisher left that is gone. */
    netipc_status fetched = fetch_from_region(cache);
    return connected != NETIPC_OK ? connected : fetched;
}

netipc_status netipc_cache_refresh(netipc_cache *cache, int *changed)
{
    if (changed != NULL)
        *changed = 0;
    netipc_status status = netipc_cache_check(cache);
    if (status != NETIPC_OK)
        return status;
    uint64_t builds = cache->builds;
    cache->refreshes++;
    cache->change_count = 0;
    cache->changes_cut = false;
    status = bring_up_to_date(cache);
    if (status != NETIPC_OK) {
        cache->last_error = status;
        cache->failures++;
        cache->busy += status == NETIPC_BUSY;
    }
    if (changed != NULL)
        *changed = cache->builds != builds;
    cache->unchanged += status == NETIPC_OK && cache->builds == builds;
    return status;
}
