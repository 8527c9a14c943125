/* SPDX-License-Identifier: Apache-2.0 */
#include "control/peer.h"
#include "control/wire.h"
#include "tests/control/scene.h"

#include <string.h>
#include <unistd.h>

static void tokens_are_equal_only_when_all_bits_are(void **state)
{
    (void)state;
    static const uint64_t tokens[] = {0, 1, UINT64_MAX, UINT64_C(1) << 63, SCENE_TOKEN};
    for (size_t i = 0; i < sizeof tokens / sizeof *tokens; i++) {
        assert_true(netipc_token_equal(tokens[i], tokens[i]));
        for (int a = 0; a < 64; a++)
            for (int b = 0; b < 64; b++) {
                uint64_t other = tokens[i] ^ UINT64_C(1) << a ^ (a == b ? 0 : UINT64_C(1) << b);
                assert_false(netipc_token_equal(tokens[i], other));
                assert_false(netipc_token_equal(other, tokens[i]));
            }
        assert_false(netipc_token_equal(tokens[i], ~tokens[i]));
    }
}

static void without_a_list_the_own_uid_and_root_are_allowed(void **state)
{
    (void)state;
    struct netipc_uid_list list;
    assert_int_equal(netipc_uid_list_copy(NULL, 0, &list), NETIPC_OK);
    assert_true(netipc_uid_list_has(&list, geteuid()));
    assert_true(netipc_uid_list_has(&list, 0));
    assert_false(netipc_uid_list_has(&list, geteuid() + 1));
    assert_false(netipc_uid_list_has(&list, UINT32_MAX));
    assert_false(netipc_uid_list_has(&list, NETIPC_OVERFLOW_UID));
    list.own = NETIPC_OVERFLOW_UID; /* not even when this process runs as it */
    assert_false(netipc_uid_list_has(&list, NETIPC_OVERFLOW_UID));
    netipc_uid_list_free(&list);
}

static void a_list_of_uids_is_copied_and_says_all_of_it(void **state)
{
    (void)state;
    uint32_t uids[] = {5, 7, UINT32_MAX};
    struct netipc_uid_list list;
    assert_int_equal(netipc_uid_list_copy(uids, 3, &list), NETIPC_OK);
    memset(uids, 0, sizeof uids);
    assert_true(netipc_uid_list_has(&list, 5));
    assert_true(netipc_uid_list_has(&list, 7));
    assert_true(netipc_uid_list_has(&list, UINT32_MAX));
    assert_false(netipc_uid_list_has(&list, 0));
    assert_false(netipc_uid_list_has(&list, 6));
    assert_false(netipc_uid_list_has(&list, NETIPC_OVERFLOW_UID));
    netipc_uid_list_free(&list);
}

static void a_list_that_is_too_long_or_names_the_overflow_uid_is_refused(void **state)
{
    (void)state;
    static uint32_t uids[NETIPC_UIDS_MAX + 1];
    struct netipc_uid_list list;
    assert_int_equal(netipc_uid_list_copy(uids, NETIPC_UIDS_MAX, &list), NETIPC_OK);
    netipc_uid_list_free(&list);
    assert_int_equal(netipc_uid_list_copy(uids, NETIPC_UIDS_MAX + 1, &list), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_uid_list_copy(NULL, 1, &list), NETIPC_INVALID_ARGUMENT);
    uids[1] = NETIPC_OVERFLOW_UID;
    assert_int_equal(netipc_uid_list_copy(uids, 2, &list), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_uid_list_copy(uids, 1, &list), NETIPC_OK);
    netipc_uid_list_free(&list);
}

