/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher that goes round its ring during each copy: what a read then gives. */
#include <netipc/reader.h>

#include "shm/payload_copy.h"
#include "shm/ring_reader.h"
#include "tests/publish/pattern.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SLOTS = 4, LENGTH = 1000 };

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;
static netipc_reader *reader;
static uint64_t generation;
static unsigned overtaking; /* publications during the next copies, each time */
static unsigned overtaken_copies;

void __wrap_netipc_payload_copy_out(void *bytes, const void *shared, size_t length);
void __real_netipc_payload_copy_out(void *bytes, const void *shared, size_t length);

static void publish(unsigned count)
{
    while (count-- > 0)
        service_publish(publisher, LENGTH, ++generation);
}

void __wrap_netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    size_t half = length / 16 * 8; /* words may be copied */
    __real_netipc_payload_copy_out(bytes, shared, half);
    publish(overtaking);
    overtaken_copies += overtaking > 0;
    __real_netipc_payload_copy_out((unsigned char *)bytes + half, (const unsigned char *)shared + half, length - half);
}

static void open_all(uint32_t leases)
{
    netipc_publisher_config config = service_publisher_config();
    config.slots = SLOTS;
    config.history = 1;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    netipc_subscriber_config wish = service_subscriber_config();
    wish.leases = leases;
    assert_int_equal(netipc_subscriber_open(&wish, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_open(subscriber, &reader), NETIPC_OK);
    generation = overtaking = overtaken_copies = 0;
    publish(1);
}

static int teardown(void **state)
{
    overtaking = 0;
    netipc_reader_close(reader);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    reader = NULL;
    subscriber = NULL;
    publisher = NULL;
    return service_teardown(state);
}

static netipc_status read_overtaken(netipc_snapshot_info *info)
{
    unsigned char bytes[LENGTH];
    *info = (netipc_snapshot_info){.size = sizeof *info};
    overtaking = SLOTS;
    netipc_status status = netipc_reader_read(reader, NETIPC_GENERATION_LATEST, bytes, sizeof bytes, info);
    overtaking = 0;
    if (status == NETIPC_OK) {
        assert_int_equal(info->length, LENGTH);
        assert_true(pattern_ok(bytes, info->length, info->generation));
    }
    return status;
}

static uint64_t retries(void)
{
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    return info.read_retries;
}

static void without_a_lease_it_gives_up_after_a_fixed_number_of_tries(void **state)
{
    (void)state;
    netipc_snapshot_info info;
    open_all(0);
    assert_int_equal(read_overtaken(&info), NETIPC_OVERRUN);
    assert_int_equal(overtaken_copies, NETIPC_READ_TRIES);
    assert_int_equal(retries(), NETIPC_READ_TRIES);
}

static void with_a_lease_it_is_whole_all_the_same(void **state)
{
    (void)state;
    netipc_snapshot_info info;
    open_all(1);
    assert_int_equal(read_overtaken(&info), NETIPC_OK);
    assert_int_equal(overtaken_copies, NETIPC_READ_TRIES + 1);
    assert_int_equal(retries(), NETIPC_READ_TRIES);
    publish(SLOTS); /* the lease has ended: no slot is missing */
    uint64_t listed[SLOTS];
    size_t count;
    assert_int_equal(netipc_reader_history(reader, listed, SLOTS, &count), NETIPC_OK);
    assert_int_equal(count, SLOTS - 1);
}

static void a_reader_that_holds_a_view_has_no_lease_left_for_it(void **state)
{
    (void)state;
    netipc_snapshot_info info;
    const void *view;
    open_all(1);
    assert_int_equal(netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &view, NULL), NETIPC_OK);
    publish(1);
    assert_int_equal(read_overtaken(&info), NETIPC_OVERRUN);
    assert_true(pattern_ok(view, LENGTH, 1));
    assert_int_equal(netipc_reader_release(reader), NETIPC_OK);
}

#define overtaken(test) cmocka_unit_test_setup_teardown(test, service_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        overtaken(without_a_lease_it_gives_up_after_a_fixed_number_of_tries),
        overtaken(with_a_lease_it_is_whole_all_the_same),
        overtaken(a_reader_that_holds_a_view_has_no_lease_left_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
