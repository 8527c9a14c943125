/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cgroups_snapshot.h>
#include <netipc/server.h>

#include "publish/codec/cgroups_snapshot_wire.h"
#include "publish/codec/index_search.h"
#include "publish/codec/load_once.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

static bool all_zero(const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* The same of up to 8 bytes, where 8 can be read: padding is of any length, so a loop would be mispredicted each time.
 */
static inline bool all_zero_in_word(const unsigned char *bytes, size_t length)
{
    static const unsigned char ones_then_zeros[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    uint64_t word, mask;
    memcpy(&word, bytes, sizeof word);
    memcpy(&mask, ones_then_zeros + 8 - length, sizeof mask);
    return (word & mask) == 0;
}

/* Where the packed area begins; netipc_items.private_words. */
enum { PACKED_OFFSET, SYSTEMD_ENABLED };

/* What directory and header say of an item. */
struct placed_item {
    const unsigned char *bytes;
    struct wire_entry entry;
    struct wire_item header;
};

/* Whether one of the two strings, with its NUL, lies in the item of item_length bytes. */
static inline netipc_status check_string_place(uint32_t index, const char *what, uint32_t item_length, uint32_t offset,
                                               uint32_t length)
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
    return NETIPC_OK;
}

static inline netipc_status check_terminator(uint32_t index, const char *what, const unsigned char *string,
                                             uint32_t length)
{
    if (string[length] != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has no NUL behind its %" PRIu32 " bytes", index,
                           what, length);
    return NETIPC_OK;
}

static inline netipc_status check_item_header(uint32_t index, const struct wire_item *header)
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

static inline netipc_status check_item_place(const netipc_items *items, uint32_t index, const struct wire_entry *entry)
{
    uint64_t packed_length = items->length - items->private_words[PACKED_OFFSET];
    if (entry->offset % CGROUPS_SNAPSHOT_ALIGNMENT != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", not a multiple of %d", index,
                           entry->offset, CGROUPS_SNAPSHOT_ALIGNMENT);
    if (entry->length < sizeof(struct wire_item))
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has %" PRIu32 " bytes, its header alone %zu", index,
                           entry->length, sizeof(struct wire_item));
    if (!netipc_range_ok(entry->offset, entry->length, packed_length))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 " of %" PRIu32 " bytes at %" PRIu32 " does not fit into the %" PRIu64
                           " bytes of items",
                           index, entry->length, entry->offset, packed_length);
    return NETIPC_OK;
}

static inline netipc_status check_header_and_places(uint32_t index, uint32_t item_length,
                                                    const struct wire_item *header)
{
    netipc_status status = check_item_header(index, header);
    if (status == NETIPC_OK)
        status = check_string_place(index, "name", item_length, header->name_offset, header->name_length);
    if (status == NETIPC_OK)
        status = check_string_place(index, "path", item_length, header->path_offset, header->path_length);
    return status;
}

/* Finds an item and checks all that is said of where it and its strings are. */
static inline netipc_status place_item(const netipc_items *items, uint32_t index, struct placed_item *item)
{
    const unsigned char *bytes = items->bytes;
    netipc_load_once(&item->entry, bytes + sizeof(struct wire_header) + (size_t)index * sizeof item->entry,
                     sizeof item->entry);
    netipc_status status = check_item_place(items, index, &item->entry);
    if (status != NETIPC_OK)
        return status;
    item->bytes = bytes + items->private_words[PACKED_OFFSET] + item->entry.offset;
    netipc_load_once(&item->header, item->bytes, sizeof item->header);
    return check_header_and_places(index, item->entry.length, &item->header);
}

static inline netipc_status check_string(uint32_t index, const char *what, const unsigned char *string, uint32_t length)
{
    const unsigned char *nul = memchr(string, 0, length);
    if (nul)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has a NUL at byte %zu of %" PRIu32, index, what,
                           (size_t)(nul - string), length);
    return check_terminator(index, what, string, length);
}

static inline netipc_status check_strings(uint32_t index, const struct placed_item *item)
{
    const struct wire_item *header = &item->header;
    netipc_status status = check_string(index, "name", item->bytes + header->name_offset, header->name_length);
    if (status == NETIPC_OK)
        status = check_string(index, "path", item->bytes + header->path_offset, header->path_length);
    if (status == NETIPC_OK && strings_overlap(header))
        status = netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its name and path overlap", index);
    return status;
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
static netipc_status check_items(const netipc_items *items)
{
    const unsigned char *packed = (const unsigned char *)items->bytes + items->private_words[PACKED_OFFSET];
    size_t packed_length = items->length - (size_t)items->private_words[PACKED_OFFSET];
    size_t end = 0;
    for (uint32_t index = 0; index < items->count; index++) {
        struct placed_item item;
        netipc_status status = place_item(items, index, &item);
        if (status == NETIPC_OK)
            status = check_strings(index, &item);
        if (status != NETIPC_OK)
            return status;
        const struct wire_entry *entry = &item.entry;
        if (entry->offset < end)
            return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", the one before it ends at %zu",
                               index, entry->offset, end);
        size_t gap = entry->offset - end; /* behind it is an item, which has more bytes than a word */
        if (gap <= sizeof(uint64_t) ? !all_zero_in_word(packed + end, gap) : !all_zero(packed + end, gap))
            return netipc_fail(NETIPC_CORRUPT, "the padding in front of item %" PRIu32 " is not zero", index);
        if (!gaps_in_item_are_zero(item.bytes, entry->length, &item.header))
            return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the padding around its strings is not zero", index);
        end = (size_t)entry->offset + entry->length;
    }
    if (!all_zero(packed + end, packed_length - end))
        return netipc_fail(NETIPC_CORRUPT, "the bytes behind the last item, from %zu on, are not zero", end);
    return NETIPC_OK;
}

