/* SPDX-License-Identifier: Apache-2.0 */
/* How a subscriber learns that a publisher has gone, and that another one is there: what it is told, how often, and
 * that no publisher can make its loop of refresh and wait run hot. */

#include "tests/publish/fake_publisher.h"
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/service.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/time.h>

#include <cmocka.h>

enum { RECONNECT_MS = 100, LOOP_MS = 500, TURNS_MOST = 25 };

static netipc_subscriber *open_subscriber(void)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    config.reconnect_ns = (uint64_t)RECONNECT_MS * 1000000;
    config.grace_ns = 1000000; /* what a fake does to its region wakes nobody */
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    return subscriber;
}

static netipc_subscriber_info status_of(netipc_subscriber *subscriber)
{
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    return info;
}

/* --- a hang-up is no death --- */

static void a_publisher_that_hangs_up_and_lives_is_not_gone(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.at_ready = FAKE_HANGS_UP;
    fake_start(&fake);
    netipc_subscriber *subscriber = open_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, patience_ns(30)), NETIPC_DISCONNECTED);
    assert_int_equal(status_of(subscriber).state, NETIPC_STATE_DISCONNECTED);
    assert_int_equal(status_of(subscriber).publishers_gone, 0);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_LIVE);
    fake_end(&fake);
    netipc_subscriber_close(subscriber);
}

static void a_refresh_after_a_hang_up_begins_a_new_session_and_counts_no_death(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.at_ready = FAKE_HANGS_UP;
    fake.serves_many = true;
    fake_start(&fake);
    netipc_subscriber *subscriber = open_subscriber();
    uint64_t deadline = now_ns() + patience_ns(30);
    while (status_of(subscriber).connects < 3 && now_ns() < deadline)
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_in_range(status_of(subscriber).connects, 3, UINT32_MAX);
    assert_int_equal(status_of(subscriber).publishers_gone, 0);
    netipc_subscriber_close(subscriber);
    fake_end(&fake);
}

static void on_alarm(int number)
{
    (void)number;
}

static void signals_do_not_turn_a_hang_up_into_a_death(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.at_ready = FAKE_HANGS_UP;
    sigset_t alarms;
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &alarms, NULL); /* the signals are for this thread */
    fake_start(&fake);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    netipc_subscriber *subscriber = open_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    struct sigaction action = {.sa_handler = on_alarm}, before;
    const struct itimerval often = {{0, 5000}, {0, 5000}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, &before);
    setitimer(ITIMER_REAL, &often, NULL);
    netipc_status status = netipc_subscriber_wait(subscriber, 1, patience_ns(30));
    setitimer(ITIMER_REAL, &never, NULL);
    sigaction(SIGALRM, &before, NULL);
    assert_int_equal(status, NETIPC_DISCONNECTED);
    assert_int_equal(status_of(subscriber).publishers_gone, 0);
    fake_end(&fake);
    netipc_subscriber_close(subscriber);
}

static void a_publisher_that_dies_is_gone(void **state)
{
    (void)state;
    uint64_t published[2];
    struct peer *publisher = publisher_start(4, 4096, 0);
    peer_ask(publisher, published, 2, "publish 1000 1");
    netipc_subscriber *subscriber = open_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    peer_kill(publisher);
    assert_int_equal(netipc_subscriber_wait(subscriber, 1, patience_ns(30)), NETIPC_GONE);
    assert_int_equal(status_of(subscriber).publishers_gone, 1);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_GONE);
    netipc_subscriber_close(subscriber);
}

/* --- a successor is news once --- */

static void a_first_publication_with_the_number_of_the_old_one_wakes_a_waiter_once(void **state)
{
    (void)state;
    uint64_t published[2];
    struct peer *publisher = publisher_start(4, 4096, 0);
    peer_ask(publisher, published, 2, "publish 1000 1");
    netipc_subscriber *subscriber = open_subscriber();
    int changed;
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    for (int restarts = 0; restarts < 3; restarts++) {
        peer_kill(publisher);
        publisher = publisher_start(4, 4096, 0);
        assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
        assert_int_equal(changed, 0); /* nothing is published yet */
        assert_int_equal(netipc_subscriber_wait(subscriber, 1, 1000000), NETIPC_TIMED_OUT);
        peer_tell(publisher, "publish 1000 1");
        assert_int_equal(netipc_subscriber_wait(subscriber, 1, patience_ns(30)), NETIPC_OK);
        peer_hear(publisher, published, 2);
        /* Who reads nothing and asks nothing has been told all the same. */
        for (int i = 0; i < 3; i++)
            assert_int_equal(netipc_subscriber_wait(subscriber, 1, 1000000), NETIPC_TIMED_OUT);
    }
    netipc_subscriber_close(subscriber);
}

