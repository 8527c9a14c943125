/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/watchers.h"

#include "tests/crash/victim.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { GRACE_MS = 2, ROOM = 8192, PATIENCE_S = 60 };

struct watcher copying, holding, polling, sleeping;
struct watcher *const watchers[WATCHERS] = {&copying, &holding, &polling};
netipc_reader *holder;
const void *held;
static netipc_snapshot_info held_info;
struct peer *sleeper;
bool sleeper_waits;
struct published published;

netipc_subscriber *watchers_subscriber(uint64_t connect_ns, uint32_t leases)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    config.connect_timeout_ns = connect_ns;
    config.leases = leases;
    config.reconnect_ns = 1000000;
    config.grace_ns = GRACE_MS * 1000000;
    config.spin_ns = 0;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    return subscriber;
}

void watchers_forget(void)
{
    holder = NULL;
    held = NULL;
    sleeper = NULL;
}

void watchers_open(void)
{
    for (size_t i = 0; i < WATCHERS; i++)
        *watchers[i] =
            (struct watcher){.subscriber = watchers_subscriber(patience_ns(1) / 20, watchers[i] == &holding)};
    assert_int_equal(netipc_reader_open(holding.subscriber, &holder), NETIPC_OK);
    assert_true(netipc_subscriber_fd(polling.subscriber) >= 0);
    if (sleeper == NULL)
        sleeper = subscriber_start(GRACE_MS);
    sleeping = (struct watcher){0};
    sleeper_waits = false;
}

void watchers_close(void)
{
    netipc_reader_close(holder);
    holder = NULL;
    held = NULL;
    for (size_t i = 0; i < WATCHERS; i++) {
        netipc_subscriber_close(watchers[i]->subscriber);
        watchers[i]->subscriber = NULL;
    }
}

netipc_subscriber_info watcher_info(const struct watcher *watcher)
{
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(watcher->subscriber, &info), NETIPC_OK);
    return info;
}

static uint64_t floor_of(const struct watcher *watcher)
{
    return watcher->left_behind ? published.floor_before_growth : published.floor;
}

static void expect_generation(struct watcher *watcher, uint64_t generation, uint64_t length)
{
    assert_true(generation >= watcher->seen && generation >= floor_of(watcher));
    assert_true(generation <= published.ceiling);
    assert_int_equal(length, published.lengths[generation]);
    watcher->seen = generation;
}

uint32_t watcher_expect_whole(struct watcher *watcher)
{
    static unsigned char bytes[ROOM];
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_read(watcher->subscriber, bytes, sizeof bytes, &info);
    if (!watcher->attached && status == NETIPC_DISCONNECTED)
        return NETIPC_PUBLISHER_NONE;
    if (status == NETIPC_EMPTY) {
        assert_int_equal(published.floor, 0);
        return info.publisher_state;
    }
    assert_int_equal(status, NETIPC_OK);
    expect_generation(watcher, info.generation, info.length);
    assert_true(pattern_ok(bytes, info.length, info.generation));
    return info.publisher_state;
}

void watchers_expect_history(void)
{
    static unsigned char bytes[ROOM];
    uint64_t generations[64];
    size_t count = 0;
    if (!holding.attached || holder == NULL)
        return;
    assert_int_equal(netipc_reader_history(holder, generations, 64, &count), NETIPC_OK);
    for (size_t i = 0; i < count; i++) {
        netipc_snapshot_info info = {.size = sizeof info};
        assert_true(generations[i] <= published.ceiling);
        assert_int_equal(netipc_reader_read(holder, generations[i], bytes, sizeof bytes, &info), NETIPC_OK);
        assert_int_equal(info.length, published.lengths[generations[i]]);
        assert_true(pattern_ok(bytes, info.length, generations[i]));
    }
}

void watchers_expect_held(void)
{
    if (held != NULL)
        assert_true(pattern_ok(held, held_info.length, held_info.generation));
}

bool watcher_refresh(struct watcher *watcher)
{
    netipc_status status = NETIPC_OK;
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline;) {
        if (!victim_lives())
            return false;
        status = netipc_subscriber_refresh(watcher->subscriber, NULL);
        if (status == NETIPC_OK) {
            watcher->attached = true;
            watcher->left_behind = false;
            return true;
        }
        if (status != NETIPC_TIMED_OUT && status != NETIPC_NOT_FOUND && status != NETIPC_GONE &&
            status != NETIPC_CLOSED)
            break;
    }
    fail_msg("a refresh gives %s: %s", netipc_status_name(status), netipc_status_detail());
    return false;
}

void sleeper_waits_on(void)
{
    peer_tell(sleeper, "wait %llu 3600000", (unsigned long long)sleeping.seen);
    peer_await_sleep(sleeper);
    sleeper_waits = true;
}

void sleeper_reads(uint32_t *publisher_state)
{
    uint64_t read[5];
    peer_ask(sleeper, read, 5, "read");
    *publisher_state = (uint32_t)read[1];
    if (read[0] == NETIPC_EMPTY) {
        assert_int_equal(published.floor, 0);
        return;
    }
    assert_int_equal(read[0], NETIPC_OK);
    expect_generation(&sleeping, read[2], read[3]);
    assert_int_equal(read[4], 0);
}

void watchers_watch(void)
{
    uint64_t attached[3];
    for (size_t i = 0; i < WATCHERS; i++) {
        assert_true(watcher_refresh(watchers[i]));
        watcher_expect_whole(watchers[i]);
    }
    held_info = (netipc_snapshot_info){.size = sizeof held_info};
    if (published.ceiling > 0)
        assert_int_equal(netipc_reader_acquire(holder, NETIPC_GENERATION_LATEST, &held, &held_info), NETIPC_OK);
    assert_int_equal(netipc_subscriber_arm(polling.subscriber, polling.seen), NETIPC_UNCHANGED);
    uint32_t state;
    peer_ask(sleeper, attached, 3, "attach");
    assert_int_equal(attached[0], NETIPC_OK);
    sleeping.attached = true;
    sleeping.left_behind = false;
    sleeper_reads(&state);
    sleeper_waits_on();
}
