/* SPDX-License-Identifier: Apache-2.0 */
/* The readers of one subscriber: statuses, views, fork, and many that come and go. */

#include "tests/publish/child.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/peers.h"
#include "tests/publish/readers.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

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

#define reading(test) cmocka_unit_test_setup_teardown(test, peers_setup, readers_teardown)

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
        reading(a_child_is_told_so_and_its_close_ends_no_view_of_the_parent),
        reading(readers_come_and_go_beside_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
