/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/program.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The program's services, asked as a program does that knows no regions. */
struct fixture {
    struct fake_tree tree;
    char run_dir[80];
    struct program program;
    netipc_client *lookups;
    netipc_client *snapshots;
};

enum { MOST_ARGUMENTS = 16 };

static netipc_client *new_client(const struct fixture *fixture, const char *service)
{
    netipc_client_config config;
    netipc_client *client;
    netipc_client_config_init(&config);
    config.run_dir = fixture->run_dir;
    config.service = service;
    config.token = 7;
    config.backoff_first_ns = 0;
    config.breaker_failures = 0;
    assert_int_equal(netipc_client_open(&config, &client), NETIPC_OK);
    return client;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fake_tree_make(&fixture->tree);
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/web");
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/system.slice/ssh.service");
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/user.slice");
    snprintf(fixture->run_dir, sizeof fixture->run_dir, "%s/run", fixture->tree.path);
    fixture->lookups = new_client(fixture, "cgroups-lookup");
    fixture->snapshots = new_client(fixture, "cgroups-snapshot");
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    netipc_client_close(fixture->lookups);
    netipc_client_close(fixture->snapshots);
    if (fixture->program.pid > 0 && kill(fixture->program.pid, 0) == 0 &&
        waitpid(fixture->program.pid, NULL, WNOHANG) == 0) {
        kill(fixture->program.pid, SIGKILL);
        waitpid(fixture->program.pid, NULL, 0);
    }
    fake_tree_remove(&fixture->tree);
    free(fixture);
    return 0;
}

static void wait_until_ready(netipc_client *client)
{
    for (unsigned i = 0; netipc_client_refresh(client) != NETIPC_OK; i++) {
        if (i > patience_s() * 100)
            fail_msg("no connection: %s", netipc_status_detail());
        sleep_ms(10);
    }
}

/* Returns once there is a first snapshot. */
static void start(struct fixture *fixture, const char *const *more)
{
    const char *arguments[MOST_ARGUMENTS + 1] = {
        "--run-dir", fixture->run_dir, "--host-prefix", fixture->tree.path, "--token", "7", "--verbose"};
    int count = 7;
    for (; more[count - 7] != NULL; count++) {
        assert_in_range(count, 7, MOST_ARGUMENTS - 1);
        arguments[count] = more[count - 7];
    }
    program_start(&fixture->program, arguments);
    program_expect_text(&fixture->program, "published: generation 1 ");
}

#define START(fixture, ...) start(fixture, (const char *const[]){__VA_ARGS__, NULL})

static netipc_cgroups_lookup_result *ask(struct fixture *fixture, const char *const *paths, uint32_t count)
{
    netipc_cgroups_lookup_result *result;
    wait_until_ready(fixture->lookups);
    netipc_status status =
        netipc_cgroups_lookup_call(fixture->lookups, paths, count, patience_s() * UINT64_C(1000000000), &result);
    if (status != NETIPC_OK)
        fail_msg("%s (%s)", netipc_status_text(status), netipc_status_detail());
    assert_int_equal(netipc_cgroups_lookup_result_count(result), count);
    return result;
}

static void expect_item(const netipc_cgroups_lookup_result *result, uint32_t index, uint32_t status, const char *name,
                        uint32_t orchestrator)
{
    netipc_cgroup_lookup_view item;
    assert_int_equal(netipc_cgroups_lookup_result_item(result, index, &item), NETIPC_OK);
    if (item.status != status || strcmp(item.name, name) != 0 || item.orchestrator != orchestrator)
        fail_msg("%s: status %u, name '%s', orchestrator %u", item.path, item.status, item.name, item.orchestrator);
}

static uint32_t status_of(struct fixture *fixture, const char *path)
{
    netipc_cgroups_lookup_result *result = ask(fixture, &path, 1);
    netipc_cgroup_lookup_view item;
    assert_int_equal(netipc_cgroups_lookup_result_item(result, 0, &item), NETIPC_OK);
    uint32_t status = item.status;
    netipc_cgroups_lookup_result_free(result);
    return status;
}

