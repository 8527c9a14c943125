/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/codec/strings.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>

netipc_status netipc_string_check(const struct netipc_wire_item *item, size_t first, const char *what,
                                  struct netipc_wire_string string)
{
    if (string.offset < first)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s begins at %" PRIu32 ", in front of %zu",
                           item->index, what, string.offset, first);
    if (!netipc_range_ok(string.offset, (uint64_t)string.length + 1, item->length))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 ": the %s of %" PRIu32 " bytes at %" PRIu32
                           " does not fit into the item's %" PRIu32 " bytes",
                           item->index, what, string.length, string.offset, item->length);
    const unsigned char *bytes = item->bytes + string.offset;
    const unsigned char *nul = memchr(bytes, 0, (size_t)string.length + 1);
    if (nul == NULL)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has no NUL behind its %" PRIu32 " bytes",
                           item->index, what, string.length);
    if (nul != bytes + string.length)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has a NUL at byte %zu of %" PRIu32, item->index,
                           what, (size_t)(nul - bytes), string.length);
    return NETIPC_OK;
}

static netipc_status check_gap(const struct netipc_wire_item *item, size_t from, size_t to)
{
    if (!netipc_bytes_are_zero(item->bytes + from, to - from))
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the padding around its strings is not zero", item->index);
    return NETIPC_OK;
}

netipc_status netipc_strings_check(const struct netipc_wire_item *item, size_t header_length, const char *const what[2],
                                   const struct netipc_wire_string strings[2], size_t *end)
{
    netipc_status status = netipc_string_check(item, header_length, what[0], strings[0]);
    if (status == NETIPC_OK)
        status = netipc_string_check(item, header_length, what[1], strings[1]);
    if (status != NETIPC_OK)
        return status;
    bool in_order = strings[0].offset < strings[1].offset;
    const struct netipc_wire_string first = strings[in_order ? 0 : 1], second = strings[in_order ? 1 : 0];
    if (second.offset < netipc_string_end(first))
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its %s and %s overlap", item->index, what[0], what[1]);
    *end = netipc_string_end(second);
    status = check_gap(item, header_length, first.offset);
    return status == NETIPC_OK ? check_gap(item, netipc_string_end(first), second.offset) : status;
}

netipc_status netipc_strings_check_end(const struct netipc_wire_item *item, size_t end)
{
    return check_gap(item, end, item->length);
}
