/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/asleep.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FOR_EVER UINT64_MAX

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;

static int teardown(void **state)
{
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    publisher = NULL;
    subscriber = NULL;
    return service_teardown(state);
}

static void open_publisher_in_callers_loop(void)
{
    netipc_publisher_config config = service_publisher_config();
    config.loop = NETIPC_LOOP_CALLER;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
}

static void open_both(void)
{
    netipc_subscriber_config config = service_subscriber_config();
    config.grace_ns = FOR_EVER / 4; /* whatever ends a sleep here, it is not the grace */
    publisher = service_publisher();
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
}

static void open_both_and_read_one(void)
{
    open_both();
    service_publish(publisher, 10, 1);
    service_expect(subscriber, 1, 10, NETIPC_PUBLISHER_LIVE);
}

/* --- aborting a call of another thread --- */

struct call {
    pthread_t thread;
    atomic_int tid;
    netipc_status (*make)(void);
    netipc_status status;
};

static void *make_call(void *argument)
{
    struct call *call = argument;
    atomic_store(&call->tid, (int)gettid());
    call->status = call->make();
    return NULL;
}

static void start_call(struct call *call, netipc_status (*make)(void))
{
    call->make = make;
    atomic_init(&call->tid, 0);
    assert_int_equal(pthread_create(&call->thread, NULL, make_call, call), 0);
}

static netipc_status end_call(struct call *call)
{
    assert_int_equal(pthread_join(call->thread, NULL), 0);
    return call->status;
}

static netipc_status wait_for_ever(void)
{
    return netipc_subscriber_wait(subscriber, 1, FOR_EVER);
}

static netipc_status refresh(void)
{
    return netipc_subscriber_refresh(subscriber, NULL);
}

static void abort_ends_a_sleeping_wait_and_resume_makes_it_possible_again(void **state)
{
    (void)state;
    open_both_and_read_one();
    struct call call;
    for (int i = 0; i < 20; i++) {
        start_call(&call, wait_for_ever);
        if (i % 2 == 0) /* else in the middle of falling asleep */
            await_asleep(&call.tid, ASLEEP_IN_FUTEX);
        netipc_subscriber_abort(subscriber);
        assert_int_equal(end_call(&call), NETIPC_ABORTED);
        assert_int_equal(wait_for_ever(), NETIPC_ABORTED);
        assert_int_equal(refresh(), NETIPC_ABORTED);
        service_expect(subscriber, 1, 10, NETIPC_PUBLISHER_LIVE); /* a read does not wait */
        netipc_subscriber_resume(subscriber);
        assert_int_equal(netipc_subscriber_wait(subscriber, 1, 1000), NETIPC_TIMED_OUT);
        assert_int_equal(refresh(), NETIPC_OK);
    }
    start_call(&call, wait_for_ever);
    await_asleep(&call.tid, ASLEEP_IN_FUTEX);
    service_publish(publisher, 20, 2);
    assert_int_equal(end_call(&call), NETIPC_OK);
}

static netipc_status loop_with_nobody(void)
{
    netipc_status status;
    do
        status = netipc_subscriber_wait(subscriber, 0, FOR_EVER);
    while (status == NETIPC_DISCONNECTED);
    return status;
}

static void abort_ends_a_wait_with_nobody_there(void **state)
{
    (void)state;
    netipc_subscriber_config config = service_subscriber_config();
    config.reconnect_ns = FOR_EVER / 4;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    struct call call;
    for (int i = 0; i < 10; i++) {
        start_call(&call, loop_with_nobody);
        if (i % 2 == 0)
            await_asleep(&call.tid, ASLEEP_IN_FUTEX);
        netipc_subscriber_abort(subscriber);
        assert_int_equal(end_call(&call), NETIPC_ABORTED);
        netipc_subscriber_resume(subscriber);
    }
}

static void abort_ends_a_refresh_that_a_silent_publisher_holds_up(void **state)
{
    (void)state;
    open_publisher_in_callers_loop(); /* which never dispatches */
    netipc_subscriber_config config = service_subscriber_config();
    config.connect_timeout_ns = FOR_EVER;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    struct call call;
    for (int i = 0; i < 4; i++) {
        start_call(&call, refresh);
        await_asleep(&call.tid, ASLEEP_IN_PPOLL);
        netipc_subscriber_abort(subscriber);
        assert_int_equal(end_call(&call), NETIPC_ABORTED);
        netipc_subscriber_resume(subscriber);
    }
}

static void on_alarm(int number)
{
    (void)number;
    netipc_subscriber_abort(subscriber);
}

