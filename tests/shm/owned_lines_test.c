/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher does to the slot that it has claimed, to have its cache lines back before it needs them. */
#include "shm/payload_copy.h"

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LINE = 64, WORD = 8, PAGE = 4096, SLOT = 2 * PAGE, MARK = 0xa5 };

static alignas(128) unsigned char slot[SLOT];

/* How many of the slot's lines were stored to: a word each, their first. */
static size_t lines_owned(size_t length)
{
    size_t lines = 0;
    memset(slot, MARK, sizeof slot);
    netipc_payload_own(slot, length);
    for (size_t line = 0; line < SLOT; line += LINE) {
        size_t stored = 0;
        for (size_t i = 0; i < LINE; i++)
            stored += slot[line + i] != MARK;
        assert_true(stored == 0 || stored == WORD);
        assert_true((stored == 0) == (slot[line] == MARK));
        lines += stored != 0;
        assert_true(stored == 0 || line == (lines - 1) * LINE);
    }
    return lines;
}

static void as_many_lines_are_taken_as_the_last_snapshot_had(void **state)
{
    (void)state;
    assert_int_equal(lines_owned(1), 1);
    assert_int_equal(lines_owned(64), 1);
    assert_int_equal(lines_owned(65), 2);
    assert_int_equal(lines_owned(1000), 16);
}

static void an_empty_snapshot_takes_none(void **state)
{
    (void)state;
    assert_int_equal(lines_owned(0), 0);
}

static void a_page_is_the_most_that_is_taken(void **state)
{
    (void)state;
    assert_int_equal(lines_owned(PAGE), PAGE / LINE);
    assert_int_equal(lines_owned(PAGE + 1), PAGE / LINE);
    assert_int_equal(lines_owned(4 * PAGE), PAGE / LINE);
}

static void a_large_snapshot_takes_none(void **state)
{
    (void)state;
    assert_int_equal(lines_owned(4 * PAGE + 1), 0);
    assert_int_equal(lines_owned(SIZE_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_lines_are_taken_as_the_last_snapshot_had),
        cmocka_unit_test(an_empty_snapshot_takes_none),
        cmocka_unit_test(a_page_is_the_most_that_is_taken),
        cmocka_unit_test(a_large_snapshot_takes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
