/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/shots.h"
#include "tests/crash/victim.h"
#include "tests/crash/watchers.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The victim is the publisher. */

enum { PATIENCE_S = 60, SMALL = 300, FIRST = 700, LARGE = 3000 };

static bool closes;  /* the victim was told to */
static bool unnamed; /* the victim's endpoint may not be there */
static netipc_publisher *rival;

/* --- the victim --- */

static void stopped(void);

static bool publish(const char *how, size_t length, uint64_t count)
{
    uint64_t answer[2];
    for (uint64_t i = 0; i < count; i++)
        published.lengths[++published.ceiling] = length;
    if (!victim_ask(answer, 2, "%s %zu %llu", how, length, (unsigned long long)count))
        return false;
    assert_int_equal(answer[0], NETIPC_OK);
    assert_int_equal(answer[1], published.ceiling);
    published.floor = published.ceiling;
    return true;
}

static void prepare(void)
{
    published = (struct published){0};
    closes = unnamed = false;
    rival = NULL;
    watchers_open();
    victim_start("publisher", stopped);
}

/* Four slots, one of them for history: so there is one lease. */
static const char *const open_command = "open 4 1024 0 1";

static void prepare_opened(void)
{
    uint64_t status;
    prepare();
    assert_true(victim_ask(&status, 1, "%s", open_command));
    assert_int_equal(status, NETIPC_OK);
}

static void prepare_watched(void)
{
    prepare_opened();
    watchers_watch();
}

static void prepare_published(void)
{
    prepare_opened();
    assert_true(publish("publish", SMALL, 2));
    watchers_watch();
}

static void prepare_unwatched(void)
{
    prepare_opened();
    assert_true(publish("publish", SMALL, 2));
}

/* --- scenarios --- */

static bool open_victim(void)
{
    uint64_t status;
    unnamed = true;
    if (!victim_ask(&status, 1, "%s", open_command))
        return false;
    if (rival != NULL) {
        assert_int_equal(status, NETIPC_ADDRESS_IN_USE);
        netipc_publisher_close(rival);
        rival = NULL;
        if (!victim_ask(&status, 1, "%s", open_command))
            return false;
    }
    assert_int_equal(status, NETIPC_OK);
    return true;
}

static bool publish_the_first(void)
{
    return publish("copy", FIRST, 1);
}

/* More than there are slots, so that the snapshot that is held gets in the way. */
static bool publish_some(void)
{
    return publish("publish", SMALL, 5) && publish("copy", FIRST, 1);
}

static bool grow(void)
{
    published.floor_before_growth = published.floor;
    copying.left_behind = holding.left_behind = polling.left_behind = sleeping.left_behind = true;
    if (!publish("copy", LARGE, 1))
        return false;
    for (size_t i = 0; i < WATCHERS; i++)
        if (!watcher_refresh(watchers[i]))
            return false;
    return publish("publish", LARGE, 1);
}

static bool serve(void)
{
    for (size_t i = 0; i < WATCHERS; i++)
        if (!watcher_refresh(watchers[i]))
            return false;
    watchers_close();
    watchers_open();
    return watcher_refresh(&copying);
}

static bool close_victim(void)
{
    uint64_t status;
    closes = unnamed = true;
    return victim_ask(&status, 1, "close");
}

static const struct crash_scenario scenarios[] = {
    {"open", prepare, open_victim},
    {"first publication", prepare_watched, publish_the_first},
    {"publications", prepare_published, publish_some},
    {"growth", prepare_published, grow},
    {"sessions", prepare_unwatched, serve},
    {"close", prepare_published, close_victim},
};

/* --- what has to be so --- */

static void expect_nothing_but(const char *const *names, size_t count)
{
    DIR *directory = opendir(service_dir);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        bool fine = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        for (size_t i = 0; i < count; i++)
            fine = fine || strcmp(entry->d_name, names[i]) == 0;
        if (!fine)
            fail_msg("%s was left behind", entry->d_name);
    }
    closedir(directory);
}

/* --- a publisher that is stopped holds nobody up: not who reads, not who waits, not who connects or wants its place */

static void expect_wait_ends(struct watcher *watcher)
{
    const uint64_t timeout_ns = 1000000;
    uint64_t start = now_ns();
    netipc_status status = netipc_subscriber_wait(watcher->subscriber, watcher->seen, timeout_ns);
    assert_true(now_ns() - start < patience_ns(PATIENCE_S));
    if (status == NETIPC_TIMED_OUT)
        assert_true(now_ns() - start >= timeout_ns);
    else
        assert_true(status == NETIPC_SUPERSEDED || status == NETIPC_DISCONNECTED ||
                    (closes && status == NETIPC_CLOSED));
}

static void expect_connect_ends(void)
{
    const uint64_t timeout_ns = 5000000;
    uint64_t start = now_ns();
    netipc_subscriber *late = watchers_subscriber(timeout_ns, 0);
    netipc_status status = netipc_subscriber_refresh(late, NULL);
    netipc_subscriber_close(late);
    assert_true(now_ns() - start < patience_ns(PATIENCE_S));
    if (status == NETIPC_TIMED_OUT)
        assert_true(now_ns() - start >= timeout_ns);
    else
        assert_true(unnamed && status == NETIPC_NOT_FOUND);
}

