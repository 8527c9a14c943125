/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peer.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/publisher.h>

#include "tests/publish/cgroups_payload.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct peer {
    netipc_publisher_config config;
    netipc_publisher *publisher;
    uint64_t generation;
};

/* open SLOTS CAPACITY CEILING HISTORY HANDSHAKE_MS (0: as long as a test may take) → status */
static void open_publisher(struct peer *peer, const uint64_t *arguments)
{
    peer->config.slots = (uint32_t)arguments[0];
    peer->config.capacity = arguments[1];
    if (arguments[2] != 0)
        peer->config.ceiling = arguments[2];
    peer->config.history = (uint32_t)arguments[3];
    peer->config.handshake_timeout_ns = arguments[4] != 0 ? arguments[4] * 1000000 : patience_ns(30);
    peer->generation = 0;
    netipc_status status = netipc_publisher_open(&peer->config, &peer->publisher);
    peer_answer("%d", (int)status);
}

/* label ID VERSION → 0: the schema of what is opened from now on, of whatever bytes */
static void set_label(struct peer *peer, const uint64_t *arguments)
{
    peer->config.schema_id = (uint32_t)arguments[0];
    peer->config.schema_version = (uint32_t)arguments[1];
    peer_answer("0");
}

/* Built in place, as its bytes depend on the generation that they will have. */
static netipc_status publish_key(struct peer *peer, uint64_t length, uint64_t key)
{
    void *data;
    size_t capacity;
    netipc_status status = netipc_publish_begin(peer->publisher, length, &data, &capacity);
    if (status != NETIPC_OK)
        return status;
    pattern_fill(data, length, key);
    status = netipc_publish_commit(peer->publisher, length, NULL);
    if (status == NETIPC_OK)
        peer->generation++;
    return status;
}

static netipc_status publish(struct peer *peer, uint64_t length)
{
    return publish_key(peer, length, peer->generation + 1);
}

static void answer_published(const struct peer *peer, netipc_status status)
{
    peer_answer("%d %" PRIu64, (int)status, peer->generation);
}

/* publish LENGTH COUNT → status generation */
static void publish_some(struct peer *peer, const uint64_t *arguments)
{
    netipc_status status = NETIPC_OK;
    for (uint64_t i = 0; i < arguments[1] && status == NETIPC_OK; i++)
        status = publish(peer, arguments[0]);
    answer_published(peer, status);
}

/* cgroups COUNT VALUE: of cgroups_payload.h, whole → status generation */
static void publish_cgroups(struct peer *peer, const uint64_t *arguments)
{
    struct cgroups_payload payload = cgroups_payload((uint32_t)arguments[0], arguments[1]);
    if (payload.bytes == NULL)
        peer_fail("no memory for %" PRIu64 " cgroups", arguments[0]);
    netipc_status status = netipc_publish(peer->publisher, payload.bytes, payload.length, NULL);
    peer->generation += status == NETIPC_OK;
    free(payload.bytes);
    answer_published(peer, status);
}

/* copy LENGTH COUNT: as publish, from a buffer of its own → status generation */
static void publish_copies(struct peer *peer, const uint64_t *arguments)
{
    netipc_status status = NETIPC_OK;
    unsigned char *bytes = malloc(arguments[0] + 1);
    if (bytes == NULL)
        peer_fail("no memory for %" PRIu64 " bytes", arguments[0]);
    for (uint64_t i = 0; i < arguments[1] && status == NETIPC_OK; i++) {
        pattern_fill(bytes, arguments[0], peer->generation + 1);
        status = netipc_publish(peer->publisher, bytes, arguments[0], NULL);
        peer->generation += status == NETIPC_OK;
    }
    free(bytes);
    answer_published(peer, status);
}

/* flat_out MOST: without pause, until the next line comes; that is answered: → status generation */
static void publish_flat_out(struct peer *peer, const uint64_t *arguments)
{
    netipc_status status = NETIPC_OK;
    while (status == NETIPC_OK && !peer_is_called())
        for (int i = 0; i < 64 && status == NETIPC_OK; i++)
            status = publish(peer, pattern_varied_length(peer->generation + 1, arguments[0]));
    char name[32];
    uint64_t ignored[PEER_ARGUMENTS];
    peer_command(name, ignored);
    answer_published(peer, status);
}

