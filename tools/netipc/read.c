/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/clock.h"
#include "tools/netipc/commands.h"
#include "tools/netipc/output.h"
#include "tools/netipc/report.h"
#include "tools/netipc/snapshot.h"

#include <inttypes.h>

static netipc_status open_subscriber(const struct options *options, netipc_subscriber **subscriber)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = options->service;
    config.token = options->token;
    config.connect_timeout_ns = options->timeout_ns;
    return netipc_subscriber_open(&config, subscriber);
}

static void describe(const struct options *options, netipc_subscriber *subscriber, const struct snapshot *snapshot)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber_status(subscriber, &info);
    report("%s: generation %" PRIu64 ", %" PRIu64 " bytes, %.3f s old, schema %" PRIu32 " version %" PRIu32
           ", publisher %" PRIu32 " %s",
           options->service, snapshot->info.generation, snapshot->info.length, (double)snapshot->age_ns / 1e9,
           info.schema_id, info.schema_version, info.publisher_pid,
           netipc_publisher_state_name(snapshot->info.publisher_state));
}

netipc_status read_latest(const struct options *options)
{
    uint64_t deadline_ns = now_ns() + options->timeout_ns;
    netipc_subscriber *subscriber;
    struct snapshot snapshot = {0};
    netipc_status status = open_subscriber(options, &subscriber);
    if (status == NETIPC_OK)
        status = netipc_subscriber_refresh(subscriber, NULL);
    if (status == NETIPC_OK)
        status = snapshot_read(&snapshot, subscriber, deadline_ns);
    if (status == NETIPC_OK) {
        status = output_write(options->output, snapshot.bytes, snapshot.info.length);
        if (status == NETIPC_OK)
            describe(options, subscriber, &snapshot);
    } else {
        report_status(options->service, status, netipc_status_detail());
    }
    snapshot_free(&snapshot);
    netipc_subscriber_close(subscriber);
    return status;
}
