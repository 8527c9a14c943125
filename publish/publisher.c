/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/index.h>
#include <netipc/publisher.h>

#include "control/service.h"
#include "publish/latest_answer.h"
#include "publish/placement_notes.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/os.h"
#include "shm/payload_copy.h"
#include "shm/ring_publisher.h"
#include "shm/sized.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert((int)NETIPC_SLOTS_MIN == (int)NETIPC_SLOTS_LEAST && (int)NETIPC_SLOTS_MAX == (int)NETIPC_SLOTS_MOST, "");

struct netipc_publisher {
    struct netipc_fork_guard fork_guard;
    struct netipc_server *server;
    struct netipc_service *endpoint;
    struct netipc_session_table table;
    struct netipc_latest_answer latest;

    struct netipc_region region;
    struct netipc_ring ring;
    struct netipc_region_label label; /* of the region at hand; service points below */
    char service[NETIPC_SERVICE_NAME_MAX + 1];

    /* A larger region that is being filled for the next generation and that nobody has seen yet. */
    struct netipc_region next_region;
    struct netipc_ring next_ring;
    bool growing;

    bool lent; /* between begin and commit or abort */
    bool on_change;
    bool indexed;         /* each snapshot gets an index of */
    netipc_schema schema; /* this; else of zeros */
    uint32_t slots;       /* wanted; a large region may have fewer */
    uint32_t history;
    uint32_t own_leases; /* of the library itself */
    uint64_t ceiling;
    struct netipc_placement_wish placement;
    struct netipc_log log;
};

void netipc_publisher_config_init(netipc_publisher_config *config)
{
    *config = (netipc_publisher_config){
        .size = sizeof *config,
        .loop = NETIPC_LOOP_OWN_THREAD,
        .slots = 8,
        .history = 2,
        .capacity = 65536,
        .ceiling = UINT64_C(1) << 30,
        .max_sessions = 256,
        .directory_mode = 0700,
        .socket_mode = 0600,
        .handshake_timeout_ns = UINT64_C(5000000000),
        .lock_timeout_ns = UINT64_C(5000000000),
        .numa_node = NETIPC_NUMA_NODE_ANY,
    };
}

static netipc_status check_config(const netipc_publisher_config *config, uint32_t own_leases)
{
    if (config->run_dir == NULL || config->service == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "run_dir and service have no defaults");
    if (config->loop != NETIPC_LOOP_OWN_THREAD && config->loop != NETIPC_LOOP_CALLER)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "loop %u is neither own thread nor caller", config->loop);
    if (config->max_sessions < 1 || config->max_sessions > NETIPC_SESSIONS_MAX)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%u sessions, 1 to %d are possible", config->max_sessions,
                           NETIPC_SESSIONS_MAX);
    uint64_t least = (uint64_t)config->history + own_leases + 2;
    if (config->slots >= NETIPC_SLOTS_MIN && config->slots < least)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a history of %u%s needs %llu slots, %u are configured",
                           config->history, own_leases != 0 ? " and answers to requests" : "",
                           (unsigned long long)least, config->slots);
    if (config->flags & ~NETIPC_PUBLISH_ON_CHANGE)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "flags 0x%x are not known", config->flags);
    if ((config->directory_mode | config->socket_mode) & ~0777u)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "modes 0%o and 0%o: only permission bits are possible",
                           config->directory_mode, config->socket_mode);
    if (config->handshake_timeout_ns == 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a handshake timeout of 0 would let nobody in");
    if (config->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "reserved fields must be 0");
    if (config->numa_node != NETIPC_NUMA_NODE_ANY &&
        (config->numa_node < 0 || config->numa_node > NETIPC_NUMA_NODE_MAX))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "NUMA node %d, 0 to %d or %d for any are possible",
                           config->numa_node, NETIPC_NUMA_NODE_MAX, NETIPC_NUMA_NODE_ANY);
    return netipc_placement_check(config->placement);
}

