/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a profile, and what publishers and subscribers make of one. What a publisher does: slow_wakes_test.c. */
#include <netipc/profile.h>

#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ALL = NETIPC_PROFILE_SPIN | NETIPC_PROFILE_SPIN_NS | NETIPC_PROFILE_SLOW_WAKE_NS };

/* From memory of just this length, so that a sanitizer sees a look behind it. */
static netipc_status parse(const char *text, size_t length, netipc_profile *profile)
{
    char *copy = malloc(length > 0 ? length : 1);
    assert_non_null(copy);
    memcpy(copy, text, length);
    netipc_profile_init(profile);
    profile->keys = ALL; /* whatever comes of it is written */
    netipc_status status = netipc_profile_parse(copy, length, profile);
    free(copy);
    return status;
}

static netipc_profile parsed(const char *text)
{
    netipc_profile profile;
    if (parse(text, strlen(text), &profile) != NETIPC_OK)
        fail_msg("%s", netipc_status_detail());
    return profile;
}

static void a_profile_is_read_whatever_blanks_and_comments_it_has(void **state)
{
    (void)state;
    static const char *const texts[] = {"netipc_profile = 1\nspin = fixed\nspin_ns = 12345\nslow_wake_ns = 200000\n",
                                        "# \xc3\xa4\x01 anything\n\n\tnetipc_profile=1 # first\r\n "
                                        "slow_wake_ns\t=\t200000 \r\n\r\n#\nspin_ns=12345#ns\n"
                                        "spin=fixed"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        netipc_profile profile = parsed(texts[i]);
        assert_int_equal(profile.size, sizeof profile);
        assert_int_equal(profile.keys, ALL);
        assert_int_equal(profile.spin, NETIPC_SPIN_FIXED);
        assert_int_equal(profile.spin_ns, 12345);
        assert_int_equal(profile.slow_wake_ns, 200000);
    }
}

static void a_key_that_is_not_there_is_none_of_the_profile(void **state)
{
    (void)state;
    assert_int_equal(parsed("netipc_profile = 1").keys, 0);
    assert_int_equal(parsed("netipc_profile = 1\nspin = adaptive\n").keys, NETIPC_PROFILE_SPIN);
    netipc_profile profile = parsed("netipc_profile = 1\nspin_ns = 0\n");
    assert_int_equal(profile.keys, NETIPC_PROFILE_SPIN_NS);
    assert_int_equal(profile.spin_ns, 0);
}

static void a_program_older_than_a_key_gets_the_others(void **state)
{
    (void)state;
    static const char text[] = "netipc_profile = 1\nspin = fixed\nspin_ns = 12345\nslow_wake_ns = 200000\n";
    char written[256];
    netipc_profile profile = {.size = offsetof(netipc_profile, slow_wake_ns), .slow_wake_ns = 7};
    assert_int_equal(netipc_profile_parse(text, sizeof text - 1, &profile), NETIPC_OK);
    assert_int_equal(profile.keys, NETIPC_PROFILE_SPIN | NETIPC_PROFILE_SPIN_NS);
    assert_int_equal(profile.spin_ns, 12345);
    assert_int_equal(profile.slow_wake_ns, 7);
    assert_int_equal(netipc_profile_format(&profile, written, sizeof written, NULL), NETIPC_OK);
    assert_string_equal(written, "netipc_profile = 1\nspin = fixed\nspin_ns = 12345\n");
}

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    netipc_profile profile, again;
    char text[256];
    size_t length;
    netipc_profile_init(&profile);
    for (unsigned keys = 0; keys <= ALL; keys++) {
        profile.keys = keys;
        profile.spin = keys & NETIPC_PROFILE_SPIN ? NETIPC_SPIN_FIXED : 0;
        profile.spin_ns = keys & NETIPC_PROFILE_SPIN_NS ? 1000000000 : 0;
        profile.slow_wake_ns = keys & NETIPC_PROFILE_SLOW_WAKE_NS ? 1000000000 : 0;
        assert_int_equal(netipc_profile_format(&profile, text, sizeof text, &length), NETIPC_OK);
        assert_int_equal(strlen(text), length);
        assert_int_equal(parse(text, length, &again), NETIPC_OK);
        assert_memory_equal(&again, &profile, sizeof profile);
    }
}

