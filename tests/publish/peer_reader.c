/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peer.h"

#include <netipc/reader.h>

#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READERS_MOST = 40, THREADS_MOST = 8, ROOM = 1 << 20 };

struct view {
    const void *data; /* NULL: none */
    netipc_snapshot_info info;
};

static netipc_reader *readers[READERS_MOST];
static struct view views[READERS_MOST];
static unsigned char copy[ROOM];

void peer_readers_close(void)
{
    for (size_t i = 0; i < READERS_MOST; i++) {
        netipc_reader_close(readers[i]);
        readers[i] = NULL;
        views[i].data = NULL;
    }
}

static bool view_ok(const struct view *view)
{
    return pattern_ok(view->data, view->info.length, view->info.generation);
}

/* readers COUNT: so many are open from now on → leases granted */
static void open_readers(netipc_subscriber *subscriber, const uint64_t *arguments)
{
    for (size_t i = 0; i < arguments[0] && i < READERS_MOST; i++)
        if (readers[i] == NULL && netipc_reader_open(subscriber, &readers[i]) != NETIPC_OK)
            peer_fail("no reader: %s", netipc_status_detail());
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber_status(subscriber, &info);
    peer_answer("%u", info.leases);
}

/* acquire FIRST COUNT GENERATION (0: the latest) → how many of the readers got a view, the last status */
static void acquire_views(const uint64_t *arguments)
{
    uint64_t acquired = 0;
    netipc_status status = NETIPC_OK;
    for (size_t i = arguments[0]; i < arguments[0] + arguments[1] && i < READERS_MOST; i++) {
        views[i].info = (netipc_snapshot_info){.size = sizeof views[i].info};
        status = netipc_reader_acquire(readers[i], arguments[2], &views[i].data, &views[i].info);
        if (status == NETIPC_OK)
            acquired++;
        else
            views[i].data = NULL;
    }
    peer_answer("%" PRIu64 " %d", acquired, (int)status);
}

/* check MILLISECONDS: looks at the bytes of all views, for so long → views bad generation of the first */
static void check_views(const uint64_t *arguments)
{
    uint64_t count = 0, bad = 0, until = now_ns() + arguments[0] * 1000000, first = 0;
    do {
        count = 0;
        for (size_t i = 0; i < READERS_MOST; i++) {
            if (views[i].data == NULL)
                continue;
            first = count == 0 ? views[i].info.generation : first;
            count++;
            bad += !view_ok(&views[i]);
        }
    } while (now_ns() < until);
    peer_answer("%" PRIu64 " %" PRIu64 " %" PRIu64, count, bad, first);
}

/* release: all views → views bad last_bad_status; bad: wrong bytes, or a status that is not OK */
static void release_views(void)
{
    uint64_t count = 0, bad = 0;
    netipc_status last = NETIPC_OK;
    for (size_t i = 0; i < READERS_MOST; i++) {
        if (views[i].data == NULL)
            continue;
        count++;
        bad += !view_ok(&views[i]);
        netipc_status status = netipc_reader_release(readers[i]);
        views[i].data = NULL;
        if (status != NETIPC_OK) {
            bad++;
            last = status;
        }
    }
    peer_answer("%" PRIu64 " %" PRIu64 " %d", count, bad, (int)last);
}

/* history: by the first reader, each of them read by its number → count oldest latest bad */
static void read_history(void)
{
    static uint64_t generations[1024];
    size_t count = 0;
    uint64_t bad = 0;
    if (netipc_reader_history(readers[0], generations, 1024, &count) != NETIPC_OK)
        peer_fail("no history: %s", netipc_status_detail());
    for (size_t i = 0; i < count; i++) {
        netipc_snapshot_info info = {.size = sizeof info};
        netipc_status status = netipc_reader_read(readers[0], generations[i], copy, sizeof copy, &info);
        bad += status != NETIPC_OK || info.generation != generations[i] ||
               (i > 0 && generations[i] != generations[i - 1] + 1) || !pattern_ok(copy, info.length, info.generation);
    }
    peer_answer("%zu %" PRIu64 " %" PRIu64 " %" PRIu64, count, count > 0 ? generations[0] : 0,
                count > 0 ? generations[count - 1] : 0, bad);
}

