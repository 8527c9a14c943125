/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cgroups_snapshot.h>
#include <netipc/server.h>

#include "publish/codec/cgroups_snapshot_wire.h"
#include "publish/codec/index_search.h"
#include "publish/codec/load_once.h"
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/hot.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

/* Where the packed area begins; netipc_items.private_words. */
enum { PACKED_OFFSET, SYSTEMD_ENABLED };

static_assert(offsetof(struct wire_item, flags) == offsetof(struct wire_item, layout) + sizeof(uint16_t), "one word");

/* What directory and header say of an item, as far as it has to be checked. */
struct placed_item {
    const unsigned char *bytes;
    uint32_t offset, length; /* of its entry */
    uint32_t kind;           /* layout and flags, as they lie there */
    uint32_t hash, name_offset, name_length, path_offset, path_length;
};

/* --- most of what a lookup does: numbers loaded one by one into registers; a struct of them would be slow to come back
 * from the stack --- */

static inline void load_entry(const unsigned char *bytes, struct placed_item *item)
{
    struct netipc_wire_entry entry;
    netipc_load_once(&entry, bytes, sizeof entry);
    item->offset = entry.offset;
    item->length = entry.length;
}

#define LOAD(field) netipc_load_once(&item->field, item->bytes + offsetof(struct wire_item, field), sizeof item->field)

/* item->bytes and length are known, and it is not shorter than its header. */
static inline void load_header(struct placed_item *item)
{
    /* Two loads would be stored side by side, and compared by one that has to wait for both stores. */
    netipc_load_once(&item->kind, item->bytes + offsetof(struct wire_item, layout), sizeof item->kind);
    LOAD(hash);
    LOAD(name_offset);
    LOAD(name_length);
    LOAD(path_offset);
    LOAD(path_length);
}

static inline bool entry_is_sound(const struct placed_item *item, uint64_t packed_length)
{
    return item->offset % NETIPC_ITEM_ALIGNMENT == 0 && item->length >= sizeof(struct wire_item) &&
           netipc_range32_ok(item->offset, item->length, packed_length);
}

/* A string, and its NUL. */
static inline bool string_fits(const struct placed_item *item, uint32_t offset, uint32_t length)
{
    return offset >= sizeof(struct wire_item) && netipc_range32_ok(offset, length, item->length - 1);
}

static inline bool header_is_sound(const struct placed_item *item)
{
    const uint16_t known[2] = {CGROUPS_SNAPSHOT_LAYOUT, 0}; /* layout, flags */
    uint32_t kind;
    memcpy(&kind, known, sizeof kind);
    return item->kind == kind && string_fits(item, item->name_offset, item->name_length) &&
           string_fits(item, item->path_offset, item->path_length);
}

/* --- the same in words, when something is not sound. The status is the callers', so that the compiler knows it --- */

static void tell_string_fault(uint32_t index, const char *what, uint32_t item_length, uint32_t offset, uint32_t length)
{
    if (offset < sizeof(struct wire_item))
        netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s begins at %" PRIu32 ", inside of the item's header",
                    index, what, offset);
    else
        netipc_fail(NETIPC_CORRUPT,
                    "item %" PRIu32 ": the %s of %" PRIu32 " bytes at %" PRIu32 " does not fit into the item's %" PRIu32
                    " bytes",
                    index, what, length, offset, item_length);
}

COLD void tell_header_fault(uint32_t index, struct placed_item item)
{
    uint16_t kind[2]; /* layout, flags */
    memcpy(kind, &item.kind, sizeof kind);
    if (kind[0] != CGROUPS_SNAPSHOT_LAYOUT)
        netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has layout %u, only %d is known", index, kind[0],
                    CGROUPS_SNAPSHOT_LAYOUT);
    else if (kind[1] != 0)
        netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has flags 0x%x, none is known", index, kind[1]);
    else if (!string_fits(&item, item.name_offset, item.name_length))
        tell_string_fault(index, "name", item.length, item.name_offset, item.name_length);
    else
        tell_string_fault(index, "path", item.length, item.path_offset, item.path_length);
}

