/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of one subscriber, and what their threads are told. */

#include "tests/publish/asleep.h"
#include "tests/publish/child.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FOR_EVER UINT64_MAX

enum { READERS = 8, SLOTS = 8, LEASES = 5 };

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;
static netipc_reader *readers[READERS];

static void open_publisher(uint32_t slots, uint32_t history)
{
    netipc_publisher_config config = service_publisher_config();
    config.slots = slots;
    config.history = history;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
}

static void open_subscriber(uint32_t leases, uint64_t grace_ns)
{
    netipc_subscriber_config config = service_subscriber_config();
    config.leases = leases;
    config.grace_ns = grace_ns;
    config.reconnect_ns = 20000000;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
}

static void open_readers(size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(netipc_reader_open(subscriber, &readers[i]), NETIPC_OK);
}

static void open_all(void)
{
    open_publisher(SLOTS, 1);
    open_subscriber(LEASES, FOR_EVER / 4); /* whatever ends a sleep here, it is not the grace */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    open_readers(READERS);
}

static void close_readers(void)
{
    for (size_t i = 0; i < READERS; i++) {
        netipc_reader_close(readers[i]);
        readers[i] = NULL;
    }
}

static int teardown(void **state)
{
    close_readers();
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    publisher = NULL;
    subscriber = NULL;
    return peers_teardown(state);
}

static netipc_status read_by(size_t reader, uint64_t generation)
{
    static unsigned char bytes[1 << 20];
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_reader_read(readers[reader], generation, bytes, sizeof bytes, &info);
    if (status == NETIPC_OK)
        assert_true(pattern_ok(bytes, info.length, info.generation));
    if (status == NETIPC_OK && generation != NETIPC_GENERATION_LATEST)
        assert_int_equal(info.generation, generation);
    return status;
}

struct view {
    const void *data;
    netipc_snapshot_info info;
};

static netipc_status view_by(size_t reader, uint64_t generation, struct view *view)
{
    view->info = (netipc_snapshot_info){.size = sizeof view->info};
    return netipc_reader_acquire(readers[reader], generation, &view->data, &view->info);
}

static void expect_view(const struct view *view, uint64_t generation)
{
    assert_int_equal(view->info.generation, generation);
    assert_int_equal((uintptr_t)view->data % 128, 0);
    assert_true(pattern_ok(view->data, view->info.length, generation));
}

/* --- statuses --- */

static void before_the_first_publisher_there_is_nothing_to_hold(void **state)
{
    (void)state;
    struct view view;
    uint64_t generations[4];
    size_t count = 9;
    open_subscriber(1, 1000000000);
    open_readers(1);
    assert_int_equal(read_by(0, NETIPC_GENERATION_LATEST), NETIPC_DISCONNECTED);
    assert_int_equal(view_by(0, NETIPC_GENERATION_LATEST, &view), NETIPC_DISCONNECTED);
    assert_int_equal(netipc_reader_release(readers[0]), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_reader_history(readers[0], generations, 4, &count), NETIPC_DISCONNECTED);
    assert_int_equal(count, 0);
    assert_int_equal(netipc_reader_wait(readers[0], 0, 1000000), NETIPC_DISCONNECTED);
    assert_int_equal(netipc_reader_wait(readers[0], 0, FOR_EVER), NETIPC_DISCONNECTED);
}

