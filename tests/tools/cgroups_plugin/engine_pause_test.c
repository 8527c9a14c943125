/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/engine_pause.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const uint64_t SECOND = 1000000000, START = 5000000000;

static void an_engine_of_which_nothing_is_known_is_asked_eight_things_at_a_time(void **state)
{
    (void)state;
    struct engine_pause pause = {0};
    assert_int_equal(engine_may_ask(&pause, 0), 8);
}

static void after_a_failure_one_question_at_a_time_tries_it(void **state)
{
    (void)state;
    struct engine_pause pause = {0};
    engine_failed(&pause, true, START);
    assert_int_equal(engine_may_ask(&pause, START), 1);
    engine_answered(&pause);
    assert_int_equal(engine_may_ask(&pause, START), 8);
}

static void many_failures_in_a_row_make_a_pause(void **state)
{
    (void)state;
    struct engine_pause pause = {0};
    for (int i = 0; i < ENGINE_PARALLEL; i++) {
        assert_int_not_equal(engine_may_ask(&pause, START), 0);
        engine_failed(&pause, true, START);
    }
    assert_int_equal(engine_may_ask(&pause, START), 0);
    assert_int_equal(engine_may_ask(&pause, START + SECOND), 1);
    engine_answered(&pause);
    assert_int_equal(engine_may_ask(&pause, START), 8);
}

static void an_engine_that_is_not_there_is_left_alone_for_longer_and_longer(void **state)
{
    (void)state;
    struct engine_pause pause = {0};
    uint64_t now = START, last = 0;
    for (int i = 0; i < 40; i++) {
        engine_failed(&pause, false, now);
        assert_int_equal(engine_may_ask(&pause, now), 0);
        uint64_t length = pause.until - now;
        assert_true(i == 0 || length == 2 * last || length == 60 * SECOND);
        assert_true(length <= 60 * SECOND);
        last = length;
        now = pause.until;
        assert_int_equal(engine_may_ask(&pause, now), 1);
    }
    assert_int_equal(last, 60 * SECOND);
}

static void what_fails_within_a_pause_does_not_lengthen_it(void **state)
{
    (void)state;
    struct engine_pause pause = {0};
    engine_failed(&pause, false, START);
    struct engine_pause before = pause;
    for (int i = 0; i < 7; i++)
        engine_failed(&pause, false, START + 1);
    assert_memory_equal(&pause, &before, sizeof pause);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_engine_of_which_nothing_is_known_is_asked_eight_things_at_a_time),
        cmocka_unit_test(after_a_failure_one_question_at_a_time_tries_it),
        cmocka_unit_test(many_failures_in_a_row_make_a_pause),
        cmocka_unit_test(an_engine_that_is_not_there_is_left_alone_for_longer_and_longer),
        cmocka_unit_test(what_fails_within_a_pause_does_not_lengthen_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
