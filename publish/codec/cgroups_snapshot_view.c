/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cgroups_snapshot.h>

#include "publish/codec/cgroups_snapshot_wire.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* The numbers of a hostile payload must not change between their check and their use: the compiler may
 * not go back to the bytes once they are in the local struct. */
static void load(void *local, const unsigned char *bytes, size_t length)
{
    memcpy(local, bytes, length);
    atomic_signal_fence(memory_order_acquire);
}

static bool all_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* One of the two strings of the item of item_length bytes at item. */
static netipc_status check_string(uint32_t index, const char *what, const unsigned char *item, uint32_t item_length,
                                  uint32_t offset, uint32_t length)
{
    if (offset < sizeof(struct wire_item))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 ": the %s begins at %" PRIu32 ", inside of the item's header", index, what,
                           offset);
    if (!netipc_range_ok(offset, (uint64_t)length + 1, item_length))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 ": the %s of %" PRIu32 " bytes at %" PRIu32
                           " does not fit into the item's %" PRIu32 " bytes",
                           index, what, length, offset, item_length);
    const unsigned char *string = item + offset;
    const unsigned char *nul = memchr(string, 0, (size_t)length + 1);
    if (!nul)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has no NUL behind its %" PRIu32 " bytes", index,
                           what, length);
    if (nul != string + length)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has a NUL at byte %zu of %" PRIu32, index, what,
                           (size_t)(nul - string), length);
    return NETIPC_OK;
}

static netipc_status check_item_header(uint32_t index, const struct wire_item *header)
{
    if (header->layout != CGROUPS_SNAPSHOT_LAYOUT)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has layout %u, only %d is known", index, header->layout,
                           CGROUPS_SNAPSHOT_LAYOUT);
    if (header->flags != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has flags 0x%x, none is known", index, header->flags);
    return NETIPC_OK;
}

/* Whether the strings, each with its NUL, share a byte. Both lie inside of an item, so the sums fit. */
static bool strings_overlap(const struct wire_item *header)
{
    uint64_t name_end = (uint64_t)header->name_offset + header->name_length + 1;
    uint64_t path_end = (uint64_t)header->path_offset + header->path_length + 1;
    return header->name_offset < path_end && header->path_offset < name_end;
}

/* Everything about the item that entry points to, but what lies between the strings and between the items. */
static netipc_status read_item(const netipc_cgroups_snapshot_view *view, uint32_t index, const struct wire_entry *entry,
                               struct wire_item *header)
{
    if (entry->offset % CGROUPS_SNAPSHOT_ALIGNMENT != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", not a multiple of %d", index,
                           entry->offset, CGROUPS_SNAPSHOT_ALIGNMENT);
    if (entry->length < sizeof *header)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has %" PRIu32 " bytes, its header alone %zu", index,
                           entry->length, sizeof *header);
    if (!netipc_range_ok(entry->offset, entry->length, view->items_length))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 " of %" PRIu32 " bytes at %" PRIu32
                           " does not fit into the %zu bytes of items",
                           index, entry->length, entry->offset, view->items_length);

    const unsigned char *item = view->items + entry->offset;
    load(header, item, sizeof *header);
    netipc_status status = check_item_header(index, header);
    if (status == NETIPC_OK)
        status = check_string(index, "name", item, entry->length, header->name_offset, header->name_length);
    if (status == NETIPC_OK)
        status = check_string(index, "path", item, entry->length, header->path_offset, header->path_length);
    if (status == NETIPC_OK && strings_overlap(header))
        status = netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its name and path overlap", index);
    return status;
}

static void load_entry(const netipc_cgroups_snapshot_view *view, uint32_t index, struct wire_entry *entry)
{
    load(entry, view->directory + (size_t)index * sizeof *entry, sizeof *entry);
}

/* The bytes of an item that has been read, between its header and strings and behind them. */
static bool gaps_in_item_are_zero(const unsigned char *item, uint32_t item_length, const struct wire_item *header)
{
    bool name_first = header->name_offset < header->path_offset;
    size_t first = name_first ? header->name_offset : header->path_offset;
    size_t first_end = first + (name_first ? header->name_length : header->path_length) + 1;
    size_t second = name_first ? header->path_offset : header->name_offset;
    size_t second_end = second + (name_first ? header->path_length : header->name_length) + 1;
    return all_zero(item + sizeof *header, first - sizeof *header) && all_zero(item + first_end, second - first_end) &&
           all_zero(item + second_end, item_length - second_end);
}

