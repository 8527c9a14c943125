/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/shots.h"
#include "tests/crash/victim.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* The victim is a subscriber that gets all the leases there are. Its publisher is a process of its own, and there is
 * another subscriber. */

enum {
    GRACE_MS = 5,
    PATIENCE_S = 60,
    SMALLEST = 50,
    SMALL = 300,
    LARGE = 3000,
    SLOTS = 8,
    HISTORY = 2,
    LEASES = SLOTS - 2 - HISTORY
};

static struct peer *publisher;
static uint64_t generation;
static netipc_subscriber *other;
static uint64_t descriptors; /* of the publisher, without the victim */
static bool left;            /* the victim has closed */

/* --- the publisher --- */

static void open_publisher(void)
{
    uint64_t status;
    if (publisher == NULL || publisher->pid == 0)
        publisher = peer_start("publisher");
    peer_ask(publisher, &status, 1, "open %d 1024 0 %d", SLOTS, HISTORY);
    assert_int_equal(status, NETIPC_OK);
    generation = 0;
}

static void publish(size_t length, uint64_t count)
{
    uint64_t published[2];
    peer_ask(publisher, published, 2, "publish %zu %llu", length, (unsigned long long)count);
    assert_int_equal(published[0], NETIPC_OK);
    assert_int_equal(published[1], generation + count);
    generation += count;
}

static uint64_t count_descriptors(void)
{
    char path[64];
    uint64_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)publisher->pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

/* What the publisher had for other sessions than the other subscriber's is free again. */
static void expect_sessions_freed(void)
{
    uint64_t stats[6];
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S);; pause_ms(1)) {
        peer_ask(publisher, stats, 6, "stats");
        uint64_t now = count_descriptors();
        if (stats[3] == 1 && now == descriptors)
            return;
        if (now_ns() >= deadline)
            fail_msg("%d sessions, %d descriptors where %d were before", (int)stats[3], (int)now, (int)descriptors);
    }
}

/* --- the other subscriber --- */

static netipc_subscriber *open_subscriber(uint32_t leases)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    config.connect_timeout_ns = patience_ns(PATIENCE_S);
    config.leases = leases;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    return subscriber;
}

static void expect_latest(netipc_subscriber *subscriber)
{
    static unsigned char bytes[LARGE];
    netipc_snapshot_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_read(subscriber, bytes, sizeof bytes, &info), NETIPC_OK);
    assert_int_equal(info.generation, generation);
    assert_true(pattern_ok(bytes, info.length, generation));
}

/* Three times round the ring, and everybody else sees it. */
static void expect_publishing_goes_on(void)
{
    publish(SMALL, 3 * SLOTS);
    expect_latest(other);
    netipc_subscriber *late = open_subscriber(0);
    expect_latest(late);
    netipc_subscriber_close(late);
}

static netipc_subscriber *get_all_leases(void)
{
    netipc_subscriber_info info = {.size = sizeof info};
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline; pause_ms(1)) {
        netipc_subscriber *heir = open_subscriber(LEASES);
        expect_latest(heir);
        assert_int_equal(netipc_subscriber_status(heir, &info), NETIPC_OK);
        if (info.leases == LEASES)
            return heir;
        netipc_subscriber_close(heir);
    }
    fail_msg("%u leases of %d have come back", info.leases, LEASES);
    return NULL;
}

static void expect_leases_back(void)
{
    netipc_reader *readers[LEASES];
    netipc_subscriber *heir = get_all_leases();
    for (size_t i = 0; i < LEASES; i++) {
        const void *data;
        netipc_snapshot_info info = {.size = sizeof info};
        assert_int_equal(netipc_reader_open(heir, &readers[i]), NETIPC_OK);
        assert_int_equal(netipc_reader_acquire(readers[i], NETIPC_GENERATION_LATEST, &data, &info), NETIPC_OK);
        publish(SMALL, 1);
        assert_true(pattern_ok(data, info.length, info.generation));
    }
    for (size_t i = 0; i < LEASES; i++)
        netipc_reader_close(readers[i]);
    netipc_subscriber_close(heir);
}

/* --- the victim --- */

static void stopped(void);

static bool ask_status(netipc_status expected, const char *command)
{
    uint64_t status;
    if (!victim_ask(&status, 1, "%s", command))
        return false;
    assert_int_equal(status, expected);
    return true;
}

