/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/hostile.h"
#include "tests/codec/snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int load_captures(void **state)
{
    static captured_snapshots captured;
    load_captured_snapshots(&captured);
    *state = &captured;
    return 0;
}

static int free_captures(void **state)
{
    free_captured_snapshots(*state);
    return 0;
}

static void every_captured_snapshot_decodes_and_is_rebuilt_byte_for_byte(void **state)
{
    const captured_snapshots *captured = *state;
    for (size_t i = 0; i < CAPTURED_SNAPSHOTS; i++) {
        const golden_bytes *payload = &captured->payloads[i];
        netipc_cgroups_snapshot_view view;
        assert_int_equal(netipc_cgroups_snapshot_decode(payload->data, payload->length, &view), NETIPC_OK);
        read_whole_snapshot(&view);
        golden_bytes rebuilt = rebuild_snapshot(&view);
        assert_int_equal(rebuilt.length, payload->length);
        assert_memory_equal(rebuilt.data, payload->data, payload->length);
        free(rebuilt.data);
    }
}

static void a_view_gives_what_was_captured(void **state)
{
    const captured_snapshots *captured = *state;
    netipc_cgroups_snapshot_view view;
    netipc_cgroup_view item;
    assert_int_equal(netipc_cgroups_snapshot_decode(captured->payloads[0].data, captured->payloads[0].length, &view),
                     NETIPC_OK);
    assert_int_equal(view.generation, 999);
    assert_int_equal(view.systemd_enabled, 1);
    assert_int_equal(view.item_count, 3);
    assert_int_equal(netipc_cgroups_snapshot_item(&view, 1, &item), NETIPC_OK);
    assert_int_equal(item.hash, 200);
    assert_int_equal(item.options, NETIPC_CGROUP_SERVICE);
    assert_int_equal(item.enabled, 0);
    assert_string_equal(item.name, "system.slice/docker-abc.scope");
    assert_string_equal(item.path, "/sys/fs/cgroup/system.slice/docker-abc.scope");
    assert_int_equal(netipc_cgroups_snapshot_item(&view, 2, &item), NETIPC_OK);
    assert_string_equal(item.name, "");
    assert_string_equal(item.path, "");

    assert_int_equal(netipc_cgroups_snapshot_decode(captured->payloads[1].data, captured->payloads[1].length, &view),
                     NETIPC_OK);
    assert_int_equal(view.generation, 42);
    assert_int_equal(view.item_count, 0);
}

static netipc_status decode(const unsigned char *bytes, size_t length)
{
    netipc_cgroups_snapshot_view view;
    netipc_status status = netipc_cgroups_snapshot_decode(bytes, length, &view);
    if (status == NETIPC_OK) {
        read_whole_snapshot(&view);
        free(rebuild_snapshot(&view).data);
    } else {
        assert_int_equal(view.item_count, 0);
    }
    return status;
}

static void every_truncation_is_refused(void **state)
{
    const captured_snapshots *captured = *state;
    for (size_t i = 0; i < CAPTURED_SNAPSHOTS; i++)
        expect_no_beginning_is_accepted(decode, &captured->payloads[i]);
}

static void every_single_bit_flip_is_refused_or_reads_safely(void **state)
{
    const captured_snapshots *captured = *state;
    struct flipped flipped = {.accepted = 0};
    for (size_t i = 0; i < CAPTURED_SNAPSHOTS; i++)
        flip_every_bit(decode, &captured->payloads[i], &flipped);
    assert_true(flipped.accepted > 0); /* letters of names, hashes, options */
    assert_true(flipped.refused > 0);
}

static void bytes_need_no_alignment(void **state)
{
    const captured_snapshots *captured = *state;
    const golden_bytes *payload = &captured->payloads[0];
    for (size_t shift = 1; shift < 8; shift++) {
        unsigned char *shifted = malloc(payload->length + shift);
        assert_non_null(shifted);
        memcpy(shifted + shift, payload->data, payload->length);
        netipc_cgroups_snapshot_view view;
        assert_int_equal(netipc_cgroups_snapshot_decode(shifted + shift, payload->length, &view), NETIPC_OK);
        read_whole_snapshot(&view);
        free(shifted);
    }
}

/* One change to the capture "cgroups_resp", whose offsets these are. */
enum {
    SNAPSHOT_LAYOUT = 0,
    SNAPSHOT_FLAGS = 2,
    ITEM_COUNT = 4,
    SNAPSHOT_RESERVED = 12,
    ENTRY_0 = 24, /* 0, 69 */
    ENTRY_1 = 32, /* 72, 107 */
    ENTRY_2 = 40, /* 184, 34 */
    ITEM_0 = 48,
    ITEM_LAYOUT = ITEM_0,
    ITEM_FLAGS = ITEM_0 + 2,
    NAME_OFFSET = ITEM_0 + 16, /* 32 */
    NAME_LENGTH = ITEM_0 + 20, /* 10 */
    PATH_OFFSET = ITEM_0 + 24, /* 43 */
    PATH_LENGTH = ITEM_0 + 28, /* 25 */
    NAME = ITEM_0 + 32,
    NAME_NUL = NAME + 10,
    PATH_NUL = NAME + 11 + 25,
    PADDING_0 = PATH_NUL + 1
};