static void calls_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    struct view view;
    unsigned char bytes[8];
    size_t count;
    netipc_snapshot_info unset = {0};
    open_all();
    service_publish(publisher, 100, 1);
    assert_int_equal(netipc_reader_open(NULL, &readers[0]), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_open(subscriber, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_read(NULL, 0, bytes, 8, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_read(readers[0], 0, NULL, 8, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_read(readers[0], 0, bytes, 8, &unset), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_read(readers[0], 0, bytes, 8, NULL), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_reader_acquire(NULL, 0, &view.data, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_acquire(readers[0], 0, NULL, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_acquire(readers[0], 0, &view.data, &unset), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_release(NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_release(readers[0]), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_reader_history(NULL, NULL, 0, &count), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_history(readers[0], NULL, 1, &count), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_history(readers[0], NULL, 0, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_wait(NULL, 0, 0), NETIPC_INVALID_ARGUMENT);
    netipc_reader_close(NULL);

    assert_int_equal(netipc_reader_acquire(readers[0], 0, &view.data, NULL), NETIPC_OK);
    assert_int_equal(view_by(0, 0, &view), NETIPC_WRONG_STATE);
    assert_int_equal(read_by(0, 1), NETIPC_OK); /* by copy, beside its view */
    assert_int_equal(netipc_reader_release(readers[0]), NETIPC_OK);
    assert_int_equal(netipc_reader_release(readers[0]), NETIPC_WRONG_STATE);
}

static void a_reader_without_a_lease_is_told_so_and_reads_by_copy(void **state)
{
    (void)state;
    struct view views[READERS];
    open_all();
    service_publish(publisher, 1000, 1);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(view_by(i, NETIPC_GENERATION_LATEST, &views[i]), i < LEASES ? NETIPC_OK : NETIPC_NO_LEASE);
        if (i >= LEASES)
            assert_non_null(strstr(netipc_status_detail(), "5 leases"));
        assert_int_equal(read_by(i, 1), NETIPC_OK);
    }
    for (uint64_t generation = 2; generation < 40; generation++)
        service_publish(publisher, 1000, generation);
    for (size_t i = 0; i < LEASES; i++)
        expect_view(&views[i], 1);
    /* A word that is free again goes to the next reader that is opened. */
    netipc_reader_close(readers[2]);
    netipc_reader_close(readers[6]);
    assert_int_equal(netipc_reader_open(subscriber, &readers[2]), NETIPC_OK);
    assert_int_equal(netipc_reader_open(subscriber, &readers[6]), NETIPC_OK);
    assert_int_equal(view_by(2, NETIPC_GENERATION_LATEST, &views[2]), NETIPC_OK);
    expect_view(&views[2], 39);
    assert_int_equal(view_by(6, NETIPC_GENERATION_LATEST, &views[6]), NETIPC_NO_LEASE);
    for (size_t i = 0; i < LEASES; i++)
        assert_int_equal(netipc_reader_release(readers[i]), NETIPC_OK);
}

static void a_subscriber_that_asks_for_no_lease_gets_none(void **state)
{
    (void)state;
    struct view view;
    open_publisher(SLOTS, 0);
    open_subscriber(0, 1000000000);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    open_readers(1);
    service_publish(publisher, 10, 1);
    assert_int_equal(view_by(0, NETIPC_GENERATION_LATEST, &view), NETIPC_NO_LEASE);
    assert_int_equal(read_by(0, NETIPC_GENERATION_LATEST), NETIPC_OK);
}

static void generations_are_listed_and_read_by_their_numbers(void **state)
{
    (void)state;
    struct view view;
    uint64_t listed[SLOTS];
    size_t count = 9;
    open_all();
    assert_int_equal(netipc_reader_history(readers[0], listed, SLOTS, &count), NETIPC_OK);
    assert_int_equal(count, 0);
    assert_int_equal(read_by(0, NETIPC_GENERATION_LATEST), NETIPC_EMPTY);
    assert_int_equal(view_by(0, 1, &view), NETIPC_EMPTY);
    for (uint64_t latest = 1; latest <= 20; latest++) {
        service_publish(publisher, 100 * latest, latest);
        assert_int_equal(netipc_reader_history(readers[0], listed, SLOTS, &count), NETIPC_OK);
        assert_int_equal(count, latest < SLOTS - 1 ? latest : SLOTS - 1);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(listed[i], latest - count + 1 + i);
            assert_int_equal(read_by(0, listed[i]), NETIPC_OK);
            assert_int_equal(view_by(0, listed[i], &view), NETIPC_OK);
            expect_view(&view, listed[i]);
            assert_int_equal(view.info.length, 100 * listed[i]);
            assert_int_equal(netipc_reader_release(readers[0]), NETIPC_OK);
        }
        assert_int_equal(read_by(0, latest + 1), NETIPC_EMPTY);
        assert_int_equal(view_by(0, latest + 1, &view), NETIPC_EMPTY);
        if (listed[0] > 1) {
            assert_int_equal(read_by(0, listed[0] - 1), NETIPC_EXPIRED);
            assert_int_equal(view_by(0, 1, &view), NETIPC_EXPIRED);
        }
        assert_int_equal(netipc_reader_history(readers[0], listed, 2, &count), NETIPC_OK);
        assert_int_equal(listed[count - 1], latest);
    }
}

static void what_a_reader_counted_outlasts_it(void **state)
{
    (void)state;
    netipc_subscriber_info info = {.size = sizeof info};
    open_all();
    service_publish(publisher, 100, 1);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(read_by(i, 1), NETIPC_OK);
    close_readers();
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.reads, READERS);
    open_readers(1);
    assert_int_equal(read_by(0, 1), NETIPC_OK);
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.reads, READERS + 1);
}

/* --- mappings --- */

static void a_region_stays_mapped_as_long_as_somebody_looks_at_it(void **state)
{
    (void)state;
    struct view views[4];
    open_all();
    service_publish(publisher, 1000, 1);
    size_t before = library_mappings();
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(view_by(i, NETIPC_GENERATION_LATEST, &views[i]), NETIPC_OK);
        service_publish(publisher, 10000 << i, i + 2); /* grows */
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        assert_int_equal(library_mappings(), before + i + 1);
    }
    for (uint64_t i = 0; i < 4; i++) {
        for (uint64_t at = i; at < 4; at++)
            expect_view(&views[at], at + 1);
        assert_int_equal(netipc_reader_release(readers[i]), NETIPC_OK);
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        assert_int_equal(library_mappings(), before + 3 - i);
    }
    service_expect(subscriber, 5, 80000, NETIPC_PUBLISHER_LIVE);
}

static void closing_a_reader_ends_its_view(void **state)
{
    (void)state;
    struct view view;
    open_all();
    service_publish(publisher, 1000, 1);
    size_t before = library_mappings();
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(view_by(0, NETIPC_GENERATION_LATEST, &view), NETIPC_OK);
        service_publish(publisher, 10000 << i, i + 2);
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        netipc_reader_close(readers[0]);
        assert_int_equal(netipc_reader_open(subscriber, &readers[0]), NETIPC_OK);
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        assert_int_equal(library_mappings(), before);
    }
}

