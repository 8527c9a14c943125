/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/program.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The program on a v2 tree in a directory, with its run directory beside it. */
struct fixture {
    struct fake_tree tree;
    char run_dir[80];
    struct program program;
    struct follower follower;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fake_tree_make(&fixture->tree);
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/web");
    snprintf(fixture->run_dir, sizeof fixture->run_dir, "%s/run", fixture->tree.path);
    follower_open(&fixture->follower, fixture->run_dir, "cgroups-snapshot", 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    follower_close(&fixture->follower);
    if (fixture->program.pid > 0 && kill(fixture->program.pid, 0) == 0 &&
        waitpid(fixture->program.pid, NULL, WNOHANG) == 0) {
        kill(fixture->program.pid, SIGKILL);
        waitpid(fixture->program.pid, NULL, 0);
    }
    fake_tree_remove(&fixture->tree);
    free(fixture);
    return 0;
}

enum { MOST_ARGUMENTS = 20 };

static void start(struct fixture *fixture, const char *const *more)
{
    const char *arguments[MOST_ARGUMENTS + 1] = {"--run-dir", fixture->run_dir, "--host-prefix", fixture->tree.path};
    int count = 4;
    for (; more[count - 4] != NULL; count++) {
        assert_in_range(count, 4, MOST_ARGUMENTS - 1);
        arguments[count] = more[count - 4];
    }
    program_start(&fixture->program, arguments);
}

#define START(fixture, ...) start(fixture, (const char *const[]){__VA_ARGS__, NULL})

static void expect_procs(const struct fixture *fixture, const char *name, const char *path)
{
    netipc_cgroup_view item;
    char wanted[256];
    snprintf(wanted, sizeof wanted, "%s%s", fixture->tree.path, path);
    if (!follower_find(&fixture->follower, name, &item))
        fail_msg("%s is not in the snapshot", name);
    assert_string_equal(item.path, wanted);
    assert_int_equal(item.enabled, 1);
    assert_int_equal(item.options, NETIPC_CGROUP_UNIFIED);
}

static void what_is_there_at_the_start_is_published(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "0.05");
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(fixture->follower.info.generation, 1);
    assert_int_equal(fixture->follower.view.item_count, 3);
    assert_int_equal(fixture->follower.view.systemd_enabled, 1);
    expect_procs(fixture, "cgroup_web", "/sys/fs/cgroup/lxc/web/cgroup.procs");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_string_equal(fixture->program.text, "");
}

