/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/batch.h>

#include "tests/golden/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void items_come_out_as_they_went_in(void **state)
{
    (void)state;
    unsigned char buffer[400];
    for (uint32_t count = 0; count < 12; count++) {
        netipc_batch_builder builder;
        memset(buffer, 0xee, sizeof buffer);
        assert_int_equal(netipc_batch_builder_init(&builder, count, buffer, sizeof buffer), NETIPC_OK);
        size_t length = 0;
        for (uint32_t i = 0; i < count; i++) {
            unsigned char item[32];
            memset(item, (int)(i + 1), sizeof item);
            assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_WRONG_STATE);
            assert_int_equal(netipc_batch_builder_add(&builder, item, i * 3 % 19), NETIPC_OK);
        }
        assert_int_equal(netipc_batch_builder_add(&builder, NULL, 0), NETIPC_WRONG_STATE);
        assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);

        unsigned char *exact = malloc(length > 0 ? length : 1);
        assert_non_null(exact);
        memcpy(exact, buffer, length);
        netipc_batch_view view;
        assert_int_equal(netipc_batch_decode(exact, length, count, &view), NETIPC_OK);
        assert_int_equal(view.item_count, count);
        for (uint32_t i = 0; i < count; i++) {
            const void *item;
            size_t item_length;
            assert_int_equal(netipc_batch_item(&view, i, &item, &item_length), NETIPC_OK);
            assert_int_equal(item_length, i * 3 % 19);
            for (size_t at = 0; at < item_length; at++)
                assert_int_equal(((const unsigned char *)item)[at], i + 1);
        }
        const void *none;
        size_t none_length;
        assert_int_equal(netipc_batch_item(&view, count, &none, &none_length), NETIPC_INVALID_ARGUMENT);
        free(exact);
    }
}

static void what_was_written_in_place_is_taken_without_a_copy(void **state)
{
    (void)state;
    unsigned char buffer[64];
    netipc_batch_builder builder;
    assert_int_equal(netipc_batch_builder_init(&builder, 2, buffer, sizeof buffer), NETIPC_OK);
    for (int i = 0; i < 2; i++) {
        void *item;
        size_t room, length;
        assert_int_equal(netipc_batch_builder_next(&builder, &item, &room), NETIPC_OK);
        assert_int_equal(room, i == 0 ? 48 : 40);
        memset(item, 'a' + i, 3);
        assert_int_equal(netipc_batch_builder_add(&builder, NULL, 3), NETIPC_OK);
        if (i == 1)
            assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);
    }
    assert_memory_equal(buffer + 16, "aaa\0\0\0\0\0bbb", 11);
}

static void a_builder_never_writes_beyond_its_buffer(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity <= 60; capacity++) {
        unsigned char *buffer = malloc(capacity > 0 ? capacity : 1);
        assert_non_null(buffer);
        netipc_batch_builder builder;
        netipc_status status = netipc_batch_builder_init(&builder, 3, buffer, capacity);
        assert_int_equal(status, capacity < 24 ? NETIPC_TOO_SMALL : NETIPC_OK);
        for (unsigned i = 0; i < 3 && status == NETIPC_OK; i++) {
            status = netipc_batch_builder_add(&builder, "123456789", 9);
            size_t needed = 24 + 16 * (size_t)i + 9;
            assert_int_equal(status, capacity < needed ? NETIPC_TOO_SMALL : NETIPC_OK);
        }
        free(buffer);
    }
    netipc_batch_builder builder;
    assert_int_equal(netipc_batch_builder_init(&builder, UINT32_MAX, NULL, 1000), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_batch_builder_add(&builder, "x", 1), NETIPC_WRONG_STATE);
}

static void a_builder_that_had_no_room_does_not_finish(void **state)
{
    (void)state;
    unsigned char buffer[64];
    netipc_batch_builder builder;
    void *item;
    size_t room, length = 77;
    assert_int_equal(netipc_batch_builder_init(&builder, 3, buffer, 23), NETIPC_TOO_SMALL);
    assert_int_equal(netipc_batch_builder_next(&builder, &item, &room), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_WRONG_STATE);
    assert_non_null(strstr(netipc_status_detail(), "no room"));
    assert_int_equal(length, 77);
    assert_int_equal(netipc_batch_builder_init(&builder, 0, NULL, 0), NETIPC_OK);
    assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);
    assert_int_equal(length, 0);
}

struct entry {
    uint32_t offset, length;
};

