/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/finding.h"

#include "tools/netipc/clock.h"
#include "tools/report.h"

#include <stdio.h>

enum { USUAL_REQUEST = 65536 }; /* bytes, the default of clients */

static void conclude(struct finding *finding, netipc_status status)
{
    finding->status = status;
    snprintf(finding->detail, sizeof finding->detail, "%s", status == NETIPC_OK ? "" : netipc_status_detail());
}

/* Shakes hands as a client whose requests have at most so many bytes. */
static void shake_hands(struct finding *finding, const struct options *options, uint32_t max_request_payload,
                        uint64_t deadline_ns)
{
    netipc_client_config config;
    netipc_client *client;
    netipc_client_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = finding->service;
    config.token = options->token;
    config.allowed_uids = options->allowed_uids;
    config.allowed_uid_count = options->allowed_uid_count;
    config.checksum = options->checksum;
    config.max_request_payload = max_request_payload;
    config.connect_timeout_ns = left_ns(deadline_ns);
    config.log = options->verbose ? report_event : NULL;
    netipc_status status = netipc_client_open(&config, &client);
    uint64_t began = now_ns();
    if (status == NETIPC_OK)
        status = netipc_client_refresh(client);
    finding->connect_ns = now_ns() - began;
    conclude(finding, status);
    if (status == NETIPC_OK) {
        finding->kind = KIND_REQUESTS;
        finding->session.size = sizeof finding->session;
        netipc_client_status(client, &finding->session);
    }
    netipc_client_close(client);
}

/* A server that takes smaller requests only than a client usually asks for tells it that it is busy, and yet is well.
 */
static void look_at_requests(struct finding *finding, const struct options *options, uint64_t deadline_ns)
{
    shake_hands(finding, options, USUAL_REQUEST, deadline_ns);
    if (finding->status == NETIPC_BUSY)
        shake_hands(finding, options, 1, deadline_ns);
}

static netipc_status look_at_snapshot(struct finding *finding, netipc_subscriber *subscriber, uint64_t deadline_ns)
{
    struct snapshot snapshot;
    netipc_status status = snapshot_read(&snapshot, subscriber, deadline_ns);
    if (status == NETIPC_OK) {
        finding->snapshot = snapshot.info;
        finding->has_snapshot = true;
        finding->age_ns = snapshot.age_ns;
        if (snapshot.info.publisher_state == NETIPC_PUBLISHER_CLOSED)
            status = NETIPC_CLOSED;
        else if (snapshot.info.publisher_state == NETIPC_PUBLISHER_GONE)
            status = NETIPC_GONE;
    }
    snapshot_free(&snapshot);
    return status;
}

static netipc_status look_at_publication(struct finding *finding, const struct options *options, uint64_t deadline_ns)
{
    netipc_subscriber_config config;
    netipc_subscriber *subscriber;
    netipc_subscriber_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = finding->service;
    config.token = options->token;
    config.allowed_uids = options->allowed_uids;
    config.allowed_uid_count = options->allowed_uid_count;
    config.checksum = options->checksum;
    config.connect_timeout_ns = left_ns(deadline_ns);
    config.leases = 1; /* to see whether there is one for a reader */
    config.log = options->verbose ? report_event : NULL;
    netipc_status status = netipc_subscriber_open(&config, &subscriber);
    uint64_t began = now_ns();
    if (status == NETIPC_OK)
        status = netipc_subscriber_refresh(subscriber, NULL);
    finding->connect_ns = now_ns() - began;
    conclude(finding, status);
    if (status == NETIPC_OK) {
        finding->kind = KIND_PUBLICATION;
        conclude(finding, look_at_snapshot(finding, subscriber, deadline_ns));
        finding->publication.size = sizeof finding->publication;
        netipc_subscriber_status(subscriber, &finding->publication);
    }
    netipc_subscriber_close(subscriber);
    return status;
}

void finding_make(struct finding *finding, const struct options *options, const char *service)
{
    uint64_t deadline_ns = now_ns() + options->timeout_ns;
    *finding = (struct finding){.service = service};
    netipc_status status = look_at_publication(finding, options, deadline_ns);
    if (status == NETIPC_UNSUPPORTED) {
        look_at_requests(finding, options, deadline_ns);
    } else if (status == NETIPC_BUSY) {
        /* A server may take smaller requests than even a subscriber offers. */
        struct finding other = {.service = service};
        shake_hands(&other, options, 1, deadline_ns);
        if (other.status == NETIPC_OK)
            *finding = other;
    }
}
