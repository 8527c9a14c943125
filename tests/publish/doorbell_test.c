/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

/* More than a socket holds; and how long a session lasts that takes nothing of what is in its queue. */
enum { MANY = SCALED(2000, 600), QUEUE_DEADLINE_MS = 1000 };

static netipc_publisher *publisher;
static netipc_subscriber *first, *second;

static int setup(void **state)
{
    if (service_setup(state) != 0)
        return -1;
    netipc_publisher_config config = service_publisher_config();
    config.handshake_timeout_ns = QUEUE_DEADLINE_MS * UINT64_C(1000000);
    if (netipc_publisher_open(&config, &publisher) != NETIPC_OK)
        return -1;
    first = service_subscriber();
    second = service_subscriber();
    return 0;
}

static int teardown(void **state)
{
    netipc_subscriber_close(first);
    netipc_subscriber_close(second);
    netipc_publisher_close(publisher);
    return service_teardown(state);
}

static bool readable(netipc_subscriber *subscriber, int timeout_ms)
{
    struct pollfd polled = {.fd = netipc_subscriber_fd(subscriber), .events = POLLIN};
    assert_true(polled.fd >= 0);
    return poll(&polled, 1, timeout_ms) == 1;
}

static uint64_t sessions(void)
{
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    return info.sessions;
}

static void a_doorbell_rings_once_each_time_it_is_armed(void **state)
{
    (void)state;
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    for (uint64_t generation = 1; generation <= 20; generation++) {
        assert_int_equal(netipc_subscriber_arm(first, generation - 1), NETIPC_UNCHANGED);
        assert_false(readable(first, 0));
        service_publish(publisher, 100, generation);
        assert_true(readable(first, (int)(patience_ns(20) / 1000000)));
        assert_int_equal(netipc_subscriber_arm(first, generation - 1), NETIPC_OK);
        assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
        assert_false(readable(first, 0));
    }
    service_publish(publisher, 100, 21); /* not armed */
    assert_false(readable(first, 50));
    service_expect(first, 21, 100, NETIPC_PUBLISHER_LIVE);
}

static void the_descriptor_tells_of_growth_and_close_and_stays_the_same(void **state)
{
    (void)state;
    int fd = netipc_subscriber_fd(first);
    assert_false(readable(first, 0));
    assert_int_equal(netipc_subscriber_arm(first, 0), NETIPC_DISCONNECTED);
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    service_publish(publisher, 1000000, 1);
    assert_true(readable(first, (int)(patience_ns(20) / 1000000)));
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    service_expect(first, 1, 1000000, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(netipc_subscriber_arm(first, 1), NETIPC_UNCHANGED);
    netipc_publisher_close(publisher);
    assert_true(readable(first, (int)(patience_ns(20) / 1000000)));
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_NOT_FOUND);
    assert_false(readable(first, 0));
    publisher = service_publisher();
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_fd(first), fd);
    assert_int_equal(netipc_subscriber_arm(first, 1), NETIPC_UNCHANGED);
    service_publish(publisher, 10, 1);
    assert_true(readable(first, (int)(patience_ns(20) / 1000000)));
}

static void arming_without_end_fills_no_queue(void **state)
{
    (void)state;
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    uint64_t generation = 0;
    for (int i = 0; i < MANY; i++) {
        netipc_subscriber_arm(first, generation);
        service_publish(publisher, 10, ++generation);
        usleep(100); /* else one packet would answer many */
    }
    usleep(QUEUE_DEADLINE_MS * 1500);
    assert_int_equal(sessions(), 1);
    service_publish(publisher, 1000000, ++generation);
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    service_expect(first, generation, 1000000, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(sessions(), 1);
}

static void doorbells_of_one_are_nothing_to_another_that_is_slow(void **state)
{
    (void)state;
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    service_publish(publisher, 1000000, 1); /* grows, and the first one does not look */
    assert_int_equal(netipc_subscriber_refresh(second, NULL), NETIPC_OK);
    uint64_t generation = 1;
    for (int i = 0; i < MANY; i++) {
        netipc_subscriber_arm(second, generation);
        service_publish(publisher, 10, ++generation);
        if (i % 16 == 0)
            assert_int_equal(netipc_subscriber_refresh(second, NULL), NETIPC_OK);
    }
    usleep(QUEUE_DEADLINE_MS * 1500);
    assert_int_equal(sessions(), 2);
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    service_expect(first, generation, 10, NETIPC_PUBLISHER_LIVE);
}

static void an_abort_in_force_lets_the_descriptor_come_to_rest(void **state)
{
    (void)state;
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_arm(first, 0), NETIPC_UNCHANGED);
    service_publish(publisher, 10, 1);
    assert_true(readable(first, (int)(patience_ns(20) / 1000000)));
    netipc_subscriber_abort(first);
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_ABORTED);
    assert_false(readable(first, 0));
    netipc_subscriber_resume(first);
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
}

static void a_refresh_that_tells_nobody_swallows_no_news(void **state)
{
    (void)state;
    int changed;
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    service_publish(publisher, 10, 1);
    service_expect(first, 1, 10, NETIPC_PUBLISHER_LIVE);
    netipc_publisher_close(publisher);
    publisher = service_publisher();
    service_publish(publisher, 20, 1);
    netipc_subscriber_refresh(first, NULL); /* learns of the close, or has connected already */
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_wait(first, 1, 0), NETIPC_OK);
    service_expect(first, 1, 20, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(netipc_subscriber_wait(first, 1, 0), NETIPC_TIMED_OUT);
    assert_int_equal(netipc_subscriber_refresh(first, &changed), NETIPC_OK);
}

static void *abort_soon(void *unused)
{
    usleep(150000);
    netipc_subscriber_abort(first);
    return unused;
}

/* The end of a session that had only just begun is told after a pause, which an abort cuts short. */
static void an_abort_ends_the_pause_after_a_short_session(void **state)
{
    (void)state;
    netipc_subscriber_close(first);
    netipc_subscriber_config config = service_subscriber_config();
    config.reconnect_ns = UINT64_C(3600000000000);
    config.grace_ns = 1000000;
    assert_int_equal(netipc_subscriber_open(&config, &first), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(first, NULL), NETIPC_OK);
    netipc_publisher_close(publisher);
    publisher = NULL;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, abort_soon, NULL), 0);
    assert_int_equal(netipc_subscriber_wait(first, 0, UINT64_MAX), NETIPC_ABORTED);
    pthread_join(thread, NULL);
}

#define ringing(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ringing(a_doorbell_rings_once_each_time_it_is_armed),
        ringing(the_descriptor_tells_of_growth_and_close_and_stays_the_same),
        ringing(arming_without_end_fills_no_queue),
        ringing(doorbells_of_one_are_nothing_to_another_that_is_slow),
        ringing(an_abort_in_force_lets_the_descriptor_come_to_rest),
        ringing(a_refresh_that_tells_nobody_swallows_no_news),
        ringing(an_abort_ends_the_pause_after_a_short_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
