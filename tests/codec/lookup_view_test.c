/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads of cgroups-lookup, captured and hostile, as they are read. */
#include "tests/codec/hostile.h"
#include "tests/codec/lookups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int load_captures(void **state)
{
    static captured_lookups captured;
    load_captured_lookups(&captured);
    *state = &captured;
    return 0;
}

static int free_captures(void **state)
{
    free_captured_lookups(*state);
    return 0;
}

static void every_captured_request_is_read_and_rebuilt_byte_for_byte(void **state)
{
    const captured_lookups *captured = *state;
    for (size_t i = 0; i < CAPTURED_LOOKUP_REQUESTS; i++) {
        const golden_bytes *payload = &captured->requests[i];
        netipc_cgroups_lookup_request_view view;
        assert_int_equal(netipc_cgroups_lookup_request_decode(payload->data, payload->length, &view), NETIPC_OK);
        read_whole_request(&view);
        golden_bytes rebuilt = rebuild_request(&view);
        assert_int_equal(rebuilt.length, payload->length);
        assert_memory_equal(rebuilt.data, payload->data, payload->length);
        free(rebuilt.data);
    }
}

static void every_captured_answer_is_read_and_rebuilt_byte_for_byte(void **state)
{
    const captured_lookups *captured = *state;
    for (size_t i = 0; i < CAPTURED_LOOKUP_ANSWERS; i++) {
        const golden_bytes *payload = &captured->answers[i];
        netipc_cgroups_lookup_view view;
        assert_int_equal(netipc_cgroups_lookup_decode(payload->data, payload->length, &view), NETIPC_OK);
        read_whole_answer(&view);
        golden_bytes rebuilt = rebuild_answer(&view);
        assert_int_equal(rebuilt.length, payload->length);
        assert_memory_equal(rebuilt.data, payload->data, payload->length);
        free(rebuilt.data);
    }
}

static void views_give_what_was_captured(void **state)
{
    static const struct {
        uint32_t status, orchestrator, labels;
        const char *path, *name;
    } expected[] = {
        {NETIPC_CGROUP_KNOWN, NETIPC_ORCHESTRATOR_K8S, 1, "/known", "pod-a"},
        {NETIPC_CGROUP_UNKNOWN_NOW, 0, 0, "/retry", ""},
        {NETIPC_CGROUP_UNKNOWN_FOR_GOOD, 0, 0, "/permanent", ""},
        {NETIPC_CGROUP_OVERSIZED, 0, 0, "/oversized", ""},
        {NETIPC_CGROUP_KNOWN, NETIPC_ORCHESTRATOR_DOCKER, 0, "/known2", "pod-b"},
    };
    const captured_lookups *captured = *state;
    const golden_bytes *payload = &captured->answers[LOOKUP_SESSION];
    netipc_cgroups_lookup_view view;
    netipc_cgroup_lookup_view item;
    netipc_label_view label;
    assert_int_equal(netipc_cgroups_lookup_decode(payload->data, payload->length, &view), NETIPC_OK);
    assert_int_equal(view.generation, 17);
    assert_int_equal(view.item_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(netipc_cgroups_lookup_item(&view, i, &item), NETIPC_OK);
        assert_int_equal(item.status, expected[i].status);
        assert_int_equal(item.orchestrator, expected[i].orchestrator);
        assert_int_equal(item.label_count, expected[i].labels);
        assert_string_equal(item.path, expected[i].path);
        assert_string_equal(item.name, expected[i].name);
    }
    assert_int_equal(netipc_cgroups_lookup_item(&view, 0, &item), NETIPC_OK);
    assert_int_equal(netipc_cgroup_lookup_label(&item, 0, &label), NETIPC_OK);
    assert_string_equal(label.key, "role");
    assert_string_equal(label.value, "db");
}

/* --- hostile bytes --- */

static netipc_status decode_request(const unsigned char *bytes, size_t length)
{
    netipc_cgroups_lookup_request_view view;
    netipc_status status = netipc_cgroups_lookup_request_decode(bytes, length, &view);
    if (status == NETIPC_OK)
        read_whole_request(&view);
    else
        assert_int_equal(view.item_count, 0);
    return status;
}

