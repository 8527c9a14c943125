/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool matches(const char *patterns, const char *subject)
{
    struct pattern_list list;
    assert_true(pattern_list_parse(&list, patterns));
    bool result = pattern_list_matches(&list, subject);
    pattern_list_free(&list);
    return result;
}

static void a_word_without_a_star_matches_only_itself(void **state)
{
    (void)state;
    assert_true(matches("/docker", "/docker"));
    assert_false(matches("/docker", "/docker/1"));
    assert_false(matches("/docker", "/docke"));
    assert_false(matches("/docker", "x/docker"));
    assert_false(matches("/docker", ""));
}

static void a_star_stands_for_any_run_of_bytes(void **state)
{
    (void)state;
    assert_true(matches("*", ""));
    assert_true(matches("*", "/a\nb\xff"));
    assert_true(matches("**", "/a"));
    assert_true(matches("*.scope", "/a/b.scope"));
    assert_true(matches("*.scope", ".scope"));
    assert_false(matches("*.scope", "/a/b.scope/c"));
    assert_true(matches("/lxc/*/*", "/lxc/a/b/c"));
    assert_true(matches("/lxc/*/*", "/lxc//"));
    assert_false(matches("/lxc/*/*", "/lxc/a"));
    assert_true(matches("*a*b*", "xxaxxbxx"));
    assert_false(matches("*a*b*", "xxbxxaxx"));
}

static void a_part_is_not_used_twice(void **state)
{
    (void)state;
    assert_false(matches("ab*ba", "aba"));
    assert_true(matches("ab*ba", "abba"));
    assert_false(matches("*aa*aa", "aaa"));
    assert_true(matches("*ab", "aab"));
    assert_true(matches("*abab", "ababab"));
    assert_true(matches("a*ab*b", "aabb"));
}

static void the_first_match_decides(void **state)
{
    (void)state;
    assert_false(matches("!*.slice *", "/a.slice"));
    assert_true(matches("!*.slice *", "/a.scope"));
    assert_true(matches("/b.slice !*.slice *", "/b.slice"));
    assert_false(matches("!/b !*.slice", "/c"));
}

static void no_match_is_a_no(void **state)
{
    (void)state;
    assert_false(matches("", "/a"));
    assert_false(matches("   \t ", "/a"));
    assert_false(matches("/b /c", "/a"));
    assert_false(matches("!", "/a"));
}

static void words_may_stand_apart_by_any_blanks(void **state)
{
    (void)state;
    assert_true(matches("  /a\t\t/b \n /c ", "/b"));
    assert_true(matches("  /a\t\t/b \n /c ", "/c"));
    assert_false(matches("/a /b", "/a /b"));
}

static void a_backslash_is_a_byte_like_any_other(void **state)
{
    (void)state;
    assert_true(matches("*-qemu\\x2d*", "/machine-qemu\\x2d1.scope"));
}

/* Backtracking over the stars would take longer than anybody waits. */
static void many_stars_against_a_long_subject_come_to_an_end(void **state)
{
    (void)state;
    size_t length = 100000;
    char *subject = malloc(length + 1);
    assert_non_null(subject);
    memset(subject, 'a', length);
    subject[length] = '\0';
    assert_false(matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", subject));
    assert_true(matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a", subject));
    free(subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_without_a_star_matches_only_itself),
        cmocka_unit_test(a_star_stands_for_any_run_of_bytes),
        cmocka_unit_test(a_part_is_not_used_twice),
        cmocka_unit_test(the_first_match_decides),
        cmocka_unit_test(no_match_is_a_no),
        cmocka_unit_test(words_may_stand_apart_by_any_blanks),
        cmocka_unit_test(a_backslash_is_a_byte_like_any_other),
        cmocka_unit_test(many_stars_against_a_long_subject_come_to_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