/* --- no loop runs hot --- */

static void set_state(struct fake_publisher *fake, uint32_t region_state)
{
    netipc_store(&fake->region.header->latest, netipc_hot_word(1, region_state, 0), release);
}

static void revive(struct fake_publisher *fake)
{
    set_state(fake, NETIPC_REGION_LIVE);
}

static void close_soon(struct fake_publisher *fake)
{
    pause_ms(2);
    set_state(fake, NETIPC_REGION_CLOSED);
}

/* Refresh, read on change, and wait, as long as LOOP_MS takes. */
static void expect_few_turns(struct fake_publisher *fake)
{
    netipc_snapshot_info info = {.size = sizeof info};
    unsigned char buffer[4096];
    unsigned turns = 0;
    fake->serves_many = true;
    fake_start(fake);
    netipc_subscriber *subscriber = open_subscriber();
    for (uint64_t start = now_ns(); now_ns() - start < (uint64_t)LOOP_MS * 1000000; turns++) {
        int changed;
        netipc_subscriber_refresh(subscriber, &changed);
        if (changed)
            assert_int_not_equal(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info), NETIPC_DISCONNECTED);
        netipc_subscriber_wait(subscriber, info.generation, (uint64_t)LOOP_MS * 1000000);
    }
    assert_int_equal(status_of(subscriber).publishers_gone, 0);
    netipc_subscriber_close(subscriber);
    fake_end(fake);
    assert_in_range(turns, 1, TURNS_MOST);
}

static void a_region_in_a_state_that_does_not_exist_makes_no_hot_loop(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    set_state(&fake, 0);
    expect_few_turns(&fake);
}

static void a_superseded_region_without_a_successor_makes_no_hot_loop(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    set_state(&fake, NETIPC_REGION_SUPERSEDED);
    expect_few_turns(&fake);
}

static void a_region_that_is_closed_whenever_it_is_attached_makes_no_hot_loop(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    set_state(&fake, NETIPC_REGION_CLOSED);
    expect_few_turns(&fake);
}

static void a_region_that_is_closed_right_after_it_was_attached_makes_no_hot_loop(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.before_ready = revive;
    fake.after_ready = close_soon;
    expect_few_turns(&fake);
}

static void a_publisher_that_lets_everybody_in_and_hangs_up_makes_no_hot_loop(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.at_ready = FAKE_HANGS_UP;
    expect_few_turns(&fake);
}

static void a_snapshot_that_is_corrupt_makes_no_hot_loop(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    netipc_fetch_add(&fake.region.slots[0].check, 1, relaxed);
    expect_few_turns(&fake);
}

#define ending(test) cmocka_unit_test_setup_teardown(test, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ending(a_publisher_that_hangs_up_and_lives_is_not_gone),
        ending(a_refresh_after_a_hang_up_begins_a_new_session_and_counts_no_death),
        ending(signals_do_not_turn_a_hang_up_into_a_death),
        ending(a_publisher_that_dies_is_gone),
        ending(a_first_publication_with_the_number_of_the_old_one_wakes_a_waiter_once),
        ending(a_region_in_a_state_that_does_not_exist_makes_no_hot_loop),
        ending(a_superseded_region_without_a_successor_makes_no_hot_loop),
        ending(a_region_that_is_closed_whenever_it_is_attached_makes_no_hot_loop),
        ending(a_region_that_is_closed_right_after_it_was_attached_makes_no_hot_loop),
        ending(a_publisher_that_lets_everybody_in_and_hangs_up_makes_no_hot_loop),
        ending(a_snapshot_that_is_corrupt_makes_no_hot_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