static netipc_status decode_answer(const unsigned char *bytes, size_t length)
{
    netipc_cgroups_lookup_view view;
    netipc_status status = netipc_cgroups_lookup_decode(bytes, length, &view);
    if (status == NETIPC_OK) {
        read_whole_answer(&view);
        free(rebuild_answer(&view).data);
    } else {
        assert_int_equal(view.item_count, 0);
    }
    return status;
}

/* All captured payloads, one after another: requests first. */
static const golden_bytes *capture(const captured_lookups *captured, size_t index, decoder **decode)
{
    bool request = index < CAPTURED_LOOKUP_REQUESTS;
    *decode = request ? decode_request : decode_answer;
    return request ? &captured->requests[index] : &captured->answers[index - CAPTURED_LOOKUP_REQUESTS];
}

enum { CAPTURES = CAPTURED_LOOKUP_REQUESTS + CAPTURED_LOOKUP_ANSWERS };

static void every_truncation_is_refused(void **state)
{
    decoder *decode;
    for (size_t i = 0; i < CAPTURES; i++) {
        const golden_bytes *payload = capture(*state, i, &decode);
        expect_no_beginning_is_accepted(decode, payload);
    }
}

static void every_single_bit_flip_is_refused_or_reads_safely(void **state)
{
    struct flipped flipped = {.accepted = 0};
    decoder *decode;
    for (size_t i = 0; i < CAPTURES; i++) {
        const golden_bytes *payload = capture(*state, i, &decode);
        flip_every_bit(decode, payload, &flipped);
    }
    assert_true(flipped.accepted > 0); /* letters, generations, orchestrators */
    assert_true(flipped.refused > 0);
}

static void bytes_need_no_alignment(void **state)
{
    decoder *decode;
    for (size_t i = 0; i < CAPTURES; i++) {
        const golden_bytes *payload = capture(*state, i, &decode);
        for (size_t shift = 1; shift < 8; shift++) {
            unsigned char *shifted = malloc(payload->length + shift);
            assert_non_null(shifted);
            memcpy(shifted + shift, payload->data, payload->length);
            assert_int_equal(decode(shifted + shift, payload->length), NETIPC_OK);
            free(shifted);
        }
    }
}

/* The capture "cgroups_lookup_req": paths of 16 and 30 bytes. */
enum {
    KEY_0 = 32,
    KEY_0_NUL = KEY_0 + 16,
    KEY_PADDING = KEY_0_NUL + 1,
    KEY_1_NUL = 86,
};

static const struct hostile hostile_requests[] = {
    {"the request has layout 2", {{0, 2, 2}}},
    {"the request has layout 0", {{0, 2, 0}}},
    {"the request has flags 0x8000", {{2, 2, 0x8000}}},
    {"reserved fields are 0x1 and 0x0", {{8, 4, 1}}},
    {"reserved fields are 0x0 and 0x80000000", {{12, 4, 0x80000000}}},
    {"directory of 9 items does not fit", {{4, 4, 9}}},
    {"directory of 536870912 items does not fit", {{4, 4, 0x20000000}}}, /* x 8 = 2^32 */
    {"directory of 4294967295 items does not fit", {{4, 4, UINT32_MAX}}},
    {"item 0 begins at 4, not a multiple of 8", {{16, 4, 4}}},
    {"item 0 has 1 bytes, the least is 2", {{20, 4, 1}}},
    {"item 0 has 0 bytes", {{20, 4, 0}}},
    {"item 1 of 31 bytes at 32 does not fit", {{24, 4, 32}}},
    {"item 1 of 31 bytes at 4294967288 does not fit", {{24, 4, 0xfffffff8}}},
    {"item 1 of 32 bytes at 24 does not fit", {{28, 4, 32}}},
    {"item 1 of 4294967295 bytes at 24 does not fit", {{28, 4, UINT32_MAX}}},
    {"item 0: the path has no NUL behind its 16 bytes", {{KEY_0_NUL, 1, 'x'}}},
    {"item 0: the path has no NUL behind its 15 bytes", {{20, 4, 16}}},
    {"item 0: the path has a NUL at byte 16 of 17", {{20, 4, 18}}},
    {"item 0: the path has a NUL at byte 0 of 16", {{KEY_0, 1, 0}}},
    {"item 0: the path has a NUL at byte 15 of 16", {{KEY_0_NUL - 1, 1, 0}}},
    {"item 1: the path has no NUL behind its 30 bytes", {{KEY_1_NUL, 1, 'x'}}},
    {"item 1 begins at 0, the one before it ends at 17", {{24, 4, 0}, {28, 4, 17}}},
    {"the padding in front of item 1", {{KEY_PADDING, 1, 1}}},
    {"the padding in front of item 0", {{16, 4, 24}, {20, 4, 31}, {24, 4, 0}, {28, 4, 17}}},
};

