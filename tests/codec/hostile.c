/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

netipc_status decode_exactly(decoder *decode, const unsigned char *bytes, size_t length)
{
    unsigned char *copy = malloc(length != 0 ? length : 1);
    assert_non_null(copy);
    /* malloc(0) may give a byte that can be read; one past the end of a single byte cannot. */
    unsigned char *start = length != 0 ? copy : copy + 1;
    memcpy(start, bytes, length);
    netipc_status status = decode(start, length);
    if (status != NETIPC_OK) {
        assert_int_equal(status, NETIPC_CORRUPT);
        assert_string_not_equal(netipc_status_detail(), "");
    }
    free(copy);
    return status;
}

void expect_no_beginning_is_accepted(decoder *decode, const golden_bytes *payload)
{
    for (size_t length = 0; length < payload->length; length++)
        assert_int_equal(decode_exactly(decode, payload->data, length), NETIPC_CORRUPT);
}

void flip_every_bit(decoder *decode, const golden_bytes *payload, struct flipped *flipped)
{
    for (size_t bit = 0; bit < payload->length * 8; bit++) {
        unsigned char mask = (unsigned char)(1u << bit % 8);
        payload->data[bit / 8] ^= mask;
        if (decode_exactly(decode, payload->data, payload->length) == NETIPC_OK)
            flipped->accepted++;
        else
            flipped->refused++;
        payload->data[bit / 8] ^= mask;
    }
}

void expect_zeros_behind(decoder *decode, const golden_bytes *payload)
{
    unsigned char *longer = calloc(1, payload->length + 9);
    assert_non_null(longer);
    memcpy(longer, payload->data, payload->length);
    assert_int_equal(decode_exactly(decode, longer, payload->length + 9), NETIPC_OK);
    longer[payload->length + 8] = 1;
    assert_int_equal(decode_exactly(decode, longer, payload->length + 9), NETIPC_CORRUPT);
    assert_non_null(strstr(netipc_status_detail(), "behind the last item"));
    free(longer);
}

void change_bytes(unsigned char *bytes, const struct change *change)
{
    uint16_t value16 = (uint16_t)change->value;
    unsigned char value8 = (unsigned char)change->value;
    if (change->width == 4)
        memcpy(bytes + change->at, &change->value, 4);
    else if (change->width == 2)
        memcpy(bytes + change->at, &value16, 2);
    else
        memcpy(bytes + change->at, &value8, change->width);
}

void expect_refusals(decoder *decode, const golden_bytes *payload, const struct hostile *hostile, size_t count)
{
    unsigned char *bytes = malloc(payload->length);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        memcpy(bytes, payload->data, payload->length);
        for (size_t j = 0; j < 4; j++)
            change_bytes(bytes, &hostile[i].changes[j]);
        if (decode_exactly(decode, bytes, payload->length) == NETIPC_OK)
            fail_msg("accepted: %s", hostile[i].detail);
        if (strstr(netipc_status_detail(), hostile[i].detail) == NULL)
            fail_msg("wanted \"%s\" in \"%s\"", hostile[i].detail, netipc_status_detail());
    }
    free(bytes);
}