/* --- waiting --- */

struct waiter {
    pthread_t thread;
    atomic_int tid;
    netipc_reader *reader; /* NULL: the owner's wait */
    uint64_t generation;
    netipc_status status;
};

static void *wait_for_news(void *context)
{
    struct waiter *waiter = context;
    atomic_store(&waiter->tid, (int)gettid());
    waiter->status = waiter->reader != NULL ? netipc_reader_wait(waiter->reader, waiter->generation, FOR_EVER)
                                            : netipc_subscriber_wait(subscriber, waiter->generation, FOR_EVER);
    return NULL;
}

/* Sleeps when this returns. */
static void put_to_sleep(struct waiter *waiter, netipc_reader *reader, uint64_t generation)
{
    *waiter = (struct waiter){.reader = reader, .generation = generation};
    assert_int_equal(pthread_create(&waiter->thread, NULL, wait_for_news, waiter), 0);
    await_asleep(&waiter->tid, ASLEEP_IN_FUTEX);
}

static netipc_status woken(struct waiter *waiter)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += (time_t)(patience_ns(20) / 1000000000);
    if (pthread_timedjoin_np(waiter->thread, NULL, &until) != 0)
        fail_msg("a waiter sleeps on");
    return waiter->status;
}

static void one_publication_wakes_all_readers(void **state)
{
    (void)state;
    struct waiter waiters[READERS + 1];
    open_all();
    service_publish(publisher, 10, 1);
    for (uint64_t generation = 1; generation <= 20; generation++) {
        for (size_t i = 0; i < READERS; i++)
            put_to_sleep(&waiters[i], readers[i], generation);
        put_to_sleep(&waiters[READERS], NULL, generation);
        service_publish(publisher, 10, generation + 1);
        for (size_t i = 0; i <= READERS; i++)
            assert_int_equal(woken(&waiters[i]), NETIPC_OK);
    }
}

