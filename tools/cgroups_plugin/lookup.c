/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/lookup.h"

#include "tools/cgroups_plugin/reach.h"
#include "tools/report.h"

static netipc_status begin(void *context, const netipc_request *request, uint64_t *generation, void **asked)
{
    struct lookup *lookup = context; /* nothing may be published yet: then there is no version */
    (void)request;
    struct catalog_version *version = catalog_hold(&lookup->catalog);
    *generation = version == NULL ? 0 : version->generation;
    *asked = version;
    return NETIPC_OK;
}

static netipc_status find(void *context, void *asked, const char *path, uint32_t path_length,
                          netipc_cgroup_lookup_answer *answer)
{
    struct lookup *lookup = context;
    const struct catalog_version *version = asked;
    (void)path_length;
    const struct catalog_entry *entry = version == NULL ? NULL : catalog_find(version, path);
    if (entry != NULL && !entry->excluded) {
        answer->status = NETIPC_CGROUP_KNOWN;
        answer->orchestrator = entry->orchestrator;
        answer->name = entry->name;
        answer->labels = entry->labels;
        answer->label_count = entry->label_count;
    } else if (entry != NULL || !may_be_found(lookup->rules, path)) {
        answer->status = NETIPC_CGROUP_UNKNOWN_FOR_GOOD;
    } else if (!atomic_load_explicit(&lookup->truncated, memory_order_relaxed)) {
        events_tell_miss(lookup->events);
    }
    return NETIPC_OK;
}

static void end(void *context, void *asked)
{
    struct lookup *lookup = context;
    if (asked != NULL)
        catalog_release(&lookup->catalog, asked);
}

static netipc_status open_server(struct lookup *lookup, const struct options *options)
{
    netipc_server_config server;
    netipc_server_config_init(&server);
    server.run_dir = options->run_dir;
    server.allowed_uids = options->allowed_uids;
    server.allowed_uid_count = options->allowed_uid_count;
    server.log = options->verbose ? report_event : NULL;

    netipc_service_config service;
    netipc_service_config_init(&service);
    service.service = options->lookup_service;
    service.method = NETIPC_METHOD_CGROUPS_LOOKUP;
    service.token = options->token;
    service.handler = netipc_cgroups_lookup_handle;
    service.context = &lookup->service;

    netipc_status status = netipc_server_open(&server, &lookup->server);
    if (status == NETIPC_OK)
        status = netipc_server_add(lookup->server, &service);
    if (status == NETIPC_OK)
        status = netipc_server_start(lookup->server);
    return status;
}

bool lookup_open(struct lookup *lookup, const struct options *options, const struct rules *rules, struct events *events,
                 struct failure *failure)
{
    *lookup = (struct lookup){
        .service = {.size = sizeof lookup->service, .context = lookup, .begin = begin, .find = find, .end = end},
        .rules = rules,
        .events = events};
    catalog_init(&lookup->catalog);
    if (options->lookup_service[0] == '\0')
        return true;
    netipc_status status = open_server(lookup, options);
    if (status == NETIPC_OK)
        return true;
    fail(failure, status, "%s", netipc_status_detail());
    lookup_close(lookup);
    return false;
}

void lookup_close(struct lookup *lookup)
{
    netipc_server_close(lookup->server);
    lookup->server = NULL;
    catalog_free(&lookup->catalog);
}

bool lookup_put(struct lookup *lookup, const struct table *table, uint64_t generation)
{
    return lookup->server == NULL || catalog_put(&lookup->catalog, table, generation);
}

void lookup_set_truncated(struct lookup *lookup, bool truncated)
{
    atomic_store_explicit(&lookup->truncated, truncated, memory_order_relaxed);
}
