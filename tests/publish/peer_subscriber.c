/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peer.h"

#include <netipc/subscriber.h>

#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE_S = 60 };

struct peer {
    netipc_subscriber *subscriber;
    unsigned char *buffer;
    size_t capacity;
    netipc_snapshot_info latest; /* as last read */
    uint64_t reads, bad;         /* bad: bytes that are not those of their generation, or generations that go back */
};

/* open GRACE_MS SPIN_NS MAX_REGION_SIZE LEASES (0: as many as there are by default) → status */
static void open_subscriber(struct peer *peer, const char *run_dir, const char *service, const uint64_t *arguments)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = run_dir;
    config.service = service;
    config.connect_timeout_ns = patience_ns(PATIENCE_S);
    config.reconnect_ns = 5000000;
    config.grace_ns = arguments[0] * 1000000;
    config.spin = NETIPC_SPIN_FIXED;
    config.spin_ns = arguments[1];
    if (arguments[2] != 0)
        config.max_region_size = arguments[2];
    if (arguments[3] != 0)
        config.leases = (uint32_t)arguments[3];
    peer_answer("%d", (int)netipc_subscriber_open(&config, &peer->subscriber));
}

static netipc_status read_with_room(struct peer *peer, netipc_snapshot_info *info)
{
    for (;;) {
        *info = (netipc_snapshot_info){.size = sizeof *info};
        netipc_status status = netipc_subscriber_read(peer->subscriber, peer->buffer, peer->capacity, info);
        if (status != NETIPC_TOO_SMALL)
            return status;
        free(peer->buffer);
        peer->capacity = info->length * 2;
        peer->buffer = malloc(peer->capacity);
        if (peer->buffer == NULL)
            peer_fail("no memory for %zu bytes", peer->capacity);
    }
}

static netipc_status read_and_check(struct peer *peer, netipc_snapshot_info *info)
{
    netipc_status status = read_with_room(peer, info);
    if (status != NETIPC_OK)
        return status;
    peer->reads++;
    bool same_publisher = memcmp(info->incarnation, peer->latest.incarnation, sizeof info->incarnation) == 0;
    if (!pattern_ok(peer->buffer, info->length, info->generation) ||
        (same_publisher && info->generation < peer->latest.generation))
        peer->bad++;
    peer->latest = *info;
    return NETIPC_OK;
}

/* attach: until a publisher is there → status changed incarnation */
static void attach(struct peer *peer)
{
    uint64_t deadline = now_ns() + patience_ns(PATIENCE_S);
    netipc_status status;
    int changed;
    while ((status = netipc_subscriber_refresh(peer->subscriber, &changed)) != NETIPC_OK && now_ns() < deadline)
        netipc_subscriber_wait(peer->subscriber, netipc_subscriber_generation(peer->subscriber), 5000000);
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber_status(peer->subscriber, &info);
    peer_answer("%d %d %" PRIu64, (int)status, changed, info.incarnation[0]);
}

/* refresh TIMES (0: once), or until one gives another status → status changed, of the last one */
static void refresh(struct peer *peer, const uint64_t *arguments)
{
    int changed = -1;
    netipc_status first = netipc_subscriber_refresh(peer->subscriber, &changed), status = first;
    for (uint64_t i = 1; i < arguments[0] && status == first; i++)
        status = netipc_subscriber_refresh(peer->subscriber, &changed);
    peer_answer("%d %d", (int)status, changed);
}

/* read: once → status publisher_state generation length bad */
static void read_once(struct peer *peer)
{
    netipc_snapshot_info info;
    uint64_t bad = peer->bad;
    netipc_status status = read_and_check(peer, &info);
    peer_answer("%d %u %" PRIu64 " %" PRIu64 " %" PRIu64, (int)status, info.publisher_state, info.generation,
                info.length, peer->bad - bad);
}

/* wait GENERATION TIMEOUT_MS → status */
static void wait_once(struct peer *peer, const uint64_t *arguments)
{
    peer_answer("%d", (int)netipc_subscriber_wait(peer->subscriber, arguments[0], arguments[1] * 1000000));
}

