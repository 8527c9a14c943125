/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"
#include "tests/publish/syscalls.h"

#include <netipc/subscriber.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { SUBSCRIBERS = 5, GRACE_MS = 3600000, PUBLICATIONS = 1000 };

static struct peer *publisher;
static struct peer *subscribers[SUBSCRIBERS];
static uint64_t generation;

static void start_all(void)
{
    uint64_t attached[3];
    generation = 0;
    publisher = publisher_start(4, 4096, 0);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        subscribers[i] = subscriber_start(GRACE_MS);
        peer_ask(subscribers[i], attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
    }
}

static void tell_to_publish(void *count)
{
    peer_tell(publisher, "mark 1000 %llu", (unsigned long long)*(uint64_t *)count);
}

/* Publishes, and counts the system calls of the thread that does it. */
static struct syscall_counts publish(uint64_t count)
{
    struct syscall_counts counts;
    uint64_t published[2];
    if (!syscalls_between_marks(publisher->pid, tell_to_publish, &count, &counts)) {
        print_message("skip: this process may not trace another\n");
        skip();
    }
    peer_hear(publisher, published, 2);
    generation += count;
    assert_int_equal(published[0], NETIPC_OK);
    assert_int_equal(published[1], generation);
    if (SCALED(0, 1))
        counts.all -= counts.memory;
    return counts;
}

static void expect_no_calls(struct syscall_counts counts)
{
    assert_int_equal(counts.all, 0);
}

/* Up to date, and asleep. */
static void put_to_sleep(void)
{
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        uint64_t read[5];
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], generation == 0 ? NETIPC_EMPTY : NETIPC_OK);
        assert_int_equal(read[4], 0);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_tell(subscribers[i], "wait %llu %d", (unsigned long long)generation, GRACE_MS);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_await_sleep(subscribers[i]);
}

static void signal_all(int number)
{
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        assert_return_code(kill(subscribers[i]->pid, number), 0);
}

static void stop_all(void)
{
    signal_all(SIGSTOP);
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_await_stop(subscribers[i]);
}

static void publishing_to_subscribers_that_do_not_sleep_makes_no_system_call(void **state)
{
    (void)state;
    start_all();
    expect_no_calls(publish(PUBLICATIONS));
}

static void each_sleeper_costs_one_system_call_and_only_one(void **state)
{
    (void)state;
    start_all();
    for (int i = 0; i < 3; i++) {
        put_to_sleep();
        struct syscall_counts counts = publish(1);
        assert_int_equal(counts.futex, SUBSCRIBERS);
        assert_int_equal(counts.all, SUBSCRIBERS);
        expect_no_calls(publish(PUBLICATIONS));
        for (size_t at = 0; at < SUBSCRIBERS; at++) {
            uint64_t status;
            peer_hear(subscribers[at], &status, 1);
            assert_int_equal(status, NETIPC_OK);
        }
    }
}

static void stopped_subscribers_cost_nothing_and_go_on_later(void **state)
{
    (void)state;
    start_all();
    stop_all();
    expect_no_calls(publish(PUBLICATIONS));
    signal_all(SIGCONT);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        uint64_t read[5];
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[2], generation);
        assert_int_equal(read[4], 0);
    }
}

static void subscribers_stopped_in_their_sleep_cost_one_call_each_and_go_on_later(void **state)
{
    (void)state;
    start_all();
    put_to_sleep();
    stop_all();
    assert_int_equal(publish(1).all, SUBSCRIBERS);
    expect_no_calls(publish(PUBLICATIONS));
    signal_all(SIGCONT);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        uint64_t status, read[5];
        peer_hear(subscribers[i], &status, 1);
        assert_int_equal(status, NETIPC_OK);
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[2], generation);
    }
}

