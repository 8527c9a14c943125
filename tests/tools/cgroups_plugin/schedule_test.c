/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Milliseconds. */
#define MS(number) ((uint64_t)(number)*UINT64_C(1000000))

enum { BEGIN = 1000000, INTERVAL = 10000, EARLY = 250 };

static uint64_t due(const struct schedule *schedule)
{
    return schedule_due(schedule) / MS(1) - BEGIN;
}

static void start(struct schedule *schedule)
{
    schedule_start(schedule, MS(INTERVAL), MS(EARLY), MS(BEGIN));
}

static void scan_at(struct schedule *schedule, unsigned at, unsigned cost, bool changed)
{
    schedule_begin(schedule, MS(BEGIN + at));
    schedule_end(schedule, MS(BEGIN + at), MS(BEGIN + at + cost), changed);
}

static void regular_scans_keep_their_times_and_leave_out_what_is_past(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    scan_at(&schedule, 0, 5, true);
    assert_int_equal(due(&schedule), INTERVAL);
    scan_at(&schedule, INTERVAL + 3, 5, false);
    assert_int_equal(due(&schedule), 2 * INTERVAL);
    scan_at(&schedule, 5 * INTERVAL + 7, 5, false);
    assert_int_equal(due(&schedule), 6 * INTERVAL);
}

static void the_first_change_is_seen_a_moment_later(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    scan_at(&schedule, 0, 5, true);
    schedule_want(&schedule, MS(BEGIN + 5000));
    assert_int_equal(due(&schedule), 5020);
    schedule_want(&schedule, MS(BEGIN + 5019)); /* a stream of changes does not put it off */
    assert_int_equal(due(&schedule), 5020);
    scan_at(&schedule, 5020, 5, true);
    assert_int_equal(due(&schedule), INTERVAL);
}

static void early_scans_are_apart(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    scan_at(&schedule, 0, 5, true);
    schedule_want(&schedule, MS(BEGIN + 6));
    assert_int_equal(due(&schedule), 5 + EARLY);
}

static void a_dear_scan_is_not_made_more_often_than_for_a_tenth_of_the_time(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    scan_at(&schedule, 0, 300, true);
    schedule_want(&schedule, MS(BEGIN + 301));
    assert_int_equal(due(&schedule), 300 + 9 * 300);
}

static void a_change_just_before_a_regular_scan_is_for_that_one(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    scan_at(&schedule, 0, 5, true);
    schedule_want(&schedule, MS(BEGIN + INTERVAL - 10));
    assert_int_equal(due(&schedule), INTERVAL);
    scan_at(&schedule, INTERVAL, 5, true);
    assert_int_equal(due(&schedule), 2 * INTERVAL); /* and needs no other */
}

static void misses_in_vain_become_rare_until_something_changes(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    scan_at(&schedule, 0, 0, true);
    unsigned at = 0, wait = EARLY;
    for (int i = 0; i < 5; i++) {
        schedule_want_for_miss(&schedule, MS(BEGIN + at + 1));
        assert_int_equal(due(&schedule), at + wait);
        at += wait;
        scan_at(&schedule, at, 0, false);
        wait *= 2;
    }
    /* A change does not wait for that. */
    schedule_want_for_miss(&schedule, MS(BEGIN + at + 1));
    schedule_want(&schedule, MS(BEGIN + at + 2));
    assert_int_equal(due(&schedule), at + EARLY);
    scan_at(&schedule, at + EARLY, 0, true);
    at += EARLY;
    schedule_want_for_miss(&schedule, MS(BEGIN + at + 1));
    assert_int_equal(due(&schedule), at + EARLY < INTERVAL ? at + EARLY : INTERVAL);
}

static void misses_wait_no_longer_than_for_a_regular_scan(void **state)
{
    (void)state;
    struct schedule schedule;
    start(&schedule);
    unsigned at = 0;
    for (int i = 0; i < 40; i++) {
        scan_at(&schedule, at, 0, false);
        schedule_want_for_miss(&schedule, MS(BEGIN + at + 1));
        assert_true(due(&schedule) <= at + INTERVAL);
        at = (unsigned)due(&schedule);
    }
    assert_true(schedule.miss_ns <= MS(INTERVAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular_scans_keep_their_times_and_leave_out_what_is_past),
        cmocka_unit_test(the_first_change_is_seen_a_moment_later),
        cmocka_unit_test(early_scans_are_apart),
        cmocka_unit_test(a_dear_scan_is_not_made_more_often_than_for_a_tenth_of_the_time),
        cmocka_unit_test(a_change_just_before_a_regular_scan_is_for_that_one),
        cmocka_unit_test(misses_in_vain_become_rare_until_something_changes),
        cmocka_unit_test(misses_wait_no_longer_than_for_a_regular_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
