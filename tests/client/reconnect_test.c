/* SPDX-License-Identifier: Apache-2.0 */
/* When a client connects again: with a clock and random numbers of the test's. */
#include "control/reconnect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* The random number that takes nothing off a wait, and the one that takes off all that is possible. */
static uint64_t wait_after(struct netipc_reconnect *reconnect, uint64_t random)
{
    const uint64_t now = 5000 * MS;
    netipc_reconnect_failed(reconnect, false, now, random);
    return netipc_reconnect_in(reconnect, now);
}

static struct netipc_reconnect with_defaults(void)
{
    return (struct netipc_reconnect){.first_ns = 100 * MS, .most_ns = 30000 * MS, .breaker_ns = 60000 * MS};
}

static void the_wait_doubles_up_to_its_cap(void **state)
{
    (void)state;
    struct netipc_reconnect reconnect = with_defaults();
    static const uint64_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000, 30000};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(wait_after(&reconnect, 0), expected[i] * MS);
    netipc_reconnect_succeeded(&reconnect);
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 0);
    assert_int_equal(wait_after(&reconnect, 0), 100 * MS);
}

static void jitter_takes_off_half_at_most_and_uses_its_whole_range(void **state)
{
    (void)state;
    uint64_t least = UINT64_MAX, most = 0, random = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        struct netipc_reconnect reconnect = with_defaults();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        uint64_t wait = wait_after(&reconnect, random);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_in_range(least, 50 * MS, 51 * MS);
    assert_in_range(most, 99 * MS, 100 * MS);
    struct netipc_reconnect reconnect = with_defaults();
    assert_int_equal(wait_after(&reconnect, 50 * MS), 50 * MS); /* exactly half of it */
}

static void a_fatal_failure_waits_the_longest_at_once(void **state)
{
    (void)state;
    struct netipc_reconnect reconnect = with_defaults();
    netipc_reconnect_failed(&reconnect, true, 0, 0);
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 30000 * MS);
    netipc_reconnect_failed(&reconnect, true, 0, 15000 * MS);
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 15000 * MS);
}

static void the_wait_passes(void **state)
{
    (void)state;
    struct netipc_reconnect reconnect = with_defaults();
    netipc_reconnect_failed(&reconnect, false, 1000 * MS, 0);
    assert_int_equal(netipc_reconnect_in(&reconnect, 1000 * MS), 100 * MS);
    assert_int_equal(netipc_reconnect_in(&reconnect, 1099 * MS), MS);
    assert_int_equal(netipc_reconnect_in(&reconnect, 1100 * MS), 0);
    assert_int_equal(netipc_reconnect_in(&reconnect, UINT64_MAX), 0);
}

static void the_breaker_opens_lets_one_try_through_and_closes(void **state)
{
    (void)state;
    struct netipc_reconnect reconnect = with_defaults();
    reconnect.breaker_failures = 3;
    assert_false(netipc_reconnect_failed(&reconnect, false, 0, 0));
    assert_false(netipc_reconnect_failed(&reconnect, false, 0, 0));
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 200 * MS);
    assert_true(netipc_reconnect_failed(&reconnect, false, 0, 12345)); /* opens; no jitter */
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 60000 * MS);
    assert_int_equal(netipc_reconnect_in(&reconnect, 60000 * MS), 0);       /* half open: one try */
    assert_true(netipc_reconnect_failed(&reconnect, false, 60000 * MS, 0)); /* fails: open again */
    assert_int_equal(netipc_reconnect_in(&reconnect, 60000 * MS), 60000 * MS);
    netipc_reconnect_succeeded(&reconnect); /* closes it */
    assert_false(netipc_reconnect_failed(&reconnect, false, 0, 0));
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 100 * MS);
}

static void fatal_failures_count_for_the_breaker(void **state)
{
    (void)state;
    struct netipc_reconnect reconnect = with_defaults();
    reconnect.breaker_failures = 1;
    assert_true(netipc_reconnect_failed(&reconnect, true, 0, 0));
    assert_int_equal(netipc_reconnect_in(&reconnect, 0), 60000 * MS);
}

static void extreme_numbers_neither_overflow_nor_take_time(void **state)
{
    (void)state;
    static const uint64_t extremes[] = {0, 1, 2, UINT64_MAX / 2, UINT64_MAX / 2 + 1, UINT64_MAX - 1, UINT64_MAX};
    enum { COUNT = sizeof extremes / sizeof *extremes };
    static const uint32_t failures[] = {0, 1, 62, 63, 64, 65, UINT32_MAX - 1, UINT32_MAX};
    for (size_t first = 0; first < COUNT; first++)
        for (size_t most = 0; most < COUNT; most++)
            for (size_t now = 0; now < COUNT; now++)
                for (size_t random = 0; random < COUNT; random++)
                    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
                        struct netipc_reconnect reconnect = {
                            .first_ns = extremes[first], .most_ns = extremes[most], .failures = failures[i]};
                        netipc_reconnect_failed(&reconnect, false, extremes[now], extremes[random]);
                        uint64_t in = netipc_reconnect_in(&reconnect, extremes[now]);
                        assert_true(in <= extremes[most]);
                        assert_true(reconnect.next_ns >= extremes[now]);
                        assert_true(reconnect.failures >= failures[i]);
                    }
}

static void without_a_first_wait_there_is_none(void **state)
{
    (void)state;
    struct netipc_reconnect reconnect = {.most_ns = 30000 * MS};
    for (int i = 0; i < 100; i++)
        assert_int_equal(wait_after(&reconnect, 77), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wait_doubles_up_to_its_cap),
        cmocka_unit_test(jitter_takes_off_half_at_most_and_uses_its_whole_range),
        cmocka_unit_test(a_fatal_failure_waits_the_longest_at_once),
        cmocka_unit_test(the_wait_passes),
        cmocka_unit_test(the_breaker_opens_lets_one_try_through_and_closes),
        cmocka_unit_test(fatal_failures_count_for_the_breaker),
        cmocka_unit_test(extreme_numbers_neither_overflow_nor_take_time),
        cmocka_unit_test(without_a_first_wait_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