static void a_cgroup_that_comes_or_goes_moves_the_generation(void **state)
{
    struct fixture *fixture = *state;
    netipc_cgroup_view item;
    START(fixture, "--interval", "0.05");
    follower_read_above(&fixture->follower, 0);
    fake_tree_directory(&fixture->tree, "sys/fs/cgroup/lxc/db");
    follower_read_above(&fixture->follower, 1);
    assert_true(follower_find(&fixture->follower, "cgroup_db", &item));
    assert_int_equal(item.enabled, 0);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/db"); /* now its processes can be read */
    follower_read_above(&fixture->follower, 2);
    expect_procs(fixture, "cgroup_db", "/sys/fs/cgroup/lxc/db/cgroup.procs");
    fake_tree_remove_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/web");
    uint64_t seen = fixture->follower.info.generation;
    do {
        follower_read_above(&fixture->follower, seen);
        seen = fixture->follower.info.generation;
    } while (follower_find(&fixture->follower, "cgroup_web", &item));
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void when_nothing_changes_the_generation_stays(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "0.02");
    follower_read_above(&fixture->follower, 0);
    unsigned descriptors = program_descriptors(&fixture->program);
    sleep_ms(1000); /* fifty scans */
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 1);
    assert_int_equal(program_descriptors(&fixture->program), descriptors);
    fake_tree_directory(&fixture->tree, "sys/fs/cgroup/next");
    follower_read_above(&fixture->follower, 1);
    assert_int_equal(fixture->follower.info.generation, 2);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void once_scans_once_and_again_only_when_told(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--once", "--interval", "0.01");
    follower_read_above(&fixture->follower, 0);
    fake_tree_directory(&fixture->tree, "sys/fs/cgroup/next");
    sleep_ms(300);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 1);
    assert_int_equal(kill(fixture->program.pid, SIGHUP), 0);
    follower_read_above(&fixture->follower, 1);
    assert_int_equal(fixture->follower.view.item_count, 4);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void signals_end_it_cleanly(void **state)
{
    struct fixture *fixture = *state;
    static const int signals[] = {SIGTERM, SIGINT};
    char socket[128];
    struct stat status;
    snprintf(socket, sizeof socket, "%s/cgroups-snapshot.sock", fixture->run_dir);
    for (int i = 0; i < 2; i++) {
        START(fixture, "--interval", "3600");
        follower_read_above(&fixture->follower, 0);
        assert_int_equal(stat(socket, &status), 0);
        assert_int_equal(program_end(&fixture->program, signals[i]), 0);
        assert_int_not_equal(stat(socket, &status), 0);
        assert_int_equal(netipc_subscriber_read(fixture->follower.subscriber, fixture->follower.bytes,
                                                fixture->follower.capacity, &fixture->follower.info),
                         NETIPC_OK);
        assert_int_equal(fixture->follower.info.publisher_state, NETIPC_PUBLISHER_CLOSED);
        follower_close(&fixture->follower);
        follower_open(&fixture->follower, fixture->run_dir, "cgroups-snapshot", 0);
    }
}

/* Who started it holds the other end of its stdout, and was killed. */
static void it_ends_with_the_reader_of_its_stdout(void **state)
{
    struct fixture *fixture = *state;
    char socket[128];
    START(fixture, "--interval", "3600");
    follower_read_above(&fixture->follower, 0);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(nothing >= 0);
    assert_true(dup2(nothing, fixture->program.output) >= 0);
    close(nothing);
    assert_int_equal(program_end(&fixture->program, 0), 0);
    snprintf(socket, sizeof socket, "%s/cgroups-snapshot.sock", fixture->run_dir);
    assert_int_equal(access(socket, F_OK), -1);
}

static void it_starts_as_the_agent_starts_its_plugins(void **state)
{
    struct fixture *fixture = *state;
    const char *arguments[] = {"1", "--run-dir", fixture->run_dir, "--host-prefix", fixture->tree.path, NULL};
    program_start(&fixture->program, arguments);
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void a_failed_scan_keeps_the_last_snapshot_and_is_said_once(void **state)
{
    struct fixture *fixture = *state;
    char path[128], aside[128];
    snprintf(path, sizeof path, "%s/sys", fixture->tree.path);
    snprintf(aside, sizeof aside, "%s/aside", fixture->tree.path);
    START(fixture, "--interval", "0.02");
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(rename(path, aside), 0);
    program_expect_text(&fixture->program, "cgroups.plugin: scan: ");
    sleep_ms(200);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 1);
    assert_int_equal(rename(aside, path), 0);
    sleep_ms(200);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), 1);
    fake_tree_directory(&fixture->tree, "sys/fs/cgroup/next");
    follower_read_above(&fixture->follower, 1);
    assert_int_equal(fixture->follower.info.generation, 2);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    const char *first = strstr(fixture->program.text, "scan: ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "scan: "));
}

