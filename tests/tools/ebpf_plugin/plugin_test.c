/* SPDX-License-Identifier: Apache-2.0 */
/* ebpf.plugin as a program, against a publisher that is another program. */
#include "tests/publish/scale.h"
#include "tests/tools/ebpf_plugin/reports.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include <cmocka.h>

static void a_plugin_started_first_waits_for_its_publisher(void **state)
{
    struct stage *stage = *state;
    start_plugin(stage);
    for (int i = 0; i < 2; i++) {
        struct json_object *report = next_report(stage);
        assert_true(has_state(report, "NOT_FOUND"));
        assert_string_equal(json_object_get_string(get(report, "incarnation")), "00000000000000000000000000000000");
        assert_int_equal(number(report, "generation"), 0);
        assert_int_equal(number(report, "items"), 0);
        check_source(report, "none");
        json_object_put(report);
    }
    assert_int_equal(count_errors(stage, "NETIPC_NOT_FOUND"), 1);
    start_publisher(stage);
    publish_two(stage);
    struct json_object *report = report_of(stage, "READY", 1);
    check_two(report);
    check_source(report, "region");
    assert_int_equal(number(report, "added"), 2);
    assert_int_equal(number(report, "started"), 1);
    json_object_put(report);
    report = next_report(stage);
    check_two(report);
    assert_int_equal(number(report, "added"), 0);
    assert_int_equal(number(report, "started"), 0);
    json_object_put(report);
}

static void a_publisher_that_has_published_nothing_is_not_ready(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    start_plugin(stage);
    struct json_object *report = next_report(stage);
    assert_true(has_state(report, "CONNECTING"));
    json_object_put(report);
    publish_two(stage);
    json_object_put(report_of(stage, "READY", 1));
}

static void an_empty_snapshot_is_ready_without_items(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    tell(stage, "publish", "generation 1");
    start_plugin(stage);
    struct json_object *report = next_report(stage);
    assert_true(has_state(report, "READY"));
    assert_int_equal(number(report, "generation"), 1);
    assert_int_equal(number(report, "items"), 0);
    json_object_put(report);
}

static void a_new_generation_moves_the_table(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    struct json_object *report = next_report(stage); /* of the first line on */
    assert_true(has_state(report, "READY"));
    check_two(report);
    json_object_put(report);

    tell(stage, "reset", "reset");
    add_ours(stage, "ours", 1);
    tell(stage, "add\tnew\t/new/cgroup.procs\t1", "added");
    tell(stage, "publish", "generation 2");
    report = report_of(stage, "READY", 2);
    assert_int_equal(number(report, "items"), 2);
    assert_int_equal(number(report, "added"), 1);
    assert_int_equal(number(report, "removed"), 1);
    assert_int_equal(number(report, "ended"), 0);
    json_object_put(report);
}

static void a_killed_publisher_leaves_the_last_table(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    program_signal(&stage->publisher, SIGKILL);
    assert_int_equal(program_wait(&stage->publisher), -1);
    struct json_object *report = report_of_loss(stage);
    check_two(report);
    assert_int_equal(number(report, "generation"), 1);
    assert_int_equal(number(report, "removed"), 0);
    json_object_put(report);

    start_publisher(stage); /* nothing published: still the old table */
    tell(stage, "add\tafter\t/after/cgroup.procs\t0", "added");
    report = next_report(stage);
    check_two(report);
    char *before = strdup(json_object_get_string(get(report, "incarnation")));
    json_object_put(report);

    tell(stage, "publish", "generation 1");
    long deadline = deadline_after(30);
    report = report_of(stage, "READY", 1);
    while (strcmp(before, json_object_get_string(get(report, "incarnation"))) == 0) {
        assert_true(milliseconds_left(deadline) > 0);
        json_object_put(report);
        report = report_of(stage, "READY", 1);
    }
    assert_int_equal(number(report, "items"), 1);
    assert_int_equal(number(report, "added"), 1);
    assert_int_equal(number(report, "removed"), 2);
    assert_int_equal(number(report, "pids"), 0);
    assert_int_equal(number(report, "ended"), 1);
    json_object_put(report);
    free(before);
}

