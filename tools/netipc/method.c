/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/method.h"

#include <netipc/increment.h>
#include <netipc/string_reverse.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_LENGTH = 22, TEXT_SIZE };

/* Spreads the numbers of requests over all 64 bits, each to another value. */
static uint64_t spread(uint64_t number)
{
    return number * UINT64_C(0x9e3779b97f4a7c15);
}

static netipc_status ask_increment(uint64_t number, void *buffer, size_t capacity, size_t *length)
{
    return netipc_increment_encode(spread(number), buffer, capacity, length);
}

static bool is_incremented(uint64_t number, const void *answer, size_t length)
{
    uint64_t value;
    return netipc_increment_decode(answer, length, &value) == NETIPC_OK && value == spread(number) + 1;
}

static netipc_status increment(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    uint64_t value;
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    size_t length;
    netipc_status status = netipc_increment_decode(request->payload, request->length, &value);
    if (status == NETIPC_OK)
        status = netipc_increment_encode(value + 1, bytes, sizeof bytes, &length);
    return status == NETIPC_OK ? netipc_answer_write(answer, bytes, length) : status;
}

/* Its first byte is found nowhere else, so that it is no palindrome. */
static void write_text(uint64_t number, char text[TEXT_SIZE])
{
    snprintf(text, TEXT_SIZE, "netip-%016" PRIx64, spread(number));
}

static netipc_status ask_reverse(uint64_t number, void *buffer, size_t capacity, size_t *length)
{
    char text[TEXT_SIZE];
    write_text(number, text);
    return netipc_string_reverse_encode(text, TEXT_LENGTH, buffer, capacity, length);
}

static bool is_reversed(uint64_t number, const void *answer, size_t length)
{
    char text[TEXT_SIZE];
    netipc_string_reverse_view view;
    write_text(number, text);
    if (netipc_string_reverse_decode(answer, length, &view) != NETIPC_OK || view.length != TEXT_LENGTH)
        return false;
    for (size_t i = 0; i < TEXT_LENGTH; i++) {
        if (view.string[i] != text[TEXT_LENGTH - 1 - i])
            return false;
    }
    return true;
}

static netipc_status reverse(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    netipc_string_reverse_view view;
    void *room;
    size_t capacity, length;
    netipc_status status = netipc_string_reverse_decode(request->payload, request->length, &view);
    if (status == NETIPC_OK)
        status = netipc_answer_room(answer, view.length + NETIPC_STRING_REVERSE_OVERHEAD, &room, &capacity);
    if (status == NETIPC_OK)
        status = netipc_string_reverse_answer(&view, room, capacity, &length);
    return status == NETIPC_OK ? netipc_answer_set_length(answer, length) : status;
}

static const struct method methods[] = {
    {"increment", NETIPC_METHOD_INCREMENT, ask_increment, is_incremented, increment},
    {"string-reverse", NETIPC_METHOD_STRING_REVERSE, ask_reverse, is_reversed, reverse}};

const struct method *method_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(name, methods[i].name) == 0)
            return &methods[i];
    }
    return NULL;
}