/* The capture "cgroups_lookup_resp_known_with_labels": one item, of 114 bytes. */
enum {
    ITEM = 24,
    ITEM_STATUS = ITEM + 2,
    ITEM_RESERVED = ITEM + 6,
    PATH_OFFSET = ITEM + 8,  /* 28 */
    PATH_LENGTH = ITEM + 12, /* 21 */
    NAME_OFFSET = ITEM + 16, /* 50 */
    NAME_LENGTH = ITEM + 20, /* 5 */
    LABEL_COUNT = ITEM + 24, /* 2 */
    ITEM_RESERVED_2 = ITEM + 26,
    PATH = ITEM + 28,
    PATH_NUL = PATH + 21,
    NAME = ITEM + 50,
    NAME_NUL = NAME + 5,
    LABEL_0 = ITEM + 56,    /* 88, 9; 98, 7 */
    LABEL_1 = LABEL_0 + 16, /* 106, 3; 110, 3 */
    KEY_NUL = ITEM + 97,
    VALUE_0 = ITEM + 98,
    VALUE_0_NUL = ITEM + 105,
    VALUE_1_NUL = ITEM + 113,
};

static const struct hostile hostile_answers[] = {
    {"the answer has layout 2", {{0, 2, 2}}},
    {"the answer has flags 0x1", {{2, 2, 1}}},
    {"directory of 16 items does not fit", {{4, 4, 16}}},
    {"directory of 536870913 items does not fit", {{4, 4, 0x20000001}}},
    {"item 0 has 27 bytes, the least is 28", {{20, 4, 27}}},
    {"item 0 of 115 bytes at 0 does not fit", {{20, 4, 115}}},
    {"item 0 of 114 bytes at 8 does not fit", {{16, 4, 8}}},
    {"item 0 begins at 1, not a multiple of 8", {{16, 4, 1}}},
    {"item 0 has layout 0", {{ITEM, 2, 0}}},
    {"item 0 has status 5, 4 is the last", {{ITEM_STATUS, 2, 5}}},
    {"item 0 has status 65535", {{ITEM_STATUS, 2, 0xffff}}},
    {"item 0 has status 1, and orchestrator 3", {{ITEM_STATUS, 2, 1}}},
    {"item 0 has status 2, and orchestrator 3", {{ITEM_STATUS, 2, 2}, {NAME_LENGTH, 4, 0}, {LABEL_COUNT, 2, 0}}},
    {"item 0 has status 3, and orchestrator 0, a name of 5 bytes and 0 labels",
     {{ITEM_STATUS, 2, 3}, {ITEM + 4, 2, 0}, {LABEL_COUNT, 2, 0}}},
    {"item 0 has status 4, and orchestrator 0, a name of 0 bytes and 2 labels",
     {{ITEM_STATUS, 2, 4}, {ITEM + 4, 2, 0}, {NAME_LENGTH, 4, 0}}},
    {"its reserved fields are 0x1 and 0x0", {{ITEM_RESERVED, 2, 1}}},
    {"its reserved fields are 0x0 and 0x8000", {{ITEM_RESERVED_2, 2, 0x8000}}},
    {"item 0: an empty path", {{PATH_LENGTH, 4, 0}}},
    {"item 0: the path begins at 27, in front of 28", {{PATH_OFFSET, 4, 27}}},
    {"item 0: the name begins at 0, in front of 28", {{NAME_OFFSET, 4, 0}}},
    {"item 0: the path of 21 bytes at 4294967295 does not fit", {{PATH_OFFSET, 4, UINT32_MAX}}},
    {"item 0: the path of 4294967295 bytes at 28 does not fit", {{PATH_LENGTH, 4, UINT32_MAX}}},
    {"item 0: the name of 64 bytes at 50 does not fit", {{NAME_LENGTH, 4, 64}}},
    {"item 0: the path has no NUL behind its 21 bytes", {{PATH_NUL, 1, 'x'}}},
    {"item 0: the path has a NUL at byte 3 of 21", {{PATH + 3, 1, 0}}},
    {"item 0: the path has a NUL at byte 21 of 27", {{PATH_LENGTH, 4, 27}}},
    {"item 0: the name has no NUL behind its 5 bytes", {{NAME_NUL, 1, 'x'}}},
    {"item 0: the name has a NUL at byte 0 of 5", {{NAME, 1, 0}}},
    {"item 0: its path and name overlap", {{NAME_OFFSET, 4, 28}, {NAME_LENGTH, 4, 21}}},
    {"item 0: its path and name overlap", {{NAME_OFFSET, 4, 49}, {NAME_LENGTH, 4, 0}}},
    {"item 0: its path and name overlap", {{NAME_OFFSET, 4, 44}}},
    {"item 0: the padding around its strings", {{NAME_OFFSET, 4, 55}, {NAME_LENGTH, 4, 0}}},
    {"item 0: the table of 4 labels at 56 does not fit", {{LABEL_COUNT, 2, 4}}},
    {"item 0: the table of 65535 labels at 56 does not fit", {{LABEL_COUNT, 2, 0xffff}}},
    {"item 0: the padding around its strings", {{LABEL_COUNT, 2, 0}}},              /* the table is none */
    {"item 0: the label key begins at 88, in front of 104", {{LABEL_COUNT, 2, 3}}}, /* its third is a string's bytes */
    {"item 0: an empty label key", {{LABEL_0 + 4, 4, 0}}},
    {"item 0: an empty label key", {{LABEL_1 + 4, 4, 0}}},
    {"item 0: the label key begins at 87, in front of 88", {{LABEL_0, 4, 87}}},
    {"item 0: the label key begins at 28, in front of 88", {{LABEL_0, 4, 28}, {LABEL_0 + 4, 4, 21}}},
    {"item 0: the label key of 9 bytes at 4294967295 does not fit", {{LABEL_0, 4, UINT32_MAX}}},
    {"item 0: the label key of 4294967295 bytes at 88 does not fit", {{LABEL_0 + 4, 4, UINT32_MAX}}},
    {"item 0: the label key has no NUL behind its 8 bytes", {{LABEL_0 + 4, 4, 8}}},
    {"item 0: the label key has a NUL at byte 9 of 10", {{LABEL_0 + 4, 4, 10}}},
    {"item 0: the label key has no NUL behind its 9 bytes", {{KEY_NUL, 1, 'x'}}},
    {"item 0: the label value begins at 97, in front of 98", {{LABEL_0 + 8, 4, 97}, {LABEL_0 + 12, 4, 0}}},
    {"item 0: the label value of 7 bytes at 4294967289 does not fit", {{LABEL_0 + 8, 4, 0xfffffff9}}},
    {"item 0: the label value of 16 bytes at 98 does not fit", {{LABEL_0 + 12, 4, 16}}},
    {"item 0: the label value has no NUL behind its 7 bytes", {{VALUE_0_NUL, 1, 'x'}}},
    {"item 0: the label value has a NUL at byte 0 of 7", {{VALUE_0, 1, 0}}},
    {"item 0: the label value has no NUL behind its 3 bytes", {{VALUE_1_NUL, 1, 1}}},
    {"item 0: the label key begins at 88, in front of 106", {{LABEL_1, 4, 88}, {LABEL_1 + 4, 4, 9}}},
    {"item 0: the padding around its labels", {{LABEL_0, 4, 90}, {LABEL_0 + 4, 4, 7}}},
    {"item 0: the padding around its labels", {{LABEL_0 + 8, 4, 100}, {LABEL_0 + 12, 4, 5}}},
    {"item 0: the padding around its labels", {{LABEL_COUNT, 2, 1}}}, /* what was the second is none */
    {"item 0: the padding around its strings", {{LABEL_1 + 12, 4, 2}, {VALUE_1_NUL - 1, 1, 0}, {VALUE_1_NUL, 1, 'x'}}},
};

