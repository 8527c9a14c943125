/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration.h"
#include "bench/distribution.h"
#include "bench/quantity.h"
#include "bench/series.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct distribution distribution, other;
static struct series a, b, result;

static void near_to(double found, double wanted, double part)
{
    assert_true(found >= wanted * (1 - part) && found <= wanted * (1 + part));
}

static void short_durations_are_counted_exactly(void **state)
{
    (void)state;
    memset(&distribution, 0, sizeof distribution);
    for (uint64_t ns = 1; ns <= 200; ns++)
        distribution_add(&distribution, ns);
    assert_int_equal(distribution.n, 200);
    assert_true(distribution_quantile(&distribution, 0.5) == 100);
    assert_true(distribution_quantile(&distribution, 0.99) == 198);
    assert_true(distribution_quantile(&distribution, 1) == 200);
}

static void long_durations_are_counted_to_within_one_percent(void **state)
{
    (void)state;
    for (uint64_t ns = 1; ns < UINT64_C(1) << 62; ns = ns * 3 + 1) {
        memset(&distribution, 0, sizeof distribution);
        distribution_add(&distribution, ns);
        distribution_add(&distribution, UINT64_MAX);
        near_to(distribution_quantile(&distribution, 0.5), (double)ns, 0.008);
        assert_true(distribution.max == UINT64_MAX);
        near_to(distribution_quantile(&distribution, 1), (double)UINT64_MAX, 0.008);
    }
}

static void an_empty_distribution_is_zero(void **state)
{
    (void)state;
    memset(&distribution, 0, sizeof distribution);
    assert_true(distribution_quantile(&distribution, 0.5) == 0);
}

static void merged_distributions_have_all_samples(void **state)
{
    (void)state;
    memset(&distribution, 0, sizeof distribution);
    memset(&other, 0, sizeof other);
    for (uint64_t ns = 1; ns <= 100; ns++)
        distribution_add(ns % 2 ? &distribution : &other, ns);
    distribution_merge(&distribution, &other);
    assert_int_equal(distribution.n, 100);
    assert_int_equal(distribution.max, 100);
    assert_true(distribution_quantile(&distribution, 0.5) == 50);
}

static void quartiles_do_not_depend_on_the_order(void **state)
{
    static const double runs[] = {9, 1, 8, 2, 7, 3, 6, 4, 5};
    (void)state;
    a.count = 0;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++)
        series_add(&a, runs[i]);
    assert_true(series_quartile(&a, 1) == 3);
    assert_true(series_quartile(&a, 2) == 5);
    assert_true(series_quartile(&a, 3) == 7);
    assert_true(a.runs[0] == 9);
}

static void runs_are_compared_one_by_one(void **state)
{
    (void)state;
    a.count = b.count = 0;
    for (int run = 0; run < 11; run++) { /* both drift alike */
        series_add(&a, 10.0 * run + 22);
        series_add(&b, 10.0 * run + 20);
    }
    series_difference(&a, &b, &result);
    assert_true(series_quartile(&result, 2) == 2 && series_quartile(&result, 1) == 2);
    series_quotient(&a, &b, &result);
    assert_true(result.runs[0] == 1.1);
}

static void quantities_are_parsed_whole_or_not_at_all(void **state)
{
    static const char *const wrong[] = {
        "", "k", "1kk", "1K", "-1", "+1", " 1", "1 ", "0x10", "18446744073709551615k", "99999999999999999999999"};
    uint64_t number;
    double value;
    (void)state;
    assert_true(quantity_size("64", 0, UINT64_MAX, &number) && number == 64);
    assert_true(quantity_size("4k", 0, UINT64_MAX, &number) && number == 4096);
    assert_true(quantity_size("8M", 0, UINT64_MAX, &number) && number == 8388608);
    assert_false(quantity_size("8M", 0, 8388607, &number));
    assert_false(quantity_size("31", 32, 100, &number));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(quantity_size(wrong[i], 0, UINT64_MAX, &number));
        assert_false(quantity_number(wrong[i], 0, UINT64_MAX, &number));
    }
    assert_false(quantity_number("4k", 0, UINT64_MAX, &number));
    assert_true(quantity_number("18446744073709551615", 0, UINT64_MAX, &number) && number == UINT64_MAX);
    assert_true(quantity_decimal("0.5", 0, 10, &value) && value == 0.5);
    assert_true(quantity_decimal("7", 0, 10, &value) && value == 7);
    assert_false(quantity_decimal(".", 0, 10, &value));
    assert_false(quantity_decimal("1e3", 0, 1e9, &value));
    assert_false(quantity_decimal("nan", 0, 10, &value));
    assert_false(quantity_decimal("11", 0, 10, &value));
}

static void calibrations_that_differ_by_a_third_are_unstable(void **state)
{
    struct calibration before = {.oneway_p50_ns = 100,
                                 .clock_ns = 20,
                                 .syscall_ns = 100,
                                 .pause_ns = 20,
                                 .futex_wake_ns = 300,
                                 .sizes = 1,
                                 .memcpy_of = {{.size = 64, .ns = 3}}};
    struct calibration after = before;
    struct json_object *unstable = json_object_new_array();
    (void)state;
    after.oneway_p50_ns = 125;
    after.futex_ping_p50_ns = 1000;
    assert_true(calibration_stable(&before, &after, unstable));
    assert_int_equal(json_object_array_length(unstable), 0);
    after.oneway_p50_ns = 135;
    after.memcpy_of[0].ns = 2;
    assert_false(calibration_stable(&before, &after, unstable));
    assert_false(calibration_stable(&after, &before, unstable));
    assert_int_equal(json_object_array_length(unstable), 4);
    assert_string_equal(json_object_get_string(json_object_array_get_idx(unstable, 0)), "oneway_ns");
    json_object_put(unstable);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_durations_are_counted_exactly),
        cmocka_unit_test(long_durations_are_counted_to_within_one_percent),
        cmocka_unit_test(an_empty_distribution_is_zero),
        cmocka_unit_test(merged_distributions_have_all_samples),
        cmocka_unit_test(quartiles_do_not_depend_on_the_order),
        cmocka_unit_test(runs_are_compared_one_by_one),
        cmocka_unit_test(quantities_are_parsed_whole_or_not_at_all),
        cmocka_unit_test(calibrations_that_differ_by_a_third_are_unstable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
