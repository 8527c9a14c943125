/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of ebpf.plugin, and its exit statuses. */
#include "tests/tools/ebpf_plugin/stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_full_disk_is_an_error(void **state)
{
    struct stage *stage = *state;
    const char *arguments[] = {PLUGIN(stage), NULL};
    program_start_to(&stage->plugin, stage->errors, "/dev/full", arguments);
    assert_int_equal(program_wait(&stage->plugin), 52);
    assert_int_equal(count_errors(stage, "cannot write to stdout: No space left on device"), 1);
}

static void wrong_usage_is_64_and_names_help(void **state)
{
    struct stage *stage = *state;
    const char *const wrong[][9] = {
        {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", "cgroups", "1", NULL},
        {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", "cgroups", "--nonsense", NULL},
        {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", "cgroups", "--json=yes", NULL},
        {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", NULL},
        {PLUGIN(stage), "--count=0", NULL},
        {PLUGIN(stage), "--count=-1", NULL},
        {PLUGIN(stage), "--count=18446744073709551616", NULL},
        {PLUGIN(stage), "--interval=0", NULL},
        {PLUGIN(stage), "--interval=1x", NULL},
        {PLUGIN(stage), "--interval=", NULL},
        {PLUGIN(stage), "--interval=nan", NULL},
        {PLUGIN(stage), "--interval=86401", NULL},
        {PLUGIN(stage), "--procs-interval=.", NULL},
        {PLUGIN(stage), "--token=zz", NULL},
        {PLUGIN(stage), "--allow-uid=netdata", NULL},
        {PLUGIN(stage), "--allow-uid=4294967295", NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_start(&stage->plugin, stage->errors, wrong[i]);
        int status = program_wait(&stage->plugin);
        if (status != 64 || count_errors(stage, "; try --help\n") != (int)i + 1)
            fail_msg("case %zu: exit %d", i, status);
        program_end(&stage->plugin);
    }
}

/* The agent's environment names the directory for both plugins. */
static void the_run_directory_of_the_environment_is_the_default(void **state)
{
    struct stage *stage = *state;
    assert_int_equal(setenv("NETDATA_RUN_DIR", stage->run_dir, 1), 0);
    const char *arguments[] = {EBPF_PLUGIN, "--count", "1", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    assert_int_equal(unsetenv("NETDATA_RUN_DIR"), 0);
    assert_int_equal(program_wait(&stage->plugin), 0);
    char expected[160];
    snprintf(expected, sizeof expected, "not attached to service cgroups-snapshot in %s,", stage->run_dir);
    assert_int_equal(count_errors(stage, expected), 1);
}

static void wrong_values_are_64_too(void **state)
{
    struct stage *stage = *state;
    const char *const wrong[][8] = {
        {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", "../other", NULL},
        {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", "cgroups", "--host-prefix", stage->run_dir, NULL},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        program_start(&stage->plugin, stage->errors, wrong[i]);
        assert_int_equal(program_wait(&stage->plugin), 64);
        program_end(&stage->plugin);
    }
    assert_int_equal(count_errors(stage, "NETIPC_INVALID_ARGUMENT"), 1);
    assert_int_equal(count_errors(stage, "/run/proc: No such file or directory"), 1);
}

static void help_and_version_need_nothing_else(void **state)
{
    struct stage *stage = *state;
    static const char *const options[] = {"--help", "--version"};
    static const char *const begins[] = {"Usage: ebpf.plugin ", "ebpf.plugin 0."};
    for (size_t i = 0; i < 2; i++) {
        const char *arguments[] = {EBPF_PLUGIN, options[i], NULL};
        program_start(&stage->plugin, stage->errors, arguments);
        char *line = program_line(&stage->plugin);
        assert_memory_equal(line, begins[i], strlen(begins[i]));
        free(line);
        assert_int_equal(program_wait(&stage->plugin), 0);
        program_end(&stage->plugin);
    }
}

int main(void)
{
#define STAGED(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(a_full_disk_is_an_error),
        STAGED(wrong_usage_is_64_and_names_help),
        STAGED(the_run_directory_of_the_environment_is_the_default),
        STAGED(wrong_values_are_64_too),
        STAGED(help_and_version_need_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
