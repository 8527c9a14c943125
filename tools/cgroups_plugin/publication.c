/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/publication.h"

#include "tools/profile_file.h"
#include "tools/report.h"

#include <string.h>

/* What is written to, the latest one, and one that a request is answered from. */
enum { SLOTS_BESIDE_HISTORY = 3 };

static bool fail_library(struct failure *failure, netipc_status status)
{
    return fail(failure, status, "%s", netipc_status_detail());
}

/* Who asks for something is told, in so many words or not, that it was refused. */
static void report_refusal(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                           size_t field_count)
{
    if (strcmp(event, "placement-refused") == 0)
        report_event(context, level, event, fields, field_count);
}

static void configure(netipc_publisher_config *config, netipc_service_config *requests, const struct options *options)
{
    netipc_publisher_config_init(config);
    netipc_publisher_requests_init(requests);
    requests->method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    config->requests = requests;
    config->run_dir = options->run_dir;
    config->service = options->service;
    config->token = options->token;
    config->allowed_uids = options->allowed_uids;
    config->allowed_uid_count = options->allowed_uid_count;
    config->schema = netipc_cgroups_schema();
    if (options->slots != 0)
        config->slots = options->slots;
    if (config->slots < config->history + SLOTS_BESIDE_HISTORY)
        config->history = config->slots - SLOTS_BESIDE_HISTORY;
    if (options->capacity != 0)
        config->capacity = options->capacity;
    if (options->ceiling != 0)
        config->ceiling = options->ceiling;
    config->placement = options->placement;
    config->numa_node = options->numa_node;
    config->log = options->verbose ? report_event : report_refusal;
}

static netipc_status open_publisher(const struct options *options, const netipc_profile *profile,
                                    netipc_publisher **publisher)
{
    netipc_publisher_config config;
    netipc_service_config requests;
    configure(&config, &requests, options);
    config.profile = profile;
    return netipc_publisher_open(&config, publisher);
}

bool publication_open(struct publication *publication, const struct options *options, struct failure *failure)
{
    netipc_profile profile;
    char error[PROFILE_FILE_ERROR_SIZE];
    *publication = (struct publication){.services = strspn(options->service_patterns, " \t\r\n") !=
                                                    strlen(options->service_patterns)};
    netipc_profile_init(&profile);
    netipc_status status = options->profile != NULL ? profile_file_read(options->profile, &profile, error) : NETIPC_OK;
    if (status != NETIPC_OK)
        return fail(failure, status, "--profile %s", error);
    status = netipc_cgroups_snapshot_builder_new(&publication->builder);
    if (status == NETIPC_OK)
        status = open_publisher(options, &profile, &publication->publisher);
    if (status == NETIPC_OK)
        return true;
    fail_library(failure, status);
    publication_close(publication);
    return false;
}

static netipc_status add(netipc_cgroups_snapshot_builder *builder, const struct table *table, bool duplicates)
{
    size_t at = 0;
    for (const struct record *record; (record = table_next(table, &at)) != NULL;) {
        if (((record->options & NETIPC_CGROUP_DUPLICATE) != 0) != duplicates)
            continue;
        netipc_status status = netipc_cgroups_snapshot_builder_add(builder, record->hash, record->options,
                                                                   record->enabled, record->name, record->path);
        if (status != NETIPC_OK)
            return status;
    }
    return NETIPC_OK;
}

/* Who looks for a name finds the first that has it: duplicates come last. */
static netipc_status build(netipc_cgroups_snapshot_builder *builder, const struct table *table)
{
    netipc_cgroups_snapshot_builder_reset(builder);
    netipc_status status = add(builder, table, false);
    return status == NETIPC_OK ? add(builder, table, true) : status;
}

/* The snapshot names its own generation, and nobody but us publishes: it is the next one. */
static netipc_status publish(struct publication *publication, uint64_t *generation)
{
    netipc_publisher_info info = {.size = sizeof info};
    netipc_status status = netipc_publisher_stats(publication->publisher, &info);
    if (status != NETIPC_OK)
        return status;

    void *slot;
    size_t capacity, length;
    status = netipc_publish_begin(publication->publisher, netipc_cgroups_snapshot_builder_length(publication->builder),
                                  &slot, &capacity);
    if (status != NETIPC_OK)
        return status;
    status = netipc_cgroups_snapshot_builder_write(publication->builder, info.generation + 1, publication->services,
                                                   slot, capacity, &length);
    if (status == NETIPC_OK)
        return netipc_publish_commit(publication->publisher, length, generation);
    netipc_publish_abort(publication->publisher);
    return status;
}

bool publication_publish(struct publication *publication, const struct table *table, uint64_t *generation,
                         struct failure *failure)
{
    netipc_status status = build(publication->builder, table);
    if (status == NETIPC_OK)
        status = publish(publication, generation);
    return status == NETIPC_OK || fail_library(failure, status);
}

void publication_close(struct publication *publication)
{
    netipc_publisher_close(publication->publisher);
    netipc_cgroups_snapshot_builder_free(publication->builder);
    *publication = (struct publication){0};
}