/* The captured session's answer: five items, at 56, 128, 168, 208 and 248. */
static const struct hostile hostile_sessions[] = {
    {"the padding in front of its labels", {{97, 1, 1}}},
    {"the padding in front of its labels", {{103, 1, 0x80}}},
    {"the padding in front of item 2", {{164, 1, 1}}},
    {"item 1 begins at 0, the one before it ends at 72", {{24, 4, 0}, {28, 4, 72}}},
    {"item 2 begins at 72, the one before it ends at 108", {{32, 4, 72}, {36, 4, 36}}},
};

static void each_broken_rule_of_a_request_is_refused_with_its_place(void **state)
{
    const captured_lookups *captured = *state;
    expect_refusals(decode_request, &captured->requests[0], hostile_requests,
                    sizeof hostile_requests / sizeof *hostile_requests);
}

static void each_broken_rule_of_an_answer_is_refused_with_its_place(void **state)
{
    const captured_lookups *captured = *state;
    expect_refusals(decode_answer, &captured->answers[LOOKUP_KNOWN_WITH_LABELS], hostile_answers,
                    sizeof hostile_answers / sizeof *hostile_answers);
    expect_refusals(decode_answer, &captured->answers[LOOKUP_SESSION], hostile_sessions,
                    sizeof hostile_sessions / sizeof *hostile_sessions);
}

