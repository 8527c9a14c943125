/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_INCREMENT_H
#define NETIPC_INCREMENT_H

#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The payload of the method increment (NETIPC_METHOD_INCREMENT), the same in both directions: a number is asked, and
 * the answer is the next one, with 0 behind the largest. It is there to try a connection out. Pure functions over
 * bytes: no allocation, no I/O, no state. Any thread. The bytes are in docs/wire.md.
 */

/* Bytes of every request and every answer. */
#define NETIPC_INCREMENT_LENGTH 8u

/*
 * Takes the number out of a payload. NETIPC_OK; NETIPC_CORRUPT when length is not NETIPC_INCREMENT_LENGTH, and *value
 * is 0 then. bytes need no alignment, and may be NULL when length is 0.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_increment_decode(const void *bytes, size_t length, uint64_t *value);

/*
 * Writes the payload for value into buffer, which needs no alignment. *length, if not NULL, gets the payload's length
 * in both cases: NETIPC_OK; NETIPC_TOO_SMALL, and buffer (NULL when capacity is 0) is untouched.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_increment_encode(uint64_t value, void *buffer, size_t capacity,
                                                                  size_t *length);

NETIPC_END_DECLS

#endif
