/* SPDX-License-Identifier: Apache-2.0 */
/* Copies past the caches, and when they are made. */
#include "shm/payload_copy.h"
#include "shm/streaming.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { SLOTS = 8, SIZE = 65536, MARK = 0xa5 };

/* What a publication of SIZE bytes takes either way, and how it went. */
struct machine {
    struct netipc_streaming streaming;
    uint64_t through_ns, past_ns;
    uint64_t published, past;
};

static bool publish(struct machine *machine, uint64_t length)
{
    struct netipc_streaming_plan plan = netipc_streaming_plan(&machine->streaming, length);
    machine->published++;
    machine->past += plan.past;
    if (plan.timed) {
        uint64_t taken_ns = (plan.past ? machine->past_ns : machine->through_ns) * length / SIZE;
        /* Each third one is held up by something else. */
        netipc_streaming_learn(&machine->streaming, length, SLOTS,
                               taken_ns + (machine->published % 3 == 0 ? 1000000 : 0));
    }
    return plan.past;
}

static uint64_t percent_past(struct machine *machine, uint64_t times)
{
    uint64_t before = machine->past;
    for (uint64_t i = 0; i < times; i++)
        publish(machine, SIZE);
    return (machine->past - before) * 100 / times;
}

/* Where there are no such stores, nothing is ever streamed. */
static bool streams(void)
{
    struct machine machine = {.through_ns = 26000, .past_ns = 2700};
    if (!netipc_payload_can_stream())
        assert_int_equal(percent_past(&machine, 1000), 0);
    return netipc_payload_can_stream();
}

static void what_costs_less_is_kept_up(void **state)
{
    (void)state;
    if (!streams())
        return;
    struct machine machine = {.through_ns = 26000, .past_ns = 2700};
    assert_in_range(percent_past(&machine, 200), 40, 70); /* a trial after 64 */
    assert_in_range(percent_past(&machine, 100000), 98, 99);
}

static void what_costs_more_is_tried_ever_more_rarely(void **state)
{
    (void)state;
    if (!streams())
        return;
    struct machine machine = {.through_ns = 1250, .past_ns = 3000};
    percent_past(&machine, 20000);
    uint64_t before = machine.past;
    percent_past(&machine, 100000);
    assert_in_range(machine.past - before, (SLOTS + NETIPC_STREAMING_SAMPLES) * UINT64_C(10),
                    (SLOTS + NETIPC_STREAMING_SAMPLES) * UINT64_C(14));
}

static void a_small_gain_is_not_worth_it(void **state)
{
    (void)state;
    if (!streams())
        return;
    struct machine machine = {.through_ns = 1000, .past_ns = 800};
    assert_in_range(percent_past(&machine, 100000), 0, 1);
}

static void it_ends_when_readers_go(void **state)
{
    (void)state;
    if (!streams())
        return;
    struct machine machine = {.through_ns = 26000, .past_ns = 2700};
    percent_past(&machine, 50000);
    machine.through_ns = 1250;
    assert_in_range(percent_past(&machine, 20000), 0, 99);
    assert_in_range(percent_past(&machine, 100000), 0, 1);
    machine.through_ns = 26000;
    percent_past(&machine, 20000);
    assert_in_range(percent_past(&machine, 100000), 98, 99);
}

static void small_snapshots_are_never_streamed_nor_timed(void **state)
{
    (void)state;
    struct netipc_streaming streaming = {0};
    for (int i = 0; i < 1000; i++) {
        struct netipc_streaming_plan plan = netipc_streaming_plan(&streaming, NETIPC_STREAMING_LEAST - 1);
        assert_false(plan.past || plan.timed);
    }
}

static void lengths_that_differ_a_little_are_one_kind(void **state)
{
    (void)state;
    if (!streams())
        return;
    struct machine machine = {.through_ns = 26000, .past_ns = 2700};
    for (uint64_t i = 0; i < 1000; i++)
        publish(&machine, SIZE - 1 + i % 3);
    assert_true(publish(&machine, SIZE));
    assert_true(publish(&machine, SIZE / 2 - 1) || machine.streaming.trial);
}

static void another_order_of_magnitude_begins_anew(void **state)
{
    (void)state;
    if (!streams())
        return;
    struct machine machine = {.through_ns = 26000, .past_ns = 2700};
    percent_past(&machine, 1000);
    assert_false(publish(&machine, SIZE / 8));
    assert_false(machine.streaming.on);
}

static void times_beyond_all_reason_do_no_harm(void **state)
{
    (void)state;
    struct netipc_streaming streaming = {0};
    for (int i = 0; i < 1000; i++) {
        struct netipc_streaming_plan plan = netipc_streaming_plan(&streaming, UINT64_MAX);
        if (plan.timed)
            netipc_streaming_learn(&streaming, UINT64_MAX, UINT32_MAX, i % 2 ? UINT64_MAX : 0);
    }
}

static void a_copy_past_the_caches_has_the_same_bytes_and_no_other(void **state)
{
    (void)state;
    static alignas(128) unsigned char slot[1024];
    static unsigned char source[1024 + 1];
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (unsigned char)(i * 37 + i / 256);
    for (size_t length = 0; length <= sizeof slot; length++)
        for (size_t shift = 0; shift < 2; shift++) {
            memset(slot, MARK, sizeof slot);
            netipc_payload_stream_in(slot, source + shift, length);
            assert_memory_equal(slot, source + shift, length);
            for (size_t i = length; i < sizeof slot; i++)
                assert_int_equal(slot[i], MARK);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_costs_less_is_kept_up),
        cmocka_unit_test(what_costs_more_is_tried_ever_more_rarely),
        cmocka_unit_test(a_small_gain_is_not_worth_it),
        cmocka_unit_test(it_ends_when_readers_go),
        cmocka_unit_test(small_snapshots_are_never_streamed_nor_timed),
        cmocka_unit_test(lengths_that_differ_a_little_are_one_kind),
        cmocka_unit_test(another_order_of_magnitude_begins_anew),
        cmocka_unit_test(times_beyond_all_reason_do_no_harm),
        cmocka_unit_test(a_copy_past_the_caches_has_the_same_bytes_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
