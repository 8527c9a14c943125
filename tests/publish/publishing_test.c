/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/pattern.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;

static int setup(void **state)
{
    return service_setup(state);
}

static int teardown(void **state)
{
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    publisher = NULL;
    subscriber = NULL;
    return service_teardown(state);
}

static void open_both(void)
{
    publisher = service_publisher();
    subscriber = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
}

static netipc_publisher_info stats(void)
{
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    return info;
}

static void build(size_t minimum, size_t length, uint64_t generation)
{
    void *data;
    size_t capacity;
    uint64_t given = 0;
    assert_int_equal(netipc_publish_begin(publisher, minimum, &data, &capacity), NETIPC_OK);
    assert_true(capacity >= minimum && capacity >= length);
    assert_int_equal((uintptr_t)data % 64, 0);
    pattern_fill(data, length, generation);
    assert_int_equal(netipc_publish_commit(publisher, length, &given), NETIPC_OK);
    assert_int_equal(given, generation);
}

static void a_snapshot_can_be_built_in_place(void **state)
{
    (void)state;
    open_both();
    for (uint64_t generation = 1; generation <= 10; generation++) {
        build(0, 4000 + generation, generation);
        service_expect(subscriber, generation, 4000 + generation, NETIPC_PUBLISHER_LIVE);
    }
}

static void building_in_place_grows_the_region(void **state)
{
    (void)state;
    open_both();
    build(0, 100, 1);
    build(1000000, 999999, 2);
    service_expect(subscriber, 1, 100, NETIPC_PUBLISHER_SUPERSEDED);
    int changed;
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    service_expect(subscriber, 2, 999999, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(stats().ordinal, 2);
}

static void an_aborted_snapshot_leaves_the_latest_one(void **state)
{
    (void)state;
    open_both();
    service_publish(publisher, 300, 1);
    for (int i = 0; i < 10; i++) {
        void *data;
        size_t capacity;
        assert_int_equal(netipc_publish_begin(publisher, 4096, &data, &capacity), NETIPC_OK);
        memset(data, 0xee, capacity);
        service_expect(subscriber, 1, 300, NETIPC_PUBLISHER_LIVE);
        assert_int_equal(netipc_publish_abort(publisher), NETIPC_OK);
        service_expect(subscriber, 1, 300, NETIPC_PUBLISHER_LIVE);
    }
    int changed;
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 0);
    service_publish(publisher, 200, 2);
    service_expect(subscriber, 2, 200, NETIPC_PUBLISHER_LIVE);
}

static void an_aborted_growth_leaves_nothing(void **state)
{
    (void)state;
    open_both();
    service_publish(publisher, 300, 1);
    size_t descriptors = open_descriptors(), mappings = library_mappings();
    void *data;
    size_t capacity;
    assert_int_equal(netipc_publish_begin(publisher, 1000000, &data, &capacity), NETIPC_OK);
    assert_int_equal(netipc_publish_abort(publisher), NETIPC_OK);
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(library_mappings(), mappings);
    assert_int_equal(stats().ordinal, 1);
    service_publish(publisher, 4096, 2);
    service_expect(subscriber, 2, 4096, NETIPC_PUBLISHER_LIVE);
}

static void a_closed_publisher_leaves_nothing_even_with_a_growth_begun(void **state)
{
    (void)state;
    size_t descriptors = open_descriptors(), mappings = library_mappings();
    publisher = service_publisher();
    void *data;
    size_t capacity;
    assert_int_equal(netipc_publish_begin(publisher, 1000000, &data, &capacity), NETIPC_OK);
    netipc_publisher_close(publisher);
    publisher = NULL;
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(library_mappings(), mappings);
}

