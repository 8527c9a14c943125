/* SPDX-License-Identifier: Apache-2.0 */
/* What the threads that wait by the readers of one subscriber are told. */
#include "tests/publish/asleep.h"
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/readers.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

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

#define reading(test) cmocka_unit_test_setup_teardown(test, peers_setup, readers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        reading(one_publication_wakes_all_readers),
        reading(a_reader_that_was_opened_while_the_owner_slept_is_woken_with_it),
        reading(an_abort_ends_the_waits_of_all_readers),
        reading(sleeping_readers_are_told_of_a_growth_and_do_not_run_hot),
        reading(sleeping_readers_are_told_of_the_close_and_do_not_run_hot),
        reading(sleeping_readers_are_told_of_the_death_and_do_not_run_hot),
        reading(a_refresh_that_brings_something_ends_the_sleep_of_who_came_too_late),
        reading(an_equal_generation_of_a_new_publisher_is_news_to_each_reader_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
