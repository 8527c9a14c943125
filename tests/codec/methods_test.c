/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads of the methods that are there to be tried out: increment and string-reverse. */
#include "tests/golden/golden.h"

#include <netipc/increment.h>
#include <netipc/string_reverse.h>

#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ENVELOPE = 32, BATCH_AT = 10 };

static uint16_t u16_at(const golden_bytes *packet, size_t at)
{
    uint16_t value;
    memcpy(&value, packet->data + at, sizeof value);
    return value;
}

static bool is_number(const golden_session *session, const golden_step *step)
{
    return strncmp(session->name, "increment:", 10) == 0 && step->packet.length == ENVELOPE + NETIPC_INCREMENT_LENGTH &&
           u16_at(&step->packet, BATCH_AT) == 0;
}

static uint64_t number_of(const golden_step *step)
{
    uint64_t value, captured;
    unsigned char written[NETIPC_INCREMENT_LENGTH];
    size_t length;
    memcpy(&captured, step->packet.data + ENVELOPE, sizeof captured);
    captured = le64toh(captured); /* what a peer on this host would have sent */
    assert_int_equal(netipc_increment_decode(&captured, sizeof captured, &value), NETIPC_OK);
    assert_int_equal(netipc_increment_encode(value, written, sizeof written, &length), NETIPC_OK);
    assert_int_equal(length, sizeof written);
    assert_memory_equal(written, &captured, sizeof written);
    return value;
}

static void every_captured_number_decodes_and_is_encoded_byte_for_byte(void **state)
{
    (void)state;
    golden_file *golden = golden_load();
    assert_non_null(golden);
    unsigned numbers = 0;
    for (size_t i = 0; i < golden->session_count; i++) {
        const golden_session *session = &golden->sessions[i];
        uint64_t asked[8], answered[8];
        size_t asked_count = 0, answered_count = 0;
        for (size_t at = 0; at < session->step_count; at++) {
            const golden_step *step = &session->steps[at];
            if (!is_number(session, step))
                continue;
            assert_true(asked_count < 8 && answered_count < 8);
            if (step->kind == GOLDEN_SEND)
                asked[asked_count++] = number_of(step);
            else
                answered[answered_count++] = number_of(step);
        }
        assert_int_equal(asked_count, answered_count);
        for (size_t at = 0; at < asked_count; at++)
            assert_true(answered[at] == asked[at] + 1);
        numbers += (unsigned)asked_count;
    }
    assert_int_equal(numbers, 6);
    golden_free(golden);
}

static void a_number_of_another_length_is_refused(void **state)
{
    (void)state;
    static const unsigned char bytes[16];
    for (size_t length = 0; length <= sizeof bytes; length++) {
        uint64_t value = 7;
        netipc_status status = netipc_increment_decode(length > 0 ? bytes : NULL, length, &value);
        assert_int_equal(status, length == NETIPC_INCREMENT_LENGTH ? NETIPC_OK : NETIPC_CORRUPT);
        assert_int_equal(value, 0);
    }
}

static void a_number_is_not_written_where_it_does_not_fit(void **state)
{
    (void)state;
    unsigned char buffer[16];
    for (size_t capacity = 0; capacity < NETIPC_INCREMENT_LENGTH; capacity++) {
        size_t length = 0;
        memset(buffer, 0xee, sizeof buffer);
        assert_int_equal(netipc_increment_encode(1, capacity > 0 ? buffer : NULL, capacity, &length), NETIPC_TOO_SMALL);
        assert_int_equal(length, NETIPC_INCREMENT_LENGTH);
        assert_int_equal(buffer[0], 0xee);
    }
    assert_int_equal(netipc_increment_encode(1, buffer + 1, NETIPC_INCREMENT_LENGTH, NULL), NETIPC_OK);
    assert_int_equal(buffer[0], 0xee);
    assert_int_equal(buffer[1 + NETIPC_INCREMENT_LENGTH], 0xee);
}