/* Where its name is not taken yet, or not any more, another may have it; or it was stopped with the lock. */
static void expect_rival_refused(void)
{
    netipc_publisher_config config = service_publisher_config();
    config.lock_timeout_ns = 2000000;
    netipc_status status = netipc_publisher_open(&config, &rival);
    assert_true(status == NETIPC_ADDRESS_IN_USE || (unnamed && (status == NETIPC_OK || status == NETIPC_TIMED_OUT)));
}

static void stopped(void)
{
    for (size_t i = 0; i < WATCHERS; i++)
        if (watchers[i]->subscriber != NULL && watchers[i]->attached)
            watcher_expect_whole(watchers[i]);
    if (copying.subscriber != NULL && copying.attached)
        expect_wait_ends(&copying);
    watchers_expect_history();
    watchers_expect_held();
    expect_connect_ends();
    expect_rival_refused();
}

/* --- a publisher that was killed */

/* A wait tells of the death, and so does a refresh without one. */
static void expect_wait_tells(struct watcher *watcher)
{
    netipc_status status = NETIPC_OK;
    /* A region that was superseded ends each wait at once: the refresh that follows tells the rest. */
    while (status == NETIPC_OK && watcher_info(watcher).state == NETIPC_STATE_READY) {
        status = netipc_subscriber_wait(watcher->subscriber, watcher->seen, patience_ns(PATIENCE_S));
        assert_true(status == NETIPC_OK || status == NETIPC_GONE || status == NETIPC_SUPERSEDED ||
                    (closes && status == NETIPC_CLOSED));
        watcher_expect_whole(watcher);
    }
}

static void expect_refresh_tells(struct watcher *watcher)
{
    assert_int_equal(netipc_subscriber_refresh(watcher->subscriber, NULL), NETIPC_NOT_FOUND);
    uint32_t state = watcher_expect_whole(watcher);
    if (watcher->attached)
        assert_true(state == NETIPC_PUBLISHER_GONE || (closes && state == NETIPC_PUBLISHER_CLOSED));
}

static void expect_sleeper_told(void)
{
    uint64_t status = NETIPC_OK, refreshed[2];
    uint32_t state;
    while (status != NETIPC_GONE && status != NETIPC_CLOSED && status != NETIPC_SUPERSEDED) {
        if (!sleeper_waits)
            peer_tell(sleeper, "wait %llu 3600000", (unsigned long long)sleeping.seen);
        peer_hear(sleeper, &status, 1);
        sleeper_waits = false;
        assert_true(status == NETIPC_OK || status == NETIPC_GONE || status == NETIPC_SUPERSEDED ||
                    (closes && status == NETIPC_CLOSED));
        sleeper_reads(&state);
    }
    peer_ask(sleeper, refreshed, 2, "refresh");
    assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
    sleeper_reads(&state);
    assert_true(state == NETIPC_PUBLISHER_GONE || (closes && state == NETIPC_PUBLISHER_CLOSED));
}