static void a_publisher_that_closes_leaves_the_last_table(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    close(stage->publisher.in);
    stage->publisher.in = -1;
    assert_int_equal(program_wait(&stage->publisher), 0);
    struct json_object *report = report_of_loss(stage);
    check_two(report);
    json_object_put(report);
}

static void bytes_that_are_no_list_keep_the_table_and_are_told_once(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    tell(stage, "raw\tno list of cgroups at all, whoever reads it", "generation 2");
    long deadline = deadline_after(30);
    while (count_errors(stage, "generation 2 is no list of cgroups") == 0)
        assert_true(milliseconds_left(deadline) > 0);
    for (int i = 0; i < 4; i++) {
        struct json_object *report = next_report(stage);
        assert_true(has_state(report, "READY"));
        assert_int_equal(number(report, "generation"), 1);
        check_two(report);
        json_object_put(report);
    }
    assert_int_equal(count_errors(stage, "generation 2 is no list of cgroups"), 1);
    tell(stage, "raw\t", "generation 3"); /* no bytes at all are no list either */
    while (count_errors(stage, "generation 3 is no list of cgroups") == 0)
        assert_true(milliseconds_left(deadline) > 0);
    tell(stage, "publish", "generation 4");
    struct json_object *report = report_of(stage, "READY", 4);
    check_two(report);
    assert_int_equal(number(report, "added"), 0);
    json_object_put(report);
}

/* How often the threads of a process have gone to sleep. */
static long count_sleeps(pid_t pid)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    long total = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char name[sizeof path + sizeof entry->d_name + 16];
        snprintf(name, sizeof name, "%s/%s/status", path, entry->d_name);
        FILE *file = entry->d_name[0] == '.' ? NULL : fopen(name, "r");
        while (file && fgets(line, sizeof line, file))
            total += strncmp(line, "voluntary_ctxt_switches:", 24) == 0 ? strtol(line + 24, NULL, 10) : 0;
        if (file)
            fclose(file);
    }
    closedir(directory);
    return total;
}