static void abort_may_be_called_by_a_signal_handler(void **state)
{
    (void)state;
    open_both_and_read_one();
    struct sigaction action = {.sa_handler = on_alarm}, before;
    sigaction(SIGUSR1, &action, &before);
    struct call call;
    start_call(&call, wait_for_ever);
    await_asleep(&call.tid, ASLEEP_IN_FUTEX);
    assert_int_equal(pthread_kill(call.thread, SIGUSR1), 0);
    assert_int_equal(end_call(&call), NETIPC_ABORTED);
    sigaction(SIGUSR1, &before, NULL);
}

static void on_nothing(int number)
{
    (void)number;
}

static void a_signal_does_not_end_a_wait(void **state)
{
    (void)state;
    open_both_and_read_one();
    struct sigaction action = {.sa_handler = on_nothing}, before;
    sigaction(SIGUSR1, &action, &before);
    struct call call;
    start_call(&call, wait_for_ever);
    for (int i = 0; i < 10; i++) {
        await_asleep(&call.tid, ASLEEP_IN_FUTEX);
        assert_int_equal(pthread_kill(call.thread, SIGUSR1), 0);
    }
    await_asleep(&call.tid, ASLEEP_IN_FUTEX);
    service_publish(publisher, 20, 2);
    assert_int_equal(end_call(&call), NETIPC_OK);
    sigaction(SIGUSR1, &before, NULL);
}

/* --- what a wait gives, and what it costs --- */

static void a_wait_tells_what_there_is(void **state)
{
    (void)state;
    open_both();
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, 0), NETIPC_TIMED_OUT);
    assert_int_equal(netipc_subscriber_wait(subscriber, 7, 1000000), NETIPC_TIMED_OUT); /* 0 is nothing to read */
    service_publish(publisher, 10, 1);
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, FOR_EVER), NETIPC_OK);
    assert_int_equal(netipc_subscriber_wait(subscriber, 7, FOR_EVER), NETIPC_OK);
    service_expect(subscriber, 1, 10, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, 0), NETIPC_TIMED_OUT);
    netipc_publisher_close(publisher);
    publisher = NULL;
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, FOR_EVER), NETIPC_CLOSED);
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, FOR_EVER), NETIPC_OK); /* there is something to read */
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, FOR_EVER), NETIPC_DISCONNECTED);
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, 1000000), NETIPC_DISCONNECTED);
}

static void a_wait_does_not_take_a_new_publishers_generation_for_the_old_ones(void **state)
{
    (void)state;
    open_both_and_read_one();
    netipc_publisher_close(publisher);
    assert_int_not_equal(refresh(), NETIPC_OK);
    publisher = service_publisher();
    int changed;
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 0); /* nothing is published yet */
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, 1000), NETIPC_TIMED_OUT);
    service_publish(publisher, 20, 1);
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, FOR_EVER), NETIPC_OK);
    service_expect(subscriber, 1, 20, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, 1000), NETIPC_TIMED_OUT);
}

static void a_wait_takes_the_generation_that_a_poll_gave(void **state)
{
    (void)state;
    open_both();
    for (uint64_t generation = 1; generation <= 3; generation++) {
        service_publish(publisher, 10, generation);
        assert_int_equal(netipc_subscriber_generation(subscriber), generation);
        assert_int_equal(netipc_subscriber_wait(subscriber, generation, 1000), NETIPC_TIMED_OUT);
    }
}

static void a_loop_with_nobody_there_sleeps(void **state)
{
    (void)state;
    enum { RECONNECT_MS = 20, TOTAL_MS = 400 };
    netipc_subscriber_config config = service_subscriber_config();
    config.reconnect_ns = (uint64_t)RECONNECT_MS * 1000000;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    uint64_t start = now_ns(), turns = 0;
    for (; now_ns() - start < (uint64_t)TOTAL_MS * 1000000; turns++) {
        assert_int_equal(refresh(), NETIPC_NOT_FOUND);
        assert_int_equal(netipc_subscriber_wait(subscriber, 0, FOR_EVER), NETIPC_DISCONNECTED);
    }
    assert_in_range(turns, 1, TOTAL_MS / RECONNECT_MS);
}

static void a_loop_after_the_publisher_closed_sleeps(void **state)
{
    (void)state;
    enum { RECONNECT_MS = 20, TOTAL_MS = 400 };
    publisher = service_publisher();
    service_publish(publisher, 10, 1);
    netipc_subscriber_config config = service_subscriber_config();
    config.reconnect_ns = (uint64_t)RECONNECT_MS * 1000000;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(refresh(), NETIPC_OK);
    netipc_publisher_close(publisher);
    publisher = NULL;
    uint64_t start = now_ns(), turns = 0;
    for (; now_ns() - start < (uint64_t)TOTAL_MS * 1000000; turns++) {
        assert_int_equal(refresh(), NETIPC_NOT_FOUND);
        netipc_subscriber_wait(subscriber, 1, FOR_EVER);
    }
    assert_in_range(turns, 1, TOTAL_MS / RECONNECT_MS + 1);
}