static void a_snapshot_over_the_ceiling_is_refused_and_the_old_one_stays(void **state)
{
    struct fixture *fixture = *state;
    char name[128];
    START(fixture, "--interval", "0.02", "--capacity", "4096", "--ceiling", "131072");
    follower_read_above(&fixture->follower, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "sys/fs/cgroup/group/%d", i);
        fake_tree_directory(&fixture->tree, name);
    }
    program_expect_text(&fixture->program, "cgroups.plugin: publish: ");
    assert_non_null(strstr(fixture->program.text, netipc_status_text(NETIPC_TOO_LARGE)));
    uint64_t kept = netipc_subscriber_generation(fixture->follower.subscriber);
    sleep_ms(200);
    assert_int_equal(netipc_subscriber_generation(fixture->follower.subscriber), kept);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "%s/sys/fs/cgroup/group/%d", fixture->tree.path, i);
        assert_int_equal(rmdir(name), 0);
    }
    fake_tree_directory(&fixture->tree, "sys/fs/cgroup/last");
    netipc_cgroup_view item;
    do {
        follower_read_above(&fixture->follower, kept);
        kept = fixture->follower.info.generation;
    } while (!follower_find(&fixture->follower, "cgroup_last", &item));
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void a_snapshot_larger_than_the_first_capacity_is_published(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 2000; i++) {
        char name[64];
        snprintf(name, sizeof name, "sys/fs/cgroup/group/%d", i);
        fake_tree_directory(&fixture->tree, name);
    }
    START(fixture, "--interval", "0.05", "--capacity", "1000");
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(fixture->follower.view.item_count, 2000 + 4);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void a_maximum_is_kept_and_said_once(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "0.02", "--max", "2");
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(fixture->follower.view.item_count, 2);
    sleep_ms(200);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    const char *first = strstr(fixture->program.text, "--max");
    assert_non_null(first);
    assert_null(strstr(first + strlen("--max: 1 cgroups are left out, 2 are taken; give a larger --max"), "left out"));
}

