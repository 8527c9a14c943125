/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/clock.h"
#include "tools/netipc/commands.h"
#include "tools/netipc/output.h"
#include "tools/netipc/snapshot.h"
#include "tools/report.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/client.h>
#include <netipc/server.h>

#include <inttypes.h>

static netipc_status open_subscriber(const struct options *options, netipc_subscriber **subscriber)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = options->service;
    config.token = options->token;
    config.allowed_uids = options->allowed_uids;
    config.allowed_uid_count = options->allowed_uid_count;
    config.checksum = options->checksum;
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

/* Enough for who grants little and for who publishes much. */
static netipc_status open_client(const struct options *options, netipc_client **client)
{
    netipc_client_config config;
    netipc_client_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = options->service;
    config.token = options->token;
    config.allowed_uids = options->allowed_uids;
    config.allowed_uid_count = options->allowed_uid_count;
    config.checksum = options->checksum;
    config.max_request_payload = 1024;
    config.max_batch_items = 1;
    config.max_response_payload = NETIPC_PAYLOAD_MAX;
    config.connect_timeout_ns = options->timeout_ns;
    return netipc_client_open(&config, client);
}

static netipc_status ask(const struct options *options)
{
    uint64_t deadline_ns = now_ns() + options->timeout_ns;
    netipc_client *client;
    netipc_client_info info = {.size = sizeof info};
    unsigned char payload[NETIPC_CGROUPS_SNAPSHOT_REQUEST_LENGTH];
    netipc_client_request request = {.size = sizeof request,
                                     .method = NETIPC_METHOD_CGROUPS_SNAPSHOT,
                                     .payload = payload,
                                     .length = sizeof payload,
                                     .item_count = 1};
    netipc_status status = open_client(options, &client);
    if (status == NETIPC_OK)
        status = netipc_cgroups_snapshot_request_encode(payload, sizeof payload, NULL);
    if (status == NETIPC_OK)
        status = netipc_client_refresh(client);
    if (status == NETIPC_OK) {
        uint64_t now = now_ns();
        request.timeout_ns = now < deadline_ns ? deadline_ns - now : 1;
        status = netipc_client_call(client, &request);
    }
    if (status != NETIPC_OK) {
        report_status(options->service, status, netipc_status_detail());
    } else {
        netipc_client_status(client, &info);
        status = output_write(options->output, request.answer, request.answer_length);
        if (status == NETIPC_OK)
            report("%s: %zu bytes answered by server %" PRIu32, options->service, request.answer_length,
                   info.server_pid);
    }
    netipc_client_close(client);
    return status;
}

static netipc_status attach_and_read(const struct options *options)
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

netipc_status read_latest(const struct options *options)
{
    return options->rpc ? ask(options) : attach_and_read(options);
}
