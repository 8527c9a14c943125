/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/payload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ODD_SIZE = 203, LARGE_SIZE = 4096 };

static void whole_bytes_of_a_generation_are_taken(void **state)
{
    (void)state;
    for (size_t size = PAYLOAD_LEAST; size <= ODD_SIZE; size++) {
        uint64_t payload[LARGE_SIZE / 8], stamp = 1;
        payload_fill(payload, size, size * 3);
        assert_true(payload_check(payload, size, size * 3, &stamp));
        assert_int_equal(stamp, 0);
        payload_stamp(payload, size * 3, 12345);
        assert_true(payload_check(payload, size, size * 3, &stamp));
        assert_int_equal(stamp, 12345);
    }
}

static void a_change_of_any_bit_is_noticed(void **state)
{
    (void)state;
    uint64_t payload[LARGE_SIZE / 8];
    unsigned char *bytes = (unsigned char *)payload;
    payload_fill(payload, ODD_SIZE, 7);
    payload_stamp(payload, 7, 99);
    for (size_t bit = 0; bit < (size_t)ODD_SIZE * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(payload_check(payload, ODD_SIZE, 7, NULL));
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(payload_check(payload, ODD_SIZE, 7, NULL));
}

static void a_piece_of_another_generation_is_noticed(void **state)
{
    (void)state;
    uint64_t payload[LARGE_SIZE / 8], other[LARGE_SIZE / 8];
    for (uint64_t generation = 1; generation < 10; generation++)
        for (size_t word = 0; word < LARGE_SIZE / 8; word++) {
            payload_fill(payload, LARGE_SIZE, 10);
            payload_fill(other, LARGE_SIZE, generation);
            if (word == 1) /* the stamp, which is the same in both */
                continue;
            payload[word] = other[word];
            assert_false(payload_check(payload, LARGE_SIZE, 10, NULL));
        }
}

static void in_as_many_turns_as_pieces_every_wrong_word_is_noticed(void **state)
{
    (void)state;
    enum { SIZE = 3 * PAYLOAD_PIECE + 13, TURNS = 4 };
    uint64_t payload[SIZE / 8 + 1], generation, stamp;
    payload_fill(payload, SIZE, 10);
    payload_stamp(payload, 10, 77);
    payload_front(payload, &generation, &stamp);
    assert_int_equal(generation, 10);
    assert_int_equal(stamp, 77);
    for (uint64_t turn = 0; turn < TURNS; turn++)
        assert_true(payload_check_piece(payload, SIZE, 10, turn));
    for (size_t byte = 0; byte < (size_t)SIZE; byte += byte < 64 || byte > SIZE - 64 ? 1 : 61) {
        bool noticed = false;
        ((unsigned char *)payload)[byte] ^= 1;
        for (uint64_t turn = 0; turn < TURNS; turn++)
            noticed = noticed || !payload_check_piece(payload, SIZE, 10, turn);
        assert_true(noticed);
        ((unsigned char *)payload)[byte] ^= 1;
    }
}

static void a_stamp_of_another_snapshot_is_noticed(void **state)
{
    (void)state;
    uint64_t payload[LARGE_SIZE / 8], other[LARGE_SIZE / 8];
    payload_fill(payload, LARGE_SIZE, 5);
    payload_fill(other, LARGE_SIZE, 4);
    payload_stamp(payload, 5, 1000);
    payload_stamp(other, 4, 900);
    payload[1] = other[1];
    assert_false(payload_check(payload, LARGE_SIZE, 5, NULL));
}

static void bytes_at_another_place_are_noticed(void **state)
{
    (void)state;
    uint64_t payload[LARGE_SIZE / 8];
    payload_fill(payload, LARGE_SIZE, 5);
    memmove(payload + 8, payload + 16, 512);
    assert_false(payload_check(payload, LARGE_SIZE, 5, NULL));
}

static void another_generation_than_the_one_expected_is_noticed(void **state)
{
    (void)state;
    uint64_t payload[PAYLOAD_LEAST / 8];
    payload_fill(payload, sizeof payload, 5);
    assert_false(payload_check(payload, sizeof payload, 6, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_bytes_of_a_generation_are_taken),
        cmocka_unit_test(a_change_of_any_bit_is_noticed),
        cmocka_unit_test(a_piece_of_another_generation_is_noticed),
        cmocka_unit_test(in_as_many_turns_as_pieces_every_wrong_word_is_noticed),
        cmocka_unit_test(a_stamp_of_another_snapshot_is_noticed),
        cmocka_unit_test(bytes_at_another_place_are_noticed),
        cmocka_unit_test(another_generation_than_the_one_expected_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