/* In this host's byte order. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define U32(number) number, 0, 0, 0
#else
#define U32(number) 0, 0, 0, number
#endif

/* As the format's page gives it: offset 8, length, the bytes, a NUL. */
static const unsigned char hello[] = {U32(8), U32(5), 'h', 'e', 'l', 'l', 'o', 0};
static const unsigned char olleh[] = {U32(8), U32(5), 'o', 'l', 'l', 'e', 'h', 0};
static const unsigned char nothing[] = {U32(8), U32(0), 0};

static void a_string_is_encoded_as_the_format_says_and_decodes_to_itself(void **state)
{
    (void)state;
    unsigned char buffer[64];
    size_t length;
    netipc_string_reverse_view view;
    char *copy;
    assert_int_equal(netipc_string_reverse_encode("hello", 5, buffer, sizeof buffer, &length), NETIPC_OK);
    assert_int_equal(length, sizeof hello);
    assert_memory_equal(buffer, hello, sizeof hello);
    assert_int_equal(netipc_string_reverse_decode(buffer, length, &view), NETIPC_OK);
    assert_int_equal(view.length, 5);
    assert_string_equal(view.string, "hello");
    assert_ptr_equal(view.string, buffer + 8); /* in place */
    assert_int_equal(netipc_string_reverse_copy(&view, &copy), NETIPC_OK);
    memset(buffer, 'x', sizeof buffer);
    assert_string_equal(copy, "hello");
    free(copy);

    assert_int_equal(netipc_string_reverse_encode(NULL, 0, buffer, sizeof nothing, &length), NETIPC_OK);
    assert_int_equal(length, sizeof nothing);
    assert_memory_equal(buffer, nothing, sizeof nothing);
    assert_int_equal(netipc_string_reverse_decode(nothing, sizeof nothing, &view), NETIPC_OK);
    assert_int_equal(view.length, 0);
    assert_string_equal(view.string, "");
}

static void the_answer_has_the_bytes_in_reverse(void **state)
{
    (void)state;
    unsigned char buffer[64], again[64];
    size_t length;
    netipc_string_reverse_view view;
    assert_int_equal(netipc_string_reverse_decode(hello, sizeof hello, &view), NETIPC_OK);
    assert_int_equal(netipc_string_reverse_answer(&view, buffer, sizeof olleh, &length), NETIPC_OK);
    assert_int_equal(length, sizeof olleh);
    assert_memory_equal(buffer, olleh, sizeof olleh);
    assert_int_equal(netipc_string_reverse_decode(buffer, length, &view), NETIPC_OK);
    assert_int_equal(netipc_string_reverse_answer(&view, again, sizeof again, &length), NETIPC_OK);
    assert_memory_equal(again, hello, sizeof hello);
    assert_int_equal(netipc_string_reverse_decode(nothing, sizeof nothing, &view), NETIPC_OK);
    assert_int_equal(netipc_string_reverse_answer(&view, buffer, sizeof nothing, &length), NETIPC_OK);
    assert_memory_equal(buffer, nothing, sizeof nothing);
}

/* From an allocation that ends where the bytes end. */
static netipc_status decode_exactly(const unsigned char *bytes, size_t length)
{
    unsigned char *exact = malloc(length > 0 ? length : 1);
    netipc_string_reverse_view view;
    assert_non_null(exact);
    memcpy(exact, bytes, length);
    netipc_status status = netipc_string_reverse_decode(length > 0 ? exact : NULL, length, &view);
    if (status == NETIPC_OK) {
        assert_int_equal(strlen(view.string), view.length);
    } else {
        assert_int_equal(status, NETIPC_CORRUPT);
        assert_string_not_equal(netipc_status_detail(), "");
        assert_int_equal(view.length, 0);
        assert_string_equal(view.string, "");
    }
    free(exact);
    return status;
}

