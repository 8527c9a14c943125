/* SPDX-License-Identifier: Apache-2.0 */
/* ebpf.plugin with publishers that come anew, and with servers that have no region. */
#include "tests/tools/ebpf_plugin/reports.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void a_restarted_publisher_is_compared_by_content(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    program_signal(&stage->publisher, SIGKILL);
    assert_int_equal(program_wait(&stage->publisher), -1);
    json_object_put(report_of_loss(stage));

    start_publisher(stage);
    publish_two(stage);
    struct json_object *report = report_of(stage, "READY", 1);
    check_two(report);
    check_diff(report, 0, 0, 0);
    assert_int_equal(number(report, "started") + number(report, "ended"), 0);
    json_object_put(report);

    tell(stage, "reset", "reset");
    add_ours(stage, "ours", 0);
    tell(stage, "add\tother\t/moved/cgroup.procs\t0", "added");
    tell(stage, "publish", "generation 2");
    report = report_of(stage, "READY", 2);
    check_diff(report, 0, 2, 0);
    assert_int_equal(number(report, "ended"), 1);
    json_object_put(report);
}

/* The first one takes its place among equals, the others stay what they were. */
static void several_of_one_name_are_followed_by_their_paths(void **state)
{
    struct stage *stage = *state;
    start_publisher(stage);
    tell(stage, "add\tsame\t/1\t1", "added");
    add_ours(stage, "same", 1);
    tell(stage, "add\tsame\t/3\t0", "added");
    tell(stage, "publish", "generation 1");
    start_plugin(stage);
    struct json_object *report = report_of(stage, "READY", 1);
    check_diff(report, 3, 0, 0);
    assert_int_equal(number(report, "pids"), 1);
    json_object_put(report);
    tell(stage, "reset", "reset");
    tell(stage, "add\tsame\t/3\t0", "added");
    add_ours(stage, "same", 1);
    tell(stage, "publish", "generation 2");
    report = report_of(stage, "READY", 2);
    check_diff(report, 0, 0, 1);
    assert_int_equal(number(report, "started") + number(report, "ended"), 0);
    json_object_put(report);
}

static void a_server_without_a_region_is_asked_by_request(void **state)
{
    struct stage *stage = *state;
    start_kind(stage, "server");
    start_plugin(stage);
    struct json_object *report = next_report(stage); /* which has no answer yet */
    assert_false(has_state(report, "READY"));
    check_source(report, "none");
    json_object_put(report);
    publish_two(stage);
    report = report_of(stage, "READY", 1);
    check_two(report);
    check_source(report, "request");
    check_diff(report, 2, 0, 0);
    assert_string_equal(json_object_get_string(get(report, "incarnation")), "00000000000000000000000000000000");
    json_object_put(report);
    for (int i = 0; i < 3; i++) {
        report = next_report(stage);
        assert_true(has_state(report, "READY"));
        check_two(report);
        check_diff(report, 0, 0, 0);
        json_object_put(report);
    }
    tell(stage, "reset", "reset");
    add_ours(stage, "ours", 1);
    tell(stage, "add\tother\t/moved/cgroup.procs\t0", "added");
    tell(stage, "add\tnew\t/new/cgroup.procs\t0", "added");
    tell(stage, "publish", "generation 2");
    report = report_of(stage, "READY", 2);
    check_diff(report, 1, 1, 0);
    assert_int_equal(number(report, "ended"), 0);
    json_object_put(report);
    assert_int_equal(count_errors(stage, "is asked by request"), 1);
}

static void a_killed_server_leaves_the_last_table_and_a_publisher_takes_over(void **state)
{
    struct stage *stage = *state;
    start_kind(stage, "server");
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    static const char *const kinds[] = {"server", "requests", "server"};
    static const char *const sources[] = {"request", "region", "request"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        program_signal(&stage->publisher, SIGKILL);
        assert_int_equal(program_wait(&stage->publisher), -1);
        struct json_object *report = report_of_loss(stage);
        check_two(report);
        check_diff(report, 0, 0, 0);
        json_object_put(report);
        start_kind(stage, kinds[i]);
        publish_two(stage);
        report = report_of(stage, "READY", 1); /* of equal content */
        check_two(report);
        check_source(report, sources[i]);
        check_diff(report, 0, 0, 0);
        json_object_put(report);
    }
}

static void an_answer_that_is_no_list_keeps_the_table(void **state)
{
    struct stage *stage = *state;
    start_kind(stage, "server");
    publish_two(stage);
    start_plugin(stage);
    json_object_put(report_of(stage, "READY", 1));
    tell(stage, "raw\tno list of cgroups at all", "generation 1");
    struct json_object *report = report_of(stage, "BROKEN", 1);
    check_two(report);
    json_object_put(report);
    json_object_put(report_of(stage, "BROKEN", 1));
    assert_int_equal(count_errors(stage, "NETIPC_CORRUPT"), 1);
    tell(stage, "publish", "generation 2");
    report = report_of(stage, "READY", 2);
    check_diff(report, 0, 0, 0);
    json_object_put(report);
}

static void snapshots_of_another_schema_are_no_list(void **state)
{
    struct stage *stage = *state;
    start_kind(stage, "unlabelled");
    publish_two(stage);
    start_plugin(stage);
    for (int i = 0; i < 3; i++) {
        struct json_object *report = next_report(stage);
        assert_true(has_state(report, "BROKEN"));
        assert_int_equal(number(report, "items"), 0);
        json_object_put(report);
    }
    assert_int_equal(count_errors(stage, "generation 1 is no list of cgroups"), 1);
    assert_int_equal(count_errors(stage, "NETIPC_INCOMPATIBLE"), 1);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
#define STAGED(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(a_restarted_publisher_is_compared_by_content),
        STAGED(several_of_one_name_are_followed_by_their_paths),
        STAGED(a_server_without_a_region_is_asked_by_request),
        STAGED(a_killed_server_leaves_the_last_table_and_a_publisher_takes_over),
        STAGED(an_answer_that_is_no_list_keeps_the_table),
        STAGED(snapshots_of_another_schema_are_no_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
