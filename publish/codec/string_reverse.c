/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/string_reverse.h>

#include "shm/checked.h"
#include "shm/detail.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The string and its NUL come right behind it. */
struct header {
    uint32_t offset; /* of the string, from the start of the payload */
    uint32_t length; /* without the NUL */
};
static_assert(offsetof(struct header, length) == 4, "wire format");
static_assert(sizeof(struct header) + 1 == NETIPC_STRING_REVERSE_OVERHEAD, "wire format");

netipc_status netipc_string_reverse_decode(const void *bytes, size_t length, netipc_string_reverse_view *view)
{
    struct header header;
    *view = (netipc_string_reverse_view){.string = ""};
    if (length < NETIPC_STRING_REVERSE_OVERHEAD)
        return netipc_fail(NETIPC_CORRUPT, "a string to reverse in %zu bytes, an empty one takes %u", length,
                           NETIPC_STRING_REVERSE_OVERHEAD);
    memcpy(&header, bytes, sizeof header);
    atomic_signal_fence(memory_order_acquire); /* not loaded again, should they change */
    if (header.offset != sizeof header)
        return netipc_fail(NETIPC_CORRUPT, "the string begins at %u, not at %zu", header.offset, sizeof header);
    if ((uint64_t)header.length + NETIPC_STRING_REVERSE_OVERHEAD != length)
        return netipc_fail(NETIPC_CORRUPT, "a string of %u bytes in a payload of %zu", header.length, length);
    const char *string = (const char *)bytes + sizeof header;
    const char *nul = memchr(string, 0, (size_t)header.length + 1);
    if (nul != string + header.length)
        return netipc_fail(NETIPC_CORRUPT, "the string of %u bytes has %s", header.length,
                           nul == NULL ? "no NUL behind it" : "a NUL among them");
    *view = (netipc_string_reverse_view){.string = string, .length = header.length};
    return NETIPC_OK;
}

/* Writes all but the string's bytes, and points *string to where they go, if they fit. */
static netipc_status begin(size_t string_length, void *buffer, size_t capacity, size_t *length, char **string)
{
    uint64_t needed;
    if (netipc_add_overflows(string_length, NETIPC_STRING_REVERSE_OVERHEAD, &needed) || needed > UINT32_MAX)
        return netipc_fail(NETIPC_TOO_LARGE, "a string of %zu bytes, a payload has %u at most", string_length,
                           UINT32_MAX);
    if (length != NULL)
        *length = (size_t)needed;
    if (capacity < needed)
        return netipc_fail(NETIPC_TOO_SMALL, "the payload takes %zu bytes, the buffer has %zu", (size_t)needed,
                           capacity);
    const struct header header = {.offset = sizeof header, .length = (uint32_t)string_length};
    memcpy(buffer, &header, sizeof header);
    *string = (char *)buffer + sizeof header;
    (*string)[string_length] = '\0';
    return NETIPC_OK;
}

netipc_status netipc_string_reverse_encode(const char *string, size_t string_length, void *buffer, size_t capacity,
                                           size_t *length)
{
    char *to = NULL;
    if (string == NULL && string_length > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a string of %zu bytes, but none given", string_length);
    if (string_length > 0 && memchr(string, 0, string_length) != NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a NUL among the %zu bytes of the string", string_length);
    netipc_status status = begin(string_length, buffer, capacity, length, &to);
    if (to != NULL && string_length > 0)
        memcpy(to, string, string_length);
    return status;
}

netipc_status netipc_string_reverse_answer(const netipc_string_reverse_view *view, void *buffer, size_t capacity,
                                           size_t *length)
{
    char *to = NULL;
    netipc_status status = begin(view->length, buffer, capacity, length, &to);
    for (uint32_t i = 0; to != NULL && i < view->length; i++)
        to[i] = view->string[view->length - 1 - i];
    return status;
}

netipc_status netipc_string_reverse_copy(const netipc_string_reverse_view *view, char **string)
{
    *string = malloc((size_t)view->length + 1);
    if (*string == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a string of %u bytes", view->length);
    memcpy(*string, view->string, view->length);
    (*string)[view->length] = '\0';
    return NETIPC_OK;
}
