/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/commands.h"
#include "tools/report.h"

#include <netipc/server.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

/* Room for the largest batch that a client can ask for. */
enum { PAYLOAD_MOST = 8 * 1024 * 1024 };

static netipc_status open_server(const struct options *options, netipc_server **server)
{
    netipc_server_config config;
    netipc_service_config service;
    netipc_server_config_init(&config);
    config.run_dir = options->run_dir;
    config.workers = options->workers;
    config.log = options->verbose ? report_event : NULL;
    netipc_service_config_init(&service);
    service.service = options->service;
    service.method = options->method->number;
    service.handler = options->method->handler;
    service.token = options->token;
    service.checksum = options->checksum;
    service.max_request_payload = service.max_response_payload = PAYLOAD_MOST;
    service.max_request_items = NETIPC_BATCH_ITEMS_MAX;
    netipc_status status = netipc_server_open(&config, server);
    if (status == NETIPC_OK)
        status = netipc_server_add(*server, &service);
    return status == NETIPC_OK ? netipc_server_start(*server) : status;
}

static netipc_status serve(const struct options *options, netipc_server *server, const sigset_t *signals)
{
    printf("ready: %s serves %s in %s\n", options->service, options->method->name, options->run_dir);
    if (fflush(stdout) != 0)
        return report_errno("standard output", errno);
    while (sigwaitinfo(signals, NULL) < 0) {
        if (errno != EINTR)
            return report_errno("signals", errno);
    }
    netipc_status status = netipc_server_drain(server, options->timeout_ns);
    if (status != NETIPC_OK)
        report_status(options->service, status, netipc_status_detail());
    netipc_service_info info = {.size = sizeof info};
    netipc_server_stats(server, options->service, &info);
    printf("served: %" PRIu64 " requests of %" PRIu64 " items in %" PRIu64 " sessions, %" PRIu64 " failures\n",
           info.requests, info.items, info.sessions_total, info.failures);
    return status;
}

netipc_status ipc_serve(const struct options *options)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    /* Before any endpoint is there to leave behind. */
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return report_errno("signals", errno);
    netipc_server *server = NULL;
    netipc_status status = open_server(options, &server);
    if (status == NETIPC_OK)
        status = serve(options, server, &signals);
    else
        report_status(options->service, status, netipc_status_detail());
    netipc_server_close(server);
    return status;
}