static void a_reader_that_was_opened_while_the_owner_slept_is_woken_with_it(void **state)
{
    (void)state;
    struct waiter owner, other;
    open_publisher(SLOTS, 1);
    open_subscriber(1, FOR_EVER / 4);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 10, 1);
    put_to_sleep(&owner, NULL, 1);
    open_readers(1);
    put_to_sleep(&other, readers[0], 1);
    service_publish(publisher, 10, 2);
    assert_int_equal(woken(&owner), NETIPC_OK);
    assert_int_equal(woken(&other), NETIPC_OK);
}

static void an_abort_ends_the_waits_of_all_readers(void **state)
{
    (void)state;
    struct waiter waiters[READERS];
    open_all();
    service_publish(publisher, 10, 1);
    for (size_t i = 0; i < READERS; i++)
        put_to_sleep(&waiters[i], readers[i], 1);
    netipc_subscriber_abort(subscriber);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(woken(&waiters[i]), NETIPC_ABORTED);
    assert_int_equal(netipc_reader_wait(readers[0], 1, FOR_EVER), NETIPC_ABORTED);
    netipc_subscriber_resume(subscriber);
    assert_int_equal(netipc_reader_wait(readers[0], 1, 1000), NETIPC_TIMED_OUT);
}

/* In a loop, for some time: how often a wait came back. Each time with this status. */
static void expect_slow_turns(netipc_status status, uint64_t generation)
{
    enum { RECONNECT_MS = 20, TOTAL_MS = 200 };
    uint64_t start = now_ns(), turns = 0;
    for (; now_ns() - start < (uint64_t)TOTAL_MS * 1000000; turns++)
        assert_int_equal(netipc_reader_wait(readers[0], generation, FOR_EVER), status);
    assert_in_range(turns, 1, TOTAL_MS / RECONNECT_MS + 1);
}

static void sleeping_readers_are_told_of_a_growth_and_do_not_run_hot(void **state)
{
    (void)state;
    struct waiter waiters[2];
    open_all();
    service_publish(publisher, 10, 1);
    put_to_sleep(&waiters[0], readers[0], 1);
    put_to_sleep(&waiters[1], readers[1], 1);
    service_publish(publisher, 10000, 2);
    assert_int_equal(woken(&waiters[0]), NETIPC_SUPERSEDED);
    assert_int_equal(woken(&waiters[1]), NETIPC_SUPERSEDED);
    expect_slow_turns(NETIPC_SUPERSEDED, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_wait(readers[0], 1, FOR_EVER), NETIPC_OK);
    assert_int_equal(read_by(0, 2), NETIPC_OK);
}

static void sleeping_readers_are_told_of_the_close_and_do_not_run_hot(void **state)
{
    (void)state;
    struct waiter waiters[2];
    open_all();
    service_publish(publisher, 10, 1);
    put_to_sleep(&waiters[0], readers[0], 1);
    put_to_sleep(&waiters[1], readers[1], 1);
    netipc_publisher_close(publisher);
    publisher = NULL;
    assert_int_equal(woken(&waiters[0]), NETIPC_CLOSED);
    assert_int_equal(woken(&waiters[1]), NETIPC_CLOSED);
    expect_slow_turns(NETIPC_CLOSED, 1);
    assert_int_equal(netipc_reader_wait(readers[0], 0, FOR_EVER), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_NOT_FOUND);
    expect_slow_turns(NETIPC_CLOSED, 1);
    assert_int_equal(read_by(0, 1), NETIPC_OK);
}