static netipc_status take_schema(netipc_publisher *publisher, const netipc_publisher_config *config)
{
    publisher->label.schema_id = config->schema_id;
    publisher->label.schema_version = config->schema_version;
    if (config->schema == NULL)
        return NETIPC_OK;
    netipc_schema *schema = &publisher->schema;
    netipc_status status = netipc_sized_in(schema, sizeof *schema, config->schema);
    if (status != NETIPC_OK)
        return netipc_fail_within(status, "schema");
    if (schema->parse == NULL || schema->check == NULL || schema->item == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a schema needs all of parse, check and item");
    if ((config->schema_id != 0 && config->schema_id != schema->id) ||
        (config->schema_version != 0 && config->schema_version != schema->version))
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "schema_id %u and schema_version %u are not those of the schema, %u and %u: leave them 0",
                           config->schema_id, config->schema_version, schema->id, schema->version);
    publisher->label.schema_id = schema->id;
    publisher->label.schema_version = schema->version;
    publisher->indexed = true;
    return NETIPC_OK;
}

static struct netipc_server_offer offer_of(const netipc_publisher *publisher, const struct netipc_region *region)
{
    const struct netipc_region_label *label = &publisher->label;
    return (struct netipc_server_offer){
        .fd = region->fd,
        .region_size = region->geometry.region_size,
        .ordinal = label->ordinal,
        .incarnation = {label->incarnation[0], label->incarnation[1]},
        .lease_quota = netipc_ring_quota(region->geometry.slot_count, publisher->history + publisher->own_leases),
    };
}

static netipc_status make_region(const netipc_publisher *publisher, const struct netipc_region_geometry *geometry,
                                 const struct netipc_region_label *label, struct netipc_region *region)
{
    netipc_status status = netipc_region_create(geometry, label, &publisher->placement, region);
    if (status == NETIPC_OK)
        netipc_placement_log(&publisher->log, &region->placement, label->ordinal, geometry->region_size);
    return status;
}

static netipc_status make_first_region(netipc_publisher *publisher, const netipc_publisher_config *config)
{
    struct netipc_region_geometry geometry;
    netipc_status status = netipc_region_plan(config->slots, config->capacity, config->ceiling, &geometry);
    if (status == NETIPC_OK)
        status = netipc_os_random(publisher->label.incarnation, sizeof publisher->label.incarnation);
    if (status != NETIPC_OK)
        return status;
    snprintf(publisher->service, sizeof publisher->service, "%s", config->service);
    publisher->label.service = publisher->service;
    publisher->label.ordinal = 1;
    status = make_region(publisher, &geometry, &publisher->label, &publisher->region);
    if (status == NETIPC_OK)
        netipc_ring_start(&publisher->ring, &publisher->region, publisher->label.ordinal, &publisher->table, 0,
                          &(struct netipc_ring_totals){0});
    if (status == NETIPC_OK)
        netipc_latest_show(&publisher->latest, &publisher->region, publisher->label.ordinal);
    return status;
}

/* What the control channel serves beside the publication. */
static netipc_service_config service_of(netipc_publisher *publisher, const netipc_publisher_config *config,
                                        const netipc_service_config *requests)
{
    netipc_service_config service = *requests;
    service.service = config->service;
    service.token = config->token;
    service.checksum = config->checksum;
    service.handshake_timeout_ns = config->handshake_timeout_ns;
    if (requests->method == 0) {
        service.read_timeout_ns = config->handshake_timeout_ns;
        service.write_timeout_ns = config->handshake_timeout_ns;
    } else if (requests->handler == NULL) {
        service.handler = netipc_latest_handle;
        service.context = &publisher->latest;
    }
    return service;
}

static netipc_status start_server(netipc_publisher *publisher, const netipc_publisher_config *config,
                                  const netipc_service_config *requests)
{
    netipc_server_config host;
    netipc_server_config_init(&host);
    host.loop = config->loop;
    host.run_dir = config->run_dir;
    host.allowed_uids = config->allowed_uids;
    host.allowed_uid_count = config->allowed_uid_count;
    host.directory_mode = config->directory_mode;
    host.socket_mode = config->socket_mode;
    host.lock_timeout_ns = config->lock_timeout_ns;
    host.log = publisher->log.call;
    host.log_context = publisher->log.context;
    netipc_service_config service = service_of(publisher, config, requests);
    const struct netipc_publication publication = {
        .table = &publisher->table,
        .first_place = NETIPC_LATEST_PLACES,
        .max_sessions = config->max_sessions,
        .offer = offer_of(publisher, &publisher->region),
    };
    netipc_status status = netipc_server_open(&host, &publisher->server);
    if (status == NETIPC_OK)
        status = netipc_service_add(publisher->server, &service, &publication, &publisher->endpoint);
    return status == NETIPC_OK ? netipc_server_start(publisher->server) : status;
}