static void calls_in_the_wrong_state_are_refused_and_change_nothing(void **state)
{
    (void)state;
    open_both();
    void *data;
    size_t capacity;
    assert_int_equal(netipc_publish_commit(publisher, 0, NULL), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_publish_abort(publisher), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_publish_begin(publisher, 1, NULL, &capacity), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publish_begin(publisher, 1, &data, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publish(publisher, NULL, 1, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publish_begin(publisher, 1, &data, &capacity), NETIPC_OK);
    assert_int_equal(netipc_publish_begin(publisher, 1, &data, &capacity), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_publish(publisher, "x", 1, NULL), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_publish_commit(publisher, capacity + 1, NULL), NETIPC_INVALID_ARGUMENT);
    pattern_fill(data, capacity, 1); /* the loan goes on */
    assert_int_equal(netipc_publish_commit(publisher, capacity, NULL), NETIPC_OK);
    service_expect(subscriber, 1, capacity, NETIPC_PUBLISHER_LIVE);
    assert_int_equal(netipc_publish_commit(publisher, 0, NULL), NETIPC_WRONG_STATE);
}

static void no_object_is_an_error_not_a_crash(void **state)
{
    (void)state;
    void *data;
    size_t capacity;
    int changed = 1;
    netipc_publisher_close(NULL);
    netipc_subscriber_close(NULL);
    netipc_subscriber_abort(NULL);
    netipc_subscriber_resume(NULL);
    assert_int_equal(netipc_publish(NULL, "x", 1, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publish_begin(NULL, 1, &data, &capacity), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publish_commit(NULL, 1, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publish_abort(NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publisher_dispatch(NULL, 0), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_publisher_fd(NULL), -1);
    assert_int_equal(netipc_subscriber_refresh(NULL, &changed), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(changed, 0);
    assert_int_equal(netipc_subscriber_wait(NULL, 0, 0), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_subscriber_read(NULL, NULL, 0, NULL), NETIPC_INVALID_ARGUMENT);
}

static void an_equal_snapshot_gets_no_new_generation_when_that_is_asked_for(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    config.flags = NETIPC_PUBLISH_ON_CHANGE;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    uint64_t generation = 0;
    void *data;
    size_t capacity;
    assert_int_equal(netipc_publish(publisher, "", 0, &generation),
                     NETIPC_OK); /* nothing is another thing than empty */
    assert_int_equal(netipc_publish(publisher, NULL, 0, &generation), NETIPC_UNCHANGED);
    assert_int_equal(generation, 1);
    assert_int_equal(netipc_publish(publisher, "abc", 3, &generation), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, "abc", 3, &generation), NETIPC_UNCHANGED);
    assert_int_equal(generation, 2);
    assert_int_equal(netipc_publish(publisher, "abc", 2, &generation), NETIPC_OK); /* a prefix is a change */
    assert_int_equal(netipc_publish(publisher, "abd", 3, &generation), NETIPC_OK);
    assert_int_equal(generation, 4);
    assert_int_equal(netipc_publish_begin(publisher, 3, &data, &capacity), NETIPC_OK);
    memcpy(data, "abd", 3);
    assert_int_equal(netipc_publish_commit(publisher, 3, &generation), NETIPC_UNCHANGED);
    assert_int_equal(netipc_publish_commit(publisher, 3, &generation), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_publish_begin(publisher, 100000, &data, &capacity), NETIPC_OK); /* grows for nothing */
    memcpy(data, "abd", 3);
    assert_int_equal(netipc_publish_commit(publisher, 3, &generation), NETIPC_UNCHANGED);
    assert_int_equal(generation, 4);
    assert_int_equal(stats().ordinal, 1);
    assert_int_equal(stats().publications, 4);
    assert_int_equal(stats().unchanged, 4);
}

static void an_equal_snapshot_is_found_equal_across_a_growth_too(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    config.flags = NETIPC_PUBLISH_ON_CHANGE;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    unsigned char *bytes = calloc(1, 50000);
    assert_non_null(bytes);
    assert_int_equal(netipc_publish(publisher, bytes, 50000, NULL), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, bytes, 50000, NULL), NETIPC_UNCHANGED);
    bytes[49999] = 1;
    assert_int_equal(netipc_publish(publisher, bytes, 50000, NULL), NETIPC_OK);
    free(bytes);
}

static void an_empty_snapshot_is_a_snapshot(void **state)
{
    (void)state;
    open_both();
    int changed;
    netipc_snapshot_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_read(subscriber, NULL, 0, &info), NETIPC_EMPTY);
    assert_int_equal(netipc_subscriber_generation(subscriber), 0);
    service_publish(publisher, 0, 1);
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, 0), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(netipc_subscriber_read(subscriber, NULL, 0, &info), NETIPC_OK);
    assert_int_equal(info.generation, 1);
    assert_int_equal(info.length, 0);
}

static void a_buffer_that_is_too_small_is_told_the_needed_length(void **state)
{
    (void)state;
    open_both();
    service_publish(publisher, 1000, 1);
    unsigned char buffer[999];
    netipc_snapshot_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info), NETIPC_TOO_SMALL);
    assert_int_equal(info.length, 1000);
    assert_int_equal(netipc_subscriber_read(subscriber, NULL, 0, &info), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_subscriber_read(subscriber, NULL, 1000, &info), NETIPC_INVALID_ARGUMENT);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_LIVE);
}

