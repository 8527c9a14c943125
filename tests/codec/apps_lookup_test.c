/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of apps-lookup: captured, hostile, and built within a budget. */
#include "tests/codec/hostile.h"
#include "tests/golden/golden.h"

#include <netipc/apps_lookup.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { REQUESTS = 3, ANSWERS = 9, CAPTURES = REQUESTS + ANSWERS, KNOWN_FULL = 1, SESSION = ANSWERS - 1 };

/* Every captured payload of apps-lookup: the encoded ones, and those of its session. */
struct captured {
    golden_bytes requests[REQUESTS];
    golden_bytes answers[ANSWERS];
};

static golden_bytes copy_of(golden_bytes bytes)
{
    golden_bytes copy = {.data = malloc(bytes.length), .length = bytes.length};
    assert_non_null(copy.data);
    memcpy(copy.data, bytes.data, bytes.length);
    return copy;
}

static int load_captures(void **state)
{
    static const char *const requests[] = {"apps_lookup_req", "apps_lookup_req_empty"};
    static const char *const answers[] = {"apps_lookup_resp_empty",
                                          "apps_lookup_resp_known_full",
                                          "apps_lookup_resp_known_host_root",
                                          "apps_lookup_resp_known_permanent",
                                          "apps_lookup_resp_known_retry",
                                          "apps_lookup_resp_oversized_item",
                                          "apps_lookup_resp_payload_exceeded",
                                          "apps_lookup_resp_unknown_pid"};
    static struct captured captured;
    golden_file *file = golden_load();
    assert_non_null(file);
    for (size_t i = 0; i < REQUESTS - 1; i++)
        captured.requests[i] = copy_of(golden_message_named(file, requests[i])->bytes);
    for (size_t i = 0; i < ANSWERS - 1; i++)
        captured.answers[i] = copy_of(golden_message_named(file, answers[i])->bytes);
    const golden_session *session = golden_session_named(file, "apps-lookup: known, unknown, cgroup states, labels");
    assert_non_null(session);
    assert_true(golden_join_payload(session, 2, &captured.requests[REQUESTS - 1]));
    assert_true(golden_join_payload(session, 3, &captured.answers[SESSION]));
    golden_free(file);
    for (size_t i = 0; i < REQUESTS; i++)
        golden_apps_request_to_host(&captured.requests[i]);
    for (size_t i = 0; i < ANSWERS; i++)
        golden_apps_answer_to_host(&captured.answers[i]);
    *state = &captured;
    return 0;
}

static int free_captures(void **state)
{
    struct captured *captured = *state;
    for (size_t i = 0; i < REQUESTS; i++)
        free(captured->requests[i].data);
    for (size_t i = 0; i < ANSWERS; i++)
        free(captured->answers[i].data);
    return 0;
}

/* --- read and built again --- */

static golden_bytes request_for(const uint32_t *pids, uint32_t count)
{
    golden_bytes bytes = {.length = 0};
    size_t length = 0;
    assert_int_equal(netipc_apps_lookup_request_encode(pids, count, NULL, 0, &bytes.length), NETIPC_TOO_SMALL);
    bytes.data = malloc(bytes.length);
    assert_non_null(bytes.data);
    memset(bytes.data, 0xa5, bytes.length);
    assert_int_equal(netipc_apps_lookup_request_encode(pids, count, bytes.data, bytes.length - 1, &length),
                     NETIPC_TOO_SMALL);
    assert_int_equal(bytes.data[0], 0xa5);
    assert_int_equal(netipc_apps_lookup_request_encode(pids, count, bytes.data, bytes.length, &length), NETIPC_OK);
    assert_int_equal(length, bytes.length);
    return bytes;
}

static void read_whole_request(const netipc_apps_lookup_request_view *view)
{
    uint32_t pid;
    for (uint32_t i = 0; i < view->item_count; i++)
        assert_int_equal(netipc_apps_lookup_request_pid(view, i, &pid), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_request_pid(view, view->item_count, &pid), NETIPC_INVALID_ARGUMENT);
}