static const struct hostile hostile_snapshots[] = {
    {"snapshot layout 2", {{SNAPSHOT_LAYOUT, 2, 2}}},
    {"snapshot layout 0", {{SNAPSHOT_LAYOUT, 2, 0}}},
    {"snapshot flags 0x8000", {{SNAPSHOT_FLAGS, 2, 0x8000}}},
    {"reserved field is 0x1", {{SNAPSHOT_RESERVED, 4, 1}}},
    {"directory of 31 items does not fit", {{ITEM_COUNT, 4, 31}}},
    {"directory of 536870912 items does not fit", {{ITEM_COUNT, 4, 0x20000000}}}, /* x 8 = 2^32 */
    {"directory of 4294967295 items does not fit", {{ITEM_COUNT, 4, UINT32_MAX}}},
    {"item 0 begins at 4, not a multiple of 8", {{ENTRY_0, 4, 4}}},
    {"item 0 has 31 bytes, its header alone 32", {{ENTRY_0 + 4, 4, 31}}},
    {"item 0 has 0 bytes", {{ENTRY_0 + 4, 4, 0}}},
    {"item 2 of 34 bytes at 192 does not fit", {{ENTRY_2, 4, 192}}},
    {"item 2 of 34 bytes at 4294967288 does not fit", {{ENTRY_2, 4, 0xfffffff8}}},
    {"item 2 of 35 bytes at 184 does not fit", {{ENTRY_2 + 4, 4, 35}}},
    {"item 2 of 4294967295 bytes at 184 does not fit", {{ENTRY_2 + 4, 4, UINT32_MAX}}},
    {"item 1 begins at 0, the one before it ends at 69", {{ENTRY_1, 4, 0}, {ENTRY_1 + 4, 4, 69}}},
    {"the padding in front of item 0", /* backwards: what is skipped is no padding */
     {{ENTRY_0, 4, 72}, {ENTRY_0 + 4, 4, 107}, {ENTRY_1, 4, 0}, {ENTRY_1 + 4, 4, 69}}},
    {"item 0: the padding around its strings", {{ENTRY_0 + 4, 4, 74}}}, /* reaches into item 1, whose layout is 1 */
    {"item 0 has layout 2", {{ITEM_LAYOUT, 2, 2}}},
    {"item 0 has flags 0x1", {{ITEM_FLAGS, 2, 1}}},
    {"item 0: the name begins at 31", {{NAME_OFFSET, 4, 31}}},
    {"item 0: the name begins at 0", {{NAME_OFFSET, 4, 0}}},
    {"item 0: the path begins at 31", {{PATH_OFFSET, 4, 31}}},
    {"item 0: the name of 10 bytes at 59 does not fit into the item's 69", {{NAME_OFFSET, 4, 59}}},
    {"item 0: the name of 10 bytes at 4294967295 does not fit", {{NAME_OFFSET, 4, UINT32_MAX}}},
    {"item 0: the name of 37 bytes at 32 does not fit", {{NAME_LENGTH, 4, 37}}},
    {"item 0: the name of 4294967295 bytes at 32 does not fit", {{NAME_LENGTH, 4, UINT32_MAX}}},
    {"item 0: the path of 26 bytes at 43 does not fit", {{PATH_LENGTH, 4, 26}}},
    {"item 0: the path of 4294967295 bytes at 43 does not fit", {{PATH_LENGTH, 4, UINT32_MAX}}},
    {"item 0: the path of 25 bytes at 4294967270 does not fit", {{PATH_OFFSET, 4, 0xffffffe6}}},
    {"item 0: the name has no NUL behind its 10 bytes", {{NAME_NUL, 1, 'x'}}},
    {"item 0: the name has no NUL behind its 9 bytes", {{NAME_LENGTH, 4, 9}}},
    {"item 0: the path has no NUL behind its 25 bytes", {{PATH_NUL, 1, 'x'}}},
    {"item 0: the name has a NUL at byte 10 of 36", {{NAME_LENGTH, 4, 36}}},
    {"item 0: the name has a NUL at byte 5 of 10", {{NAME + 5, 1, 0}}},
    {"item 0: the path has a NUL at byte 0 of 25", {{NAME_NUL + 1, 1, 0}}},
    {"item 0: its name and path overlap", {{PATH_OFFSET, 4, 32}, {PATH_LENGTH, 4, 10}}},
    {"item 0: its name and path overlap", {{PATH_OFFSET, 4, 42}, {PATH_LENGTH, 4, 0}}},
    {"item 0: its name and path overlap", {{NAME_OFFSET, 4, 68}, {NAME_LENGTH, 4, 0}}},
    {"item 0: the padding around its strings", {{NAME_OFFSET, 4, 42}, {NAME_LENGTH, 4, 0}}},
    {"item 0: the padding around its strings", {{PATH_OFFSET, 4, 68}, {PATH_LENGTH, 4, 0}}},
    {"item 0: the padding around its strings", {{ENTRY_0 + 4, 4, 70}, {PADDING_0, 1, 1}}},
    {"the padding in front of item 1", {{PADDING_0, 1, 1}}},
    {"the padding in front of item 1", {{PADDING_0 + 2, 1, 0x80}}},
};

