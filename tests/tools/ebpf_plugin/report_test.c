/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <json-c/json.h>

#include <cmocka.h>

static struct process processes[] = {{11, 5}, {12, 6}};

static void a_text_line_names_every_number(void **state)
{
    (void)state;
    struct standing standing = {.state = "READY",
                                .cache = {.source = NETIPC_CACHE_REGION,
                                          .count = 3,
                                          .incarnation = {UINT64_C(0x0123456789abcdef), 7},
                                          .generation = 42},
                                .diff = {.added = 4, .changed = 6, .removed = 5}};
    struct census census = {.now = {.list = processes, .count = 2}, .started = 8, .ended = 9};
    struct report report = {.standing = &standing, .census = &census};
    struct line_buffer line = {0};
    assert_true(report_text(&report, &line));
    const char *expected = "state=READY source=region incarnation=0123456789abcdef0000000000000007 generation=42 "
                           "items=3 pids=2 added=4 changed=6 removed=5 started=8 ended=9\n";
    assert_int_equal(line.length, strlen(expected));
    assert_memory_equal(line.text, expected, line.length);
    line_buffer_free(&line);
}

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static void check_text(struct json_object *object, const char *key, const char *expected)
{
    assert_int_equal(json_object_get_string_len(get(object, key)), strlen(expected));
    assert_string_equal(json_object_get_string(get(object, key)), expected);
}

/* Strict, of valid UTF-8 and one line: what any consumer can parse. */
static struct json_object *parse(const struct line_buffer *line)
{
    assert_int_equal(line->text[line->length - 1], '\n');
    assert_null(memchr(line->text, '\n', line->length - 1));
    struct json_tokener *tokener = json_tokener_new();
    assert_non_null(tokener);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, line->text, (int)line->length);
    assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
    json_tokener_free(tokener);
    return object;
}

static void names_and_paths_of_any_bytes_make_valid_json(void **state)
{
    (void)state;
    struct procs procs = {.list = processes, .count = 2};
    struct cgroup cgroups[] = {
        {.view = {.name = "a\"b\\c\n\t\x01\x7f",
                  .name_length = 9,
                  .path = "/\xFF/\xC3\xA9",
                  .path_length = 5,
                  .hash = UINT32_MAX}},
        {.view = {.name = "\xED\xA0\x80", .name_length = 3, .path = "", .options = 5, .enabled = 1}, .procs = &procs}};
    struct listing listing = {.cgroups = cgroups, .count = 2};
    struct standing standing = {.state = "NOT_FOUND",
                                .cache = {.source = NETIPC_CACHE_REQUEST, .count = 2, .generation = UINT64_C(1) << 49},
                                .diff = {.added = 1}};
    struct census census = {.now = {.list = processes, .count = 2}};
    struct report report = {.standing = &standing, .census = &census};
    struct line_buffer line = {0};
    assert_true(report_json(&report, &listing, &line));
    struct json_object *object = parse(&line);
    check_text(object, "state", "NOT_FOUND");
    check_text(object, "source", "request");
    check_text(object, "incarnation", "00000000000000000000000000000000");
    assert_true(json_object_get_uint64(get(object, "generation")) == UINT64_C(1) << 49);
    assert_int_equal(json_object_get_int64(get(object, "items")), 2);
    assert_int_equal(json_object_get_int64(get(object, "added")), 1);
    assert_int_equal(json_object_get_int64(get(object, "changed")), 0);
    assert_int_equal(json_object_get_int64(get(object, "removed")), 0);

    struct json_object *first = json_object_array_get_idx(get(object, "cgroups"), 0);
    check_text(first, "name", "a\"b\\c\n\t\x01\x7f");
    check_text(first, "path", "/\xEF\xBF\xBD/\xC3\xA9");
    assert_int_equal(json_object_get_int64(get(first, "hash")), UINT32_MAX);
    assert_false(json_object_get_boolean(get(first, "enabled")));
    assert_int_equal(json_object_array_length(get(first, "pids")), 0);
    struct json_object *second = json_object_array_get_idx(get(object, "cgroups"), 1);
    check_text(second, "name", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
    check_text(second, "path", "");
    assert_true(json_object_get_boolean(get(second, "enabled")));
    assert_int_equal(json_object_get_int(get(second, "options")), 5);
    assert_int_equal(json_object_get_int(json_object_array_get_idx(get(second, "pids"), 1)), 12);
    json_object_put(object);
    line_buffer_free(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_names_every_number),
        cmocka_unit_test(names_and_paths_of_any_bytes_make_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
