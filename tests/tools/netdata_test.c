/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netdata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int clear_environment(void **state)
{
    (void)state;
    return unsetenv("NETDATA_RUN_DIR") | unsetenv("NETDATA_INVOCATION_ID") | unsetenv("INVOCATION_ID");
}

static uint64_t token(void)
{
    char error[NETDATA_ERROR_SIZE];
    uint64_t value = 1;
    if (!netdata_token(&value, error))
        fail_msg("%s", error);
    return value;
}

static void no_invocation_gives_no_token(void **state)
{
    (void)state;
    assert_int_equal(token(), 0);
    setenv("NETDATA_INVOCATION_ID", "", 1);
    setenv("INVOCATION_ID", "", 1);
    assert_int_equal(token(), 0);
}

/* The number is that of `xxhsum -H3` for a file of these 16 bytes. */
static void a_token_is_the_hash_of_the_sixteen_bytes(void **state)
{
    (void)state;
    static const char *const same[] = {"0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF",
                                       "01234567-89ab-cdef-0123-456789abcdef"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        setenv("NETDATA_INVOCATION_ID", same[i], 1);
        assert_int_equal(token(), UINT64_C(0x26f2a731193d428f));
    }
}

static void the_agents_own_invocation_comes_before_that_of_systemd(void **state)
{
    (void)state;
    setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
    assert_int_equal(token(), UINT64_C(0x26f2a731193d428f));
    setenv("NETDATA_INVOCATION_ID", "0123456789abcdef0123456789abcdee", 1);
    assert_int_not_equal(token(), UINT64_C(0x26f2a731193d428f));
    setenv("NETDATA_INVOCATION_ID", "", 1);
    assert_int_equal(token(), UINT64_C(0x26f2a731193d428f));
}

static void what_is_no_uuid_is_refused_with_the_variables_name(void **state)
{
    (void)state;
    static const char *const wrong[] = {"x",
                                        "0123456789abcdef0123456789abcde",
                                        "0123456789abcdef0123456789abcdef0",
                                        "0123456789abcdef0123456789abcdeg",
                                        "0123456789abcdef 123456789abcdef",
                                        "012345678-9ab-cdef-0123-456789abcdef",
                                        "01234567-89ab-cdef-0123-456789abcde-",
                                        "01234567-89ab-cdef-0123456789abcdef0",
                                        "0x23456789abcdef0123456789abcdef"};
    static const char *const names[] = {"NETDATA_INVOCATION_ID", "INVOCATION_ID"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            char error[NETDATA_ERROR_SIZE] = "";
            uint64_t value;
            clear_environment(NULL);
            setenv(names[k], wrong[i], 1);
            if (netdata_token(&value, error))
                fail_msg("'%s' was taken", wrong[i]);
            assert_memory_equal(error, names[k], strlen(names[k]));
            assert_non_null(strstr(error, "--token"));
        }
    }
}

static void the_run_directory_of_the_environment_is_taken_as_it_is(void **state)
{
    (void)state;
    char error[NETDATA_ERROR_SIZE] = "";
    const char *run_dir;
    setenv("NETDATA_RUN_DIR", "/nowhere/at all", 1);
    assert_true(netdata_run_dir(true, &run_dir, error));
    assert_string_equal(run_dir, "/nowhere/at all");
    setenv("NETDATA_RUN_DIR", "run/netdata", 1);
    assert_false(netdata_run_dir(false, &run_dir, error));
    assert_non_null(strstr(error, "NETDATA_RUN_DIR"));
    assert_non_null(strstr(error, "--run-dir"));
    setenv("NETDATA_RUN_DIR", "", 1);
    assert_true(netdata_run_dir(true, &run_dir, error));
    assert_string_equal(run_dir + strlen(run_dir) - strlen("/netdata"), "/netdata");
}

/* Of three places the first that is there, or else the first that can be. */
static void the_first_place_that_fits_is_the_run_directory(void **state)
{
    (void)state;
    char top[] = "/tmp/netipc-rules-XXXXXX", places[3][64], parents[3][64];
    const char *candidates[3];
    assert_non_null(mkdtemp(top));
    for (int i = 0; i < 3; i++) {
        snprintf(parents[i], sizeof parents[i], "%s/%d", top, i);
        snprintf(places[i], sizeof places[i], "%.50s/netdata", parents[i]);
        candidates[i] = places[i];
    }
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, true), places[0]);
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, false), places[0]);
    /* The second can be made. */
    assert_int_equal(mkdir(parents[1], 0700), 0);
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, true), places[1]);
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, false), places[1]);
    /* The third is there: who serves still makes the second, who asks goes where something is. */
    assert_int_equal(mkdir(parents[2], 0700), 0);
    assert_int_equal(mkdir(places[2], 0700), 0);
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, true), places[1]);
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, false), places[2]);
    /* A link is no place, wherever it leads. */
    static const char *const targets[] = {"nowhere", "/"};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(symlink(targets[i], places[1]), 0);
        assert_ptr_equal(netdata_choose_run_dir(candidates, 3, true), places[2]);
        assert_ptr_equal(netdata_choose_run_dir(candidates, 3, false), places[2]);
        assert_int_equal(unlink(places[1]), 0);
    }
    assert_int_equal(mkdir(places[1], 0700), 0);
    assert_ptr_equal(netdata_choose_run_dir(candidates, 3, true), places[1]);
    for (int i = 2; i > 0; i--) {
        assert_int_equal(rmdir(places[i]), 0);
        assert_int_equal(rmdir(parents[i]), 0);
    }
    assert_int_equal(rmdir(top), 0);
}

static void the_seconds_that_the_agent_gives_are_taken_off_the_front(void **state)
{
    (void)state;
    char program[] = "plugin", seconds[] = "5", option[] = "--json";
    char *given[] = {program, seconds, option, NULL}, **argv = given;
    int argc = 3;
    uint64_t value = 0;
    assert_true(netdata_take_seconds(&argc, &argv, &value));
    assert_int_equal(value, 5);
    assert_int_equal(argc, 2);
    assert_string_equal(argv[1], "--json");
    assert_false(netdata_take_seconds(&argc, &argv, &value));
    assert_int_equal(argc, 2);
}

static void what_is_no_number_of_seconds_stays(void **state)
{
    (void)state;
    static const char *const others[] = {"", "0", "86401", "100000", "5x", "-5", " 5", "1.5", "--json"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char program[] = "plugin", other[16];
        char *given[] = {program, strcpy(other, others[i]), NULL}, **argv = given;
        int argc = 2;
        uint64_t value = 7;
        assert_false(netdata_take_seconds(&argc, &argv, &value));
        assert_int_equal(argc, 2);
        assert_int_equal(value, 7);
        argc = 1;
        assert_false(netdata_take_seconds(&argc, &argv, &value));
    }
}

int main(void)
{
#define CLEAN(name) cmocka_unit_test_setup_teardown(name, clear_environment, clear_environment)
    const struct CMUnitTest tests[] = {
        CLEAN(no_invocation_gives_no_token),
        CLEAN(a_token_is_the_hash_of_the_sixteen_bytes),
        CLEAN(the_agents_own_invocation_comes_before_that_of_systemd),
        CLEAN(what_is_no_uuid_is_refused_with_the_variables_name),
        CLEAN(the_run_directory_of_the_environment_is_taken_as_it_is),
        CLEAN(the_first_place_that_fits_is_the_run_directory),
        cmocka_unit_test(the_seconds_that_the_agent_gives_are_taken_off_the_front),
        cmocka_unit_test(what_is_no_number_of_seconds_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