static golden_bytes rebuild_request(const netipc_apps_lookup_request_view *view)
{
    uint32_t *pids = calloc(view->item_count + 1, sizeof *pids);
    assert_non_null(pids);
    for (uint32_t i = 0; i < view->item_count; i++)
        assert_int_equal(netipc_apps_lookup_request_pid(view, i, &pids[i]), NETIPC_OK);
    golden_bytes bytes = request_for(pids, view->item_count);
    free(pids);
    return bytes;
}

static netipc_app_lookup_view item_of(const netipc_apps_lookup_view *view, uint32_t index)
{
    netipc_app_lookup_view item;
    assert_int_equal(netipc_apps_lookup_item(view, index, &item), NETIPC_OK);
    assert_int_equal(strlen(item.comm), item.comm_length);
    assert_int_equal(strlen(item.cgroup_path), item.cgroup_path_length);
    assert_int_equal(strlen(item.cgroup_name), item.cgroup_name_length);
    return item;
}

static void add_item(netipc_apps_lookup_builder *builder, const netipc_app_lookup_view *item)
{
    netipc_label labels[8];
    assert_in_range(item->label_count, 0, 8);
    for (uint32_t i = 0; i < item->label_count; i++) {
        netipc_label_view label;
        assert_int_equal(netipc_app_lookup_label(item, i, &label), NETIPC_OK);
        assert_int_equal(strlen(label.key), label.key_length);
        assert_int_equal(strlen(label.value), label.value_length);
        labels[i] = (netipc_label){label.key, label.value};
    }
    assert_int_equal(netipc_app_lookup_label(item, item->label_count, &(netipc_label_view){0}),
                     NETIPC_INVALID_ARGUMENT);
    const netipc_app_lookup_answer answer = {.status = item->status,
                                             .cgroup_status = item->cgroup_status,
                                             .orchestrator = item->orchestrator,
                                             .ppid = item->ppid,
                                             .uid = item->uid,
                                             .label_count = item->label_count,
                                             .starttime = item->starttime,
                                             .comm = item->comm,
                                             .cgroup_path = item->cgroup_path,
                                             .cgroup_name = item->cgroup_name,
                                             .labels = labels};
    assert_int_equal(netipc_apps_lookup_builder_add(builder, &answer), NETIPC_OK);
}

static golden_bytes written(const netipc_apps_lookup_builder *builder)
{
    golden_bytes bytes = {.length = netipc_apps_lookup_builder_length(builder)};
    size_t length = 0;
    bytes.data = malloc(bytes.length);
    assert_non_null(bytes.data);
    memset(bytes.data, 0xa5, bytes.length);
    assert_int_equal(netipc_apps_lookup_builder_write(builder, bytes.data, bytes.length - 1, &length),
                     NETIPC_TOO_SMALL);
    assert_int_equal(bytes.data[0], 0xa5);
    assert_int_equal(netipc_apps_lookup_builder_write(builder, bytes.data, bytes.length, &length), NETIPC_OK);
    assert_int_equal(length, bytes.length);
    return bytes;
}

/* Reads all that view promises on its way. */
static golden_bytes rebuild_answer(const netipc_apps_lookup_view *view)
{
    netipc_apps_lookup_builder *builder;
    netipc_apps_lookup_request_view request;
    uint32_t *pids = calloc(view->item_count + 1, sizeof *pids);
    assert_non_null(pids);
    for (uint32_t i = 0; i < view->item_count; i++)
        pids[i] = item_of(view, i).pid;
    golden_bytes asked = request_for(pids, view->item_count);
    free(pids);
    assert_int_equal(netipc_apps_lookup_request_decode(asked.data, asked.length, &request), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_begin(builder, &request, view->generation, UINT32_MAX, UINT32_MAX),
                     NETIPC_OK);
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_app_lookup_view item = item_of(view, i);
        add_item(builder, &item);
    }
    golden_bytes bytes = written(builder);
    netipc_apps_lookup_builder_free(builder);
    free(asked.data);
    assert_int_equal(netipc_apps_lookup_item(view, view->item_count, &(netipc_app_lookup_view){0}),
                     NETIPC_INVALID_ARGUMENT);
    return bytes;
}

