/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots that are large enough to be copied past the caches: whichever way one is copied, it is read whole. */
#include "shm/payload_copy.h"
#include "shm/streaming.h"
#include "tests/publish/service.h"

#include <netipc/subscriber.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    LARGEST = 8191,
    TIMES = 300,
    SLOTS = 8,
    /* One trial after TRIAL_SOONEST publications, and the samples. */
    STREAMED_LEAST = SLOTS + NETIPC_STREAMING_SAMPLES
};

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;

static int teardown(void **state)
{
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    return service_teardown(state);
}

static void attach(void)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_publisher_config publisher_config = service_publisher_config();
    publisher_config.slots = SLOTS;
    publisher_config.capacity = LARGEST;
    assert_int_equal(netipc_publisher_open(&publisher_config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
}

static uint64_t streamed(void)
{
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    return info.streamed;
}

static void each_snapshot_is_read_whole_however_it_was_copied(void **state)
{
    (void)state;
    attach();
    for (uint64_t generation = 1; generation <= TIMES; generation++) {
        size_t length = LARGEST - generation; /* lengths that end anywhere in a line */
        service_publish(publisher, length, generation);
        service_expect(subscriber, generation, length, NETIPC_PUBLISHER_LIVE);
    }
    if (netipc_payload_can_stream())
        assert_in_range(streamed(), STREAMED_LEAST, TIMES);
    else
        assert_int_equal(streamed(), 0);
}

static void small_snapshots_go_through_the_caches(void **state)
{
    (void)state;
    attach();
    for (uint64_t generation = 1; generation <= TIMES; generation++)
        service_publish(publisher, NETIPC_STREAMING_LEAST - 1, generation);
    assert_int_equal(streamed(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_snapshot_is_read_whole_however_it_was_copied, service_setup, teardown),
        cmocka_unit_test_setup_teardown(small_snapshots_go_through_the_caches, service_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