/* --- waiting together --- */

struct waiter {
    netipc_reader *reader;
    pthread_t thread;
    uint64_t seen;
    netipc_status status;
};

static void *wait_for_newer(void *context)
{
    struct waiter *waiter = context;
    waiter->status = netipc_reader_wait(waiter->reader, waiter->seen, UINT64_C(3600000000000));
    return NULL;
}

/* wait_all COUNT GENERATION: the owner, and a thread for each of the first readers → how many got OK */
static void wait_all(netipc_subscriber *subscriber, const uint64_t *arguments)
{
    struct waiter waiters[THREADS_MOST];
    uint64_t fine = 0;
    for (size_t i = 0; i < arguments[0] && i < THREADS_MOST; i++) {
        waiters[i] = (struct waiter){.reader = readers[i], .seen = arguments[1]};
        if (pthread_create(&waiters[i].thread, NULL, wait_for_newer, &waiters[i]) != 0)
            peer_fail("no thread");
    }
    fine += netipc_subscriber_wait(subscriber, arguments[1], UINT64_C(3600000000000)) == NETIPC_OK;
    for (size_t i = 0; i < arguments[0] && i < THREADS_MOST; i++) {
        pthread_join(waiters[i].thread, NULL);
        fine += waiters[i].status == NETIPC_OK;
    }
    peer_answer("%" PRIu64, fine);
}

/* --- crowd --- */

struct member {
    netipc_subscriber *subscriber;
    pthread_t thread;
    unsigned char *buffer;
    uint64_t random;
    uint64_t reads, views, waits, bad;
};

static atomic_bool crowding;

static uint64_t next_random(struct member *member)
{
    member->random = member->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return member->random >> 33;
}

static void expect_status(struct member *member, netipc_status status, const netipc_status *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (status == expected[i])
            return;
    member->bad++;
    peer_fail("a reader got %s: %s", netipc_status_name(status), netipc_status_detail());
}

static void member_reads(struct member *member, netipc_reader *reader)
{
    static const netipc_status expected[] = {NETIPC_OK, NETIPC_EMPTY, NETIPC_DISCONNECTED, NETIPC_OVERRUN};
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_reader_read(reader, NETIPC_GENERATION_LATEST, member->buffer, ROOM, &info);
    expect_status(member, status, expected, 4);
    if (status == NETIPC_OK) {
        member->reads++;
        member->bad += !pattern_ok(member->buffer, info.length, info.generation);
    }
}

static void member_looks(struct member *member, netipc_reader *reader, uint64_t generation)
{
    static const netipc_status expected[] = {NETIPC_OK,       NETIPC_EMPTY,   NETIPC_DISCONNECTED,
                                             NETIPC_NO_LEASE, NETIPC_OVERRUN, NETIPC_EXPIRED};
    struct view view = {.info = {.size = sizeof view.info}};
    netipc_status status = netipc_reader_acquire(reader, generation, &view.data, &view.info);
    expect_status(member, status, expected, 6);
    if (status != NETIPC_OK)
        return;
    member->views++;
    for (uint64_t looks = next_random(member) % 8 + 1; looks > 0; looks--) {
        member->bad += !view_ok(&view);
        if (next_random(member) % 64 == 0)
            pause_ms(next_random(member) % 8);
    }
    expect_status(member, netipc_reader_release(reader), expected, 1);
}

static void member_goes_back(struct member *member, netipc_reader *reader)
{
    static const netipc_status expected[] = {NETIPC_OK, NETIPC_EMPTY, NETIPC_DISCONNECTED, NETIPC_OVERRUN,
                                             NETIPC_EXPIRED};
    uint64_t generations[64];
    size_t count = 0;
    expect_status(member, netipc_reader_history(reader, generations, 64, &count), expected, 3);
    for (size_t i = 1; i < count; i++)
        member->bad += generations[i] <= generations[i - 1];
    if (count == 0)
        return;
    uint64_t wanted = generations[next_random(member) % count];
    if (next_random(member) % 2 == 0) {
        member_looks(member, reader, wanted);
        return;
    }
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_reader_read(reader, wanted, member->buffer, ROOM, &info);
    expect_status(member, status, expected, 5);
    if (status == NETIPC_OK)
        member->bad += info.generation != wanted || !pattern_ok(member->buffer, info.length, info.generation);
}

