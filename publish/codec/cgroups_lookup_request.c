/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of the method cgroups-lookup: the paths that are asked for. */
#include "publish/codec/cgroups_lookup_wire.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

/* --- view --- */

static struct netipc_directory directory_of(const netipc_cgroups_lookup_request_view *view)
{
    return (struct netipc_directory){.entries = view->directory,
                                     .items = view->items,
                                     .items_length = view->items_length,
                                     .count = view->item_count};
}

static netipc_status read_path(const struct netipc_directory *directory, uint32_t index, struct netipc_wire_item *item)
{
    netipc_status status = netipc_directory_item(directory, index, CGROUPS_LOOKUP_LEAST_KEY, item);
    if (status != NETIPC_OK)
        return status;
    return netipc_string_check(item, 0, "path", (struct netipc_wire_string){.length = item->length - 1});
}

netipc_status netipc_cgroups_lookup_request_decode(const void *bytes, size_t length,
                                                   netipc_cgroups_lookup_request_view *view)
{
    struct netipc_directory directory;
    struct netipc_wire_item item;
    size_t end = 0;
    *view = (netipc_cgroups_lookup_request_view){0};
    netipc_status status = netipc_lookup_open_request(bytes, length, &directory);
    if (status != NETIPC_OK)
        return status;
    for (uint32_t i = 0; i < directory.count; i++) {
        status = read_path(&directory, i, &item);
        if (status == NETIPC_OK)
            status = netipc_directory_check_order(&directory, &item, &end);
        if (status != NETIPC_OK)
            return status;
    }
    status = netipc_directory_check_end(&directory, end);
    if (status == NETIPC_OK)
        *view = (netipc_cgroups_lookup_request_view){.item_count = directory.count,
                                                     .directory = directory.entries,
                                                     .items = directory.items,
                                                     .items_length = directory.items_length};
    return status;
}

netipc_status netipc_cgroups_lookup_request_path(const netipc_cgroups_lookup_request_view *view, uint32_t index,
                                                 const char **path, uint32_t *path_length)
{
    if (index >= view->item_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "path %" PRIu32 " of a request for %" PRIu32, index,
                           view->item_count);
    /* Checked once more: the bytes may lie in memory that somebody else has written since. */
    const struct netipc_directory directory = directory_of(view);
    struct netipc_wire_item item;
    netipc_status status = read_path(&directory, index, &item);
    if (status != NETIPC_OK)
        return status;
    *path = (const char *)item.bytes;
    *path_length = item.length - 1;
    return NETIPC_OK;
}

/* --- builder --- */

struct netipc_cgroups_lookup_request_builder {
    struct netipc_pack pack;
};

netipc_status netipc_cgroups_lookup_request_builder_new(netipc_cgroups_lookup_request_builder **builder)
{
    *builder = calloc(1, sizeof **builder);
    return *builder != NULL ? NETIPC_OK : netipc_fail(NETIPC_NO_MEMORY, "no memory for a builder of requests");
}

void netipc_cgroups_lookup_request_builder_free(netipc_cgroups_lookup_request_builder *builder)
{
    if (builder == NULL)
        return;
    netipc_pack_free(&builder->pack);
    free(builder);
}

void netipc_cgroups_lookup_request_builder_reset(netipc_cgroups_lookup_request_builder *builder)
{
    netipc_pack_reset(&builder->pack);
}

netipc_status netipc_cgroups_lookup_request_builder_add(netipc_cgroups_lookup_request_builder *builder,
                                                        const char *path, uint32_t most)
{
    if (path == NULL || path[0] == '\0')
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "path %" PRIu32 " of a request is %s", builder->pack.count,
                           path == NULL ? "not given" : "empty");
    size_t length = strlen(path);
    if (!netipc_pack_has_room(&builder->pack, sizeof(struct netipc_lookup_request_header), (uint64_t)length + 1, most))
        return netipc_fail(NETIPC_TOO_LARGE,
                           "a path of %zu bytes does not fit behind the %zu bytes of this request, %" PRIu32
                           " are the most",
                           length, netipc_cgroups_lookup_request_builder_length(builder), most);
    netipc_status status = netipc_pack_reserve(&builder->pack, length + 1);
    if (status == NETIPC_OK)
        netipc_string_write(netipc_pack_add(&builder->pack, length + 1), path, length);
    return status;
}

size_t netipc_cgroups_lookup_request_builder_length(const netipc_cgroups_lookup_request_builder *builder)
{
    return netipc_pack_length(&builder->pack, sizeof(struct netipc_lookup_request_header));
}

netipc_status netipc_cgroups_lookup_request_builder_write(const netipc_cgroups_lookup_request_builder *builder,
                                                          void *buffer, size_t capacity, size_t *length)
{
    size_t needed = netipc_cgroups_lookup_request_builder_length(builder);
    if (length != NULL)
        *length = needed;
    if (capacity < needed)
        return netipc_fail(NETIPC_TOO_SMALL, "the request needs %zu bytes, the buffer has %zu", needed, capacity);
    const struct netipc_lookup_request_header header = {.layout = NETIPC_LOOKUP_LAYOUT,
                                                        .item_count = builder->pack.count};
    netipc_pack_write(&builder->pack, &header, sizeof header, buffer);
    return NETIPC_OK;
}