static void stopped_subscribers_hold_up_no_growth_and_follow_it_later(void **state)
{
    (void)state;
    uint64_t published[2], followed[4];
    start_all();
    put_to_sleep();
    stop_all();
    peer_ask(publisher, published, 2, "double 4096 %d 2", 1 << 20);
    assert_int_equal(published[0], NETIPC_OK);
    signal_all(SIGCONT);
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        uint64_t status;
        peer_hear(subscribers[i], &status, 1);
        assert_true(status == NETIPC_OK || status == NETIPC_SUPERSEDED);
        peer_ask(subscribers[i], followed, 4, "follow %llu", (unsigned long long)published[1]);
        assert_int_equal(followed[0], NETIPC_PUBLISHER_LIVE);
        assert_int_equal(followed[1], published[1]);
        assert_int_equal(followed[3], 0);
    }
}

static void kill_all(void)
{
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_kill(subscribers[i]);
}

static void await_sessions(uint64_t wanted)
{
    uint64_t stats[6];
    uint64_t deadline = now_ns() + patience_ns(30);
    do
        peer_ask(publisher, stats, 6, "stats");
    while (stats[3] != wanted && now_ns() < deadline);
    assert_int_equal(stats[3], wanted);
}

static void killed_subscribers_cost_nothing_and_their_sessions_end(void **state)
{
    (void)state;
    start_all();
    kill_all();
    expect_no_calls(publish(PUBLICATIONS));
    await_sessions(0);
    expect_no_calls(publish(PUBLICATIONS));
}

static void subscribers_killed_in_their_sleep_cost_at_most_one_call_each(void **state)
{
    (void)state;
    start_all();
    put_to_sleep();
    kill_all();
    assert_in_range(publish(1).all, 0, SUBSCRIBERS);
    expect_no_calls(publish(PUBLICATIONS));
    await_sessions(0);
}

static void a_child_of_a_killed_subscriber_that_holds_its_descriptors_keeps_no_session(void **state)
{
    (void)state;
    uint64_t child;
    start_all();
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_ask(subscribers[i], &child, 1, "fork");
    kill_all();
    await_sessions(0);
    assert_return_code(kill((pid_t)child, 0), 0);
    expect_no_calls(publish(PUBLICATIONS));
}

static void subscribers_killed_at_random_while_they_read_and_wait_harm_nobody(void **state)
{
    (void)state;
    enum { LIVES = SCALED(40, 10) };
    uint64_t attached[3], followed[4], published[2];
    publisher = publisher_start(4, 4096, 0);
    struct peer *survivor = subscriber_start(100);
    peer_ask(survivor, attached, 3, "attach");
    peer_tell(publisher, "flat_out 4096");
    peer_tell(survivor, "follow 0");
    for (int i = 0; i < LIVES; i++) {
        struct peer *victim = subscriber_start(100);
        peer_tell(victim, "attach"); /* killed in the handshake, or later */
        peer_tell(victim, "follow 0");
        pause_ms((uint64_t)i % 8);
        peer_kill(victim);
    }
    peer_tell(publisher, "stop");
    peer_hear(publisher, published, 2);
    assert_int_equal(published[0], NETIPC_OK);
    await_sessions(1);
    peer_ask(publisher, published, 1, "close");
    peer_hear(survivor, followed, 4);
    assert_int_equal(followed[0], NETIPC_PUBLISHER_CLOSED);
    assert_int_equal(followed[3], 0);
}

#define leaving(test) cmocka_unit_test_setup_teardown(test, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        leaving(publishing_to_subscribers_that_do_not_sleep_makes_no_system_call),
        leaving(each_sleeper_costs_one_system_call_and_only_one),
        leaving(stopped_subscribers_cost_nothing_and_go_on_later),
        leaving(subscribers_stopped_in_their_sleep_cost_one_call_each_and_go_on_later),
        leaving(stopped_subscribers_hold_up_no_growth_and_follow_it_later),
        leaving(killed_subscribers_cost_nothing_and_their_sessions_end),
        leaving(subscribers_killed_in_their_sleep_cost_at_most_one_call_each),
        leaving(a_child_of_a_killed_subscriber_that_holds_its_descriptors_keeps_no_session),
        leaving(subscribers_killed_at_random_while_they_read_and_wait_harm_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