static void a_lookup_tells_known_excluded_and_missing_cgroups_apart(void **state)
{
    struct fixture *fixture = *state;
    static const char *const paths[] = {"/lxc/web",
                                        "/system.slice/ssh.service",
                                        "/user.slice",
                                        "/lxc/other",
                                        "/lxc/web/inner/deep",
                                        "/lxc/../web",
                                        "lxc/web",
                                        "/",
                                        "/user.slice/x.mount",
                                        "/system.slice/new.service"};
    START(fixture, "--interval", "60", "--watches", "0");
    netipc_cgroups_lookup_result *result = ask(fixture, paths, sizeof paths / sizeof paths[0]);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), 1);
    expect_item(result, 0, NETIPC_CGROUP_KNOWN, "web", NETIPC_ORCHESTRATOR_LXC);
    expect_item(result, 1, NETIPC_CGROUP_KNOWN, "ssh", NETIPC_ORCHESTRATOR_SYSTEMD);
    expect_item(result, 2, NETIPC_CGROUP_UNKNOWN_FOR_GOOD, "", 0); /* there, but the patterns exclude it */
    expect_item(result, 3, NETIPC_CGROUP_UNKNOWN_NOW, "", 0);
    expect_item(result, 4, NETIPC_CGROUP_UNKNOWN_FOR_GOOD, "", 0); /* where no scan looks */
    for (uint32_t i = 5; i < 9; i++)
        expect_item(result, i, NETIPC_CGROUP_UNKNOWN_FOR_GOOD, "", 0);
    expect_item(result, 9, NETIPC_CGROUP_UNKNOWN_NOW, "", 0);
    netipc_cgroups_lookup_result_free(result);
    result = ask(fixture, NULL, 0);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), 1);
    netipc_cgroups_lookup_result_free(result);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

/* Nothing else could make it scan within the minute. */
static void a_miss_makes_it_scan_and_the_next_lookup_knows(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "3600", "--watches", "0", "--early-interval", "0.05");
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/late");
    assert_int_equal(status_of(fixture, "/lxc/late"), NETIPC_CGROUP_UNKNOWN_NOW);
    program_expect_text(&fixture->program, "published: generation 2 ");
    for (unsigned i = 0; status_of(fixture, "/lxc/late") != NETIPC_CGROUP_KNOWN; i++) {
        assert_true(i < patience_s() * 100);
        sleep_ms(10);
    }
    fake_tree_remove_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/late");
    assert_int_equal(status_of(fixture, "/lxc/late"), NETIPC_CGROUP_KNOWN); /* until there is a reason to look */
    status_of(fixture, "/lxc/never");
    program_expect_text(&fixture->program, "published: generation 3 ");
    assert_int_equal(status_of(fixture, "/lxc/late"), NETIPC_CGROUP_UNKNOWN_NOW);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void misses_in_vain_do_not_make_it_scan_all_the_time(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "3600", "--watches", "0", "--early-interval", "0.05");
    for (int i = 0; i < 200; i++) {
        assert_int_equal(status_of(fixture, "/lxc/never"), NETIPC_CGROUP_UNKNOWN_NOW);
        sleep_ms(2);
    }
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    /* At 0, then 50, 150, 350, 750 ms and so on: 0.4 s, however many times that takes. */
    assert_in_range(program_count_text(&fixture->program, "scanned: "), 2, 12);
}

/* What is left out would be left out again. */
static void a_truncated_table_says_later_and_a_miss_makes_no_scan(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "3600", "--watches", "0", "--early-interval", "0.01", "--max", "2");
    program_expect_text(&fixture->program, "--max: ");
    for (int i = 0; i < 10; i++) {
        assert_int_equal(status_of(fixture, "/lxc/never"), NETIPC_CGROUP_UNKNOWN_NOW);
        sleep_ms(10);
    }
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_int_equal(program_count_text(&fixture->program, "scanned: "), 1);
}

static void a_change_that_inotify_tells_is_published_long_before_the_interval(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower;
    netipc_cgroup_view item;
    START(fixture, "--interval", "3600");
    follower_open(&follower, fixture->run_dir, "cgroups-snapshot", 7);
    follower_read_above(&follower, 0);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/late");
    while (!follower_find(&follower, "cgroup_late", &item))
        follower_read_above(&follower, follower.info.generation);
    fake_tree_remove_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/late");
    while (follower_find(&follower, "cgroup_late", &item))
        follower_read_above(&follower, follower.info.generation);
    follower_close(&follower);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

/* What changed between the look at a directory and its watch was not told. */
static void directories_that_are_watched_from_now_on_are_looked_at_once_more(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "3600", "--early-interval", "0.01");
    program_expect_times(&fixture->program, "scanned: ", 2);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/late");
    program_expect_times(&fixture->program, "scanned: ", 4);
    sleep_ms(100);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_int_equal(program_count_text(&fixture->program, "scanned: "), 4);
}

