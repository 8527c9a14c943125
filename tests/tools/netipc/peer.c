/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of the tool netipc: peer KIND RUN_DIR SERVICE [TOKEN] prints "ready" and lasts until SIGTERM.
 *
 *   full      a publication with the snapshot "the latest", of schema 7, version 3, which answers requests for it
 *   empty     … without a snapshot
 *   narrow    a publication with a snapshot, for one subscriber at a time
 *   corrupt   … whose region says that the latest snapshot is in a slot that does not exist
 *   wrong     serves increment, and is off by one every third time
 *   refusing  … and fails every time
 *   small     … with requests of at most 8 bytes
 *   modest    … of at most 4096 bytes: more than a subscriber offers, less than a client does
 *   lone      … for one client at a time
 *   subscriber, client   holds a session of somebody else's service
 */
#include <netipc/netipc.h>

#include "shm/layout.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind, *run_dir, *service_name;
static uint64_t token;

static bool is(const char *word)
{
    return strcmp(kind, word) == 0;
}

static void check(netipc_status status)
{
    if (status == NETIPC_OK)
        return;
    fprintf(stderr, "peer: %s (%s)\n", netipc_status_text(status), netipc_status_detail());
    exit((int)status);
}

static void last_until_told(void)
{
    sigset_t signals;
    int signal;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    puts("ready");
    fflush(stdout);
    sigwait(&signals, &signal);
}

/* The region of this process's publisher, as it can write it. */
static struct netipc_region_header *own_region(void)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    if (maps == NULL)
        exit(1);
    while (fgets(line, sizeof line, maps) != NULL) {
        char *end;
        uintptr_t address = (uintptr_t)strtoull(line, &end, 16);
        if (strstr(line, " rw-s ") == NULL || strstr(line, "memfd:") == NULL)
            continue;
        struct netipc_region_header *header = (struct netipc_region_header *)address;
        if (header->identity.magic != NETIPC_REGION_MAGIC)
            continue;
        fclose(maps);
        return header;
    }
    exit(1);
}

static void publish(void)
{
    static const char text[] = "the latest";
    netipc_publisher_config config;
    netipc_publisher *publisher;
    netipc_publisher_config_init(&config);
    config.run_dir = run_dir;
    config.service = service_name;
    config.token = token;
    config.schema_id = 7;
    config.schema_version = 3;
    config.max_sessions = is("narrow") ? 1 : 16;
    netipc_service_config requests;
    netipc_publisher_requests_init(&requests);
    requests.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    if (is("full") || is("empty"))
        config.requests = &requests;
    check(netipc_publisher_open(&config, &publisher));
    if (!is("empty"))
        check(netipc_publish(publisher, text, sizeof text - 1, NULL));
    if (is("corrupt"))
        netipc_store(&own_region()->latest, netipc_hot_word(1, NETIPC_REGION_LIVE, NETIPC_SLOTS_MAX), relaxed);
    last_until_told();
    netipc_publisher_close(publisher);
}

static netipc_status increment(void *context, const netipc_request *request, netipc_answer *answer)
{
    unsigned *calls = context;
    uint64_t value;
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    netipc_status status = netipc_increment_decode(request->payload, request->length, &value);
    if (status != NETIPC_OK || is("refusing"))
        return NETIPC_REQUEST_FAILED;
    check(netipc_increment_encode(value + (is("wrong") && ++*calls % 3 == 0 ? 2 : 1), bytes, sizeof bytes, NULL));
    return netipc_answer_write(answer, bytes, sizeof bytes);
}

static void serve(void)
{
    unsigned calls = 0;
    netipc_server_config config;
    netipc_service_config service;
    netipc_server *server;
    netipc_server_config_init(&config);
    config.run_dir = run_dir;
    netipc_service_config_init(&service);
    service.service = service_name;
    service.method = NETIPC_METHOD_INCREMENT;
    service.handler = increment;
    service.context = &calls;
    service.token = token;
    if (is("small"))
        service.max_request_payload = 8;
    if (is("modest"))
        service.max_request_payload = 4096;
    if (is("lone"))
        service.max_sessions = 1;
    check(netipc_server_open(&config, &server));
    check(netipc_server_add(server, &service));
    check(netipc_server_start(server));
    last_until_told();
    netipc_server_close(server);
}

static void subscribe(void)
{
    netipc_subscriber_config config;
    netipc_subscriber *subscriber;
    netipc_subscriber_config_init(&config);
    config.run_dir = run_dir;
    config.service = service_name;
    config.token = token;
    check(netipc_subscriber_open(&config, &subscriber));
    check(netipc_subscriber_refresh(subscriber, NULL));
    last_until_told();
    netipc_subscriber_close(subscriber);
}

static void be_client(void)
{
    netipc_client_config config;
    netipc_client *client;
    netipc_client_config_init(&config);
    config.run_dir = run_dir;
    config.service = service_name;
    config.token = token;
    check(netipc_client_open(&config, &client));
    check(netipc_client_refresh(client));
    last_until_told();
    netipc_client_close(client);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        return NETIPC_INVALID_ARGUMENT;
    kind = argv[1];
    run_dir = argv[2];
    service_name = argv[3];
    token = argc > 4 ? strtoull(argv[4], NULL, 16) : 0;
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (is("subscriber"))
        subscribe();
    else if (is("client"))
        be_client();
    else if (is("wrong") || is("refusing") || is("small") || is("modest") || is("lone"))
        serve();
    else
        publish();
    return 0;
}
