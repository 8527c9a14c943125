/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_CHECKED_H
#define NETIPC_SHM_CHECKED_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Every bound in the library is checked with these, so that a reviewer finds them all by name. One width for
 * all of them: numbers from outside are u32 or u64, and a size_t never is wider. Only netipc_to_size()
 * goes back to size_t, and only when nothing is lost.
 */
static_assert(sizeof(size_t) <= sizeof(uint64_t), "a size_t must survive the way through uint64_t");

/* true, with *sum unspecified, when a + b does not fit. */
static inline bool netipc_add_overflows(uint64_t a, uint64_t b, uint64_t *sum)
{
    *sum = a + b;
    return *sum < a;
}

/* The sum, or the largest number when it does not fit: for deadlines. */
static inline uint64_t netipc_add_saturating(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return netipc_add_overflows(a, b, &sum) ? UINT64_MAX : sum;
}

/* true, with *product unspecified, when a * b does not fit. */
static inline bool netipc_multiply_overflows(uint64_t a, uint64_t b, uint64_t *product)
{
    *product = a * b;
    return a != 0 && b > UINT64_MAX / a;
}

/* Rounds value up to a multiple of alignment, a power of two; true, with *aligned unspecified, when that does not fit.
 */
static inline bool netipc_align_overflows(uint64_t value, uint64_t alignment, uint64_t *aligned)
{
    uint64_t mask = alignment - 1;
    if (netipc_add_overflows(value, mask, aligned))
        return true;
    *aligned &= ~mask;
    return false;
}

/* Whether length bytes at offset lie within size bytes. An empty range may begin at the end. */
static inline bool netipc_range_ok(uint64_t offset, uint64_t length, uint64_t size)
{
    return offset <= size && length <= size - offset;
}

/* The same for numbers of 32 bits, whose sum needs no look at what it leaves over. */
static inline bool netipc_range32_ok(uint32_t offset, uint32_t length, uint64_t size)
{
    return (uint64_t)offset + length <= size;
}

/* Whether count elements of element bytes each at offset lie within size bytes. */
static inline bool netipc_array_ok(uint64_t offset, uint64_t count, uint64_t element, uint64_t size)
{
    uint64_t length;
    return !netipc_multiply_overflows(count, element, &length) && netipc_range_ok(offset, length, size);
}

/* false, with *size untouched, when value is wider than a size_t here. */
static inline bool netipc_to_size(uint64_t value, size_t *size)
{
    if (value > SIZE_MAX)
        return false;
    *size = (size_t)value;
    return true;
}

#endif