/* arm GENERATION: for the descriptor of the subscriber → status */
static void arm(struct peer *peer, const uint64_t *arguments)
{
    if (netipc_subscriber_fd(peer->subscriber) < 0)
        peer_fail("no descriptor: %s", netipc_status_detail());
    peer_answer("%d", (int)netipc_subscriber_arm(peer->subscriber, arguments[0]));
}

/* poll TIMEOUT_MS: that descriptor → whether it is readable */
static void poll_descriptor(struct peer *peer, const uint64_t *arguments)
{
    struct pollfd descriptor = {.fd = netipc_subscriber_fd(peer->subscriber), .events = POLLIN};
    peer_answer("%d", poll(&descriptor, 1, (int)arguments[0]) > 0);
}

/* abort: and takes it back after a wait → status of the wait */
static void abort_and_resume(struct peer *peer)
{
    netipc_subscriber_abort(peer->subscriber);
    netipc_status status = netipc_subscriber_wait(peer->subscriber, 0, 0);
    netipc_subscriber_resume(peer->subscriber);
    peer_answer("%d", (int)status);
}

static bool publisher_left(struct peer *peer)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber_status(peer->subscriber, &info);
    return info.publisher_state == NETIPC_PUBLISHER_GONE || info.publisher_state == NETIPC_PUBLISHER_CLOSED;
}

/*
 * follow GENERATION: refresh, read and wait until that generation has been read (0: until the publisher has left and
 * its last snapshot has been read) → publisher_state generation reads bad
 */
static void follow(struct peer *peer, const uint64_t *arguments)
{
    uint64_t deadline = now_ns() + patience_ns(PATIENCE_S), until = arguments[0], reads = peer->reads, bad = peer->bad;
    netipc_snapshot_info info = {0};
    for (;;) {
        /* Asked before the read, so that what is read afterwards is the last. */
        bool left = publisher_left(peer);
        netipc_status status = read_and_check(peer, &info);
        if (status != NETIPC_OK && status != NETIPC_OVERRUN && status != NETIPC_EMPTY && status != NETIPC_DISCONNECTED)
            peer_fail("a read gave %s: %s", netipc_status_name(status), netipc_status_detail());
        if (status == NETIPC_OK && (until != 0 ? info.generation >= until : left))
            break;
        if (now_ns() >= deadline)
            peer_fail("generation %" PRIu64 " is awaited, %" PRIu64 " was read last", until, info.generation);
        if (left && until == 0)
            continue;
        netipc_subscriber_wait(peer->subscriber, info.generation, 1000000000);
        netipc_subscriber_refresh(peer->subscriber, NULL);
    }
    peer_answer("%u %" PRIu64 " %" PRIu64 " %" PRIu64, info.publisher_state, info.generation, peer->reads - reads,
                peer->bad - bad);
}

/* What a refresh may say while publishers come and go. */
static bool ordinary(netipc_status status)
{
    return status == NETIPC_OK || status == NETIPC_NOT_FOUND || status == NETIPC_GONE || status == NETIPC_CLOSED ||
           status == NETIPC_DISCONNECTED;
}

/* roam: refresh, read and wait, whoever is there, until the next line comes; that is answered: → publishers reads bad
 */
static void roam(struct peer *peer)
{
    uint64_t publishers = 0, reads = peer->reads, bad = peer->bad;
    while (!peer_is_called()) {
        netipc_snapshot_info info;
        uint64_t before = peer->latest.incarnation[0];
        netipc_status status = netipc_subscriber_refresh(peer->subscriber, NULL);
        if (!ordinary(status))
            peer_fail("a refresh gave %s: %s", netipc_status_name(status), netipc_status_detail());
        status = read_and_check(peer, &info);
        publishers += status == NETIPC_OK && info.incarnation[0] != before;
        netipc_subscriber_wait(peer->subscriber, info.generation, 2000000);
    }
    char name[32];
    uint64_t ignored[PEER_ARGUMENTS];
    peer_command(name, ignored);
    peer_answer("%" PRIu64 " %" PRIu64 " %" PRIu64, publishers, peer->reads - reads, peer->bad - bad);
}

/*
 * hammer COUNT MOST GENERATIONS: at least so many reads, and of so many generations, with every length checked too
 * → delivered overruns bad generations, and by the library's count: reads overruns read_retries
 */