static atomic_bool asking;

static void *ask_for_generations(void *argument)
{
    uint64_t latest = 0;
    while (atomic_load(&asking)) {
        uint64_t generation = netipc_subscriber_generation(subscriber);
        if (generation < latest)
            return argument;
        latest = generation;
    }
    return NULL;
}

static void any_thread_may_ask_for_the_generation_while_the_owner_moves_between_regions(void **state)
{
    (void)state;
    open_both();
    pthread_t thread;
    atomic_store(&asking, true);
    assert_int_equal(pthread_create(&thread, NULL, ask_for_generations, subscriber), 0);
    for (uint64_t generation = 1; generation <= 36; generation++) {
        size_t length = (size_t)4096 << generation / 4; /* grows with each fourth */
        service_publish(publisher, length, generation);
        assert_int_equal(refresh(), NETIPC_OK);
        service_expect(subscriber, generation, length, NETIPC_PUBLISHER_LIVE);
    }
    atomic_store(&asking, false);
    void *failure;
    assert_int_equal(pthread_join(thread, &failure), 0);
    assert_null(failure);
}

/* --- the caller's loop --- */

static atomic_bool serving;

/* Gives back its argument when something failed. */
static void *serve(void *argument)
{
    struct pollfd events = {.fd = netipc_publisher_fd(publisher), .events = POLLIN};
    while (atomic_load(&serving))
        if (poll(&events, 1, 5) > 0 && netipc_publisher_dispatch(publisher, 0) != NETIPC_OK)
            return argument;
    return NULL;
}

static void a_poll_loop_of_the_caller_serves_subscribers(void **state)
{
    (void)state;
    open_publisher_in_callers_loop();
    assert_true(netipc_publisher_fd(publisher) >= 0);
    pthread_t thread;
    atomic_store(&serving, true);
    assert_int_equal(pthread_create(&thread, NULL, serve, publisher), 0);
    for (uint64_t generation = 1; generation <= 20; generation++) {
        size_t length = 1000 << generation / 2; /* grows now and then */
        service_publish(publisher, length, generation);
        if (generation % 5 == 1) {
            netipc_subscriber_close(subscriber);
            subscriber = service_subscriber();
        }
        assert_int_equal(refresh(), NETIPC_OK);
        service_expect(subscriber, generation, length, NETIPC_PUBLISHER_LIVE);
    }
    atomic_store(&serving, false);
    void *failure;
    assert_int_equal(pthread_join(thread, &failure), 0);
    assert_null(failure);
}

static void dispatch_serves_until_its_timeout_and_not_at_all_beside_an_own_thread(void **state)
{
    (void)state;
    open_publisher_in_callers_loop();
    uint64_t start = now_ns();
    assert_int_equal(netipc_publisher_dispatch(publisher, 0), NETIPC_OK);
    assert_int_equal(netipc_publisher_dispatch(publisher, 20000000), NETIPC_OK);
    assert_true(now_ns() - start >= 20000000);
    netipc_publisher_close(publisher);
    publisher = service_publisher();
    assert_int_equal(netipc_publisher_dispatch(publisher, 0), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_publisher_fd(publisher), -1);
}

#define waiting(test) cmocka_unit_test_setup_teardown(test, service_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        waiting(abort_ends_a_sleeping_wait_and_resume_makes_it_possible_again),
        waiting(abort_ends_a_wait_with_nobody_there),
        waiting(abort_ends_a_refresh_that_a_silent_publisher_holds_up),
        waiting(abort_may_be_called_by_a_signal_handler),
        waiting(a_signal_does_not_end_a_wait),
        waiting(a_wait_tells_what_there_is),
        waiting(a_wait_does_not_take_a_new_publishers_generation_for_the_old_ones),
        waiting(a_wait_takes_the_generation_that_a_poll_gave),
        waiting(a_loop_with_nobody_there_sleeps),
        waiting(a_loop_after_the_publisher_closed_sleeps),
        waiting(any_thread_may_ask_for_the_generation_while_the_owner_moves_between_regions),
        waiting(a_poll_loop_of_the_caller_serves_subscribers),
        waiting(dispatch_serves_until_its_timeout_and_not_at_all_beside_an_own_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
