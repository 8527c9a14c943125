/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_BYTES_H
#define NETIPC_PUBLISH_CODEC_BYTES_H

#include <netipc/status.h>

#include "publish/codec/load_once.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* --- read --- */

/* As padding has to be. */
static inline bool netipc_bytes_are_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* The same of up to 8 bytes, where 8 can be read: padding is of any length, so a loop would be mispredicted each time.
 */
static inline bool netipc_word_is_zero(const unsigned char *bytes, size_t length)
{
    static const unsigned char ones_then_zeros[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint64_t word, mask;
    memcpy(&word, bytes, sizeof word);
    memcpy(&mask, ones_then_zeros + 8 - length, sizeof mask);
    return (word & mask) == 0;
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