/* Everybody moves to the next publisher, which finds the place free. */
static void expect_successor(void)
{
    netipc_publisher *successor = service_publisher();
    service_publish(successor, FIRST, 1);
    for (size_t i = 0; i < WATCHERS; i++) {
        int changed;
        netipc_status status = NETIPC_TIMED_OUT;
        for (uint64_t start = now_ns(); status == NETIPC_TIMED_OUT && now_ns() - start < patience_ns(PATIENCE_S);)
            status = netipc_subscriber_refresh(watchers[i]->subscriber, &changed);
        assert_int_equal(status, NETIPC_OK);
        assert_int_equal(changed, 1);
        service_expect(watchers[i]->subscriber, 1, FIRST, NETIPC_PUBLISHER_LIVE);
    }
    if (sleeping.attached) {
        uint64_t attached[3], read[5];
        peer_ask(sleeper, attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        assert_int_equal(attached[1], 1);
        peer_ask(sleeper, read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[2], 1);
        assert_int_equal(read[4], 0);
    }
    netipc_publisher_close(successor);
    expect_nothing_but(NULL, 0);
}

static void died(const struct crash_scenario *scenario)
{
    (void)scenario;
    static const char *const stale[] = {SERVICE_NAME ".sock", ".netipc.lock"};
    struct pollfd told = {.fd = netipc_subscriber_fd(polling.subscriber), .events = POLLIN};
    if (watcher_info(&polling).state == NETIPC_STATE_READY)
        assert_int_equal(poll(&told, 1, 0), 1);
    if (rival != NULL)
        netipc_publisher_close(rival);
    rival = NULL;
    expect_nothing_but(stale, 2);
    for (size_t i = 0; i < WATCHERS; i++) {
        watcher_expect_whole(watchers[i]);
        if (watchers[i] == &copying)
            expect_wait_tells(watchers[i]);
        expect_refresh_tells(watchers[i]);
    }
    if (sleeping.attached)
        expect_sleeper_told();
    watchers_expect_history();
    watchers_expect_held();
    if (held != NULL)
        assert_int_equal(netipc_reader_release(holder), NETIPC_OK);
    expect_successor();
    watchers_close();
}

static void wake_sleeper(void)
{
    uint64_t status, attached[3];
    uint32_t state;
    if (sleeper_waits) {
        peer_hear(sleeper, &status, 1);
        assert_true(status == NETIPC_OK || status == NETIPC_SUPERSEDED);
        sleeper_waits = false;
    }
    peer_ask(sleeper, attached, 3, "attach");
    assert_int_equal(attached[0], NETIPC_OK);
    sleeping.attached = true;
    sleeping.left_behind = false;
    sleeper_reads(&state);
    assert_int_equal(state, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(sleeping.seen, published.ceiling);
}

static void expect_closed(void)
{
    uint64_t status;
    uint32_t state;
    if (rival != NULL) { /* its place is not taken away by who had it before */
        netipc_subscriber *late = watchers_subscriber(patience_ns(PATIENCE_S), 0);
        assert_int_equal(netipc_subscriber_refresh(late, NULL), NETIPC_OK);
        netipc_subscriber_close(late);
        netipc_publisher_close(rival);
        rival = NULL;
    }
    for (size_t i = 0; i < WATCHERS; i++) {
        assert_int_equal(netipc_subscriber_refresh(watchers[i]->subscriber, NULL), NETIPC_NOT_FOUND);
        if (watchers[i]->attached)
            assert_int_equal(watcher_expect_whole(watchers[i]), NETIPC_PUBLISHER_CLOSED);
    }
    if (sleeping.attached) {
        if (sleeper_waits) {
            peer_hear(sleeper, &status, 1);
            assert_int_equal(status, NETIPC_CLOSED);
        }
        sleeper_reads(&state);
        assert_int_equal(state, NETIPC_PUBLISHER_CLOSED);
    }
    sleeper_waits = false;
    expect_nothing_but(NULL, 0);
}

/* Nobody has missed anything. */
static void goes_on(const struct crash_scenario *scenario)
{
    (void)scenario;
    uint64_t status;
    if (!closes) {
        assert_true(publish("publish", SMALL, 1));
        wake_sleeper();
        sleeper_waits_on();
        for (size_t i = 0; i < WATCHERS; i++) {
            assert_true(watcher_refresh(watchers[i]));
            assert_int_equal(watcher_expect_whole(watchers[i]), NETIPC_PUBLISHER_LIVE);
            assert_int_equal(watchers[i]->seen, published.ceiling);
        }
        closes = true;
        assert_true(victim_ask(&status, 1, "close"));
    }
    expect_closed();
    watchers_expect_held();
    if (held != NULL)
        assert_int_equal(netipc_reader_release(holder), NETIPC_OK);
    watchers_close();
    peer_end(victim);
}

/* --- the tests --- */

/* The subscriber's, and what caches and calls (request and response) need: none of their stores is shared; nor is
 * what the sixteenth wake-up call of a session notes. */
static const char *const elsewhere[] = {"publish/attachment.c",
                                        "publish/reader.c",
                                        "publish/sleep.c",
                                        "publish/subscriber.c",
                                        "publish/subscriber_state.h",
                                        "publish/refresh.c",
                                        "shm/ring_reader.c",
                                        "shm/wait.c",
                                        "netipc_payload_copy_out",
                                        "publish/cache.c",
                                        "publish/cache_reclaimer.c",
                                        "publish/cache_refresh.c",
                                        "publish/cache_state.h",
                                        "control/call.c",
                                        "control/client.c",
                                        "control/listener_linux.c",
                                        "control/own_session_linux.c",
                                        "netipc_server_drain",
                                        "begin_reading",
                                        "end_reading",
                                        "call_sleeper",
                                        NULL};

static const struct crash_side side = {elsewhere, scenarios, sizeof scenarios / sizeof *scenarios, died, goes_on};

static void a_publisher_killed_at_any_point_leaves_its_last_snapshot_and_its_place(void **state)
{
    (void)state;
    crash_everywhere(&side, SIGKILL);
}

static void a_publisher_stopped_at_any_point_holds_nobody_up_and_goes_on(void **state)
{
    (void)state;
    crash_everywhere(&side, SIGSTOP);
}

static void no_store_of_the_publisher_is_without_a_point(void **state)
{
    (void)state;
    crash_reach(&side);
}

static void publishers_are_killed_at_random(void **state)
{
    (void)state;
    crash_at_random(&side, crash_long() ? SCALED(6000, 500) : SCALED(100, 20));
}

static int setup(void **state)
{
    watchers_forget();
    rival = NULL;
    return crash_setup(state);
}

#define crashing(test) cmocka_unit_test_setup_teardown(test, setup, crash_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        crashing(no_store_of_the_publisher_is_without_a_point),
        crashing(a_publisher_killed_at_any_point_leaves_its_last_snapshot_and_its_place),
        crashing(a_publisher_stopped_at_any_point_holds_nobody_up_and_goes_on),
        crashing(publishers_are_killed_at_random),
    };
    crash_options(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