static void nothing_wakes_it_between_two_lines(void **state)
{
    struct stage *stage = *state;
    if (SANITIZER_HAS_A_THREAD)
        skip();
    start_publisher(stage);
    publish_two(stage);
    const char *arguments[] = {PLUGIN(stage), "--interval", "86400", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    free(program_line(&stage->plugin));
    long before, now = count_sleeps(stage->plugin.pid);
    long deadline = deadline_after(30);
    do { /* until it has gone to sleep */
        assert_true(milliseconds_left(deadline) > 0);
        before = now;
        usleep(200000);
        now = count_sleeps(stage->plugin.pid);
    } while (now != before);
    for (int i = 2; i < 12; i++) {
        char expected[32];
        snprintf(expected, sizeof expected, "generation %d", i);
        tell(stage, "publish", expected);
        usleep(20000);
    }
    assert_int_equal(count_sleeps(stage->plugin.pid), before);
}

static void names_of_any_bytes_come_out_as_json(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    tell(stage, "add\tq\"u\\o\xFFte\x01\t/\xC3\xA9\xE2\x82/cgroup.procs\t1", "added");
    tell(stage, "publish", "generation 1");
    start_plugin(stage);
    struct json_object *report = report_of(stage, "READY", 1);
    struct json_object *cgroup = json_object_array_get_idx(get(report, "cgroups"), 0);
    assert_string_equal(json_object_get_string(get(cgroup, "name")), "q\"u\\o\xEF\xBF\xBDte\x01");
    assert_string_equal(json_object_get_string(get(cgroup, "path")), "/\xC3\xA9\xEF\xBF\xBD/cgroup.procs");
    json_object_put(report);
}

static void a_cgroup_that_vanishes_keeps_its_processes_for_one_line(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    assert_int_equal(unlink(stage->list), 0);
    long deadline = deadline_after(30);
    int64_t ended;
    do {
        struct json_object *report = next_report(stage);
        ended = number(report, "ended");
        assert_int_equal(number(report, "pids"), !ended);
        json_object_put(report);
        assert_true(milliseconds_left(deadline) > 0);
    } while (!ended);
    write_list(stage, getpid());
    int64_t started;
    do {
        struct json_object *report = next_report(stage);
        started = number(report, "started");
        json_object_put(report);
        assert_true(milliseconds_left(deadline) > 0);
    } while (!started);
}

static void between_readings_only_new_lists_are_read(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    const char *arguments[] = {PLUGIN(stage), "--interval", INTERVAL, "--procs-interval", "86400", "--json", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    json_object_put(report_of(stage, "READY", 1));
    write_list(stage, stage->publisher.pid);
    for (int i = 0; i < 3; i++) {
        struct json_object *report = next_report(stage);
        check_two(report);
        json_object_put(report);
    }
    char order[160]; /* the same file by another name */
    snprintf(order, sizeof order, "add\tnew\t%s/./cgroup.procs\t1", stage->directory);
    tell(stage, order, "added");
    tell(stage, "publish", "generation 2");
    struct json_object *report = report_of(stage, "READY", 2);
    assert_int_equal(number(report, "pids"), 2); /* the old one's as they were, and the new one's */
    json_object_put(report);
}

static void a_root_stands_in_front_of_paths_and_proc(void **state)
{
    struct stage *stage = *state;
    char proc[96];
    snprintf(proc, sizeof proc, "%s/proc", stage->directory);
    assert_int_equal(symlink("/proc", proc), 0);
    start_publisher(stage);
    tell(stage, "add\tours\t/cgroup.procs\t1", "added");
    tell(stage, "publish", "generation 1");
    const char *arguments[] = {PLUGIN(stage), "--host-prefix", stage->directory, "--json", "--count", "1", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    struct json_object *report = next_report(stage);
    assert_int_equal(number(report, "pids"), 1);
    json_object_put(report);
}

static void count_ends_it_after_so_many_lines(void **state)
{
    struct stage *stage = *state;
    const char *arguments[] = {PLUGIN(stage), "--interval", INTERVAL, "--count", "3", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    for (int i = 0; i < 3; i++) {
        char *line = program_line(&stage->plugin);
        assert_string_equal(line,
                            "state=NOT_FOUND source=none incarnation=00000000000000000000000000000000 generation=0 "
                            "items=0 pids=0 added=0 changed=0 removed=0 started=0 ended=0");
        free(line);
    }
    char byte;
    assert_int_equal(read(stage->plugin.out, &byte, 1), 0);
    assert_int_equal(program_wait(&stage->plugin), 0);
}

static void it_starts_as_the_agent_starts_its_plugins(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    const char *arguments[] = {EBPF_PLUGIN, "86400",   "--run-dir", stage->run_dir, "--service", "cgroups", "--token",
                               "7",         "--count", "1",         "--json",       NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    struct json_object *report = next_report(stage);
    check_two(report);
    json_object_put(report);
    assert_int_equal(program_wait(&stage->plugin), 0);
}

static void a_signal_ends_the_longest_wait(void **state)
{
    struct stage *stage = *state;
    static const int signals[] = {SIGTERM, SIGINT};
    start_publisher(stage);
    publish_two(stage);
    for (size_t i = 0; i < 2; i++) {
        const char *arguments[] = {PLUGIN(stage), "--interval", "86400", NULL};
        program_start(&stage->plugin, stage->errors, arguments);
        free(program_line(&stage->plugin));
        program_signal(&stage->plugin, signals[i]);
        assert_int_equal(program_wait(&stage->plugin), 0);
        program_end(&stage->plugin);
    }
}

/* Until nothing has been added to a pipe for a while. */
static void wait_until_full(int fd)
{
    long deadline = deadline_after(30);
    int before = -1;
    int now = 0;
    while (now == 0 || now != before) {
        assert_true(milliseconds_left(deadline) > 0);
        before = now;
        usleep(200000);
        assert_int_equal(ioctl(fd, FIONREAD, &now), 0);
    }
}

static void a_signal_ends_it_while_nobody_reads_its_lines(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    tell(stage, "many\t2000\t/nowhere", "added");
    tell(stage, "publish", "generation 1");
    const char *arguments[] = {PLUGIN(stage), "--interval", "0.001", "--json", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    free(program_line(&stage->plugin));
    wait_until_full(stage->plugin.out);
    program_signal(&stage->plugin, SIGTERM);
    assert_int_equal(program_wait(&stage->plugin), 0);
}

static void a_signal_ends_it_while_the_publisher_does_not_answer(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    program_signal(&stage->publisher, SIGSTOP);
    start_plugin(stage);
    struct json_object *report = next_report(stage);
    assert_false(has_state(report, "READY"));
    json_object_put(report);
    program_signal(&stage->plugin, SIGTERM);
    assert_int_equal(program_wait(&stage->plugin), 0);
    program_signal(&stage->publisher, SIGCONT);
}

static void a_wrong_token_is_told(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    const char *arguments[] = {EBPF_PLUGIN, "--run-dir", stage->run_dir, "--service", "cgroups", "--count",
                               "1",         "--json",    "--token",      "0x8",       NULL};
    program_start(&stage->plugin, stage->errors, arguments);
    struct json_object *report = next_report(stage);
    assert_true(has_state(report, "AUTH_FAILED"));
    json_object_put(report);
    assert_int_equal(program_wait(&stage->plugin), 0);
    assert_int_equal(count_errors(stage, "NETIPC_AUTH_FAILED"), 1);
}

/* As where one user owns the run directory and publishes, and another one, root say, follows. */
static void a_directory_of_another_user_is_trusted_when_that_uid_is_allowed(void **state)
{
    struct stage *stage = *state;
    if (geteuid() != 0) {
        print_message("skip: a directory is given to another user, which takes root\n");
        skip();
    }
    start_publisher(stage);
    publish_two(stage);
    assert_int_equal(chown(stage->run_dir, 12345, (gid_t)-1), 0);
    const char *refused[] = {PLUGIN(stage), "--count", "1", "--json", NULL};
    program_start(&stage->plugin, stage->errors, refused);
    struct json_object *report = next_report(stage);
    assert_true(has_state(report, "AUTH_FAILED"));
    json_object_put(report);
    assert_int_equal(program_wait(&stage->plugin), 0);
    program_end(&stage->plugin);
    assert_int_equal(count_errors(stage, "belongs to uid 12345: allow or become that uid"), 1);

    const char *allowed[] = {PLUGIN(stage), "--allow-uid", "0", "--allow-uid", "12345", "--count", "1", "--json", NULL};
    program_start(&stage->plugin, stage->errors, allowed);
    report = next_report(stage);
    assert_true(has_state(report, "READY"));
    check_two(report);
    json_object_put(report);
    assert_int_equal(program_wait(&stage->plugin), 0);
}

static void a_hundred_thousand_cgroups_are_followed(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    tell(stage, "many\t100000\t/nowhere", "added"); /* outgrows the region, and the buffer */
    tell(stage, "publish", "generation 2");
    struct json_object *report = report_of(stage, "READY", 2);
    assert_int_equal(number(report, "items"), 100002);
    assert_int_equal(number(report, "added"), 100000);
    assert_int_equal(json_object_array_length(get(report, "cgroups")), 100002);
    json_object_put(report);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define STAGED(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(a_plugin_started_first_waits_for_its_publisher),
        STAGED(a_publisher_that_has_published_nothing_is_not_ready),
        STAGED(an_empty_snapshot_is_ready_without_items),
        STAGED(a_new_generation_moves_the_table),
        STAGED(a_killed_publisher_leaves_the_last_table),
        STAGED(a_publisher_that_closes_leaves_the_last_table),
        STAGED(bytes_that_are_no_list_keep_the_table_and_are_told_once),
        STAGED(nothing_wakes_it_between_two_lines),
        STAGED(names_of_any_bytes_come_out_as_json),
        STAGED(a_cgroup_that_vanishes_keeps_its_processes_for_one_line),
        STAGED(between_readings_only_new_lists_are_read),
        STAGED(a_root_stands_in_front_of_paths_and_proc),
        STAGED(count_ends_it_after_so_many_lines),
        STAGED(it_starts_as_the_agent_starts_its_plugins),
        STAGED(a_signal_ends_the_longest_wait),
        STAGED(a_signal_ends_it_while_nobody_reads_its_lines),
        STAGED(a_signal_ends_it_while_the_publisher_does_not_answer),
        STAGED(a_wrong_token_is_told),
        STAGED(a_directory_of_another_user_is_trusted_when_that_uid_is_allowed),
        STAGED(a_hundred_thousand_cgroups_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