static void a_buffer_that_is_too_small_is_left_alone(void **state)
{
    (void)state;
    netipc_profile profile = parsed("netipc_profile=1\nspin=fixed\n");
    char text[64] = "untouched";
    size_t length;
    assert_int_equal(netipc_profile_format(&profile, NULL, 0, &length), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_profile_format(&profile, text, length, NULL), NETIPC_TOO_SMALL);
    assert_string_equal(text, "untouched");
    assert_int_equal(netipc_profile_format(&profile, text, length + 1, NULL), NETIPC_OK);
    assert_string_equal(text, "netipc_profile = 1\nspin = fixed\n");
    assert_int_equal(netipc_profile_format(NULL, text, sizeof text, NULL), NETIPC_INVALID_ARGUMENT);
    profile.spin = 2;
    assert_int_equal(netipc_profile_format(&profile, text, sizeof text, NULL), NETIPC_INVALID_ARGUMENT);
}

#define V "netipc_profile = 1\n"

static void what_is_wrong_is_told_with_its_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *detail;
        netipc_status status;
    } bad[] = {
        {"", "no line netipc_profile = 1", NETIPC_INVALID_ARGUMENT},
        {"# nothing\n", "no line netipc_profile = 1", NETIPC_INVALID_ARGUMENT},
        {"\n\nspin = fixed\n", "line 3: a profile begins with netipc_profile = 1", NETIPC_INVALID_ARGUMENT},
        {"netipc_profile = 2\nspin = often\n", "line 1: a profile of version 2", NETIPC_UNSUPPORTED},
        {"netipc_profile = 0\n", "line 1: netipc_profile is a version, not '0'", NETIPC_INVALID_ARGUMENT},
        {"netipc_profile = one\n", "not 'one'", NETIPC_INVALID_ARGUMENT},
        {V "netipc_profile = 1\n", "line 2: 'netipc_profile' is none of the keys", NETIPC_INVALID_ARGUMENT},
        {V "spin_nss = 1\n", "line 2: 'spin_nss' is none of the keys", NETIPC_INVALID_ARGUMENT},
        {V "spin\n", "line 2: 'key = value' is wanted, not 'spin'", NETIPC_INVALID_ARGUMENT},
        {V "= 1\n", "line 2: 'key = value' is wanted, not '= 1'", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns =\n", "line 2: 'key = value' is wanted", NETIPC_INVALID_ARGUMENT},
        {V "spin = Fixed\n", "line 2: spin is adaptive or fixed, not 'Fixed'", NETIPC_INVALID_ARGUMENT},
        {V "spin = 1\n", "spin is adaptive or fixed, not '1'", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = 1\n\nspin_ns = 1\n", "line 4: spin_ns for the second time", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = 1000000001\n", "line 2: spin_ns is a number from 0 to 1000000000", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = 18446744073709551616\n", "line 2: spin_ns is a number", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = -1\n", "not '-1'", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = 1 2\n", "not '1 2'", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = 0x10\n", "not '0x10'", NETIPC_INVALID_ARGUMENT},
        {V "slow_wake_ns = 999\n", "line 2: slow_wake_ns is a number from 1000 to", NETIPC_INVALID_ARGUMENT},
        {V "spin_ns = \x1b[2J\n", "line 2: only comments", NETIPC_INVALID_ARGUMENT},
        {V "\xc3\xa4 = 1\n", "line 2: only comments", NETIPC_INVALID_ARGUMENT},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        netipc_profile profile;
        assert_int_equal(parse(bad[i].text, strlen(bad[i].text), &profile), bad[i].status);
        if (strstr(netipc_status_detail(), bad[i].detail) == NULL)
            fail_msg("%s: the detail is %s", bad[i].text, netipc_status_detail());
        assert_int_equal(profile.size, sizeof profile);
        assert_int_equal(profile.keys, 0);
    }
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    (void)state;
    netipc_profile profile;
    assert_int_equal(parse(V "spin_ns = 1\0\n", sizeof V - 1 + 13, &profile), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(parse("\0", 1, &profile), NETIPC_INVALID_ARGUMENT);
    static char large[NETIPC_PROFILE_TEXT_MAX + 1];
    memset(large, ' ', sizeof large);
    memcpy(large, V, sizeof V - 1);
    assert_int_equal(parse(large, sizeof large - 1, &profile), NETIPC_OK);
    assert_int_equal(parse(large, sizeof large, &profile), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(netipc_profile_parse(NULL, 0, &profile), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_profile_parse(NULL, 1, &profile), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_profile_parse(V, sizeof V - 1, NULL), NETIPC_INVALID_ARGUMENT);
    profile.size = 0;
    assert_int_equal(netipc_profile_parse(V, sizeof V - 1, &profile), NETIPC_INVALID_ARGUMENT);
}

/* How often a wait for nothing spins, with these in the config. */
static uint64_t spins(netipc_spin spin, uint64_t spin_ns, const netipc_profile *profile)
{
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber *subscriber;
    netipc_subscriber_config config = service_subscriber_config();
    config.spin = spin;
    config.spin_ns = spin_ns;
    config.profile = profile;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, 1000000), NETIPC_TIMED_OUT);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    return info.spins;
}

