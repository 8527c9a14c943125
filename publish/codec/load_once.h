/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_LOAD_ONCE_H
#define NETIPC_PUBLISH_CODEC_LOAD_ONCE_H

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

/* The numbers of hostile bytes must not change between their check and their use: the compiler may not go back to the
 * bytes once they are in the local struct. */
static inline void netipc_load_once(void *local, const unsigned char *bytes, size_t length)
{
    memcpy(local, bytes, length);
    atomic_signal_fence(memory_order_acquire);
}

#endif
