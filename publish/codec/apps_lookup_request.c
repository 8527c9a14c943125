/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the method apps-lookup: the pids that are asked for. */
#include "publish/codec/apps_lookup_wire.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>

static netipc_status read_key(const struct netipc_directory *directory, uint32_t index, struct netipc_wire_item *item,
                              uint32_t *pid)
{
    struct apps_lookup_key key;
    netipc_status status = netipc_directory_item(directory, index, sizeof key, item);
    if (status != NETIPC_OK)
        return status;
    if (item->length != sizeof key)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has %" PRIu32 " bytes, a pid has %zu", index, item->length,
                           sizeof key);
    netipc_load_once(&key, item->bytes, sizeof key);
    if (key.reserved != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its reserved field is 0x%" PRIx32 ", not zero", index,
                           key.reserved);
    *pid = key.pid;
    return NETIPC_OK;
}

netipc_status netipc_apps_lookup_request_decode(const void *bytes, size_t length, netipc_apps_lookup_request_view *view)
{
    struct netipc_directory directory;
    struct netipc_wire_item item;
    uint32_t pid;
    size_t end = 0;
    *view = (netipc_apps_lookup_request_view){0};
    netipc_status status = netipc_lookup_open_request(bytes, length, &directory);
    if (status != NETIPC_OK)
        return status;
    for (uint32_t i = 0; i < directory.count; i++) {
        status = read_key(&directory, i, &item, &pid);
        if (status == NETIPC_OK)
            status = netipc_directory_check_order(&directory, &item, &end);
        if (status != NETIPC_OK)
            return status;
    }
    status = netipc_directory_check_end(&directory, end);
    if (status == NETIPC_OK)
        *view = (netipc_apps_lookup_request_view){.item_count = directory.count,
                                                  .directory = directory.entries,
                                                  .items = directory.items,
                                                  .items_length = directory.items_length};
    return status;
}

netipc_status netipc_apps_lookup_request_pid(const netipc_apps_lookup_request_view *view, uint32_t index, uint32_t *pid)
{
    if (index >= view->item_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "pid %" PRIu32 " of a request for %" PRIu32, index,
                           view->item_count);
    /* Checked once more: the bytes may lie in memory that somebody else has written since. */
    const struct netipc_directory directory = {.entries = view->directory,
                                               .items = view->items,
                                               .items_length = view->items_length,
                                               .count = view->item_count};
    struct netipc_wire_item item;
    return read_key(&directory, index, &item, pid);
}

netipc_status netipc_apps_lookup_request_encode(const uint32_t *pids, uint32_t count, void *buffer, size_t capacity,
                                                size_t *length)
{
    const struct netipc_lookup_request_header header = {.layout = NETIPC_LOOKUP_LAYOUT, .item_count = count};
    uint64_t needed =
        sizeof header + (uint64_t)count * (sizeof(struct netipc_wire_entry) + sizeof(struct apps_lookup_key));
    if (needed > NETIPC_ITEMS_PAYLOAD_MAX)
        return netipc_fail(NETIPC_TOO_LARGE, "a request for %" PRIu32 " pids takes %" PRIu64 " bytes", count, needed);
    if (length != NULL)
        *length = (size_t)needed;
    if (capacity < needed)
        return netipc_fail(NETIPC_TOO_SMALL, "the request needs %" PRIu64 " bytes, the buffer has %zu", needed,
                           capacity);
    unsigned char *entries = (unsigned char *)buffer + sizeof header;
    unsigned char *keys = entries + count * sizeof(struct netipc_wire_entry);
    memcpy(buffer, &header, sizeof header);
    for (uint32_t i = 0; i < count; i++) {
        const struct apps_lookup_key key = {.pid = pids[i]};
        const struct netipc_wire_entry entry = {.offset = (uint32_t)(i * sizeof key), .length = sizeof key};
        memcpy(entries + i * sizeof entry, &entry, sizeof entry);
        memcpy(keys + i * sizeof key, &key, sizeof key);
    }
    return NETIPC_OK;
}