static void each_broken_rule_is_refused_with_its_place(void **state)
{
    const captured_snapshots *captured = *state;
    expect_refusals(decode, &captured->payloads[0], hostile_snapshots,
                    sizeof hostile_snapshots / sizeof *hostile_snapshots);
}

static void bytes_behind_the_last_item_must_be_zero(void **state)
{
    const captured_snapshots *captured = *state;
    for (size_t i = 0; i < CAPTURED_SNAPSHOTS; i++)
        expect_zeros_behind(decode, &captured->payloads[i]);
}

static void a_path_may_come_before_the_name(void **state)
{
    const captured_snapshots *captured = *state;
    const golden_bytes *payload = &captured->payloads[0];
    const struct change swap[] = {
        {NAME_OFFSET, 4, 43}, {NAME_LENGTH, 4, 25}, {PATH_OFFSET, 4, 32}, {PATH_LENGTH, 4, 10}};
    unsigned char *bytes = malloc(payload->length);
    assert_non_null(bytes);
    memcpy(bytes, payload->data, payload->length);
    for (size_t i = 0; i < 4; i++)
        change_bytes(bytes, &swap[i]);
    netipc_cgroups_snapshot_view view;
    netipc_cgroup_view item;
    assert_int_equal(netipc_cgroups_snapshot_decode(bytes, payload->length, &view), NETIPC_OK);
    assert_int_equal(netipc_cgroups_snapshot_item(&view, 0, &item), NETIPC_OK);
    assert_string_equal(item.name, "/sys/fs/cgroup/init.scope");
    assert_string_equal(item.path, "init.scope");
    free(bytes);
}

static void no_bytes_are_a_refusal(void **state)
{
    (void)state;
    netipc_cgroups_snapshot_view view;
    assert_int_equal(netipc_cgroups_snapshot_decode(NULL, 0, &view), NETIPC_CORRUPT);
    assert_non_null(strstr(netipc_status_detail(), "a snapshot of 0 bytes"));
}

static void an_item_whose_bytes_changed_after_decode_is_refused(void **state)
{
    const captured_snapshots *captured = *state;
    const golden_bytes *payload = &captured->payloads[0];
    const struct change changes[] = {
        {ENTRY_0, 4, 0xfffffff8}, {ENTRY_0 + 4, 4, UINT32_MAX}, {NAME_LENGTH, 4, UINT32_MAX}, {PATH_NUL, 1, 'x'}};
    unsigned char *bytes = malloc(payload->length);
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        memcpy(bytes, payload->data, payload->length);
        netipc_cgroups_snapshot_view view;
        assert_int_equal(netipc_cgroups_snapshot_decode(bytes, payload->length, &view), NETIPC_OK);
        change_bytes(bytes, &changes[i]);
        netipc_cgroup_view item = {.hash = 7};
        assert_int_equal(netipc_cgroups_snapshot_item(&view, 0, &item), NETIPC_CORRUPT);
        assert_int_equal(item.hash, 7);
        assert_int_equal(netipc_cgroups_snapshot_item(&view, 1, &item), NETIPC_OK);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_captured_snapshot_decodes_and_is_rebuilt_byte_for_byte),
        cmocka_unit_test(a_view_gives_what_was_captured),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_single_bit_flip_is_refused_or_reads_safely),
        cmocka_unit_test(bytes_need_no_alignment),
        cmocka_unit_test(each_broken_rule_is_refused_with_its_place),
        cmocka_unit_test(bytes_behind_the_last_item_must_be_zero),
        cmocka_unit_test(a_path_may_come_before_the_name),
        cmocka_unit_test(no_bytes_are_a_refusal),
        cmocka_unit_test(an_item_whose_bytes_changed_after_decode_is_refused),
    };
    return cmocka_run_group_tests(tests, load_captures, free_captures);
}