static void sleeping_readers_are_told_of_the_death_and_do_not_run_hot(void **state)
{
    (void)state;
    struct waiter waiters[2];
    uint64_t published[2];
    struct peer *peer = publisher_start(8, 4096, 0);
    peer_ask(peer, published, 2, "publish 1000 1");
    open_subscriber(LEASES, 20000000);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    open_readers(2);
    put_to_sleep(&waiters[0], readers[0], 1);
    put_to_sleep(&waiters[1], readers[1], 1);
    peer_kill(peer);
    assert_int_equal(woken(&waiters[0]), NETIPC_GONE);
    assert_int_equal(woken(&waiters[1]), NETIPC_GONE);
    expect_slow_turns(NETIPC_GONE, 1); /* the owner does not know yet */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_NOT_FOUND);
    expect_slow_turns(NETIPC_GONE, 1); /* and now it does */
    struct view view;
    assert_int_equal(view_by(0, NETIPC_GENERATION_LATEST, &view), NETIPC_OK);
    expect_view(&view, 1);
    assert_int_equal(view.info.publisher_state, NETIPC_PUBLISHER_GONE);
    assert_int_equal(netipc_reader_release(readers[0]), NETIPC_OK);
}

static void a_refresh_that_brings_something_ends_the_sleep_of_who_came_too_late(void **state)
{
    (void)state;
    struct waiter waiter;
    netipc_subscriber_config config = service_subscriber_config();
    config.reconnect_ns = patience_ns(3600);
    open_publisher(SLOTS, 1);
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    open_readers(1);
    put_to_sleep(&waiter, readers[0], 0); /* before there has been a session */
    service_publish(publisher, 10, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(woken(&waiter), NETIPC_OK);

    service_publish(publisher, 10000, 2);
    put_to_sleep(&waiter, readers[0], 1); /* replaced by now */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(woken(&waiter), NETIPC_OK);
    assert_int_equal(read_by(0, 2), NETIPC_OK);

    netipc_publisher_close(publisher);
    put_to_sleep(&waiter, readers[0], 2);
    open_publisher(SLOTS, 1);
    service_publish(publisher, 20, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(woken(&waiter), NETIPC_OK);
    assert_int_equal(read_by(0, 1), NETIPC_OK);
}

static void an_equal_generation_of_a_new_publisher_is_news_to_each_reader_once(void **state)
{
    (void)state;
    open_all();
    service_publish(publisher, 10, 1);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(read_by(i, 1), NETIPC_OK);
    netipc_publisher_close(publisher);
    (void)netipc_subscriber_refresh(subscriber, NULL);
    open_publisher(SLOTS, 1);
    service_publish(publisher, 20, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(netipc_reader_wait(readers[i], 1, FOR_EVER), NETIPC_OK);
        assert_int_equal(netipc_reader_wait(readers[i], 1, 1000), NETIPC_TIMED_OUT);
    }
}

/* --- fork --- */

static void call_everything_of_a_reader(void)
{
    struct view view;
    uint64_t listed[4];
    size_t count;
    netipc_reader *another;
    child_check(netipc_reader_open(subscriber, &another) == NETIPC_FORKED);
    child_check(netipc_reader_read(readers[0], 0, listed, sizeof listed, NULL) == NETIPC_FORKED);
    child_check(netipc_reader_acquire(readers[1], 0, &view.data, NULL) == NETIPC_FORKED);
    child_check(netipc_reader_release(readers[0]) == NETIPC_FORKED);
    child_check(netipc_reader_history(readers[0], listed, 4, &count) == NETIPC_FORKED);
    child_check(netipc_reader_wait(readers[0], 1, FOR_EVER) == NETIPC_FORKED);
}

static void close_everything(void)
{
    close_readers();
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    child_check(library_mappings_writable() == 0);
}

static void a_child_is_told_so_and_its_close_ends_no_view_of_the_parent(void **state)
{
    (void)state;
    struct view view;
    open_all();
    service_publish(publisher, 1000, 1);
    assert_int_equal(view_by(0, 1, &view), NETIPC_OK);
    in_a_child(call_everything_of_a_reader);
    in_a_child(close_everything);
    for (uint64_t generation = 2; generation < 50; generation++)
        service_publish(publisher, 1000, generation);
    expect_view(&view, 1);
    service_publish(publisher, 10000, 50);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    in_a_child(close_everything); /* with an old region too */
    expect_view(&view, 1);
    assert_int_equal(netipc_reader_release(readers[0]), NETIPC_OK);
    assert_int_equal(read_by(0, 50), NETIPC_OK);
}

/* --- churn --- */

static atomic_bool churning;

static void *come_and_go(void *context)
{
    while (atomic_load(&churning)) {
        netipc_reader *reader;
        const void *data;
        netipc_snapshot_info info = {.size = sizeof info};
        if (netipc_reader_open(subscriber, &reader) != NETIPC_OK)
            return context;
        netipc_status status = netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &data, &info);
        bool good = status == NETIPC_OK ? pattern_ok(data, info.length, info.generation)
                                        : status == NETIPC_NO_LEASE || status == NETIPC_OVERRUN;
        netipc_reader_close(reader); /* with its view */
        if (!good)
            return context;
    }
    return NULL;
}

static void readers_come_and_go_beside_growth(void **state)
{
    (void)state;
    enum { THREADS = 6, GENERATIONS = SCALED(3000, 600) };
    pthread_t threads[THREADS];
    open_publisher(SLOTS, 1);
    open_subscriber(LEASES, 1000000000);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 1000, 1);
    size_t before = library_mappings();
    atomic_store(&churning, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &churning), 0);
    for (uint64_t generation = 2; generation <= GENERATIONS; generation++) {
        service_publish(publisher,
                        generation % (GENERATIONS / 6) == 0 ? (size_t)2000 << generation * 6 / GENERATIONS : 1000,
                        generation);
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    }
    atomic_store(&churning, false);
    for (int i = 0; i < THREADS; i++) {
        void *failure;
        assert_int_equal(pthread_join(threads[i], &failure), 0);
        assert_null(failure);
    }
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(library_mappings(), before);
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_in_range(info.ordinal, 3, 10);
}

