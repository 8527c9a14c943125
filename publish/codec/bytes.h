/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_BYTES_H
#define NETIPC_PUBLISH_CODEC_BYTES_H

#include <netipc/status.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* --- read --- */

/* The numbers of a hostile payload must not change between their check and their use: the compiler may not go back to
 * the bytes once they are in the local variable. */
static inline void netipc_bytes_load(void *local, const unsigned char *bytes, size_t length)
{
    memcpy(local, bytes, length);
    atomic_signal_fence(memory_order_acquire);
}

/* As padding has to be. */
static inline bool netipc_bytes_are_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* --- built --- */

/* Bytes that grow by doubling, so that n appends cost O(n). All zero: none yet. */
struct netipc_bytes {
    unsigned char *data;
    size_t length;
    size_t capacity;
};

/* Makes room for more bytes behind length. NETIPC_OK; NETIPC_NO_MEMORY, and nothing has changed. */
netipc_status netipc_bytes_reserve(struct netipc_bytes *bytes, size_t more);

/* Gives more bytes behind length, for the caller to fill. The room must have been reserved. */
unsigned char *netipc_bytes_take(struct netipc_bytes *bytes, size_t more);

void netipc_bytes_free(struct netipc_bytes *bytes);

#endif
