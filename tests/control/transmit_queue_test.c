/* SPDX-License-Identifier: Apache-2.0 */
#include "control/transmit_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIZE = 64 };

static struct netipc_transmit_queue queue;

static int setup(void **state)
{
    (void)state;
    return netipc_transmit_queue_open(&queue, SIZE) != NETIPC_OK;
}

static int teardown(void **state)
{
    (void)state;
    netipc_transmit_queue_close(&queue);
    return 0;
}

/* A packet of length bytes in two parts, whose content follows from number. */
static bool append(unsigned number, size_t length)
{
    unsigned char bytes[2 * SIZE];
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(number * 31 + i);
    const struct iovec parts[] = {{bytes, length / 3}, {bytes + length / 3, length - length / 3}};
    return netipc_transmit_queue_append(&queue, parts, 2);
}

static void expect(unsigned number, size_t length)
{
    unsigned char bytes[SIZE];
    struct iovec parts[2];
    assert_int_equal(netipc_transmit_queue_peek(&queue, parts), length);
    assert_int_equal(parts[0].iov_len + parts[1].iov_len, length);
    assert_int_equal(netipc_transmit_queue_read(&queue, bytes, sizeof bytes), length);
    for (size_t i = 0; i < length; i++)
        assert_int_equal(bytes[i], (unsigned char)(number * 31 + i));
}

static void packets_leave_whole_and_in_order_at_every_position_of_the_ring(void **state)
{
    (void)state;
    unsigned in = 0, out = 0;
    for (unsigned turn = 0; turn < 10 * SIZE; turn++) {
        while (append(in, 1 + in % 23))
            in++;
        assert_true(netipc_transmit_queue_room(&queue) < NETIPC_TRANSMIT_OVERHEAD + 1 + in % 23);
        for (unsigned i = 0; i < 1 + turn % 3 && out < in; i++, out++)
            expect(out, 1 + out % 23);
    }
    while (out < in) {
        expect(out, 1 + out % 23);
        out++;
    }
    assert_true(netipc_transmit_queue_empty(&queue));
    assert_int_equal(netipc_transmit_queue_room(&queue), SIZE);
}

static void exactly_what_fits_goes_in_and_one_byte_more_changes_nothing(void **state)
{
    (void)state;
    assert_false(append(1, SIZE - NETIPC_TRANSMIT_OVERHEAD + 1));
    assert_true(netipc_transmit_queue_empty(&queue));
    assert_true(append(1, SIZE - NETIPC_TRANSMIT_OVERHEAD));
    assert_int_equal(netipc_transmit_queue_room(&queue), 0);
    assert_false(append(2, 1));
    expect(1, SIZE - NETIPC_TRANSMIT_OVERHEAD);

    assert_true(append(3, SIZE - 2 * NETIPC_TRANSMIT_OVERHEAD));
    assert_false(append(4, 1)); /* room for its length alone */
    expect(3, SIZE - 2 * NETIPC_TRANSMIT_OVERHEAD);
}

static void sizes_that_overflow_and_packets_of_nothing_are_refused(void **state)
{
    (void)state;
    unsigned char byte = 0;
    const struct iovec huge[] = {{&byte, SIZE_MAX}, {&byte, 2}}, nothing[] = {{&byte, 0}};
    assert_false(netipc_transmit_queue_append(&queue, huge, 2));
    assert_false(netipc_transmit_queue_append(&queue, huge + 1, 0));
    assert_false(netipc_transmit_queue_append(&queue, nothing, 1));
    assert_true(netipc_transmit_queue_empty(&queue));
}

static void an_empty_queue_gives_nothing_and_a_small_buffer_takes_nothing(void **state)
{
    (void)state;
    unsigned char buffer[8];
    struct iovec parts[2];
    assert_int_equal(netipc_transmit_queue_peek(&queue, parts), 0);
    assert_int_equal(netipc_transmit_queue_read(&queue, buffer, sizeof buffer), 0);
    netipc_transmit_queue_consume(&queue);
    assert_int_equal(netipc_transmit_queue_room(&queue), SIZE);

    assert_true(append(5, 9));
    assert_int_equal(netipc_transmit_queue_read(&queue, buffer, sizeof buffer), 0);
    expect(5, 9);
}

static void consume_drops_one_packet_and_clear_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_true(append(i, 5));
    netipc_transmit_queue_consume(&queue);
    expect(1, 5);
    netipc_transmit_queue_clear(&queue);
    assert_true(netipc_transmit_queue_empty(&queue));
    assert_true(append(7, SIZE - NETIPC_TRANSMIT_OVERHEAD));
    expect(7, SIZE - NETIPC_TRANSMIT_OVERHEAD);
}

#define with_queue(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_queue(packets_leave_whole_and_in_order_at_every_position_of_the_ring),
        with_queue(exactly_what_fits_goes_in_and_one_byte_more_changes_nothing),
        with_queue(sizes_that_overflow_and_packets_of_nothing_are_refused),
        with_queue(an_empty_queue_gives_nothing_and_a_small_buffer_takes_nothing),
        with_queue(consume_drops_one_packet_and_clear_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