static void free_publisher(netipc_publisher *publisher, bool forked)
{
    if (publisher->server != NULL)
        netipc_server_end(publisher->server, forked);
    if (publisher->growing)
        netipc_region_destroy(&publisher->next_region, forked);
    if (publisher->region.fd >= 0)
        netipc_region_destroy(&publisher->region, forked);
    netipc_latest_close(&publisher->latest, forked);
    netipc_session_table_close(&publisher->table);
    netipc_fork_guard_disarm(&publisher->fork_guard);
    free(publisher);
}

netipc_status netipc_publisher_open(const netipc_publisher_config *given, netipc_publisher **publisher)
{
    if (publisher == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the publisher given");
    *publisher = NULL;
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    netipc_status status = netipc_sized_in(&config, sizeof config, given);
    netipc_service_config requests;
    if (status == NETIPC_OK)
        status = netipc_latest_config(config.requests, &requests);
    uint32_t own_leases =
        status == NETIPC_OK && requests.method != 0 && requests.handler == NULL ? NETIPC_LATEST_LEASES : 0;
    if (status == NETIPC_OK)
        status = check_config(&config, own_leases);
    if (status != NETIPC_OK)
        return status;

    netipc_publisher *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a publisher");
    opened->region.fd = -1;
    opened->on_change = (config.flags & NETIPC_PUBLISH_ON_CHANGE) != 0;
    opened->slots = config.slots;
    opened->history = config.history;
    opened->own_leases = own_leases;
    opened->ceiling = config.ceiling;
    opened->placement = (struct netipc_placement_wish){config.placement, config.numa_node};
    opened->log = (struct netipc_log){config.log, config.log_context};
    uint32_t places = NETIPC_LATEST_PLACES + config.max_sessions + (requests.method != 0 ? requests.max_sessions : 0);
    status = take_schema(opened, &config);
    if (status == NETIPC_OK)
        status = netipc_fork_guard_arm(&opened->fork_guard);
    if (status == NETIPC_OK)
        status = netipc_session_table_open(&opened->table, places);
    netipc_latest_open(&opened->latest, requests.method, &opened->table);
    if (status == NETIPC_OK)
        status = make_first_region(opened, &config);
    if (status == NETIPC_OK)
        status = start_server(opened, &config, &requests);
    if (status != NETIPC_OK) {
        free_publisher(opened, false);
        return status;
    }
    *publisher = opened;
    return NETIPC_OK;
}

void netipc_publisher_close(netipc_publisher *publisher)
{
    if (publisher == NULL)
        return;
    bool forked = netipc_fork_guard_forked(&publisher->fork_guard);
    if (!forked)
        netipc_ring_end(&publisher->ring, NETIPC_REGION_CLOSED);
    free_publisher(publisher, forked);
}

static netipc_status check_call(const netipc_publisher *publisher)
{
    if (publisher == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no publisher given");
    if (netipc_fork_guard_forked(&publisher->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this publisher belongs to the parent process");
    return NETIPC_OK;
}

/* --- growth --- */

/* The geometry for snapshots of length bytes, index included: twice the capacity if that is enough, as many slots as
 * wanted, and of both what the ceiling allows. */
static netipc_status plan_growth(const netipc_publisher *publisher, uint64_t length,
                                 struct netipc_region_geometry *geometry)
{
    uint64_t doubled = publisher->region.geometry.capacity * 2;
    uint32_t least = publisher->history + publisher->own_leases + 2;
    if (least < NETIPC_SLOTS_MIN)
        least = NETIPC_SLOTS_MIN;
    const uint64_t capacities[] = {doubled > length ? doubled : length, length};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++) {
        uint64_t capacity = capacities[i];
        if (capacity > NETIPC_CAPACITY_LIMIT)
            continue;
        uint64_t affordable = publisher->ceiling / capacity;
        uint32_t slots = affordable < publisher->slots ? (uint32_t)affordable : publisher->slots;
        /* The headers and the rounding take a little: one slot fewer makes room for them. */
        for (; slots >= least; slots--)
            if (netipc_region_plan(slots, capacity, publisher->ceiling, geometry) == NETIPC_OK)
                return NETIPC_OK;
    }
    return netipc_fail(NETIPC_TOO_LARGE,
                       "a snapshot of %llu bytes needs %u slots of that size; the ceiling of the region is %llu bytes",
                       (unsigned long long)length, least, (unsigned long long)publisher->ceiling);
}

/* Makes a larger region for the next generation. Nothing that anybody can see changes. */
static netipc_status begin_growth(netipc_publisher *publisher, uint64_t length)
{
    struct netipc_region_geometry geometry;
    netipc_status status = plan_growth(publisher, length, &geometry);
    if (status != NETIPC_OK)
        return status;
    struct netipc_region_label label = publisher->label;
    struct netipc_region region;
    label.ordinal++;
    status = make_region(publisher, &geometry, &label, &region);
    if (status != NETIPC_OK)
        return status;
    publisher->next_region = region;
    netipc_ring_start(&publisher->next_ring, &publisher->next_region, label.ordinal, &publisher->table,
                      publisher->ring.generation, &publisher->ring.totals);
    publisher->growing = true;
    return NETIPC_OK;
}

/* Whatever has become public is in the region at hand. */
static void abandon_unpublished(netipc_publisher *publisher)
{
    if (!publisher->growing)
        return;
    netipc_region_destroy(&publisher->next_region, false);
    publisher->growing = false;
}

/*
 * Supersede. The new region holds its first generation before anybody can get it; it is what new sessions get before
 * the old region says SUPERSEDED; so whoever reads that word and asks is given the new one. Requests are answered from
 * the new region before it is offered, so that no answer is behind what a subscriber has read.
 *
 * If killed: before the offer is replaced, the old region is the last word; after it, sessions that attached meanwhile
 * have the new one, the others the old one, each whole; all learn of the death.
 */
static void supersede(netipc_publisher *publisher, uint64_t length, uint64_t annex_length)
{
    netipc_ring_publish(&publisher->next_ring, length, annex_length);
    publisher->label.ordinal++;
    netipc_latest_show(&publisher->latest, &publisher->next_region, publisher->label.ordinal);
    struct netipc_server_offer offer = offer_of(publisher, &publisher->next_region);
    netipc_service_replace_offer(publisher->endpoint, &offer);
    publisher->ring.totals = publisher->next_ring.totals;
    netipc_ring_end(&publisher->ring, NETIPC_REGION_SUPERSEDED);
    publisher->next_ring.totals = publisher->ring.totals;
    netipc_latest_retire(&publisher->latest);
    publisher->region = publisher->next_region;
    publisher->ring = publisher->next_ring;
    publisher->ring.region = &publisher->region;
    publisher->growing = false;
}

/* --- publishing --- */

static netipc_status prepare_slot(netipc_publisher *publisher, uint64_t length)
{
    if (length <= publisher->region.geometry.capacity)
        return NETIPC_OK;
    return begin_growth(publisher, length);
}

static unsigned char *slot_to_fill(const netipc_publisher *publisher)
{
    return netipc_ring_claimed_data(publisher->growing ? &publisher->next_ring : &publisher->ring);
}

static uint64_t capacity_to_fill(const netipc_publisher *publisher)
{
    return publisher->growing ? publisher->next_region.geometry.capacity : publisher->region.geometry.capacity;
}

static void make_public(netipc_publisher *publisher, uint64_t length, uint64_t annex_length)
{
    if (publisher->growing)
        supersede(publisher, length, annex_length);
    else
        netipc_ring_publish(&publisher->ring, length, annex_length);
    if (netipc_latest_keeps(&publisher->latest))
        netipc_latest_reclaim(&publisher->latest);
    /* A growth wakes the loop anyway. */
    if (netipc_session_table_rung(&publisher->table))
        netipc_service_ring(publisher->endpoint);
}

static bool equals_latest(const netipc_publisher *publisher, const void *bytes, uint64_t length)
{
    const unsigned char *latest = netipc_ring_latest_data(&publisher->ring);
    return publisher->on_change && latest != NULL && publisher->ring.latest_length == length &&
           (length == 0 || memcmp(latest, bytes, length) == 0);
}

static void report_generation(const netipc_publisher *publisher, uint64_t *generation)
{
    if (generation != NULL)
        *generation = publisher->ring.generation;
}

static netipc_status unchanged(netipc_publisher *publisher, uint64_t *generation)
{
    netipc_ring_count_unchanged(&publisher->ring);
    report_generation(publisher, generation);
    return NETIPC_UNCHANGED;
}

/* --- the index behind a snapshot --- */

/* What a snapshot takes of a slot. */
struct extent {
    uint64_t length;
    uint64_t annex_at, annex_length;
    uint64_t end;
};

static netipc_status measure(const netipc_publisher *publisher, const void *bytes, size_t length, struct extent *extent)
{
    *extent = (struct extent){.length = length, .end = length};
    if (!publisher->indexed)
        return NETIPC_OK;
    netipc_items items;
    netipc_status status = publisher->schema.parse(bytes, length, &items);
    if (status != NETIPC_OK)
        return status;
    extent->annex_length = netipc_index_length(items.count);
    if (extent->annex_length == 0 || netipc_align_overflows(length, 8, &extent->annex_at) ||
        netipc_add_overflows(extent->annex_at, extent->annex_length, &extent->end))
        return netipc_fail(NETIPC_TOO_LARGE, "no index can be made of %u items in %zu bytes", items.count, length);
    return NETIPC_OK;
}

/* Puts the index behind the snapshot in the slot that is being filled. */
static netipc_status write_index(const netipc_publisher *publisher, const struct extent *extent)
{
    unsigned char *slot = slot_to_fill(publisher);
    netipc_items items;
    netipc_status status = publisher->schema.parse(slot, (size_t)extent->length, &items);
    return status == NETIPC_OK ? netipc_index_build(&publisher->schema, &items, slot + extent->annex_at,
                                                    (size_t)extent->annex_length, NULL)
                               : status;
}

/* Moves what was built in a slot that is too small for the index as well. With an error nothing has changed. */
static netipc_status move_to_larger(netipc_publisher *publisher, const struct extent *extent)
{
    bool again = publisher->growing;
    struct netipc_region filled = publisher->next_region;
    const unsigned char *bytes = slot_to_fill(publisher);
    netipc_status status = begin_growth(publisher, extent->end);
    if (status != NETIPC_OK)
        return status;
    netipc_payload_copy_in(slot_to_fill(publisher), bytes, (size_t)extent->length);
    if (again)
        netipc_region_destroy(&filled, false);
    return NETIPC_OK;
}

/* What is in the slot, with room for the index behind it, gets that and becomes public. */
static netipc_status finish(netipc_publisher *publisher, const struct extent *extent, uint64_t *generation)
{
    netipc_status status = publisher->indexed ? write_index(publisher, extent) : NETIPC_OK;
    if (status == NETIPC_OK) {
        make_public(publisher, extent->length, extent->annex_length);
        report_generation(publisher, generation);
    }
    return status;
}

/* --- the calls --- */

static netipc_status copy_and_publish(netipc_publisher *publisher, const void *bytes, size_t length,
                                      uint64_t *generation)
{
    struct extent extent;
    netipc_status status = measure(publisher, bytes, length, &extent);
    if (status == NETIPC_OK)
        status = prepare_slot(publisher, extent.end);
    if (status != NETIPC_OK)
        return status;
    netipc_payload_copy_in(slot_to_fill(publisher), bytes, length);
    return finish(publisher, &extent, generation);
}

static netipc_status publish_in_place(netipc_publisher *publisher, size_t length, uint64_t *generation)
{
    struct extent extent;
    netipc_status status = measure(publisher, slot_to_fill(publisher), length, &extent);
    if (status == NETIPC_OK && extent.end > capacity_to_fill(publisher))
        status = move_to_larger(publisher, &extent);
    return status == NETIPC_OK ? finish(publisher, &extent, generation) : status;
}

netipc_status netipc_publish(netipc_publisher *publisher, const void *bytes, size_t length, uint64_t *generation)
{
    netipc_status status = check_call(publisher);
    if (status != NETIPC_OK)
        return status;
    if (publisher->lent)
        return netipc_fail(NETIPC_WRONG_STATE, "a snapshot has been begun: commit or abort it first");
    if (bytes == NULL && length > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no bytes given for a snapshot of %zu", length);
    if (equals_latest(publisher, bytes, length))
        return unchanged(publisher, generation);
    status = copy_and_publish(publisher, bytes, length, generation);
    abandon_unpublished(publisher);
    return status;
}

netipc_status netipc_publish_begin(netipc_publisher *publisher, size_t minimum, void **data, size_t *capacity)
{
    netipc_status status = check_call(publisher);
    if (status != NETIPC_OK)
        return status;
    if (data == NULL || capacity == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the slot's address and capacity given");
    if (publisher->lent)
        return netipc_fail(NETIPC_WRONG_STATE, "a snapshot has been begun already");
    status = prepare_slot(publisher, minimum);
    if (status != NETIPC_OK)
        return status;
    publisher->lent = true;
    *data = slot_to_fill(publisher);
    *capacity = capacity_to_fill(publisher);
    return NETIPC_OK;
}

static netipc_status check_loan(const netipc_publisher *publisher)
{
    netipc_status status = check_call(publisher);
    if (status == NETIPC_OK && !publisher->lent)
        return netipc_fail(NETIPC_WRONG_STATE, "no snapshot has been begun");
    return status;
}

netipc_status netipc_publish_commit(netipc_publisher *publisher, size_t length, uint64_t *generation)
{
    netipc_status status = check_loan(publisher);
    if (status != NETIPC_OK)
        return status;
    uint64_t capacity = capacity_to_fill(publisher);
    if (length > capacity)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%zu bytes committed, %llu were lent", length,
                           (unsigned long long)capacity);
    publisher->lent = false;
    if (equals_latest(publisher, slot_to_fill(publisher), length))
        status = unchanged(publisher, generation);
    else
        status = publish_in_place(publisher, length, generation);
    abandon_unpublished(publisher);
    return status;
}

netipc_status netipc_publish_abort(netipc_publisher *publisher)
{
    netipc_status status = check_loan(publisher);
    if (status != NETIPC_OK)
        return status;
    publisher->lent = false;
    abandon_unpublished(publisher);
    return NETIPC_OK;
}

/* --- the rest --- */

int netipc_publisher_fd(const netipc_publisher *publisher)
{
    return check_call(publisher) == NETIPC_OK ? netipc_server_fd(publisher->server) : -1;
}

netipc_status netipc_publisher_dispatch(netipc_publisher *publisher, uint64_t timeout_ns)
{
    netipc_status status = check_call(publisher);
    return status == NETIPC_OK ? netipc_server_dispatch(publisher->server, timeout_ns) : status;
}

netipc_status netipc_publisher_stats(netipc_publisher *publisher, netipc_publisher_info *info)
{
    netipc_status status = check_call(publisher);
    if (status != NETIPC_OK)
        return status;
    struct netipc_service_totals sessions;
    netipc_service_totals(publisher->endpoint, &sessions);
    const struct netipc_ring_totals *totals = &publisher->ring.totals;
    const struct netipc_placement *placement = &publisher->region.placement;
    const netipc_publisher_info filled = {
        .size = sizeof filled,
        .slots = publisher->region.geometry.slot_count,
        .generation = publisher->ring.generation,
        .incarnation = {publisher->label.incarnation[0], publisher->label.incarnation[1]},
        .ordinal = publisher->label.ordinal,
        .capacity = publisher->region.geometry.capacity,
        .region_size = publisher->region.geometry.region_size,
        .publications = totals->publications,
        .unchanged = totals->unchanged,
        .bytes = totals->bytes,
        .wakes_sent = totals->wakes_sent,
        .wakes_saved = totals->wakes_saved,
        .sessions = sessions.info.sessions,
        .attached = sessions.attached,
        .sessions_total = sessions.info.sessions_total,
        .refused_auth = sessions.info.refused_auth,
        .refused_busy = sessions.info.refused_busy,
        .refused_other = sessions.info.refused_other,
        .timed_out = sessions.info.timed_out,
        .placement_wanted = placement->wanted,
        .placement_in_force = placement->wanted & ~placement->refused,
        .placement_refused = placement->refused,
        .placement_error = placement->last_error,
        .request_sessions = sessions.requesting,
        .requests = sessions.info.requests,
        .answers = sessions.info.answers,
        .failures = sessions.info.failures,
        .bytes_in = sessions.info.bytes_in,
        .bytes_out = sessions.info.bytes_out,
    };
    return netipc_sized_out(info, &filled, sizeof filled);
}
