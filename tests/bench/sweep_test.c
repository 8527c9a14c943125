/* SPDX-License-Identifier: Apache-2.0 */
/* What a sweep goes over, and what it finds there. */
#include "bench/grid.h"
#include "bench/knee.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void expect_grid(const char *text, size_t count, const double *values)
{
    struct grid grid;
    assert_true(grid_parse(text, 0, 1e9, &grid));
    assert_int_equal(grid.count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(grid.values[i] == values[i]);
}

#define expect(text, ...)                                                                                              \
    do {                                                                                                               \
        const double values[] = {__VA_ARGS__};                                                                         \
        expect_grid(text, sizeof values / sizeof *values, values);                                                     \
    } while (0)

static void lists_and_ranges_become_ascending_values(void **state)
{
    (void)state;
    expect("7", 7);
    expect("0,500:4000:x2", 0, 500, 1000, 2000, 4000);
    expect("500:3999:x2,0", 0, 500, 1000, 2000);
    expect("10:30:+10", 10, 20, 30);
    expect("0:25:+10", 0, 10, 20);
    expect("3,1,2,1:3:+1", 1, 2, 3);
    expect("5:5:x2", 5);
    expect("100:1000:x1.5", 100, 150, 225, 337.5, 506.25, 759.375);
}

static void what_is_no_list_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",        ",",      "1,",       "a",      "-1",       "1:2",
        "1:2:",    "1:2:2",  "1:2:x",    "1:2:x1", "1:2:x0",   "0:8:x2",
        "1:2:+0",  "2:1:+1", "1:2:x2:3", "1 ,2",   "1e3",      "1000000001",
        "0:64:+1", "1:2:*2", "1:1e9:x2", "nan",    "1:nan:x2", "1000000000:1000000000:+0.00000001",
        "8:9:x0.5"};
    struct grid grid;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (grid_parse(bad[i], 0, 1e9, &grid))
            fail_msg("%s is taken for %zu values", bad[i], grid.count);
    assert_true(grid_parse("1:64:+1", 0, 1e9, &grid));
    assert_int_equal(grid.count, GRID_MOST);
    assert_false(grid_parse("0", 1, 10, &grid));
    assert_false(grid_parse("5:11:x2", 1, 10, &grid));
}

static void the_knee_is_the_first_that_costs_little_more_than_the_cheapest(void **state)
{
    (void)state;
    static const double falls[] = {100, 90, 54, 49, 48}, rises[] = {20, 21, 30}, valley[] = {40, 35, 10, 30, 60},
                        same[] = {7, 7, 7}, zero[] = {1, 0, 0};
    assert_int_equal(knee_find(falls, 5), 3);
    assert_int_equal(knee_find(rises, 3), 0);
    assert_int_equal(knee_find(valley, 5), 2);
    assert_int_equal(knee_find(same, 3), 0);
    assert_int_equal(knee_find(zero, 3), 1);
    assert_int_equal(knee_find(falls, 1), 0);
    assert_int_equal(knee_find(falls, 0), KNEE_NONE);
}

static void spinning_pays_where_a_whole_period_of_it_costs_less_than_a_sleep(void **state)
{
    (void)state;
    static const double budgets[] = {0, 10, 100}, costs[] = {30, 20, 40};
    assert_true(knee_spin_pays(budgets, costs, 3, 10));
    assert_false(knee_spin_pays(budgets, costs, 3, 11)); /* the budget of 10 only catches what comes late */
    assert_false(knee_spin_pays(budgets, costs, 3, 101));
    assert_false(knee_spin_pays(budgets, costs, 1, 0));
}

static void expect_break_even(bool pays_slowest, bool pays, bool pays_fastest, double wanted)
{
    static const double rates[] = {10000, 40000, 100000};
    const bool all[] = {pays_slowest, pays, pays_fastest};
    double found = knee_break_even(rates, all, 3);
    assert_true(found > wanted - 0.5 && found < wanted + 0.5);
}

static void the_break_even_lies_behind_the_longest_period_where_spinning_pays(void **state)
{
    (void)state;
    expect_break_even(false, true, true, 50000);
    expect_break_even(false, false, true, 15811);
    expect_break_even(true, false, true, 15811);
    expect_break_even(true, true, true, 125000);
    expect_break_even(true, true, false, 0);
    expect_break_even(false, false, false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_ranges_become_ascending_values),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(the_knee_is_the_first_that_costs_little_more_than_the_cheapest),
        cmocka_unit_test(spinning_pays_where_a_whole_period_of_it_costs_less_than_a_sleep),
        cmocka_unit_test(the_break_even_lies_behind_the_longest_period_where_spinning_pays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