static void a_token_lets_in_only_who_knows_it(void **state)
{
    struct fixture *fixture = *state;
    struct follower knowing;
    START(fixture, "--once", "--token", "0x1234", "--service", "other");
    follower_open(&knowing, fixture->run_dir, "other", 0x1234);
    follower_read_above(&knowing, 0);
    follower_close(&knowing);
    follower_open(&knowing, fixture->run_dir, "other", 0x1235);
    assert_int_equal(netipc_subscriber_refresh(knowing.subscriber, NULL), NETIPC_AUTH_FAILED);
    follower_close(&knowing);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void a_second_program_for_one_service_ends_with_the_number_of_the_status(void **state)
{
    struct fixture *fixture = *state;
    struct program second;
    START(fixture, "--once");
    follower_read_above(&fixture->follower, 0);
    const char *arguments[] = {"--run-dir", fixture->run_dir, "--host-prefix", fixture->tree.path, NULL};
    program_start(&second, arguments);
    assert_int_equal(program_end(&second, 0), NETIPC_ADDRESS_IN_USE);
    assert_non_null(strstr(second.text, "cgroups.plugin: open: "));
    assert_non_null(strstr(second.text, netipc_status_text(NETIPC_ADDRESS_IN_USE)));
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void once_without_a_hierarchy_ends_with_an_error(void **state)
{
    struct fixture *fixture = *state;
    const char *arguments[] = {"--run-dir", fixture->run_dir, "--host-prefix", "/nowhere", "--once", NULL};
    program_start(&fixture->program, arguments);
    assert_int_equal(program_end(&fixture->program, 0), NETIPC_SYSTEM);
    assert_non_null(strstr(fixture->program.text, "/nowhere/sys/fs/cgroup"));
}

static void wrong_usage_ends_with_64_and_says_where_help_is(void **state)
{
    struct fixture *fixture = *state;
    static const char *const bad[][3] = {
        {"--bogus"}, {"--interval", "never"}, {"--max"}, {"stray"}, {"--hierarchy", "v3"}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        program_start(&fixture->program, bad[i]);
        assert_int_equal(program_end(&fixture->program, 0), 64);
        assert_non_null(strstr(fixture->program.text, bad[i][0]));
        assert_non_null(strstr(fixture->program.text, "try --help"));
    }
}

static void help_and_version_are_printed(void **state)
{
    struct fixture *fixture = *state;
    program_start(&fixture->program, (const char *const[]){"--help", NULL});
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_non_null(strstr(fixture->program.text, "--search-patterns"));
    program_start(&fixture->program, (const char *const[]){"--version", NULL});
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_int_equal(strncmp(fixture->program.text, "cgroups.plugin ", 15), 0);
}

static void print_publishes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    START(fixture, "--print");
    assert_int_equal(program_end(&fixture->program, 0), 0);
    assert_non_null(strstr(fixture->program.text, "\"name\": \"cgroup_web\""));
    assert_int_not_equal(stat(fixture->run_dir, &status), 0);
}

static void verbose_says_what_was_published(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--once", "--verbose");
    program_expect_text(&fixture->program, "generation 1 with 3 cgroups\n");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void placement_that_is_refused_is_said_and_done_without(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--once", "--huge-pages", "--numa-node", "1023");
    follower_read_above(&fixture->follower, 0);
    expect_procs(fixture, "cgroup_web", "/sys/fs/cgroup/lxc/web/cgroup.procs");
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_non_null(strstr(fixture->program.text, "warning: placement-refused option=huge-pages status="));
    assert_non_null(strstr(fixture->program.text, "warning: placement-refused option=numa-node status="));
    assert_null(strstr(fixture->program.text, "info: "));
}

static void a_profile_is_taken_and_a_wrong_one_is_told_with_file_and_line(void **state)
{
    struct fixture *fixture = *state;
    char path[128], words[256];
    snprintf(path, sizeof path, "%s/profile", fixture->tree.path);
    START(fixture, "--once", "--profile", path);
    program_expect_text(&fixture->program, "writes a profile");
    assert_int_equal(program_end(&fixture->program, 0), NETIPC_NOT_FOUND);

    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs("netipc_profile = 1\nslow_wake_ns = 200000\n", file) >= 0 && fflush(file) == 0);
    START(fixture, "--once", "--profile", path);
    follower_read_above(&fixture->follower, 0);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);

    assert_true(fputs("slow_wake = 1\n", file) >= 0 && fclose(file) == 0);
    snprintf(words, sizeof words, "--profile %s: line 3: 'slow_wake' is none of the keys", path);
    START(fixture, "--once", "--profile", path);
    program_expect_text(&fixture->program, words);
    assert_int_equal(program_end(&fixture->program, 0), NETIPC_INVALID_ARGUMENT);
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TREE(what_is_there_at_the_start_is_published),
        WITH_TREE(a_cgroup_that_comes_or_goes_moves_the_generation),
        WITH_TREE(when_nothing_changes_the_generation_stays),
        WITH_TREE(once_scans_once_and_again_only_when_told),
        WITH_TREE(signals_end_it_cleanly),
        WITH_TREE(it_ends_with_the_reader_of_its_stdout),
        WITH_TREE(it_starts_as_the_agent_starts_its_plugins),
        WITH_TREE(a_failed_scan_keeps_the_last_snapshot_and_is_said_once),
        WITH_TREE(a_snapshot_over_the_ceiling_is_refused_and_the_old_one_stays),
        WITH_TREE(a_snapshot_larger_than_the_first_capacity_is_published),
        WITH_TREE(a_maximum_is_kept_and_said_once),
        WITH_TREE(a_token_lets_in_only_who_knows_it),
        WITH_TREE(a_second_program_for_one_service_ends_with_the_number_of_the_status),
        WITH_TREE(once_without_a_hierarchy_ends_with_an_error),
        WITH_TREE(wrong_usage_ends_with_64_and_says_where_help_is),
        WITH_TREE(help_and_version_are_printed),
        WITH_TREE(print_publishes_nothing),
        WITH_TREE(verbose_says_what_was_published),
        WITH_TREE(placement_that_is_refused_is_said_and_done_without),
        WITH_TREE(a_profile_is_taken_and_a_wrong_one_is_told_with_file_and_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
