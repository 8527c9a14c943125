/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_STRING_REVERSE_H
#define NETIPC_STRING_REVERSE_H

#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The payload of the method string-reverse (NETIPC_METHOD_STRING_REVERSE), the same in both directions: a string is
 * asked, and the answer has its bytes in reverse. It is there to try a connection out. Pure functions over bytes: no
 * allocation but in _copy, no I/O, no state. Any thread. The bytes are in docs/wire.md.
 *
 *   ..._view  borrowed: points into the caller's bytes and lives no longer than they do
 *   ..._copy  makes the string the caller's own
 */

/* Bytes of a payload besides those of its string, the NUL included. */
#define NETIPC_STRING_REVERSE_OVERHEAD 9u

typedef struct netipc_string_reverse_view {
    const char *string; /* NUL-terminated; may hold any other byte, and be empty */
    uint32_t length;    /* bytes without the NUL */
} netipc_string_reverse_view;

/*
 * Checks the whole of a payload and fills in *view. NETIPC_OK; NETIPC_CORRUPT with the place in
 * netipc_status_detail(): too short for its header, a string that does not begin right behind it or does not end with
 * the payload, no NUL at its end or one before; *view is an empty string then. bytes need no alignment, may be NULL
 * when length is 0, and must stay unchanged while the view is used: should somebody change them nevertheless, the
 * string may have lost its NUL, but view->length bytes are within them.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_string_reverse_decode(const void *bytes, size_t length,
                                                                       netipc_string_reverse_view *view);

/*
 * Writes the payload for a string of string_length bytes into buffer; neither needs an alignment, and they must not
 * overlap. *length, if not NULL, gets the payload's length in both cases, as far as there is one: NETIPC_OK;
 * NETIPC_TOO_SMALL: buffer is (NULL when capacity is 0). NETIPC_INVALID_ARGUMENT: a NUL among the bytes, or string is
 * NULL and string_length is not 0. NETIPC_TOO_LARGE: a payload of more than 2^32 - 1 bytes. buffer is untouched then,
 * and after the last two so is *length.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_string_reverse_encode(const char *string, size_t string_length,
                                                                       void *buffer, size_t capacity, size_t *length);

/*
 * Writes the answer to a request: the payload with the string in reverse, byte by byte. buffer must not overlap with
 * what the view points into. NETIPC_OK, NETIPC_TOO_SMALL, *length and buffer as above.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_string_reverse_answer(const netipc_string_reverse_view *view,
                                                                       void *buffer, size_t capacity, size_t *length);

/* *string gets the view's string on the heap, with its NUL, for the caller to free(). NETIPC_OK; NETIPC_NO_MEMORY, and
 * *string is NULL then. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_string_reverse_copy(const netipc_string_reverse_view *view,
                                                                     char **string);

NETIPC_END_DECLS

#endif