#define reading(test) cmocka_unit_test_setup_teardown(test, peers_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        reading(before_the_first_publisher_there_is_nothing_to_hold),
        reading(calls_that_make_no_sense_are_refused),
        reading(a_reader_without_a_lease_is_told_so_and_reads_by_copy),
        reading(a_subscriber_that_asks_for_no_lease_gets_none),
        reading(generations_are_listed_and_read_by_their_numbers),
        reading(what_a_reader_counted_outlasts_it),
        reading(a_region_stays_mapped_as_long_as_somebody_looks_at_it),
        reading(closing_a_reader_ends_its_view),
        reading(one_publication_wakes_all_readers),
        reading(a_reader_that_was_opened_while_the_owner_slept_is_woken_with_it),
        reading(an_abort_ends_the_waits_of_all_readers),
        reading(sleeping_readers_are_told_of_a_growth_and_do_not_run_hot),
        reading(sleeping_readers_are_told_of_the_close_and_do_not_run_hot),
        reading(sleeping_readers_are_told_of_the_death_and_do_not_run_hot),
        reading(a_refresh_that_brings_something_ends_the_sleep_of_who_came_too_late),
        reading(an_equal_generation_of_a_new_publisher_is_news_to_each_reader_once),
        reading(a_child_is_told_so_and_its_close_ends_no_view_of_the_parent),
        reading(readers_come_and_go_beside_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