static void every_malformed_string_is_refused(void **state)
{
    (void)state;
    unsigned char bytes[sizeof hello + 1] = {0};
    memcpy(bytes, hello, sizeof hello);
    for (size_t length = 0; length <= sizeof bytes; length++)
        assert_int_equal(decode_exactly(bytes, length), length == sizeof hello ? NETIPC_OK : NETIPC_CORRUPT);
    for (size_t bit = 0; bit < sizeof hello * 8; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        bool a_letter = bit / 8 >= 8 && bit / 8 < sizeof hello - 1;
        assert_int_equal(decode_exactly(bytes, sizeof hello), a_letter ? NETIPC_OK : NETIPC_CORRUPT);
        bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    for (size_t at = 8; at < sizeof hello - 1; at++) {
        unsigned char letter = bytes[at];
        bytes[at] = 0;
        assert_int_equal(decode_exactly(bytes, sizeof hello), NETIPC_CORRUPT);
        bytes[at] = letter;
    }
    /* Lengths whose sum with the header goes round. */
    for (uint32_t back = 0; back < 16; back++) {
        uint32_t length = UINT32_MAX - back;
        memcpy(bytes + 4, &length, sizeof length);
        assert_int_equal(decode_exactly(bytes, sizeof hello), NETIPC_CORRUPT);
    }
}

static void a_string_is_not_written_where_it_does_not_fit_or_cannot_be_one(void **state)
{
    (void)state;
    unsigned char buffer[32];
    netipc_string_reverse_view view;
    assert_int_equal(netipc_string_reverse_decode(hello, sizeof hello, &view), NETIPC_OK);
    for (size_t capacity = 0; capacity < sizeof hello; capacity++) {
        size_t length = 0, answer_length = 0;
        memset(buffer, 0xee, sizeof buffer);
        void *to = capacity > 0 ? buffer : NULL;
        assert_int_equal(netipc_string_reverse_encode("hello", 5, to, capacity, &length), NETIPC_TOO_SMALL);
        assert_int_equal(netipc_string_reverse_answer(&view, to, capacity, &answer_length), NETIPC_TOO_SMALL);
        assert_int_equal(length, sizeof hello);
        assert_int_equal(answer_length, sizeof hello);
        for (size_t i = 0; i < sizeof buffer; i++)
            assert_int_equal(buffer[i], 0xee);
    }
    size_t length = 77;
    assert_int_equal(netipc_string_reverse_encode("a\0b", 3, buffer, sizeof buffer, &length), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_string_reverse_encode(NULL, 1, buffer, sizeof buffer, &length), NETIPC_INVALID_ARGUMENT);
    const netipc_string_reverse_view endless = {.string = "", .length = UINT32_MAX};
    assert_int_equal(netipc_string_reverse_answer(&endless, buffer, sizeof buffer, &length), NETIPC_TOO_LARGE);
    assert_int_equal(length, 77);
    for (size_t i = 0; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0xee);
}

static void strings_need_no_alignment(void **state)
{
    (void)state;
    unsigned char shifted[sizeof hello + 8], answer[sizeof hello + 8];
    for (size_t shift = 1; shift < 8; shift++) {
        netipc_string_reverse_view view;
        memcpy(shifted + shift, hello, sizeof hello);
        assert_int_equal(netipc_string_reverse_decode(shifted + shift, sizeof hello, &view), NETIPC_OK);
        assert_int_equal(netipc_string_reverse_answer(&view, answer + shift, sizeof hello, NULL), NETIPC_OK);
        assert_memory_equal(answer + shift, olleh, sizeof olleh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_captured_number_decodes_and_is_encoded_byte_for_byte),
        cmocka_unit_test(a_number_of_another_length_is_refused),
        cmocka_unit_test(a_number_is_not_written_where_it_does_not_fit),
        cmocka_unit_test(a_string_is_encoded_as_the_format_says_and_decodes_to_itself),
        cmocka_unit_test(the_answer_has_the_bytes_in_reverse),
        cmocka_unit_test(every_malformed_string_is_refused),
        cmocka_unit_test(a_string_is_not_written_where_it_does_not_fit_or_cannot_be_one),
        cmocka_unit_test(strings_need_no_alignment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