static void what_a_profile_says_of_spinning_stands_before_the_subscribers_config(void **state)
{
    (void)state;
    const netipc_profile none = parsed(V), fixed = parsed(V "spin = fixed\n"), brief = parsed(V "spin_ns = 1000\n"),
                         never = parsed(V "spin_ns = 0\n"), both = parsed(V "spin = fixed\nspin_ns = 1000\n");
    assert_int_equal(spins(NETIPC_SPIN_FIXED, 1000, NULL), 1);
    assert_int_equal(spins(NETIPC_SPIN_FIXED, 1000, &none), 1);
    assert_int_equal(spins(NETIPC_SPIN_FIXED, 0, &none), 0);
    assert_int_equal(spins(NETIPC_SPIN_FIXED, 0, &brief), 1);
    assert_int_equal(spins(NETIPC_SPIN_FIXED, 1000, &never), 0);
    assert_int_equal(spins(NETIPC_SPIN_ADAPTIVE, 1000, &brief), 0); /* nothing has come yet that it could learn from */
    assert_int_equal(spins(NETIPC_SPIN_ADAPTIVE, 1000, &fixed), 1);
    assert_int_equal(spins(NETIPC_SPIN_ADAPTIVE, 0, &both), 1);
}

static void expect_refused(const netipc_profile *profile)
{
    netipc_publisher_config publisher_config = service_publisher_config();
    netipc_subscriber_config subscriber_config = service_subscriber_config();
    netipc_publisher *publisher;
    netipc_subscriber *subscriber;
    publisher_config.profile = profile;
    subscriber_config.profile = profile;
    netipc_status published = netipc_publisher_open(&publisher_config, &publisher);
    assert_int_equal(netipc_subscriber_open(&subscriber_config, &subscriber), published);
    assert_int_not_equal(published, NETIPC_OK);
    assert_null(publisher);
    assert_null(subscriber);
    assert_non_null(strstr(netipc_status_detail(), "profile: "));
}

static void a_profile_that_is_wrong_is_refused_by_both_sides(void **state)
{
    (void)state;
    netipc_profile profile = parsed(V);
    profile.keys = 8;
    expect_refused(&profile);
    profile.keys = NETIPC_PROFILE_SPIN;
    profile.spin = 2;
    expect_refused(&profile);
    profile.keys = NETIPC_PROFILE_SPIN_NS;
    profile.spin_ns = 1000000001;
    expect_refused(&profile);
    profile.keys = NETIPC_PROFILE_SLOW_WAKE_NS;
    profile.slow_wake_ns = 999;
    expect_refused(&profile);
    netipc_profile_init(&profile);
    profile.reserved = 1;
    expect_refused(&profile);
    netipc_profile_init(&profile);
    profile.size = 0;
    expect_refused(&profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_read_whatever_blanks_and_comments_it_has),
        cmocka_unit_test(a_key_that_is_not_there_is_none_of_the_profile),
        cmocka_unit_test(a_program_older_than_a_key_gets_the_others),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_buffer_that_is_too_small_is_left_alone),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test_setup_teardown(what_a_profile_says_of_spinning_stands_before_the_subscribers_config,
                                        service_setup, service_teardown),
        cmocka_unit_test_setup_teardown(a_profile_that_is_wrong_is_refused_by_both_sides, service_setup,
                                        service_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