static void a_snapshot_above_the_ceiling_is_refused_and_the_latest_one_stays(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    config.ceiling = 65536;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    subscriber = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 4096, 1);
    unsigned char *bytes = calloc(1, 100000);
    void *data;
    size_t capacity;
    assert_non_null(bytes);
    size_t descriptors = open_descriptors(), mappings = library_mappings();
    assert_int_equal(netipc_publish(publisher, bytes, 100000, NULL), NETIPC_TOO_LARGE);
    assert_non_null(strstr(netipc_status_detail(), "100000"));
    assert_non_null(strstr(netipc_status_detail(), "65536"));
    assert_int_equal(netipc_publish_begin(publisher, 100000, &data, &capacity), NETIPC_TOO_LARGE);
    assert_int_equal(netipc_publish_begin(publisher, SIZE_MAX, &data, &capacity), NETIPC_TOO_LARGE);
    free(bytes);
    assert_int_equal(open_descriptors(), descriptors);
    assert_int_equal(library_mappings(), mappings);
    service_expect(subscriber, 1, 4096, NETIPC_PUBLISHER_LIVE);
    service_publish(publisher, 100, 2);
    service_expect(subscriber, 2, 100, NETIPC_PUBLISHER_LIVE);
    service_publish(publisher, 12000, 3); /* grows to what the ceiling allows */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 3, 12000, NETIPC_PUBLISHER_LIVE);
    assert_true(stats().region_size <= 65536);
}

static void growth_keeps_as_many_slots_as_the_ceiling_has_room_for(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    config.slots = 64;
    config.ceiling = 1 << 20;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    service_publish(publisher, 5000, 1);
    assert_int_equal(stats().slots, 64);
    assert_int_equal(stats().capacity, 8192); /* twice, so that the next ones fit too */
    service_publish(publisher, 100000, 2);
    assert_in_range(stats().slots, 9, 10);
    assert_true(stats().region_size <= config.ceiling);
    service_publish(publisher, 250000, 3);
    assert_int_equal(stats().slots, 4);
    assert_true(stats().region_size <= config.ceiling);
    assert_int_equal(netipc_publish_begin(publisher, 300000, &(void *){NULL}, &(size_t){0}), NETIPC_TOO_LARGE);
    subscriber = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 3, 250000, NETIPC_PUBLISHER_LIVE);
}

#define publishing(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        publishing(a_snapshot_can_be_built_in_place),
        publishing(building_in_place_grows_the_region),
        publishing(an_aborted_snapshot_leaves_the_latest_one),
        publishing(an_aborted_growth_leaves_nothing),
        publishing(a_closed_publisher_leaves_nothing_even_with_a_growth_begun),
        publishing(calls_in_the_wrong_state_are_refused_and_change_nothing),
        publishing(no_object_is_an_error_not_a_crash),
        publishing(an_equal_snapshot_gets_no_new_generation_when_that_is_asked_for),
        publishing(an_equal_snapshot_is_found_equal_across_a_growth_too),
        publishing(an_empty_snapshot_is_a_snapshot),
        publishing(a_buffer_that_is_too_small_is_told_the_needed_length),
        publishing(growth_keeps_as_many_slots_as_the_ceiling_has_room_for),
        publishing(a_snapshot_above_the_ceiling_is_refused_and_the_latest_one_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