static void every_captured_payload_is_read_and_rebuilt_byte_for_byte(void **state)
{
    const struct captured *captured = *state;
    for (size_t i = 0; i < CAPTURES; i++) {
        const golden_bytes *payload = i < REQUESTS ? &captured->requests[i] : &captured->answers[i - REQUESTS];
        netipc_apps_lookup_request_view request;
        netipc_apps_lookup_view answer;
        golden_bytes rebuilt;
        if (i < REQUESTS) {
            assert_int_equal(netipc_apps_lookup_request_decode(payload->data, payload->length, &request), NETIPC_OK);
            read_whole_request(&request);
            rebuilt = rebuild_request(&request);
        } else {
            assert_int_equal(netipc_apps_lookup_decode(payload->data, payload->length, &answer), NETIPC_OK);
            rebuilt = rebuild_answer(&answer);
        }
        assert_int_equal(rebuilt.length, payload->length);
        assert_memory_equal(rebuilt.data, payload->data, payload->length);
        free(rebuilt.data);
    }
}

static void a_view_gives_what_was_captured(void **state)
{
    const struct captured *captured = *state;
    const golden_bytes *payload = &captured->answers[KNOWN_FULL];
    netipc_apps_lookup_view view;
    netipc_label_view label;
    assert_int_equal(netipc_apps_lookup_decode(payload->data, payload->length, &view), NETIPC_OK);
    assert_int_equal(view.generation, 200);
    assert_int_equal(view.item_count, 1);
    netipc_app_lookup_view item = item_of(&view, 0);
    assert_int_equal(item.status, NETIPC_APP_KNOWN);
    assert_int_equal(item.cgroup_status, NETIPC_APP_CGROUP_KNOWN);
    assert_int_equal(item.orchestrator, NETIPC_ORCHESTRATOR_DOCKER);
    assert_int_equal(item.pid, 1234);
    assert_int_equal(item.ppid, 1);
    assert_int_equal(item.uid, 1000);
    assert_int_equal(item.starttime, 123456);
    assert_string_equal(item.comm, "123456789012345");
    assert_string_equal(item.cgroup_path, "/docker/abc");
    assert_string_equal(item.cgroup_name, "container-a");
    assert_int_equal(item.label_count, 2);
    assert_int_equal(netipc_app_lookup_label(&item, 0, &label), NETIPC_OK);
    assert_string_equal(label.key, "image");
    assert_string_equal(label.value, "nginx:latest");
}

/* --- hostile bytes --- */

static netipc_status decode_request(const unsigned char *bytes, size_t length)
{
    netipc_apps_lookup_request_view view;
    netipc_status status = netipc_apps_lookup_request_decode(bytes, length, &view);
    if (status == NETIPC_OK)
        read_whole_request(&view);
    else
        assert_int_equal(view.item_count, 0);
    return status;
}

static netipc_status decode_answer(const unsigned char *bytes, size_t length)
{
    netipc_apps_lookup_view view;
    netipc_status status = netipc_apps_lookup_decode(bytes, length, &view);
    if (status == NETIPC_OK)
        free(rebuild_answer(&view).data);
    else
        assert_int_equal(view.item_count, 0);
    return status;
}

static void every_truncation_and_flipped_bit_is_refused_or_reads_safely(void **state)
{
    const struct captured *captured = *state;
    struct flipped flipped = {.accepted = 0};
    for (size_t i = 0; i < CAPTURES; i++) {
        const golden_bytes *payload = i < REQUESTS ? &captured->requests[i] : &captured->answers[i - REQUESTS];
        decoder *decode = i < REQUESTS ? decode_request : decode_answer;
        expect_no_beginning_is_accepted(decode, payload);
        flip_every_bit(decode, payload, &flipped);
    }
    assert_true(flipped.accepted > 0);
    assert_true(flipped.refused > 0);
}

/* The capture "apps_lookup_req": three pids at 40, 48 and 56. */
static const struct hostile hostile_requests[] = {
    {"the request has layout 2", {{0, 2, 2}}},
    {"the request has flags 0x1", {{2, 2, 1}}},
    {"reserved fields are 0x0 and 0x1", {{12, 4, 1}}},
    {"directory of 7 items does not fit", {{4, 4, 7}}},
    {"item 0 has 7 bytes, the least is 8", {{20, 4, 7}}},
    {"item 2 of 4294967295 bytes at 16 does not fit", {{36, 4, UINT32_MAX}}},
    {"item 0 has 9 bytes, a pid has 8", {{20, 4, 9}}},
    {"item 0 has 16 bytes, a pid has 8", {{20, 4, 16}}},
    {"item 0: its reserved field is 0x1", {{44, 4, 1}}},
    {"item 2: its reserved field is 0x80000000", {{60, 4, 0x80000000}}},
    {"item 1 begins at 0, the one before it ends at 8", {{24, 4, 0}}},
    {"item 1 begins at 4, not a multiple of 8", {{24, 4, 4}}},
    {"item 2 of 8 bytes at 24 does not fit", {{32, 4, 24}}},
};

