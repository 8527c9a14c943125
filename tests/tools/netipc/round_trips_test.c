/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/round_trips.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void nothing_took_no_time(void **state)
{
    (void)state;
    struct round_trips trips;
    assert_true(round_trips_open(&trips, 1));
    assert_int_equal(round_trips_percentile(&trips, 50), 0);
    round_trips_free(&trips);
}

static void one_call_is_every_percentile(void **state)
{
    (void)state;
    struct round_trips trips;
    assert_true(round_trips_open(&trips, 1));
    round_trips_add(&trips, 7);
    round_trips_add(&trips, 9); /* one more than there is room for */
    assert_int_equal(round_trips_percentile(&trips, 1), 7);
    assert_int_equal(round_trips_percentile(&trips, 100), 7);
    round_trips_free(&trips);
}

static void percentiles_are_the_nearest_ranks_in_any_order(void **state)
{
    (void)state;
    enum { CALLS = 200 };
    struct round_trips trips;
    assert_true(round_trips_open(&trips, CALLS));
    for (uint64_t i = 0; i < CALLS; i++)
        round_trips_add(&trips, (i * 77) % CALLS + 1); /* 77 and 200 have no common divisor */
    assert_int_equal(round_trips_percentile(&trips, 50), 100);
    assert_int_equal(round_trips_percentile(&trips, 95), 190);
    assert_int_equal(round_trips_percentile(&trips, 99), 198);
    assert_int_equal(round_trips_percentile(&trips, 100), 200);
    assert_int_equal(round_trips_percentile(&trips, 1), 2);
    round_trips_free(&trips);
}

static void a_call_added_later_counts(void **state)
{
    (void)state;
    struct round_trips trips;
    assert_true(round_trips_open(&trips, 2));
    round_trips_add(&trips, 5);
    assert_int_equal(round_trips_percentile(&trips, 50), 5);
    round_trips_add(&trips, 3);
    assert_int_equal(round_trips_percentile(&trips, 50), 3);
    round_trips_free(&trips);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_took_no_time),
        cmocka_unit_test(one_call_is_every_percentile),
        cmocka_unit_test(percentiles_are_the_nearest_ranks_in_any_order),
        cmocka_unit_test(a_call_added_later_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