static void member_waits(struct member *member, netipc_reader *reader)
{
    static const netipc_status expected[] = {NETIPC_OK,     NETIPC_TIMED_OUT,  NETIPC_GONE,
                                             NETIPC_CLOSED, NETIPC_SUPERSEDED, NETIPC_DISCONNECTED};
    uint64_t seen = netipc_subscriber_generation(member->subscriber);
    expect_status(member, netipc_reader_wait(reader, seen, 1000000), expected, 6);
    member->waits++;
}

static void *join_in(void *context)
{
    struct member *member = context;
    netipc_reader *reader = NULL;
    while (atomic_load(&crowding)) {
        if (reader == NULL && netipc_reader_open(member->subscriber, &reader) != NETIPC_OK)
            peer_fail("no reader: %s", netipc_status_detail());
        uint64_t what = next_random(member) % 16;
        if (what < 6)
            member_reads(member, reader);
        else if (what < 11)
            member_looks(member, reader, NETIPC_GENERATION_LATEST);
        else if (what < 14)
            member_goes_back(member, reader);
        else
            member_waits(member, reader);
        if (next_random(member) % 256 == 0) {
            netipc_reader_close(reader);
            reader = NULL;
        }
    }
    netipc_reader_close(reader);
    return NULL;
}

static size_t library_mappings(void)
{
    char line[512];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "memfd:netipc:") != NULL;
    if (maps != NULL)
        fclose(maps);
    return count;
}

/*
 * crowd THREADS: so many threads read, look in place, go back and wait, while the owner refreshes and waits, until the
 * next line comes; that is answered: → reads views waits bad mappings
 */
static void crowd(netipc_subscriber *subscriber, const uint64_t *arguments)
{
    struct member members[THREADS_MOST] = {0};
    uint64_t reads = 0, seen = 0, waits = 0, bad = 0;
    atomic_store(&crowding, true);
    for (size_t i = 0; i < arguments[0] && i < THREADS_MOST; i++) {
        members[i] = (struct member){.subscriber = subscriber, .buffer = malloc(ROOM), .random = i};
        if (members[i].buffer == NULL || pthread_create(&members[i].thread, NULL, join_in, &members[i]) != 0)
            peer_fail("no thread");
    }
    while (!peer_is_called()) {
        (void)netipc_subscriber_refresh(subscriber, NULL);
        (void)netipc_subscriber_wait(subscriber, netipc_subscriber_generation(subscriber), 1000000);
    }
    char name[32];
    uint64_t ignored[PEER_ARGUMENTS];
    peer_command(name, ignored);
    atomic_store(&crowding, false);
    for (size_t i = 0; i < arguments[0] && i < THREADS_MOST; i++) {
        pthread_join(members[i].thread, NULL);
        free(members[i].buffer);
        reads += members[i].reads;
        seen += members[i].views;
        waits += members[i].waits;
        bad += members[i].bad;
    }
    (void)netipc_subscriber_refresh(subscriber, NULL);
    peer_answer("%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu", reads, seen, waits, bad, library_mappings());
}

bool peer_reader(netipc_subscriber *subscriber, const char *name, const uint64_t arguments[PEER_ARGUMENTS])
{
    if (strcmp(name, "readers") == 0)
        open_readers(subscriber, arguments);
    else if (strcmp(name, "acquire") == 0)
        acquire_views(arguments);
    else if (strcmp(name, "check") == 0)
        check_views(arguments);
    else if (strcmp(name, "release") == 0)
        release_views();
    else if (strcmp(name, "history") == 0)
        read_history();
    else if (strcmp(name, "wait_all") == 0)
        wait_all(subscriber, arguments);
    else if (strcmp(name, "crowd") == 0)
        crowd(subscriber, arguments);
    else
        return false;
    return true;
}