COLD void tell_entry_fault(uint32_t index, uint32_t offset, uint32_t length, uint64_t packed_length)
{
    if (offset % NETIPC_ITEM_ALIGNMENT != 0)
        netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", not a multiple of %d", index, offset,
                    NETIPC_ITEM_ALIGNMENT);
    else if (length < sizeof(struct wire_item))
        netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has %" PRIu32 " bytes, its header alone %zu", index, length,
                    sizeof(struct wire_item));
    else
        netipc_fail(NETIPC_CORRUPT,
                    "item %" PRIu32 " of %" PRIu32 " bytes at %" PRIu32 " does not fit into the %" PRIu64
                    " bytes of items",
                    index, length, offset, packed_length);
}

COLD void tell_terminator_fault(uint32_t index, const char *what, uint32_t length)
{
    netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has no NUL behind its %" PRIu32 " bytes", index, what,
                length);
}

/* --- one item --- */

HOT netipc_status check_header(uint32_t index, struct placed_item *item)
{
    load_header(item);
    if (header_is_sound(item))
        return NETIPC_OK;
    tell_header_fault(index, *item);
    return NETIPC_CORRUPT;
}

/* Finds an item and checks all that is said of where it and its strings are. */
HOT netipc_status place_item(const netipc_items *items, uint32_t index, struct placed_item *item)
{
    const unsigned char *bytes = items->bytes;
    uint64_t packed_length = items->length - items->private_words[PACKED_OFFSET];
    load_entry(bytes + sizeof(struct wire_header) + (size_t)index * sizeof(struct netipc_wire_entry), item);
    if (!entry_is_sound(item, packed_length)) {
        tell_entry_fault(index, item->offset, item->length, packed_length);
        return NETIPC_CORRUPT;
    }
    item->bytes = bytes + items->private_words[PACKED_OFFSET] + item->offset;
    return check_header(index, item);
}

/* --- all of them --- */

/* Whether the strings, each with its NUL, share a byte. Both lie inside of an item, so the sums fit. */
static bool strings_overlap(const struct placed_item *item)
{
    uint64_t name_end = (uint64_t)item->name_offset + item->name_length + 1;
    uint64_t path_end = (uint64_t)item->path_offset + item->path_length + 1;
    return item->name_offset < path_end && item->path_offset < name_end;
}

static netipc_status check_terminator(uint32_t index, const char *what, const void *string, uint32_t length)
{
    if (((const char *)string)[length] == 0)
        return NETIPC_OK;
    tell_terminator_fault(index, what, length);
    return NETIPC_CORRUPT;
}

COLD void tell_nul_fault(uint32_t index, const char *what, const unsigned char *string, uint32_t length)
{
    const unsigned char *nul = memchr(string, 0, length);
    if (nul != NULL)
        netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the %s has a NUL at byte %zu of %" PRIu32, index, what,
                    (size_t)(nul - string), length);
    else
        tell_terminator_fault(index, what, length);
}

/* Its first NUL is the one behind it. */
HOT netipc_status check_string(uint32_t index, const char *what, const unsigned char *string, uint32_t length)
{
    if (memchr(string, 0, (size_t)length + 1) == string + length)
        return NETIPC_OK;
    tell_nul_fault(index, what, string, length);
    return NETIPC_CORRUPT;
}

HOT netipc_status check_strings(uint32_t index, const struct placed_item *item)
{
    netipc_status status = check_string(index, "name", item->bytes + item->name_offset, item->name_length);
    if (status == NETIPC_OK)
        status = check_string(index, "path", item->bytes + item->path_offset, item->path_length);
    if (status == NETIPC_OK && strings_overlap(item))
        status = netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its name and path overlap", index);
    return status;
}