/* The capture "apps_lookup_resp_known_full": one item, of 167 bytes, with comm, path and name at 60, 76 and 88. */
enum {
    ITEM = 24,
    STATUS = ITEM + 2,
    ORCHESTRATOR = ITEM + 4,
    CGROUP_STATUS = ITEM + 6,
    RESERVED = ITEM + 20,
    COMM = ITEM + 32,
    PATH = ITEM + 40,
    NAME = ITEM + 48,
    LABELS = ITEM + 56,
    RESERVED_2 = ITEM + 58,
    COMM_NUL = ITEM + 75,
    NAME_NUL = ITEM + 99,
    TABLE = ITEM + 104
};

static const struct hostile hostile_answers[] = {
    {"the answer has layout 0", {{0, 2, 0}}},
    {"item 0 has 59 bytes, the least is 60", {{20, 4, 59}}},
    {"item 0 has layout 2", {{ITEM, 2, 2}}},
    {"an unknown status", {{STATUS, 2, 4}}},
    {"an unknown status of its cgroup", {{CGROUP_STATUS, 2, 4}}},
    {"its reserved fields are 0x1 and 0x0", {{RESERVED, 4, 1}}},
    {"its reserved fields are 0x0 and 0x1", {{RESERVED_2, 2, 1}}},
    {"a comm of more than 15 bytes", {{COMM + 4, 4, 16}}},
    {"a process without a comm", {{COMM + 4, 4, 0}}},
    {"status 1 and 0: something about a process that is not known", {{STATUS, 2, 1}}},
    {"status 2 and 0: something about a process that is not known", {{STATUS, 2, 2}}},
    {"status 3 and 0: something about a process that is not known", {{STATUS, 2, 3}}},
    {"a cgroup without a path", {{PATH + 4, 4, 0}}},
    {"orchestrator, name or labels of a cgroup that is unknown", {{CGROUP_STATUS, 2, 1}}},
    {"orchestrator, name or labels of a cgroup that is unknown",
     {{CGROUP_STATUS, 2, 1}, {ORCHESTRATOR, 2, 0}, {LABELS, 2, 0}}},
    {"orchestrator, name or labels of a cgroup that is unknown", {{CGROUP_STATUS, 2, 2}}},
    {"no path of a cgroup that is unknown for good", {{CGROUP_STATUS, 2, 2}, {PATH + 4, 4, 0}}},
    {"something about the root cgroup", {{CGROUP_STATUS, 2, 3}}},
    {"something about the root cgroup",
     {{CGROUP_STATUS, 2, 3}, {ORCHESTRATOR, 2, 0}, {LABELS, 2, 0}, {NAME + 4, 4, 0}}},
    {"the comm begins at 59, in front of 60", {{COMM, 4, 59}}},
    {"the cgroup path of 11 bytes at 4294967295 does not fit", {{PATH, 4, UINT32_MAX}}},
    {"the cgroup name of 4294967295 bytes at 88 does not fit", {{NAME + 4, 4, UINT32_MAX}}},
    {"the comm has no NUL behind its 15 bytes", {{COMM_NUL, 1, 'x'}}},
    {"the cgroup name has no NUL behind its 11 bytes", {{NAME_NUL, 1, 'x'}}},
    {"its comm and cgroup path overlap", {{PATH, 4, 74}, {PATH + 4, 4, 1}}},
    {"its cgroup path and cgroup name overlap", {{NAME, 4, 87}, {NAME + 4, 4, 0}}},
    {"its comm and cgroup name overlap", {{NAME, 4, 60}, {NAME + 4, 4, 15}}},
    {"the padding around its strings", {{NAME, 4, 99}, {NAME + 4, 4, 0}}},
    {"the padding in front of its labels", {{ITEM + 100, 1, 1}}},
    {"the table of 5 labels at 104 does not fit", {{LABELS, 2, 5}}},
    {"an empty label key", {{TABLE + 4, 4, 0}}},
    {"the label key begins at 135, in front of 136", {{TABLE, 4, 135}}},
};

