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

/* Where the packed area begins; netipc_items.private_words. */
enum { PACKED_OFFSET, SYSTEMD_ENABLED };

/* --- one item: the search in an index inlines these, as lookups spend their time here --- */

/* What directory and header say of an item. */
struct placed_item {
    const unsigned char *bytes;
    struct netipc_wire_entry entry;
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

static inline netipc_status check_item_place(const netipc_items *items, uint32_t index,
                                             const struct netipc_wire_entry *entry)
{
    uint64_t packed_length = items->length - items->private_words[PACKED_OFFSET];
    if (entry->offset % NETIPC_ITEM_ALIGNMENT != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", not a multiple of %d", index,
                           entry->offset, NETIPC_ITEM_ALIGNMENT);
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

/* --- all of them --- */

/* As in strings.h, but written out for two strings: that halves the time that a payload takes. */
static inline netipc_status check_string(uint32_t index, const char *what, const unsigned char *string, uint32_t length)
{
    const unsigned char *nul = memchr(string, 0, length);
    if (nul)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has a NUL at byte %zu of %" PRIu32, index, what,
                           (size_t)(nul - string), length);
    return check_terminator(index, what, string, length);
}

/* Whether the strings, each with its NUL, share a byte. Both lie inside of an item, so the sums fit. */
static bool strings_overlap(const struct wire_item *header)
{
    uint64_t name_end = (uint64_t)header->name_offset + header->name_length + 1;
    uint64_t path_end = (uint64_t)header->path_offset + header->path_length + 1;
    return header->name_offset < path_end && header->path_offset < name_end;
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
    return netipc_bytes_are_zero(item + sizeof *header, first - sizeof *header) &&
           netipc_bytes_are_zero(item + first_end, second - first_end) &&
           netipc_bytes_are_zero(item + second_end, item_length - second_end);
}

static netipc_status check_items(const netipc_items *items)
{
    const size_t packed_at = (size_t)items->private_words[PACKED_OFFSET];
    const struct netipc_directory directory = {.items = (const unsigned char *)items->bytes + packed_at,
                                               .items_length = items->length - packed_at};
    size_t end = 0;
    for (uint32_t index = 0; index < items->count; index++) {
        struct placed_item placed;
        netipc_status status = place_item(items, index, &placed);
        if (status != NETIPC_OK)
            return status;
        const struct netipc_wire_item item = {
            .bytes = placed.bytes, .index = index, .offset = placed.entry.offset, .length = placed.entry.length};
        status = check_strings(index, &placed);
        if (status == NETIPC_OK)
            status = netipc_directory_check_order(&directory, &item, &end);
        if (status != NETIPC_OK)
            return status;
        if (!gaps_in_item_are_zero(item.bytes, item.length, &placed.header))
            return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the padding around its strings is not zero", index);
    }
    return netipc_directory_check_end(&directory, end);
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
    struct netipc_directory directory;
    netipc_status status = netipc_directory_open(bytes, length, sizeof header, header.item_count, &directory);
    if (status != NETIPC_OK)
        return status;
    *items = (netipc_items){.bytes = bytes, .length = length, .generation = header.generation};
    items->count = header.item_count;
    items->private_words[PACKED_OFFSET] = length - directory.items_length;
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
