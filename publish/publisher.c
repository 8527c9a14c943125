/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/profile.h"
#include "publish/publisher_state.h"
#include "shm/sized.h"

#include <stdlib.h>

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
        .offer = netipc_publisher_offer(publisher, &publisher->region),
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
    netipc_profile profile;
    if (status == NETIPC_OK)
        status = netipc_profile_take(config.profile, &profile);
    uint32_t own_leases =
        status == NETIPC_OK && requests.method != 0 && requests.handler == NULL ? NETIPC_LATEST_LEASES : 0;
    if (status == NETIPC_OK)
        status = netipc_publisher_check_config(&config, own_leases);
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
    if (profile.keys & NETIPC_PROFILE_SLOW_WAKE_NS)
        opened->table.slow_wake_ns = profile.slow_wake_ns;
    netipc_latest_open(&opened->latest, requests.method, &opened->table);
    if (status == NETIPC_OK)
        status = netipc_publisher_make_region(opened, &config);
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

netipc_status netipc_publisher_check(const netipc_publisher *publisher)
{
    if (publisher == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no publisher given");
    if (netipc_fork_guard_forked(&publisher->fork_guard))
        return netipc_fail(NETIPC_FORKED, "this publisher belongs to the parent process");
    return NETIPC_OK;
}

int netipc_publisher_fd(const netipc_publisher *publisher)
{
    return netipc_publisher_check(publisher) == NETIPC_OK ? netipc_server_fd(publisher->server) : -1;
}

netipc_status netipc_publisher_dispatch(netipc_publisher *publisher, uint64_t timeout_ns)
{
    netipc_status status = netipc_publisher_check(publisher);
    return status == NETIPC_OK ? netipc_server_dispatch(publisher->server, timeout_ns) : status;
}