static void each_broken_rule_is_refused_with_its_place(void **state)
{
    const struct captured *captured = *state;
    expect_refusals(decode_request, &captured->requests[0], hostile_requests,
                    sizeof hostile_requests / sizeof *hostile_requests);
    expect_refusals(decode_answer, &captured->answers[KNOWN_FULL], hostile_answers,
                    sizeof hostile_answers / sizeof *hostile_answers);
}

/* --- built --- */

static const uint32_t pids[] = {1, 0, UINT32_MAX, 77, 1};

static netipc_app_lookup_answer answer_for(uint32_t i)
{
    static const netipc_label labels[] = {{"image", "nginx"}, {"empty", ""}};
    const netipc_app_lookup_answer answers[] = {
        {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET},
        {.ppid = 1,
         .uid = 7,
         .starttime = UINT64_MAX,
         .comm = "c",
         .cgroup_path = "/a/path",
         .cgroup_name = "name",
         .labels = labels,
         .label_count = 2,
         .orchestrator = 65535},
        {.comm = "123456789012345", .cgroup_status = NETIPC_APP_CGROUP_HOST_ROOT},
        {.comm = "later", .cgroup_status = NETIPC_APP_CGROUP_UNKNOWN_NOW},
        {.comm = "never", .cgroup_status = NETIPC_APP_CGROUP_UNKNOWN_FOR_GOOD, .cgroup_path = "/gone"},
    };
    return answers[i];
}

static size_t build_five(netipc_apps_lookup_builder *builder, const netipc_apps_lookup_request_view *request,
                         uint64_t budget)
{
    assert_int_equal(netipc_apps_lookup_builder_begin(builder, request, 3, budget, budget), NETIPC_OK);
    for (uint32_t i = 0; i < 5; i++) {
        const netipc_app_lookup_answer answer = answer_for(i);
        assert_int_equal(netipc_apps_lookup_builder_add(builder, &answer), NETIPC_OK);
    }
    assert_int_equal(netipc_apps_lookup_builder_open_count(builder), 0);
    return netipc_apps_lookup_builder_length(builder);
}

static void every_budget_is_used_and_kept_to(void **state)
{
    (void)state;
    netipc_apps_lookup_builder *builder;
    netipc_apps_lookup_request_view request;
    golden_bytes asked = request_for(pids, 5);
    assert_int_equal(netipc_apps_lookup_request_decode(asked.data, asked.length, &request), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_new(&builder), NETIPC_OK);
    size_t whole = build_five(builder, &request, UINT32_MAX), least = 16 + 5 * 8 + 4 * 64 + 63;
    assert_int_equal(netipc_apps_lookup_builder_begin(builder, &request, 3, least - 1, least - 1),
                     NETIPC_LIMIT_EXCEEDED);
    uint32_t before = 0;
    for (size_t budget = least; budget <= whole; budget++) {
        netipc_apps_lookup_view view;
        size_t length = build_five(builder, &request, budget);
        golden_bytes bytes = written(builder);
        uint32_t answered = 0;
        assert_true(length <= budget);
        assert_int_equal(netipc_apps_lookup_decode(bytes.data, bytes.length, &view), NETIPC_OK);
        for (uint32_t i = 0; i < 5; i++) {
            netipc_app_lookup_view item = item_of(&view, i);
            assert_int_equal(item.pid, pids[i]);
            if (item.status == NETIPC_APP_EXCEEDED)
                continue;
            assert_int_equal(i, answered++);
            assert_int_equal(item.status, i == 0 ? NETIPC_APP_UNKNOWN : NETIPC_APP_KNOWN);
        }
        assert_true(answered >= before);
        if (answered > before && before > 0)
            assert_int_equal(length, budget); /* no byte too early */
        before = answered;
        free(bytes.data);
    }
    assert_int_equal(before, 5);
    netipc_apps_lookup_builder_free(builder);
    netipc_apps_lookup_builder_free(NULL);
    free(asked.data);
}