static bool open_and_attach(void)
{
    uint64_t status, attached[3];
    if (!victim_ask(&status, 1, "open %d 0 0 %d", GRACE_MS, LEASES))
        return false;
    assert_int_equal(status, NETIPC_OK);
    if (!victim_ask(attached, 3, "attach"))
        return false;
    assert_int_equal(attached[0], NETIPC_OK);
    assert_int_equal(attached[1], 1);
    return true;
}

static bool read_latest(void)
{
    uint64_t read[5];
    if (!victim_ask(read, 5, "read"))
        return false;
    assert_int_equal(read[0], NETIPC_OK);
    assert_int_equal(read[1], NETIPC_PUBLISHER_LIVE);
    /* It may have been stopped after it had read. */
    assert_true(read[2] <= generation && read[2] > 0);
    assert_int_equal(read[4], 0);
    return true;
}

static bool acquire(uint64_t count)
{
    uint64_t granted, acquired[2];
    if (!victim_ask(&granted, 1, "readers %llu", (unsigned long long)count))
        return false;
    assert_int_equal(granted, LEASES);
    if (!victim_ask(acquired, 2, "acquire 0 %llu 0", (unsigned long long)count))
        return false;
    assert_int_equal(acquired[0], count);
    return true;
}

static bool release(uint64_t count)
{
    uint64_t released[3];
    if (!victim_ask(released, 3, "release"))
        return false;
    assert_int_equal(released[0], count);
    assert_int_equal(released[1], 0);
    return true;
}

static void prepare(void)
{
    left = false;
    open_publisher();
    publish(SMALL, 1);
    other = open_subscriber(0);
    expect_latest(other);
    descriptors = count_descriptors();
    victim_start("subscriber", stopped);
}

static void prepare_attached(void)
{
    prepare();
    assert_true(open_and_attach());
}

static void prepare_holding(void)
{
    prepare_attached();
    assert_true(acquire(LEASES));
}

/* --- scenarios --- */

/* What libc copies, and what is small enough to be copied without it. */
static bool read_twice(void)
{
    if (!read_latest())
        return false;
    publish(SMALLEST, 1);
    return read_latest();
}

static bool hold_and_release(void)
{
    uint64_t checked[3];
    if (!acquire(LEASES))
        return false;
    publish(SMALL, 2 * SLOTS);
    if (!victim_ask(checked, 3, "check 0"))
        return false;
    assert_int_equal(checked[0], LEASES);
    assert_int_equal(checked[1], 0);
    return release(LEASES);
}

static bool sleep_and_wake(void)
{
    uint64_t status;
    victim_tell("wait %llu 3600000", (unsigned long long)generation);
    if (!victim_falls_asleep(1))
        return false;
    publish(SMALL, 1);
    if (!victim_hear(&status, 1))
        return false;
    assert_int_equal(status, NETIPC_OK);
    return read_latest();
}

/* Several threads: the one that the publisher wakes wakes the others. */
static bool sleep_together(void)
{
    enum { READERS = 2 };
    uint64_t ignored, woken;
    if (!victim_ask(&ignored, 1, "readers %d", READERS))
        return false;
    victim_tell("wait_all %d %llu", READERS, (unsigned long long)generation);
    if (!victim_falls_asleep(READERS + 1))
        return false;
    publish(SMALL, 1);
    if (!victim_hear(&woken, 1))
        return false;
    assert_int_equal(woken, READERS + 1);
    return read_latest();
}

static bool arm_and_be_rung(void)
{
    uint64_t status = NETIPC_OK, readable, refreshed[2];
    while (status == NETIPC_OK)
        if (!victim_ask(&status, 1, "arm %llu", (unsigned long long)generation))
            return false;
    assert_int_equal(status, NETIPC_UNCHANGED);
    publish(SMALL, 1);
    if (!victim_ask(&readable, 1, "poll 3600000") || !victim_ask(refreshed, 2, "refresh"))
        return false;
    assert_int_equal(readable, 1);
    assert_int_equal(refreshed[0], NETIPC_OK);
    return read_latest();
}

static bool move(void)
{
    uint64_t refreshed[2];
    publish(LARGE, 1);
    if (!victim_ask(refreshed, 2, "refresh"))
        return false;
    assert_int_equal(refreshed[0], NETIPC_OK);
    assert_int_equal(refreshed[1], 1);
    return read_latest() && release(LEASES) && acquire(LEASES) && release(LEASES);
}

static bool abort_and_resume(void)
{
    return ask_status(NETIPC_ABORTED, "abort") && read_latest();
}