static void hammer(struct peer *peer, const uint64_t *arguments)
{
    netipc_subscriber_info before = {.size = sizeof before}, after = {.size = sizeof after};
    netipc_subscriber_status(peer->subscriber, &before);
    uint64_t delivered = 0, overruns = 0, bad = peer->bad, wrong_length = 0, generations = 0;
    uint64_t deadline = now_ns() + patience_ns(PATIENCE_S);
    for (uint64_t i = 0; i < arguments[0] || (generations < arguments[2] && now_ns() < deadline); i++) {
        netipc_snapshot_info info = {.size = sizeof info};
        uint64_t previous = peer->latest.generation;
        netipc_status status = read_and_check(peer, &info);
        if (status == NETIPC_OK) {
            delivered++;
            generations += info.generation != previous;
            wrong_length += info.length != pattern_varied_length(info.generation, arguments[1]);
        } else if (status == NETIPC_OVERRUN) {
            overruns++;
        } else {
            peer_fail("a read gave %s: %s", netipc_status_name(status), netipc_status_detail());
        }
    }
    netipc_subscriber_status(peer->subscriber, &after);
    peer_answer("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, delivered, overruns,
                peer->bad - bad + wrong_length, generations, after.reads - before.reads,
                after.overruns - before.overruns, after.read_retries - before.read_retries);
}

/* status → state publisher_state generation incarnation sleeps publishers_gone attaches */
static void tell_status(struct peer *peer)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber_status(peer->subscriber, &info);
    peer_answer("%u %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, info.state, info.publisher_state,
                info.generation, info.incarnation[0], info.sleeps, info.publishers_gone, info.attaches);
}

/* leave: ends the session, by starting anew → status */
static void leave(struct peer *peer, const char *run_dir, const char *service)
{
    peer_readers_close();
    netipc_subscriber_close(peer->subscriber);
    free(peer->buffer);
    *peer = (struct peer){0};
    open_subscriber(peer, run_dir, service, (const uint64_t[PEER_ARGUMENTS]){1000, 0});
}

/* close → 0 */
static void close_subscriber(struct peer *peer)
{
    peer_readers_close();
    netipc_subscriber_close(peer->subscriber);
    peer->subscriber = NULL;
    peer_answer("0");
}

int peer_subscriber(const char *run_dir, const char *service)
{
    struct peer peer = {0};
    char name[32];
    uint64_t arguments[PEER_ARGUMENTS];
    while (peer_command(name, arguments)) {
        if (strcmp(name, "open") == 0)
            open_subscriber(&peer, run_dir, service, arguments);
        else if (strcmp(name, "attach") == 0)
            attach(&peer);
        else if (strcmp(name, "refresh") == 0)
            refresh(&peer, arguments);
        else if (strcmp(name, "read") == 0)
            read_once(&peer);
        else if (strcmp(name, "wait") == 0)
            wait_once(&peer, arguments);
        else if (strcmp(name, "arm") == 0)
            arm(&peer, arguments);
        else if (strcmp(name, "poll") == 0)
            poll_descriptor(&peer, arguments);
        else if (strcmp(name, "abort") == 0)
            abort_and_resume(&peer);
        else if (strcmp(name, "close") == 0)
            close_subscriber(&peer);
        else if (strcmp(name, "follow") == 0)
            follow(&peer, arguments);
        else if (strcmp(name, "find") == 0)
            peer_find(peer.subscriber, arguments);
        else if (strcmp(name, "roam") == 0)
            roam(&peer);
        else if (strcmp(name, "hammer") == 0)
            hammer(&peer, arguments);
        else if (strcmp(name, "fork") == 0)
            peer_fork();
        else if (strcmp(name, "leave") == 0)
            leave(&peer, run_dir, service);
        else if (strcmp(name, "status") == 0)
            tell_status(&peer);
        else if (!peer_reader(peer.subscriber, name, arguments) && !peer_streamer(peer.subscriber, name, arguments))
            peer_fail("a subscriber cannot %s", name);
    }
    peer_readers_close();
    netipc_subscriber_close(peer.subscriber);
    free(peer.buffer);
    return 0;
}