static void what_no_answer_has_room_for_is_oversized_or_asks_for_a_larger_session(void **state)
{
    (void)state;
    static char name[1001];
    netipc_apps_lookup_builder *builder;
    netipc_apps_lookup_request_view request;
    netipc_apps_lookup_view view;
    golden_bytes asked = request_for(pids, 2);
    memset(name, 'n', sizeof name - 1);
    const netipc_app_lookup_answer large = {.comm = "c", .cgroup_path = "/p", .cgroup_name = name};
    const netipc_app_lookup_answer small = answer_for(3);
    const size_t alone = 16 + 8 + 63 + 1 + 2 + sizeof name - 1;
    assert_int_equal(netipc_apps_lookup_request_decode(asked.data, asked.length, &request), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_begin(builder, &request, 1, alone - 1, alone - 1), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_add(builder, &large), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_add(builder, &small), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_add(builder, &small), NETIPC_WRONG_STATE);
    golden_bytes bytes = written(builder);
    assert_int_equal(netipc_apps_lookup_decode(bytes.data, bytes.length, &view), NETIPC_OK);
    assert_int_equal(item_of(&view, 0).status, NETIPC_APP_OVERSIZED);
    assert_int_equal(item_of(&view, 1).status, NETIPC_APP_KNOWN);
    free(bytes.data);
    assert_int_equal(netipc_apps_lookup_builder_begin(builder, &request, 1, 500, alone), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_add(builder, &large), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(netipc_apps_lookup_builder_open_count(builder), 2);
    netipc_apps_lookup_builder_free(builder);
    free(asked.data);
}

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const netipc_label empty_key[] = {{"", "v"}};
    static const netipc_app_lookup_answer wrong[] = {
        {.status = 4},
        {.status = UINT32_MAX},
        {.status = NETIPC_APP_UNKNOWN}, /* uid 0 is somebody's */
        {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET, .ppid = 1},
        {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET, .starttime = 1},
        {.status = NETIPC_APP_OVERSIZED, .uid = NETIPC_UID_UNSET, .comm = "c"},
        {.cgroup_path = "/p"},
        {.comm = "1234567890123456", .cgroup_path = "/p"},
        {.comm = "c"},
        {.comm = "c", .cgroup_status = 4},
        {.comm = "c", .cgroup_status = NETIPC_APP_CGROUP_UNKNOWN_FOR_GOOD},
        {.comm = "c", .cgroup_status = NETIPC_APP_CGROUP_HOST_ROOT, .cgroup_path = "/"},
        {.comm = "c", .cgroup_status = NETIPC_APP_CGROUP_UNKNOWN_NOW, .cgroup_name = "n"},
        {.comm = "c", .cgroup_path = "/p", .orchestrator = 65536},
        {.comm = "c", .cgroup_path = "/p", .labels = empty_key, .label_count = 1},
        {.comm = "c", .cgroup_path = "/p", .label_count = 65536},
    };
    netipc_apps_lookup_builder *builder;
    netipc_apps_lookup_request_view request;
    golden_bytes asked = request_for(pids, 5);
    assert_int_equal(netipc_apps_lookup_request_decode(asked.data, asked.length, &request), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_builder_begin(builder, &request, 1, 10000, 10000), NETIPC_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (netipc_apps_lookup_builder_add(builder, &wrong[i]) != NETIPC_INVALID_ARGUMENT)
            fail_msg("answer %zu is taken", i);
        assert_string_not_equal(netipc_status_detail(), "");
        assert_int_equal(netipc_apps_lookup_builder_open_count(builder), 5);
    }
    netipc_apps_lookup_builder_free(builder);
    free(asked.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_captured_payload_is_read_and_rebuilt_byte_for_byte),
        cmocka_unit_test(a_view_gives_what_was_captured),
        cmocka_unit_test(every_truncation_and_flipped_bit_is_refused_or_reads_safely),
        cmocka_unit_test(each_broken_rule_is_refused_with_its_place),
        cmocka_unit_test(every_budget_is_used_and_kept_to),
        cmocka_unit_test(what_no_answer_has_room_for_is_oversized_or_asks_for_a_larger_session),
        cmocka_unit_test(what_contradicts_itself_is_refused),
    };
    return cmocka_run_group_tests(tests, load_captures, free_captures);
}