static void bytes_behind_the_last_item_must_be_zero(void **state)
{
    decoder *decode;
    for (size_t i = 0; i < CAPTURES; i++) {
        const golden_bytes *payload = capture(*state, i, &decode);
        expect_zeros_behind(decode, payload);
    }
}

static void every_generation_and_orchestrator_is_passed_through(void **state)
{
    const captured_lookups *captured = *state;
    const golden_bytes *payload = &captured->answers[LOOKUP_KNOWN_WITH_LABELS];
    static const uint64_t generations[] = {0, 1, UINT64_MAX};
    static const uint16_t orchestrators[] = {0, 8, 0xffff};
    unsigned char *bytes = malloc(payload->length);
    assert_non_null(bytes);
    memcpy(bytes, payload->data, payload->length);
    for (size_t i = 0; i < 3; i++) {
        netipc_cgroups_lookup_view view;
        netipc_cgroup_lookup_view item;
        memcpy(bytes + 8, &generations[i], sizeof generations[i]);
        memcpy(bytes + ITEM + 4, &orchestrators[i], sizeof orchestrators[i]);
        assert_int_equal(netipc_cgroups_lookup_decode(bytes, payload->length, &view), NETIPC_OK);
        assert_int_equal(view.generation, generations[i]);
        assert_int_equal(netipc_cgroups_lookup_item(&view, 0, &item), NETIPC_OK);
        assert_int_equal(item.orchestrator, orchestrators[i]);
    }
    free(bytes);
}

static void no_bytes_are_a_refusal(void **state)
{
    (void)state;
    netipc_cgroups_lookup_request_view request;
    netipc_cgroups_lookup_view view;
    assert_int_equal(netipc_cgroups_lookup_request_decode(NULL, 0, &request), NETIPC_CORRUPT);
    assert_non_null(strstr(netipc_status_detail(), "request of 0 bytes"));
    assert_int_equal(netipc_cgroups_lookup_decode(NULL, 0, &view), NETIPC_CORRUPT);
    assert_non_null(strstr(netipc_status_detail(), "answer of 0 bytes"));
}

static void items_whose_bytes_changed_after_decode_are_refused(void **state)
{
    static const struct change changes[] = {{16, 4, 0xfffffff8},
                                            {20, 4, UINT32_MAX},
                                            {ITEM_STATUS, 2, 9},
                                            {NAME_LENGTH, 4, UINT32_MAX},
                                            {PATH_NUL, 1, 'x'}};
    const captured_lookups *captured = *state;
    const golden_bytes *payload = &captured->answers[LOOKUP_KNOWN_WITH_LABELS];
    unsigned char *bytes = malloc(payload->length);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        netipc_cgroups_lookup_view view;
        netipc_cgroup_lookup_view item = {.status = 77};
        memcpy(bytes, payload->data, payload->length);
        assert_int_equal(netipc_cgroups_lookup_decode(bytes, payload->length, &view), NETIPC_OK);
        change_bytes(bytes, &changes[i]);
        assert_int_equal(netipc_cgroups_lookup_item(&view, 0, &item), NETIPC_CORRUPT);
        assert_int_equal(item.status, 77);
    }
    free(bytes);
}

