/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_STRINGS_H
#define NETIPC_PUBLISH_CODEC_STRINGS_H

/* Strings in items: where they begin, counted from the item, and their bytes without the NUL that ends each of them. */

#include "publish/codec/directory.h"

struct netipc_wire_string {
    uint32_t offset, length;
};
static_assert(sizeof(struct netipc_wire_string) == 8, "wire format");

/* Behind the string's NUL; of one that was checked, so it fits. */
static inline size_t netipc_string_end(struct netipc_wire_string string)
{
    return (size_t)string.offset + string.length + 1;
}

/* what is for the detail. NETIPC_OK; NETIPC_CORRUPT: it begins before first, does not fit into the item, or has a NUL
 * but at its end. */
netipc_status netipc_string_check(const struct netipc_wire_item *item, size_t first, const char *what,
                                  struct netipc_wire_string string);

/* count strings, 1 to NETIPC_ITEM_STRINGS_MAX, in any order, behind a header of header_length bytes: *end gets what
 * follows them. NETIPC_OK; NETIPC_CORRUPT: also when they overlap, or what is between them is not zero. */
#define NETIPC_ITEM_STRINGS_MAX 3u
netipc_status netipc_strings_check(const struct netipc_wire_item *item, size_t header_length, size_t count,
                                   const char *const what[], const struct netipc_wire_string strings[], size_t *end);

/* What follows an item's last string, from end on, is zero. NETIPC_OK; NETIPC_CORRUPT. */
netipc_status netipc_strings_check_end(const struct netipc_wire_item *item, size_t end);

/* Writes a string with its NUL: what comes behind. */
static inline unsigned char *netipc_string_write(unsigned char *to, const char *string, size_t length)
{
    memcpy(to, string, length);
    to[length] = 0;
    return to + length + 1;
}

#endif
