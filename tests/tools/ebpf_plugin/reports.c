/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/ebpf_plugin/reports.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_answer(struct stage *stage, const char *expected)
{
    char *line = program_line(&stage->publisher);
    assert_string_equal(line, expected);
    free(line);
}

void start_kind(struct stage *stage, const char *kind)
{
    const char *arguments[] = {SNAPSHOT_PUBLISHER, stage->run_dir, "cgroups", "7", kind, NULL};
    program_end(&stage->publisher);
    program_start(&stage->publisher, stage->errors, arguments);
    expect_answer(stage, "open");
}

void start_publisher(struct stage *stage)
{
    start_kind(stage, "region");
}

void tell(struct stage *stage, const char *order, const char *answer)
{
    program_tell(&stage->publisher, order);
    expect_answer(stage, answer);
}

void add_ours(struct stage *stage, const char *name, int enabled)
{
    char order[160];
    snprintf(order, sizeof order, "add\t%s\t%s\t%d", name, stage->list, enabled);
    tell(stage, order, "added");
}

void publish_two(struct stage *stage)
{
    add_ours(stage, "ours", 1);
    add_ours(stage, "other", 0);
    tell(stage, "publish", "generation 1");
}

void start_plugin(struct stage *stage)
{
    const char *arguments[] = {PLUGIN(stage), "--interval", INTERVAL, "--json", NULL};
    program_start(&stage->plugin, stage->errors, arguments);
}

static struct json_object *parse(const char *line)
{
    struct json_tokener *tokener = json_tokener_new();
    assert_non_null(tokener);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, line, (int)strlen(line) + 1);
    if (json_tokener_get_error(tokener) != json_tokener_success)
        fail_msg("no JSON object: %.200s", line);
    json_tokener_free(tokener);
    return object;
}

struct json_object *next_report(struct stage *stage)
{
    char *line = program_line(&stage->plugin);
    struct json_object *report = parse(line);
    free(line);
    return report;
}

struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

int64_t number(struct json_object *object, const char *key)
{
    return json_object_get_int64(get(object, key));
}

bool has_state(struct json_object *report, const char *state)
{
    return strcmp(json_object_get_string(get(report, "state")), state) == 0;
}

struct json_object *report_of(struct stage *stage, const char *state, int64_t generation)
{
    long deadline = deadline_after(30);
    for (;;) {
        struct json_object *report = next_report(stage);
        if (has_state(report, state) && number(report, "generation") == generation)
            return report;
        if (milliseconds_left(deadline) == 0)
            fail_msg("no report of %s, generation %d; the last was %s", state, (int)generation,
                     json_object_to_json_string(report));
        json_object_put(report);
    }
}

struct json_object *report_of_loss(struct stage *stage)
{
    long deadline = deadline_after(30);
    for (;;) {
        struct json_object *report = next_report(stage);
        if (!has_state(report, "READY"))
            return report;
        json_object_put(report);
        if (milliseconds_left(deadline) == 0)
            fail_msg("the publisher's end was not noticed");
    }
}

void check_source(struct json_object *report, const char *source)
{
    assert_string_equal(json_object_get_string(get(report, "source")), source);
}

void check_diff(struct json_object *report, int64_t added, int64_t changed, int64_t removed)
{
    assert_int_equal(number(report, "added"), added);
    assert_int_equal(number(report, "changed"), changed);
    assert_int_equal(number(report, "removed"), removed);
}

void check_two(struct json_object *report)
{
    assert_int_equal(number(report, "items"), 2);
    assert_int_equal(number(report, "pids"), 1);
    struct json_object *cgroups = get(report, "cgroups");
    assert_int_equal(json_object_array_length(cgroups), 2);
    for (size_t i = 0; i < 2; i++) {
        struct json_object *cgroup = json_object_array_get_idx(cgroups, i);
        bool ours = strcmp(json_object_get_string(get(cgroup, "name")), "ours") == 0;
        assert_int_equal(json_object_get_boolean(get(cgroup, "enabled")), ours);
        assert_int_equal(json_object_array_length(get(cgroup, "pids")), ours);
        if (ours)
            assert_int_equal(json_object_get_int(json_object_array_get_idx(get(cgroup, "pids"), 0)), getpid());
    }
}
