/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BAD "\xEF\xBF\xBD"

/* in is copied to memory of its exact size, for the sanitizer to see a byte read too many. */
static void check(const char *in, const char *expected)
{
    size_t length = strlen(in);
    char *exact = malloc(length ? length : 1);
    char *out = malloc(length * UTF8_GROWTH + 1);
    assert_non_null(exact);
    assert_non_null(out);
    memcpy(exact, in, length);
    size_t written = utf8_clean(exact, length, out);
    out[written] = '\0';
    assert_string_equal(out, expected);
    free(exact);
    free(out);
}

static void valid_text_stays_as_it_is(void **state)
{
    (void)state;
    check("", "");
    check("system.slice/\x01 \x7f", "system.slice/\x01 \x7f");
    check("\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF",
          "\xC2\x80 \xDF\xBF \xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF");
    check("\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF", "\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF");
}

static void a_byte_that_begins_nothing_is_replaced(void **state)
{
    (void)state;
    check("a\x80z", "a" BAD "z");
    check("a\xFF\xFEz", "a" BAD BAD "z");
    check("\xF5\x80\x80\x80", BAD BAD BAD BAD);
}

static void a_character_cut_short_is_replaced_once(void **state)
{
    (void)state;
    check("\xE2\x82", BAD);
    check("\xE2\x82z", BAD "z");
    check("\xF0\x9F\x98", BAD);
    check("\xC3", BAD);
    check("\xC3\xC3\xA9", BAD "\xC3\xA9");
}

static void overlong_forms_surrogates_and_too_large_values_are_replaced(void **state)
{
    (void)state;
    check("\xC0\xAF", BAD BAD);
    check("\xE0\x80\xAF", BAD BAD BAD);
    check("\xED\xA0\x80", BAD BAD BAD);
    check("\xF0\x80\x80\xAF", BAD BAD BAD BAD);
    check("\xF4\x90\x80\x80", BAD BAD BAD BAD);
}

/* Slow and plain: the value of each sequence is computed and judged. */
static int is_valid(const unsigned char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        unsigned char lead = text[at];
        size_t more = lead < 0x80 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
        static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
        if ((lead >= 0x80 && lead < 0xC0) || lead >= 0xF8 || at + more >= length)
            return 0;
        uint32_t value = more ? lead & (0x3Fu >> more) : lead;
        for (size_t i = 1; i <= more; i++) {
            if ((text[at + i] & 0xC0) != 0x80)
                return 0;
            value = value << 6 | (text[at + i] & 0x3F);
        }
        if (value < least[more] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
            return 0;
        at += more + 1;
    }
    return 1;
}

static void any_bytes_become_valid_text(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x01, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1,
                                          0xC2, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5};
    enum { EDGES = sizeof edges, LENGTH = 4 };
    for (size_t number = 0; number < (size_t)EDGES * EDGES * EDGES * EDGES; number++) {
        char in[LENGTH];
        char out[LENGTH * UTF8_GROWTH];
        size_t rest = number;
        for (size_t i = 0; i < LENGTH; i++, rest /= EDGES)
            in[i] = (char)edges[rest % EDGES];
        size_t length = utf8_clean(in, LENGTH, out);
        if (!is_valid((const unsigned char *)out, length))
            fail_msg("%02x %02x %02x %02x", in[0] & 0xFF, in[1] & 0xFF, in[2] & 0xFF, in[3] & 0xFF);
        int untouched = length == LENGTH && memcmp(in, out, LENGTH) == 0;
        assert_int_equal(untouched, is_valid((const unsigned char *)in, LENGTH));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_stays_as_it_is),
        cmocka_unit_test(a_byte_that_begins_nothing_is_replaced),
        cmocka_unit_test(a_character_cut_short_is_replaced_once),
        cmocka_unit_test(overlong_forms_surrogates_and_too_large_values_are_replaced),
        cmocka_unit_test(any_bytes_become_valid_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
