/* SPDX-License-Identifier: Apache-2.0 */
/* Refreshes that are cut short, by an abort at a bad moment or by the deadline of a publisher that talks on and on. */

#include "tests/publish/fake_publisher.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

/* What the linker puts in the place of write() (-Wl,--wrap): an abort writes after it has said that it is one. */
static _Thread_local netipc_subscriber *resumed_in_the_middle;

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length)
{
    if (resumed_in_the_middle != NULL)
        netipc_subscriber_resume(resumed_in_the_middle);
    return __real_write(fd, bytes, length);
}

static void abort_and_resume_in_the_middle_of_it(netipc_subscriber *subscriber)
{
    resumed_in_the_middle = subscriber;
    netipc_subscriber_abort(subscriber);
    resumed_in_the_middle = NULL;
}

static void a_resume_in_the_middle_of_an_abort_leaves_nothing_half_aborted(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber *subscriber = service_subscriber();
    abort_and_resume_in_the_middle_of_it(subscriber);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 10, 1);
    abort_and_resume_in_the_middle_of_it(subscriber);
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, patience_ns(30)), NETIPC_OK);
    service_publish(publisher, 10000, 2); /* grows */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 2, 10000, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void a_few_notes_ahead_of_the_region_are_passed_over(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.superseded_notes = 5;
    fake_start(&fake);
    netipc_subscriber *subscriber = fake_subscriber(patience_ns(30));
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(subscriber);
    fake_end(&fake);
}

static void a_flood_of_notes_breaks_the_protocol(void **state)
{
    (void)state;
    struct fake_publisher fake;
    fake_prepare(&fake);
    fake.superseded_notes = 1000000;
    fake_expect_refused(&fake, NETIPC_PROTOCOL);
}

static netipc_subscriber *aborted;
static netipc_status aborted_status;

static void *refresh(void *argument)
{
    aborted_status = netipc_subscriber_refresh(aborted, NULL);
    return argument;
}

static void an_abort_ends_a_refresh_that_notes_come_in_for(void **state)
{
    (void)state;
    struct fake_publisher fake;
    pthread_t thread;
    fake_prepare(&fake);
    fake.superseded_notes = 1000000;
    fake.note_pause_ms = 200;
    fake_start(&fake);
    aborted = fake_subscriber(UINT64_MAX);
    uint64_t start = now_ns();
    assert_int_equal(pthread_create(&thread, NULL, refresh, NULL), 0);
    pause_ms(500); /* some have come by then */
    netipc_subscriber_abort(aborted);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(aborted_status, NETIPC_ABORTED);
    assert_true(now_ns() - start < patience_ns(5));
    netipc_subscriber_close(aborted);
    fake_end(&fake);
}

static void a_handshake_without_a_deadline_works(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    netipc_publisher_info info = {.size = sizeof info};
    config.handshake_timeout_ns = UINT64_MAX;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    service_publish(publisher, 10, 1);
    netipc_subscriber *subscriber = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 10000, 2); /* grows */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 2, 10000, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_int_equal(info.timed_out, 0);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

#define cutting(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cutting(a_resume_in_the_middle_of_an_abort_leaves_nothing_half_aborted),
        cutting(a_few_notes_ahead_of_the_region_are_passed_over),
        cutting(a_flood_of_notes_breaks_the_protocol),
        cutting(an_abort_ends_a_refresh_that_notes_come_in_for),
        cutting(a_handshake_without_a_deadline_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
