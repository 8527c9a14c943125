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

/* order gets the strings' indices by where they begin. */
static void sort(size_t count, const struct netipc_wire_string strings[], size_t order[])
{
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && strings[order[at - 1]].offset > strings[i].offset; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

netipc_status netipc_strings_check(const struct netipc_wire_item *item, size_t header_length, size_t count,
                                   const char *const what[], const struct netipc_wire_string strings[], size_t *end)
{
    size_t order[NETIPC_ITEM_STRINGS_MAX];
    for (size_t i = 0; i < count; i++) {
        netipc_status status = netipc_string_check(item, header_length, what[i], strings[i]);
        if (status != NETIPC_OK)
            return status;
    }
    sort(count, strings, order);
    *end = header_length;
    for (size_t i = 0; i < count; i++) {
        const struct netipc_wire_string string = strings[order[i]];
        if (string.offset < *end)
            return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its %s and %s overlap", item->index,
                               what[order[i - 1]], what[order[i]]);
        netipc_status status = check_gap(item, *end, string.offset);
        if (status != NETIPC_OK)
            return status;
        *end = netipc_string_end(string);
    }
    return NETIPC_OK;
}

netipc_status netipc_strings_check_end(const struct netipc_wire_item *item, size_t end)
{
    return check_gap(item, end, item->length);
}