static void of_one_name_the_one_that_has_it_comes_first(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower;
    netipc_cgroup_view first, last;
    START(fixture, "--interval", "3600");
    follower_open(&follower, fixture->run_dir, "cgroups-snapshot", 7);
    follower_read_above(&follower, 0);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc.payload/web"); /* sorts before /lxc/web */
    do
        follower_read_above(&follower, follower.info.generation);
    while (follower.view.item_count < 8);
    assert_true(follower_find(&follower, "cgroup_web", &first));
    assert_int_equal(first.options & NETIPC_CGROUP_DUPLICATE, 0);
    assert_non_null(strstr(first.path, "/lxc/web/"));
    assert_int_equal(netipc_cgroups_snapshot_item(&follower.view, follower.view.item_count - 1, &last), NETIPC_OK);
    assert_string_equal(last.name, "cgroup_web");
    assert_true(last.options & NETIPC_CGROUP_DUPLICATE);
    follower_close(&follower);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void beyond_its_watches_it_goes_by_the_interval_and_says_so_once(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower;
    netipc_cgroup_view item;
    START(fixture, "--interval", "0.2", "--watches", "1");
    program_expect_text(&fixture->program, "give more with --watches");
    follower_open(&follower, fixture->run_dir, "cgroups-snapshot", 7);
    follower_read_above(&follower, 0);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/late");
    while (!follower_find(&follower, "cgroup_late", &item))
        follower_read_above(&follower, follower.info.generation);
    follower_close(&follower);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
    assert_int_equal(program_count_text(&fixture->program, "--watches"), 1);
}

/* Who knows no regions gets the bytes that subscribers map. */
static void a_request_is_answered_with_the_snapshot_of_the_region(void **state)
{
    struct fixture *fixture = *state;
    struct follower follower;
    static const uint16_t asked[2] = {1, 0}; /* layout and flags */
    START(fixture, "--interval", "3600");
    follower_open(&follower, fixture->run_dir, "cgroups-snapshot", 7);
    follower_read_above(&follower, 0);
    wait_until_ready(fixture->snapshots);
    netipc_client_request request = {.size = sizeof request,
                                     .method = NETIPC_METHOD_CGROUPS_SNAPSHOT,
                                     .payload = asked,
                                     .length = sizeof asked,
                                     .item_count = 1};
    assert_int_equal(netipc_client_call(fixture->snapshots, &request), NETIPC_OK);
    assert_int_equal(request.answer_length, follower.info.length);
    assert_memory_equal(request.answer, follower.bytes, follower.info.length);
    const char *path = "/lxc/web";
    netipc_cgroups_lookup_result *result = ask(fixture, &path, 1);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), follower.view.generation);
    netipc_cgroups_lookup_result_free(result);
    follower_close(&follower);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

static void without_a_name_there_is_no_lookup_service(void **state)
{
    struct fixture *fixture = *state;
    START(fixture, "--interval", "60", "--lookup-service", "");
    assert_int_equal(netipc_client_refresh(fixture->lookups), NETIPC_NOT_FOUND);
    assert_int_equal(program_end(&fixture->program, SIGTERM), 0);
}

int main(void)
{
#define IN_TREE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        IN_TREE(a_lookup_tells_known_excluded_and_missing_cgroups_apart),
        IN_TREE(a_miss_makes_it_scan_and_the_next_lookup_knows),
        IN_TREE(misses_in_vain_do_not_make_it_scan_all_the_time),
        IN_TREE(a_truncated_table_says_later_and_a_miss_makes_no_scan),
        IN_TREE(a_change_that_inotify_tells_is_published_long_before_the_interval),
        IN_TREE(directories_that_are_watched_from_now_on_are_looked_at_once_more),
        IN_TREE(of_one_name_the_one_that_has_it_comes_first),
        IN_TREE(beyond_its_watches_it_goes_by_the_interval_and_says_so_once),
        IN_TREE(a_request_is_answered_with_the_snapshot_of_the_region),
        IN_TREE(without_a_name_there_is_no_lookup_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