/* Items go upwards without touching each other, and all that lies between them is zero. */
static netipc_status check_items(const netipc_cgroups_snapshot_view *view)
{
    size_t end = 0;
    for (uint32_t index = 0; index < view->item_count; index++) {
        struct wire_entry entry;
        struct wire_item header;
        load_entry(view, index, &entry);
        netipc_status status = read_item(view, index, &entry, &header);
        if (status != NETIPC_OK)
            return status;
        if (entry.offset < end)
            return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", the one before it ends at %zu",
                               index, entry.offset, end);
        if (!all_zero(view->items + end, entry.offset - end))
            return netipc_fail(NETIPC_CORRUPT, "the padding in front of item %" PRIu32 " is not zero", index);
        if (!gaps_in_item_are_zero(view->items + entry.offset, entry.length, &header))
            return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the padding around its strings is not zero", index);
        end = (size_t)entry.offset + entry.length;
    }
    if (!all_zero(view->items + end, view->items_length - end))
        return netipc_fail(NETIPC_CORRUPT, "the bytes behind the last item, from %zu on, are not zero", end);
    return NETIPC_OK;
}

static netipc_status read_header(const unsigned char *bytes, size_t length, netipc_cgroups_snapshot_view *view)
{
    struct wire_header header;
    if (length < sizeof header)
        return netipc_fail(NETIPC_CORRUPT, "a snapshot of %zu bytes, its header alone has %zu", length, sizeof header);
    load(&header, bytes, sizeof header);
    if (header.layout != CGROUPS_SNAPSHOT_LAYOUT)
        return netipc_fail(NETIPC_CORRUPT, "snapshot layout %u, only %d is known", header.layout,
                           CGROUPS_SNAPSHOT_LAYOUT);
    if (header.flags != 0)
        return netipc_fail(NETIPC_CORRUPT, "snapshot flags 0x%x, none is known", header.flags);
    if (header.reserved != 0)
        return netipc_fail(NETIPC_CORRUPT, "the snapshot's reserved field is 0x%" PRIx32 ", not zero", header.reserved);
    if (!netipc_array_ok(sizeof header, header.item_count, sizeof(struct wire_entry), length))
        return netipc_fail(NETIPC_CORRUPT,
                           "the directory of %" PRIu32 " items does not fit into the snapshot's %zu bytes",
                           header.item_count, length);

    view->generation = header.generation;
    view->systemd_enabled = header.systemd_enabled;
    view->item_count = header.item_count;
    view->directory = bytes + sizeof header;
    view->items = view->directory + header.item_count * sizeof(struct wire_entry);
    view->items_length = length - (size_t)(view->items - bytes);
    return NETIPC_OK;
}

netipc_status netipc_cgroups_snapshot_decode(const void *bytes, size_t length, netipc_cgroups_snapshot_view *view)
{
    memset(view, 0, sizeof *view);
    netipc_cgroups_snapshot_view candidate = {0};
    netipc_status status = read_header(bytes, length, &candidate);
    if (status == NETIPC_OK)
        status = check_items(&candidate);
    if (status == NETIPC_OK)
        *view = candidate;
    return status;
}

netipc_status netipc_cgroups_snapshot_item(const netipc_cgroups_snapshot_view *view, uint32_t index,
                                           netipc_cgroup_view *item)
{
    if (index >= view->item_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %" PRIu32 " of a snapshot of %" PRIu32, index,
                           view->item_count);
    /* Checked once more: the bytes may lie in memory that somebody else has written since. */
    struct wire_entry entry;
    struct wire_item header;
    load_entry(view, index, &entry);
    netipc_status status = read_item(view, index, &entry, &header);
    if (status != NETIPC_OK)
        return status;
    const char *start = (const char *)view->items + entry.offset;
    *item = (netipc_cgroup_view){
        .hash = header.hash,
        .options = header.options,
        .enabled = header.enabled,
        .name_length = header.name_length,
        .path_length = header.path_length,
        .name = start + header.name_offset,
        .path = start + header.path_offset,
    };
    return NETIPC_OK;
}
