/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/codec/directory.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>

/* --- read --- */

netipc_status netipc_directory_open(const unsigned char *payload, size_t length, size_t header_length, uint32_t count,
                                    struct netipc_directory *directory)
{
    if (!netipc_array_ok(header_length, count, sizeof(struct netipc_wire_entry), length))
        return netipc_fail(NETIPC_CORRUPT,
                           "the directory of %" PRIu32 " items does not fit into the payload's %zu bytes", count,
                           length);
    directory->entries = payload + header_length;
    directory->items = directory->entries + count * sizeof(struct netipc_wire_entry);
    directory->items_length = length - (size_t)(directory->items - payload);
    directory->count = count;
    return NETIPC_OK;
}

netipc_status netipc_directory_item(const struct netipc_directory *directory, uint32_t index, size_t least,
                                    struct netipc_wire_item *item)
{
    struct netipc_wire_entry entry;
    netipc_load_once(&entry, directory->entries + (size_t)index * sizeof entry, sizeof entry);
    if (entry.offset % NETIPC_ITEM_ALIGNMENT != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " begins at %" PRIu32 ", not a multiple of %d", index,
                           entry.offset, NETIPC_ITEM_ALIGNMENT);
    if (entry.length < least)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has %" PRIu32 " bytes, the least is %zu", index,
                           entry.length, least);
    if (!netipc_range_ok(entry.offset, entry.length, directory->items_length))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 " of %" PRIu32 " bytes at %" PRIu32
                           " does not fit into the %zu bytes of items",
                           index, entry.length, entry.offset, directory->items_length);
    *item = (struct netipc_wire_item){
        .bytes = directory->items + entry.offset, .index = index, .offset = entry.offset, .length = entry.length};
    return NETIPC_OK;
}

netipc_status netipc_directory_check_end(const struct netipc_directory *directory, size_t end)
{
    if (!netipc_bytes_are_zero(directory->items + end, directory->items_length - end))
        return netipc_fail(NETIPC_CORRUPT, "the bytes behind the last item, from %zu on, are not zero", end);
    return NETIPC_OK;
}

/* --- built --- */

void netipc_pack_free(struct netipc_pack *pack)
{
    netipc_bytes_free(&pack->directory);
    netipc_bytes_free(&pack->items);
    pack->count = 0;
}

void netipc_pack_reset(struct netipc_pack *pack)
{
    pack->directory.length = 0;
    pack->items.length = 0;
    pack->count = 0;
}

size_t netipc_pack_length(const struct netipc_pack *pack, size_t header_length)
{
    return header_length + pack->directory.length + pack->items.length;
}

bool netipc_pack_has_room(const struct netipc_pack *pack, size_t header_length, uint64_t item_length, uint64_t most)
{
    uint64_t length = netipc_pack_length(pack, header_length), more = sizeof(struct netipc_wire_entry);
    more += netipc_padding(pack->items.length);
    return !netipc_add_overflows(length, more, &length) && !netipc_add_overflows(length, item_length, &length) &&
           length <= most && length <= NETIPC_ITEMS_PAYLOAD_MAX;
}

netipc_status netipc_pack_reserve(struct netipc_pack *pack, size_t item_length)
{
    netipc_status status = netipc_bytes_reserve(&pack->directory, sizeof(struct netipc_wire_entry));
    if (status == NETIPC_OK)
        status = netipc_bytes_reserve(&pack->items, netipc_padding(pack->items.length) + item_length);
    return status;
}

unsigned char *netipc_pack_add(struct netipc_pack *pack, size_t item_length)
{
    size_t padding = netipc_padding(pack->items.length);
    memset(netipc_bytes_take(&pack->items, padding), 0, padding);
    const struct netipc_wire_entry entry = {.offset = (uint32_t)pack->items.length, .length = (uint32_t)item_length};
    memcpy(netipc_bytes_take(&pack->directory, sizeof entry), &entry, sizeof entry);
    pack->count++;
    return netipc_bytes_take(&pack->items, item_length);
}

void netipc_pack_write(const struct netipc_pack *pack, const void *header, size_t header_length, void *buffer)
{
    unsigned char *to = buffer;
    memcpy(to, header, header_length);
    if (pack->count == 0)
        return;
    memcpy(to + header_length, pack->directory.data, pack->directory.length);
    memcpy(to + header_length + pack->directory.length, pack->items.data, pack->items.length);
}