/* The publisher dies, and another takes its place. */
static bool lose_the_publisher(void)
{
    uint64_t refreshed[2], attached[3];
    peer_kill(publisher);
    bool lives = victim_ask(refreshed, 2, "refresh");
    if (lives)
        assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
    open_publisher();
    publish(SMALL, 1);
    expect_latest(other);
    if (!lives || !release(LEASES) || !victim_ask(attached, 3, "attach"))
        return false;
    assert_int_equal(attached[0], NETIPC_OK);
    assert_int_equal(attached[1], 1);
    return read_latest();
}

static bool leave(void)
{
    left = true;
    return ask_status(NETIPC_OK, "close");
}

static const struct crash_scenario scenarios[] = {
    {"attach", prepare, open_and_attach},
    {"read", prepare_attached, read_twice},
    {"hold", prepare_attached, hold_and_release},
    {"sleep", prepare_attached, sleep_and_wake},
    {"sleep together", prepare_attached, sleep_together},
    {"doorbell", prepare_attached, arm_and_be_rung},
    {"growth", prepare_holding, move},
    {"abort", prepare_attached, abort_and_resume},
    {"loss", prepare_holding, lose_the_publisher},
    {"close", prepare_holding, leave},
};

/* --- what has to be so --- */

/* While it is stopped, and if it was killed: the publisher and the others do not notice. */
static void stopped(void)
{
    if (publisher->pid != 0)
        expect_publishing_goes_on();
}

static void finish(void)
{
    uint64_t status;
    expect_sessions_freed();
    expect_leases_back();
    expect_sessions_freed();
    netipc_subscriber_close(other);
    peer_ask(publisher, &status, 1, "close");
    assert_int_equal(status, 0);
}

static void died(const struct crash_scenario *scenario)
{
    (void)scenario;
    expect_publishing_goes_on();
    finish();
}

/* It sees the latest, and leaves as if nothing had been. */
static void goes_on(const struct crash_scenario *scenario)
{
    (void)scenario;
    uint64_t followed[4];
    publish(SMALL, 1);
    if (!left) {
        assert_true(victim_ask(followed, 4, "follow %llu", (unsigned long long)generation));
        assert_int_equal(followed[0], NETIPC_PUBLISHER_LIVE);
        assert_int_equal(followed[1], generation);
        assert_int_equal(followed[3], 0);
        assert_true(ask_status(NETIPC_OK, "close"));
    }
    finish();
    peer_end(victim);
}

/* --- the tests --- */

/* The publisher's, and what caches and calls (request and response) need: none of their stores is shared. */
static const char *const elsewhere[] = {"control/server.c",
                                        "control/admission_linux.c",
                                        "control/session.c",
                                        "shm/ring_publisher.c",
                                        "shm/session_table.c",
                                        "shm/region.c",
                                        "publish/publish.c",
                                        "publish/publisher.c",
                                        "publish/publisher_regions.c",
                                        "publish/latest_answer.c",
                                        "netipc_service_add",
                                        "netipc_payload_copy_in",
                                        "netipc_payload_own",
                                        "publish/cache.c",
                                        "publish/cache_reclaimer.c",
                                        "publish/cache_refresh.c",
                                        "publish/cache_state.h",
                                        "control/call.c",
                                        "control/client.c",
                                        "control/listener_linux.c",
                                        "control/own_session_linux.c",
                                        NULL};

static const struct crash_side side = {elsewhere, scenarios, sizeof scenarios / sizeof *scenarios, died, goes_on};

static void a_subscriber_killed_at_any_point_takes_nothing_along(void **state)
{
    (void)state;
    crash_everywhere(&side, SIGKILL);
}

static void a_subscriber_stopped_at_any_point_holds_nobody_up_and_goes_on(void **state)
{
    (void)state;
    crash_everywhere(&side, SIGSTOP);
}

static void no_store_of_the_subscriber_is_without_a_point(void **state)
{
    (void)state;
    crash_reach(&side);
}

static void subscribers_are_killed_at_random(void **state)
{
    (void)state;
    crash_at_random(&side, crash_long() ? SCALED(6000, 500) : SCALED(100, 20));
}

static int setup(void **state)
{
    publisher = NULL;
    return crash_setup(state);
}

#define crashing(test) cmocka_unit_test_setup_teardown(test, setup, crash_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        crashing(no_store_of_the_subscriber_is_without_a_point),
        crashing(a_subscriber_killed_at_any_point_takes_nothing_along),
        crashing(a_subscriber_stopped_at_any_point_holds_nobody_up_and_goes_on),
        crashing(subscribers_are_killed_at_random),
    };
    crash_options(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