/* The bytes of an item that has been read, between its header and strings and behind them. */
static bool gaps_in_item_are_zero(const struct placed_item *item)
{
    const size_t header = sizeof(struct wire_item);
    bool name_first = item->name_offset < item->path_offset;
    size_t first = name_first ? item->name_offset : item->path_offset;
    size_t first_end = first + (name_first ? item->name_length : item->path_length) + 1;
    size_t second = name_first ? item->path_offset : item->name_offset;
    size_t second_end = second + (name_first ? item->path_length : item->name_length) + 1;
    return netipc_bytes_are_zero(item->bytes + header, first - header) &&
           netipc_bytes_are_zero(item->bytes + first_end, second - first_end) &&
           netipc_bytes_are_zero(item->bytes + second_end, item->length - second_end);
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
            .bytes = placed.bytes, .index = index, .offset = placed.offset, .length = placed.length};
        status = check_strings(index, &placed);
        if (status == NETIPC_OK)
            status = netipc_directory_check_order(&directory, &item, &end);
        if (status != NETIPC_OK)
            return status;
        if (!gaps_in_item_are_zero(&placed))
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
    item->key = placed.bytes + placed.name_offset;
    item->key_length = placed.name_length;
    item->bytes = placed.bytes;
    item->length = placed.length;
    item->hash = placed.hash;
    item->index = index;
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

/* Of an item whose header is sound. */
static inline netipc_status fill_cgroup(uint32_t index, const struct placed_item *item, netipc_cgroup_view *cgroup)
{
    const char *name = (const char *)item->bytes + item->name_offset;
    const char *path = (const char *)item->bytes + item->path_offset;
    netipc_status status = check_terminator(index, "name", name, item->name_length);
    if (status == NETIPC_OK)
        status = check_terminator(index, "path", path, item->path_length);
    if (status != NETIPC_OK)
        return status;
    cgroup->hash = item->hash;
    memcpy(&cgroup->options, item->bytes + offsetof(struct wire_item, options), sizeof cgroup->options);
    memcpy(&cgroup->enabled, item->bytes + offsetof(struct wire_item, enabled), sizeof cgroup->enabled);
    cgroup->name_length = item->name_length;
    cgroup->path_length = item->path_length;
    cgroup->name = name;
    cgroup->path = path;
    return NETIPC_OK;
}

netipc_status netipc_cgroup_of_item(const netipc_item *item, netipc_cgroup_view *cgroup)
{
    if (item->length < sizeof(struct wire_item) || item->length > UINT32_MAX)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " of %zu bytes is no cgroup", item->index, item->length);
    struct placed_item placed = {.bytes = item->bytes, .length = (uint32_t)item->length};
    netipc_status status = check_header(item->index, &placed);
    return status == NETIPC_OK ? fill_cgroup(item->index, &placed, cgroup) : status;
}

/* For the search: the item's header is loaded and checked once, for its key and for what is told of it. */
static inline netipc_status look_at(const netipc_index *index, uint32_t number, const void *name, size_t name_length,
                                    uint32_t hash, void *found)
{
    struct placed_item item;
    netipc_status status = place_item(&index->items, number, &item);
    if (status != NETIPC_OK)
        return status;
    if (!netipc_keys_equal(item.bytes + item.name_offset, item.name_length, item.hash, name, name_length, hash))
        return NETIPC_NOT_FOUND;
    return fill_cgroup(number, &item, found);
}

netipc_status netipc_cgroups_find(const netipc_index *index, const char *name, size_t name_length, uint32_t hash,
                                  netipc_cgroup_view *cgroup)
{
    if (index->schema != &schema)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "an index of %s, not of cgroups", index->schema->name);
    return netipc_index_search(index, look_at, name, name_length, hash, cgroup);
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
    if (index >= view->items.count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %" PRIu32 " of a snapshot of %" PRIu32, index,
                           view->items.count);
    struct placed_item placed;
    netipc_status status = place_item(&view->items, index, &placed);
    return status == NETIPC_OK ? fill_cgroup(index, &placed, cgroup) : status;
}
