/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/checked.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void a_sum_overflows_only_above_the_largest_number(void **state)
{
    (void)state;
    uint64_t sum;
    assert_false(netipc_add_overflows(UINT64_MAX - 1, 1, &sum));
    assert_true(sum == UINT64_MAX);
    assert_true(netipc_add_overflows(UINT64_MAX, 1, &sum));
    assert_true(netipc_add_overflows(1, UINT64_MAX, &sum));
    assert_true(netipc_add_overflows(UINT64_MAX, UINT64_MAX, &sum));
    sum = 5;
    assert_false(netipc_add_overflows(sum, 2, &sum));
    assert_int_equal(sum, 7);
}

static void a_product_overflows_only_above_the_largest_number(void **state)
{
    (void)state;
    uint64_t product;
    assert_false(netipc_multiply_overflows(UINT64_MAX, 0, &product));
    assert_false(netipc_multiply_overflows(0, UINT64_MAX, &product));
    assert_int_equal(product, 0);
    assert_false(netipc_multiply_overflows(UINT64_MAX / 5, 5, &product));
    assert_true(product == UINT64_MAX);
    assert_true(netipc_multiply_overflows(UINT64_C(1) << 32, UINT64_C(1) << 32, &product));
    assert_true(netipc_multiply_overflows(UINT64_MAX, 2, &product));
}

static void aligning_goes_up_and_tells_when_it_cannot(void **state)
{
    (void)state;
    uint64_t aligned;
    assert_false(netipc_align_overflows(0, 8, &aligned));
    assert_int_equal(aligned, 0);
    assert_false(netipc_align_overflows(1, 8, &aligned));
    assert_int_equal(aligned, 8);
    assert_false(netipc_align_overflows(8, 8, &aligned));
    assert_int_equal(aligned, 8);
    assert_false(netipc_align_overflows(UINT64_MAX - 7, 8, &aligned));
    assert_true(aligned == UINT64_MAX - 7);
    assert_true(netipc_align_overflows(UINT64_MAX - 6, 8, &aligned));
    assert_false(netipc_align_overflows(UINT64_MAX, 1, &aligned));
}

static void a_range_is_inside_or_it_is_not(void **state)
{
    (void)state;
    assert_true(netipc_range_ok(0, 0, 0));
    assert_true(netipc_range_ok(0, 10, 10));
    assert_true(netipc_range_ok(10, 0, 10));
    assert_true(netipc_range_ok(9, 1, 10));
    assert_false(netipc_range_ok(9, 2, 10));
    assert_false(netipc_range_ok(11, 0, 10));
    assert_false(netipc_range_ok(UINT64_MAX, 1, 10));
    assert_false(netipc_range_ok(1, UINT64_MAX, 10));
    assert_true(netipc_range_ok(1, UINT64_MAX - 1, UINT64_MAX));
}

static void a_range_of_small_numbers_is_inside_or_it_is_not(void **state)
{
    (void)state;
    assert_true(netipc_range32_ok(0, 0, 0));
    assert_true(netipc_range32_ok(9, 1, 10));
    assert_false(netipc_range32_ok(9, 2, 10));
    assert_false(netipc_range32_ok(11, 0, 10));
    assert_false(netipc_range32_ok(UINT32_MAX, 11, 10)); /* the sum is 10 in 32 bits */
    assert_true(netipc_range32_ok(UINT32_MAX, UINT32_MAX, UINT64_C(0x1fffffffe)));
    assert_false(netipc_range32_ok(UINT32_MAX, UINT32_MAX, UINT64_C(0x1fffffffd)));
}

static void an_array_is_inside_or_it_is_not(void **state)
{
    (void)state;
    assert_true(netipc_array_ok(24, 2, 8, 40));
    assert_false(netipc_array_ok(24, 2, 8, 39));
    assert_true(netipc_array_ok(40, 0, 8, 40));
    assert_false(netipc_array_ok(0, UINT64_C(1) << 61, 8, 40)); /* the product is 0 in 64 bits */
}

static void a_number_too_wide_for_a_size_is_refused(void **state)
{
    (void)state;
    size_t size = 3;
    assert_true(netipc_to_size(SIZE_MAX, &size));
    assert_true(size == SIZE_MAX);
#if SIZE_MAX < UINT64_MAX
    size = 3;
    assert_false(netipc_to_size((uint64_t)SIZE_MAX + 1, &size));
    assert_int_equal(size, 3);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sum_overflows_only_above_the_largest_number),
        cmocka_unit_test(a_product_overflows_only_above_the_largest_number),
        cmocka_unit_test(aligning_goes_up_and_tells_when_it_cannot),
        cmocka_unit_test(a_range_is_inside_or_it_is_not),
        cmocka_unit_test(a_range_of_small_numbers_is_inside_or_it_is_not),
        cmocka_unit_test(an_array_is_inside_or_it_is_not),
        cmocka_unit_test(a_number_too_wide_for_a_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