static netipc_status parse(const void *bytes, size_t length, netipc_items *items)
{
    *items = (netipc_items){0};
    struct wire_header header;
    if (length < sizeof header)
        return netipc_fail(NETIPC_CORRUPT, "a snapshot of %zu bytes, its header alone has %zu", length, sizeof header);
    netipc_load_once(&header, bytes, sizeof header);
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

    *items = (netipc_items){.bytes = bytes, .length = length, .generation = header.generation};
    items->count = header.item_count;
    items->private_words[PACKED_OFFSET] = sizeof header + (uint64_t)header.item_count * sizeof(struct wire_entry);
    items->private_words[SYSTEMD_ENABLED] = header.systemd_enabled;
    return NETIPC_OK;
}

static netipc_status item_at(const netipc_items *items, uint32_t index, netipc_item *item)
{
    if (index >= items->count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %" PRIu32 " of a snapshot of %" PRIu32, index, items->count);
    struct placed_item placed;
    netipc_status status = place_item(items, index, &placed);
    if (status != NETIPC_OK)
        return status;
    *item = (netipc_item){
        .key = placed.bytes + placed.header.name_offset,
        .key_length = placed.header.name_length,
        .bytes = placed.bytes,
        .length = placed.entry.length,
        .hash = placed.header.hash,
        .index = index,
    };
    return NETIPC_OK;
}

static const uint16_t request[2] = {CGROUPS_SNAPSHOT_LAYOUT, 0}; /* layout, flags */

static const netipc_schema schema = {
    .size = sizeof schema,
    .id = 2,
    .version = 1,
    .method = NETIPC_METHOD_CGROUPS_SNAPSHOT,
    .name = "cgroups-snapshot",
    .request = request,
    .request_length = sizeof request,
    .parse = parse,
    .check = check_items,
    .item = item_at,
};

const netipc_schema *netipc_cgroups_schema(void)
{
    return &schema;
}

netipc_status netipc_cgroup_of_item(const netipc_item *item, netipc_cgroup_view *cgroup)
{
    struct wire_item header;
    if (item->length < sizeof header || item->length > UINT32_MAX)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " of %zu bytes is no cgroup", item->index, item->length);
    const unsigned char *bytes = item->bytes;
    netipc_load_once(&header, bytes, sizeof header);
    netipc_status status = check_header_and_places(item->index, (uint32_t)item->length, &header);
    if (status != NETIPC_OK)
        return status;
    const unsigned char *name = bytes + header.name_offset, *path = bytes + header.path_offset;
    status = check_terminator(item->index, "name", name, header.name_length);
    if (status == NETIPC_OK)
        status = check_terminator(item->index, "path", path, header.path_length);
    if (status != NETIPC_OK)
        return status;
    *cgroup = (netipc_cgroup_view){
        .hash = header.hash,
        .options = header.options,
        .enabled = header.enabled,
        .name_length = header.name_length,
        .path_length = header.path_length,
        .name = (const char *)name,
        .path = (const char *)path,
    };
    return NETIPC_OK;
}

netipc_status netipc_cgroups_find(const netipc_index *index, const char *name, size_t name_length, uint32_t hash,
                                  netipc_cgroup_view *cgroup)
{
    netipc_item item;
    if (index->schema != &schema)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "an index of %s, not of cgroups", index->schema->name);
    netipc_status status = netipc_index_search(index, item_at, name, name_length, hash, &item);
    return status == NETIPC_OK ? netipc_cgroup_of_item(&item, cgroup) : status;
}

netipc_status netipc_cgroups_snapshot_decode(const void *bytes, size_t length, netipc_cgroups_snapshot_view *view)
{
    *view = (netipc_cgroups_snapshot_view){0};
    netipc_items items;
    netipc_status status = parse(bytes, length, &items);
    if (status == NETIPC_OK)
        status = check_items(&items);
    if (status == NETIPC_OK)
        *view = (netipc_cgroups_snapshot_view){
            .generation = items.generation,
            .systemd_enabled = (uint32_t)items.private_words[SYSTEMD_ENABLED],
            .item_count = items.count,
            .items = items,
        };
    return status;
}

/* Checked once more: the bytes may lie in memory that somebody else has written since they were decoded. */
netipc_status netipc_cgroups_snapshot_item(const netipc_cgroups_snapshot_view *view, uint32_t index,
                                           netipc_cgroup_view *cgroup)
{
    netipc_item item;
    netipc_status status = item_at(&view->items, index, &item);
    return status == NETIPC_OK ? netipc_cgroup_of_item(&item, cgroup) : status;
}