static void labels_and_copies_whose_bytes_changed_are_refused(void **state)
{
    static const struct change changes[] = {
        {LABEL_1, 4, 0}, {LABEL_1 + 4, 4, UINT32_MAX}, {LABEL_1 + 8, 4, UINT32_MAX}, {VALUE_1_NUL, 1, 'x'}};
    const captured_lookups *captured = *state;
    const golden_bytes *payload = &captured->answers[LOOKUP_KNOWN_WITH_LABELS];
    unsigned char *bytes = malloc(payload->length);
    netipc_cgroups_lookup_view view;
    netipc_cgroup_lookup_view item;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        netipc_label_view label = {.key_length = 77};
        netipc_cgroup_lookup_copy *copy = (void *)bytes;
        memcpy(bytes, payload->data, payload->length);
        assert_int_equal(netipc_cgroups_lookup_decode(bytes, payload->length, &view), NETIPC_OK);
        assert_int_equal(netipc_cgroups_lookup_item(&view, 0, &item), NETIPC_OK);
        change_bytes(bytes, &changes[i]);
        assert_int_equal(netipc_cgroup_lookup_label(&item, 0, &label), NETIPC_OK);
        assert_string_equal(label.key, "namespace");
        label.key_length = 77;
        assert_int_equal(netipc_cgroup_lookup_label(&item, 1, &label), NETIPC_CORRUPT);
        assert_int_equal(label.key_length, 77);
        assert_int_equal(netipc_cgroup_lookup_copy_of(&item, &copy), NETIPC_CORRUPT);
        assert_null(copy);
    }
    static const size_t nuls[] = {PATH_NUL, NAME_NUL};
    for (size_t i = 0; i < 2; i++) {
        netipc_cgroup_lookup_copy *copy = (void *)bytes;
        memcpy(bytes, payload->data, payload->length);
        bytes[nuls[i]] = 'x';
        assert_int_equal(netipc_cgroup_lookup_copy_of(&item, &copy), NETIPC_CORRUPT);
        assert_null(copy);
    }
    free(bytes);
}

static void a_copy_outlives_the_bytes(void **state)
{
    const captured_lookups *captured = *state;
    const golden_bytes *payload = &captured->answers[LOOKUP_KNOWN_WITH_LABELS];
    unsigned char *bytes = malloc(payload->length);
    netipc_cgroups_lookup_view view;
    netipc_cgroup_lookup_view item;
    netipc_cgroup_lookup_copy *copy;
    assert_non_null(bytes);
    memcpy(bytes, payload->data, payload->length);
    assert_int_equal(netipc_cgroups_lookup_decode(bytes, payload->length, &view), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_item(&view, 0, &item), NETIPC_OK);
    assert_int_equal(netipc_cgroup_lookup_copy_of(&item, &copy), NETIPC_OK);
    free(bytes);
    assert_int_equal(copy->status, NETIPC_CGROUP_KNOWN);
    assert_int_equal(copy->orchestrator, NETIPC_ORCHESTRATOR_K8S);
    assert_string_equal(copy->path, "/kubepods.slice/pod-a");
    assert_string_equal(copy->name, "pod-a");
    assert_int_equal(copy->label_count, 2);
    assert_string_equal(copy->labels[0].key, "namespace");
    assert_string_equal(copy->labels[0].value, "default");
    assert_string_equal(copy->labels[1].key, "pod");
    assert_string_equal(copy->labels[1].value, "web");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_captured_request_is_read_and_rebuilt_byte_for_byte),
        cmocka_unit_test(every_captured_answer_is_read_and_rebuilt_byte_for_byte),
        cmocka_unit_test(views_give_what_was_captured),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_single_bit_flip_is_refused_or_reads_safely),
        cmocka_unit_test(bytes_need_no_alignment),
        cmocka_unit_test(each_broken_rule_of_a_request_is_refused_with_its_place),
        cmocka_unit_test(each_broken_rule_of_an_answer_is_refused_with_its_place),
        cmocka_unit_test(bytes_behind_the_last_item_must_be_zero),
        cmocka_unit_test(every_generation_and_orchestrator_is_passed_through),
        cmocka_unit_test(no_bytes_are_a_refusal),
        cmocka_unit_test(items_whose_bytes_changed_after_decode_are_refused),
        cmocka_unit_test(labels_and_copies_whose_bytes_changed_are_refused),
        cmocka_unit_test(a_copy_outlives_the_bytes),
    };
    return cmocka_run_group_tests(tests, load_captures, free_captures);
}