static void the_profile_is_the_highest_common_bit_that_both_prefer_or_else_the_highest_common_bit(void **state)
{
    (void)state;
    static const struct {
        uint32_t common, preferred, selected;
    } cases[] = {
        {0x00, 0x00, 0x00},
        {0x00, 0x11, 0x00}, /* what is not common is not selected */
        {0x01, 0x00, 0x01},
        {0x11, 0x00, 0x10}, /* nothing preferred: the highest */
        {0x11, 0x01, 0x01}, /* preferred before higher */
        {0x11, 0x10, 0x10},
        {0x11, 0x11, 0x10},
        {0x11, 0x20, 0x10},       /* only what is not common is preferred */
        {0x10001, 0x10000, 0x01}, /* capabilities are never selected */
        {0x30000, 0x30000, 0x00},
        {0x8000, 0x8000, 0x8000},
        {UINT32_MAX, UINT32_MAX, 0x8000},
        {UINT32_MAX, 0, 0x8000},
        {UINT32_MAX, 0x06, 0x04},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(netipc_wire_select_profile(cases[i].common, cases[i].preferred), cases[i].selected);
}

static void a_control_message_is_one_to_the_last_bit(void **state)
{
    (void)state;
    struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = 3};
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    struct netipc_envelope envelope;
    size_t length = netipc_wire_control(NETIPC_OP_READY, NETIPC_TRANSPORT_OK, 9, &note, sizeof note, packet);
    assert_int_equal(length, NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_NOTE_SIZE);
    for (size_t shorter = 0; shorter < NETIPC_WIRE_ENVELOPE_SIZE; shorter++)
        assert_false(netipc_wire_envelope(packet, shorter, &envelope));
    assert_true(netipc_wire_envelope(packet, length, &envelope));
    assert_true(netipc_wire_is_control(&envelope, length, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE));
    assert_false(netipc_wire_is_control(&envelope, length, NETIPC_OP_CLOSED, NETIPC_WIRE_NOTE_SIZE));
    assert_false(netipc_wire_is_control(&envelope, length - 1, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE));
    assert_false(netipc_wire_is_control(&envelope, length + 1, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE));
    for (size_t bit = 0; bit < NETIPC_WIRE_ENVELOPE_SIZE * 8u; bit++) {
        unsigned char flipped[NETIPC_WIRE_CONTROL_MAX];
        memcpy(flipped, packet, length);
        flipped[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_true(netipc_wire_envelope(flipped, length, &envelope));
        bool free_field = (bit >= 14 * 8 && bit < 16 * 8) || bit >= 24 * 8; /* transport_status, message_id */
        assert_int_equal(netipc_wire_is_control(&envelope, length, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE), free_field);
    }
}

static void every_transport_status_has_a_meaning_here(void **state)
{
    (void)state;
    assert_int_equal(netipc_wire_status(NETIPC_TRANSPORT_OK), NETIPC_OK);
    assert_int_equal(netipc_wire_status(NETIPC_TRANSPORT_BAD_ENVELOPE), NETIPC_PROTOCOL);
    assert_int_equal(netipc_wire_status(NETIPC_TRANSPORT_AUTH_FAILED), NETIPC_AUTH_FAILED);
    assert_int_equal(netipc_wire_status(NETIPC_TRANSPORT_INCOMPATIBLE), NETIPC_INCOMPATIBLE);
    assert_int_equal(netipc_wire_status(NETIPC_TRANSPORT_UNSUPPORTED), NETIPC_UNSUPPORTED);
    assert_int_equal(netipc_wire_status(NETIPC_TRANSPORT_LIMIT_EXCEEDED), NETIPC_LIMIT_EXCEEDED);
    assert_int_not_equal(netipc_wire_status(NETIPC_TRANSPORT_INTERNAL_ERROR), NETIPC_OK);
    for (uint16_t unknown = 7; unknown != 0; unknown++)
        assert_int_equal(netipc_wire_status(unknown), NETIPC_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_equal_only_when_all_bits_are),
        cmocka_unit_test(without_a_list_the_own_uid_and_root_are_allowed),
        cmocka_unit_test(a_list_of_uids_is_copied_and_says_all_of_it),
        cmocka_unit_test(a_list_that_is_too_long_or_names_the_overflow_uid_is_refused),
        cmocka_unit_test(the_profile_is_the_highest_common_bit_that_both_prefer_or_else_the_highest_common_bit),
        cmocka_unit_test(a_control_message_is_one_to_the_last_bit),
        cmocka_unit_test(every_transport_status_has_a_meaning_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