static netipc_status decode(const struct entry *entries, uint32_t count, size_t items_length)
{
    size_t length = count * sizeof *entries + items_length;
    unsigned char *payload = calloc(1, length > 0 ? length : 1);
    assert_non_null(payload);
    memcpy(payload, entries, count * sizeof *entries);
    netipc_batch_view view;
    netipc_status status = netipc_batch_decode(payload, length, count, &view);
    if (status != NETIPC_OK)
        assert_int_equal(view.item_count, 0);
    free(payload);
    return status;
}

static void a_directory_that_does_not_fit_its_items_is_refused(void **state)
{
    (void)state;
    assert_int_equal(decode((struct entry[]){{0, 8}, {8, 8}}, 2, 16), NETIPC_OK);
    assert_int_equal(decode((struct entry[]){{0, 8}, {8, 8}}, 2, 24), NETIPC_OK);
    assert_int_equal(decode((struct entry[]){{0, 0}, {0, 0}}, 2, 0), NETIPC_OK);
    assert_int_equal(decode((struct entry[]){{0, 8}, {8, 9}}, 2, 16), NETIPC_CORRUPT);
    assert_int_equal(decode((struct entry[]){{0, 8}, {16, 1}}, 2, 16), NETIPC_CORRUPT);
    assert_int_equal(decode((struct entry[]){{0, 8}, {16, 0}}, 2, 16), NETIPC_OK);
    assert_int_equal(decode((struct entry[]){{0, 8}, {24, 0}}, 2, 16), NETIPC_CORRUPT);
    assert_int_equal(decode((struct entry[]){{0, 4}, {4, 4}}, 2, 16), NETIPC_CORRUPT); /* not aligned */
    assert_int_equal(decode((struct entry[]){{0, 9}, {8, 8}}, 2, 16), NETIPC_CORRUPT); /* overlap */
    assert_int_equal(decode((struct entry[]){{8, 8}, {0, 8}}, 2, 16), NETIPC_CORRUPT); /* not in order */
    assert_int_equal(decode((struct entry[]){{0, 8}, {UINT32_MAX - 7, 16}}, 2, 16), NETIPC_CORRUPT);
    assert_int_equal(decode((struct entry[]){{0, UINT32_MAX}}, 1, 16), NETIPC_CORRUPT);
    netipc_batch_view view;
    for (size_t length = 0; length < 16; length++)
        assert_int_equal(netipc_batch_decode("0123456789abcdef", length, 2, &view), NETIPC_CORRUPT);
    assert_int_equal(netipc_batch_decode("0123456789abcdef", 16, UINT32_MAX, &view), NETIPC_CORRUPT);
    assert_int_equal(netipc_batch_decode(NULL, 0, 0, &view), NETIPC_OK);
    assert_int_equal(netipc_batch_decode(NULL, 0, 1, &view), NETIPC_CORRUPT);
}

static void captured_batches_are_the_same_bytes_here(void **state)
{
    (void)state;
    golden_file *file = golden_load();
    assert_non_null(file);
    const golden_session *session = golden_session_named(file, "increment: batch of four");
    assert_non_null(session);
    for (size_t step = 2; step < 4; step++) {
        golden_bytes payload;
        unsigned char built[64];
        netipc_batch_view view;
        netipc_batch_builder builder;
        assert_true(golden_join_payload(session, step, &payload));
        golden_numbers_to_host(&payload, 4);
        assert_int_equal(netipc_batch_decode(payload.data, payload.length, 4, &view), NETIPC_OK);
        assert_int_equal(netipc_batch_builder_init(&builder, 4, built, sizeof built), NETIPC_OK);
        for (uint32_t i = 0; i < 4; i++) {
            const void *item;
            size_t length;
            uint64_t value;
            assert_int_equal(netipc_batch_item(&view, i, &item, &length), NETIPC_OK);
            assert_int_equal(length, sizeof value);
            memcpy(&value, item, sizeof value);
            assert_int_equal(value, i + step - 1);
            assert_int_equal(netipc_batch_builder_add(&builder, &value, sizeof value), NETIPC_OK);
        }
        size_t length;
        assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);
        assert_int_equal(length, payload.length);
        assert_memory_equal(built, payload.data, length);
        free(payload.data);
    }
    golden_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_come_out_as_they_went_in),
        cmocka_unit_test(what_was_written_in_place_is_taken_without_a_copy),
        cmocka_unit_test(a_builder_never_writes_beyond_its_buffer),
        cmocka_unit_test(a_builder_that_had_no_room_does_not_finish),
        cmocka_unit_test(a_directory_that_does_not_fit_its_items_is_refused),
        cmocka_unit_test(captured_batches_are_the_same_bytes_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
