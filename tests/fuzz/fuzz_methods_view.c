/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads of the methods to try out: what decodes is inside, and what it is encoded to is the same. */
#include "tests/fuzz/fuzz.h"

#include <netipc/increment.h>
#include <netipc/string_reverse.h>

#include <stdlib.h>
#include <string.h>

enum { NUMBER, STRING, LONG_STRING };
const char *const fuzz_goals[] = {"decoded a number", "decoded a string", "decoded a string of some bytes", NULL};

static void check_number(const uint8_t *data, size_t size)
{
    uint64_t value;
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    netipc_status status = netipc_increment_decode(data, size, &value);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT), "decode");
    fuzz_check((status == NETIPC_OK) == (size == sizeof bytes));
    if (status != NETIPC_OK)
        return;
    fuzz_check(netipc_increment_encode(value, bytes, sizeof bytes, NULL) == NETIPC_OK);
    fuzz_check(memcmp(bytes, data, sizeof bytes) == 0);
    fuzz_reached[NUMBER]++;
}

static void check_string(const uint8_t *data, size_t size)
{
    netipc_string_reverse_view view, reversed;
    netipc_status status = netipc_string_reverse_decode(data, size, &view);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT), "decode");
    if (status != NETIPC_OK) {
        fuzz_check(view.length == 0 && view.string[0] == '\0');
        return;
    }
    fuzz_check(view.length + NETIPC_STRING_REVERSE_OVERHEAD == size && strlen(view.string) == view.length);
    uint8_t *bytes = malloc(size);
    size_t length;
    fuzz_check(bytes != NULL);
    fuzz_check(netipc_string_reverse_encode(view.string, view.length, bytes, size, &length) == NETIPC_OK);
    fuzz_check(length == size && memcmp(bytes, data, size) == 0);
    fuzz_check(netipc_string_reverse_answer(&view, bytes, size, &length) == NETIPC_OK);
    fuzz_check(netipc_string_reverse_decode(bytes, size, &reversed) == NETIPC_OK);
    for (uint32_t i = 0; i < view.length; i++)
        fuzz_check(view.string[i] == reversed.string[view.length - 1 - i]);
    fuzz_check(netipc_string_reverse_answer(&view, bytes, size - 1, &length) == NETIPC_TOO_SMALL && length == size);
    free(bytes);
    fuzz_reached[STRING]++;
    fuzz_reached[LONG_STRING] += view.length > 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_number(data, size);
    check_string(data, size);
    return 0;
}