/*
 * stream MOST: without pause, lengths and bytes of this incarnation, until the line "stop" comes. That and every line
 * before it are answered: → incarnation generation
 */
static void publish_stream(struct peer *peer, const uint64_t *arguments)
{
    netipc_publisher_info info = {.size = sizeof info};
    if (netipc_publisher_stats(peer->publisher, &info) != NETIPC_OK)
        peer_fail("no stats");
    char name[32] = "";
    uint64_t ignored[PEER_ARGUMENTS];
    while (strcmp(name, "stop") != 0) {
        while (!peer_is_called())
            for (int i = 0; i < 16; i++) {
                uint64_t next = peer->generation + 1;
                netipc_status status = publish_key(peer, pattern_run_length(info.incarnation, next, arguments[0]),
                                                   pattern_key(info.incarnation, next));
                if (status != NETIPC_OK)
                    peer_fail("a publication gave %s: %s", netipc_status_name(status), netipc_status_detail());
            }
        if (!peer_command(name, ignored))
            return;
        peer_answer("%" PRIu64 " %" PRIu64, info.incarnation[0], peer->generation);
    }
}

/* double FROM TO TIMES: lengths that double, each so many times → status generation */
static void publish_doubling(struct peer *peer, const uint64_t *arguments)
{
    netipc_status status = NETIPC_OK;
    for (uint64_t length = arguments[0]; length <= arguments[1] && status == NETIPC_OK; length *= 2)
        for (uint64_t i = 0; i < arguments[2] && status == NETIPC_OK; i++)
            status = publish(peer, length);
    answer_published(peer, status);
}

/* mark LENGTH COUNT: publishes between two calls of getppid(), for who counts system calls → status generation */
static void publish_marked(struct peer *peer, const uint64_t *arguments)
{
    netipc_status status = NETIPC_OK;
    (void)getppid();
    for (uint64_t i = 0; i < arguments[1] && status == NETIPC_OK; i++)
        status = publish(peer, arguments[0]);
    (void)getppid();
    answer_published(peer, status);
}

/* stats → publications wakes_sent wakes_saved attached ordinal capacity */
static void tell_stats(const struct peer *peer)
{
    netipc_publisher_info info = {.size = sizeof info};
    if (netipc_publisher_stats(peer->publisher, &info) != NETIPC_OK)
        peer_fail("no stats");
    peer_answer("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, info.publications,
                info.wakes_sent, info.wakes_saved, info.attached, info.ordinal, info.capacity);
}

int peer_publisher(const char *run_dir, const char *service)
{
    struct peer peer = {0};
    netipc_publisher_config_init(&peer.config);
    peer.config.run_dir = run_dir;
    peer.config.service = service;
    char name[32];
    uint64_t arguments[PEER_ARGUMENTS];
    while (peer_command(name, arguments)) {
        if (strcmp(name, "open") == 0)
            open_publisher(&peer, arguments);
        else if (strcmp(name, "schema") == 0) { /* for what is opened from now on: of cgroups */
            peer.config.schema = netipc_cgroups_schema();
            peer_answer("0");
        } else if (strcmp(name, "items") == 0)
            peer_items(peer.publisher, arguments[0], &peer.generation);
        else if (strcmp(name, "publish") == 0)
            publish_some(&peer, arguments);
        else if (strcmp(name, "label") == 0)
            set_label(&peer, arguments);
        else if (strcmp(name, "cgroups") == 0)
            publish_cgroups(&peer, arguments);
        else if (strcmp(name, "copy") == 0)
            publish_copies(&peer, arguments);
        else if (strcmp(name, "flat_out") == 0)
            publish_flat_out(&peer, arguments);
        else if (strcmp(name, "stream") == 0)
            publish_stream(&peer, arguments);
        else if (strcmp(name, "double") == 0)
            publish_doubling(&peer, arguments);
        else if (strcmp(name, "mark") == 0)
            publish_marked(&peer, arguments);
        else if (strcmp(name, "fork") == 0)
            peer_fork();
        else if (strcmp(name, "stats") == 0)
            tell_stats(&peer);
        else if (strcmp(name, "close") == 0) {
            netipc_publisher_close(peer.publisher);
            peer.publisher = NULL;
            peer_answer("0");
        } else {
            peer_fail("a publisher cannot %s", name);
        }
    }
    netipc_publisher_close(peer.publisher);
    return 0;
}
