/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { US = 1000, MS = 1000 * US, BUDGET = 50 * US };

static uint64_t now;

/* count generations, one each interval, all of them seen. */
static void publish_at(struct netipc_pace *pace, unsigned count, uint64_t interval)
{
    for (unsigned i = 0; i < count; i++) {
        now += interval;
        netipc_pace_learn(pace, pace->generation + 1, now);
    }
}

static struct netipc_pace pace_of(unsigned count, uint64_t interval)
{
    struct netipc_pace pace = {0};
    publish_at(&pace, count, interval);
    return pace;
}

#define assert_spins(pace, at) assert_int_equal(netipc_pace_spin_ns((pace), (at), BUDGET), BUDGET)
#define assert_sleeps(pace, at) assert_int_equal(netipc_pace_spin_ns((pace), (at), BUDGET), 0)

static void nothing_is_spun_for_before_two_arrivals(void **state)
{
    (void)state;
    struct netipc_pace none = {0}, one = pace_of(1, 10 * US), two = pace_of(2, 10 * US);
    assert_sleeps(&none, now);
    assert_sleeps(&one, now);
    assert_spins(&two, now);
}

static void a_fast_publisher_is_spun_for_and_a_slow_one_is_not(void **state)
{
    (void)state;
    struct netipc_pace fast = pace_of(100, 10 * US);
    assert_spins(&fast, now);
    assert_int_equal(netipc_pace_spin_ns(&fast, now, 0), 0);
    struct netipc_pace slow = pace_of(100, 100 * MS);
    assert_sleeps(&slow, now);
}

static void a_slow_publisher_is_spun_for_when_its_time_has_come(void **state)
{
    (void)state;
    struct netipc_pace slow = pace_of(100, 100 * MS);
    assert_sleeps(&slow, now + 100 * MS - BUDGET - 1);
    assert_spins(&slow, now + 100 * MS - BUDGET);
    assert_spins(&slow, now + 100 * MS - 1);
    assert_sleeps(&slow, now + 100 * MS + 1); /* overdue: anybody's guess */
}

static void a_fast_publisher_that_has_stopped_is_spun_for_no_more(void **state)
{
    (void)state;
    struct netipc_pace fast = pace_of(100, 10 * US);
    assert_spins(&fast, now + 10 * US);
    assert_spins(&fast, now + BUDGET);
    assert_sleeps(&fast, now + BUDGET + 1);
    assert_sleeps(&fast, now + 1000 * MS);
}

static void generations_that_were_missed_do_not_make_the_publisher_slow(void **state)
{
    (void)state;
    struct netipc_pace pace = {0};
    for (uint64_t i = 1; i <= 10; i++)
        netipc_pace_learn(&pace, i * 1000, i * 10 * MS);
    assert_int_equal(pace.last_ns, 10 * US);
    assert_spins(&pace, 100 * MS);
}

static void one_hiccup_changes_nothing_and_a_slower_pace_is_learned(void **state)
{
    (void)state;
    struct netipc_pace pace = pace_of(100, 10 * US);
    publish_at(&pace, 1, 200 * US);
    assert_spins(&pace, now);
    publish_at(&pace, 20, 10 * MS);
    assert_sleeps(&pace, now);
    publish_at(&pace, 1, 10 * US); /* a burst */
    assert_spins(&pace, now);
}

static void another_publisher_begins_anew(void **state)
{
    (void)state;
    struct netipc_pace pace = pace_of(100, 10 * US);
    netipc_pace_learn(&pace, 3, now);
    assert_sleeps(&pace, now);
    assert_int_equal(pace.generation, 3);
}

static void a_clock_or_a_generation_that_stands_still_divides_by_nothing(void **state)
{
    (void)state;
    struct netipc_pace pace = pace_of(10, 10 * US), before = pace;
    netipc_pace_learn(&pace, pace.generation, now + 1);
    assert_memory_equal(&pace, &before, sizeof pace);
    netipc_pace_learn(&pace, UINT64_MAX, now); /* hostile: as far as it goes */
    assert_int_equal(pace.last_ns, 0);
    netipc_pace_learn(&pace, 0, now + 1);
    assert_sleeps(&pace, now + 1);
    netipc_pace_learn(&pace, 1, now);
    assert_sleeps(&pace, now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_spun_for_before_two_arrivals),
        cmocka_unit_test(a_fast_publisher_is_spun_for_and_a_slow_one_is_not),
        cmocka_unit_test(a_slow_publisher_is_spun_for_when_its_time_has_come),
        cmocka_unit_test(a_fast_publisher_that_has_stopped_is_spun_for_no_more),
        cmocka_unit_test(generations_that_were_missed_do_not_make_the_publisher_slow),
        cmocka_unit_test(one_hiccup_changes_nothing_and_a_slower_pace_is_learned),
        cmocka_unit_test(another_publisher_begins_anew),
        cmocka_unit_test(a_clock_or_a_generation_that_stands_still_divides_by_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
