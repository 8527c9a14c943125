/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/batch.h>

#include "shm/checked.h"
#include "shm/detail.h"

#include <assert.h>
#include <string.h>

/* An item's place, from the start of the first one's. */
struct entry {
    uint32_t offset;
    uint32_t length;
};
static_assert(sizeof(struct entry) == 8, "so the items behind the directory are aligned as the payload is");

static netipc_status broken(netipc_batch_view *view, uint32_t index, struct entry entry)
{
    size_t length = view->items_length;
    *view = (netipc_batch_view){0};
    return netipc_fail(NETIPC_CORRUPT, "item %u of the batch: %u bytes at %u of %zu", index, entry.length, entry.offset,
                       length);
}

netipc_status netipc_batch_decode(const void *payload, size_t length, uint32_t item_count, netipc_batch_view *view)
{
    *view = (netipc_batch_view){0};
    if (!netipc_array_ok(0, item_count, sizeof(struct entry), length))
        return netipc_fail(NETIPC_CORRUPT, "a batch of %zu bytes has no room for a directory of %u items", length,
                           item_count);
    size_t directory = (size_t)item_count * sizeof(struct entry);
    *view = (netipc_batch_view){
        .item_count = item_count,
        .directory = payload,
        .items = directory == 0 ? payload : (const unsigned char *)payload + directory,
        .items_length = length - directory,
    };
    uint64_t end = 0;
    for (uint32_t i = 0; i < item_count; i++) {
        struct entry entry;
        memcpy(&entry, view->directory + (size_t)i * sizeof entry, sizeof entry);
        if (entry.offset % 8 != 0 || entry.offset < end ||
            !netipc_range_ok(entry.offset, entry.length, view->items_length))
            return broken(view, i, entry);
        end = (uint64_t)entry.offset + entry.length;
    }
    return NETIPC_OK;
}

netipc_status netipc_batch_item(const netipc_batch_view *view, uint32_t index, const void **item, size_t *length)
{
    if (index >= view->item_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %u of a batch of %u", index, view->item_count);
    struct entry entry;
    memcpy(&entry, view->directory + (size_t)index * sizeof entry, sizeof entry);
    if (!netipc_range_ok(entry.offset, entry.length, view->items_length))
        return netipc_fail(NETIPC_CORRUPT, "item %u of the batch has changed", index);
    *item = view->items + entry.offset;
    *length = entry.length;
    return NETIPC_OK;
}

/* --- building --- */

static size_t directory_length(const netipc_batch_builder *builder)
{
    return (size_t)builder->item_count * sizeof(struct entry);
}

netipc_status netipc_batch_builder_init(netipc_batch_builder *builder, uint32_t item_count, void *buffer,
                                        size_t capacity)
{
    *builder = (netipc_batch_builder){.added = UINT32_MAX}; /* more than it has: it takes none, and is not whole */
    if (!netipc_array_ok(0, item_count, sizeof(struct entry), capacity))
        return netipc_fail(NETIPC_TOO_SMALL, "%zu bytes have no room for a directory of %u items", capacity,
                           item_count);
    /* Offsets are u32. */
    uint64_t most = (uint64_t)item_count * sizeof(struct entry) + UINT32_MAX;
    *builder = (netipc_batch_builder){
        .buffer = buffer, .capacity = capacity < most ? capacity : (size_t)most, .item_count = item_count};
    builder->length = directory_length(builder);
    return NETIPC_OK;
}

netipc_status netipc_batch_builder_next(netipc_batch_builder *builder, void **item, size_t *room)
{
    if (builder->added > builder->item_count)
        return netipc_fail(NETIPC_WRONG_STATE, "the batch has not begun: there was no room for its directory");
    if (builder->added == builder->item_count)
        return netipc_fail(NETIPC_WRONG_STATE, "the batch has its %u items", builder->item_count);
    uint64_t at;
    if (netipc_align_overflows(builder->length - directory_length(builder), 8, &at) ||
        at > builder->capacity - directory_length(builder))
        return netipc_fail(NETIPC_TOO_SMALL, "no room for item %u in %zu bytes", builder->added, builder->capacity);
    *item = builder->buffer + directory_length(builder) + at;
    *room = builder->capacity - directory_length(builder) - (size_t)at;
    return NETIPC_OK;
}

netipc_status netipc_batch_builder_add(netipc_batch_builder *builder, const void *item, size_t length)
{
    void *to;
    size_t room;
    netipc_status status = netipc_batch_builder_next(builder, &to, &room);
    if (status != NETIPC_OK)
        return status;
    if (length > room)
        return netipc_fail(NETIPC_TOO_SMALL, "item %u has %zu bytes, there is room for %zu", builder->added, length,
                           room);
    unsigned char *start = to, *before = builder->buffer + builder->length;
    memset(before, 0, (size_t)(start - before));
    if (item != NULL && length > 0)
        memcpy(start, item, length);
    const struct entry entry = {
        .offset = (uint32_t)((size_t)(start - builder->buffer) - directory_length(builder)),
        .length = (uint32_t)length,
    };
    memcpy(builder->buffer + (size_t)builder->added * sizeof entry, &entry, sizeof entry);
    builder->length = (size_t)(start - builder->buffer) + length;
    builder->added++;
    return NETIPC_OK;
}

netipc_status netipc_batch_builder_finish(const netipc_batch_builder *builder, size_t *length)
{
    if (builder->added > builder->item_count)
        return netipc_fail(NETIPC_WRONG_STATE, "the batch has not begun: there was no room for its directory");
    if (builder->added < builder->item_count)
        return netipc_fail(NETIPC_WRONG_STATE, "%u of %u items have been added", builder->added, builder->item_count);
    *length = builder->length;
    return NETIPC_OK;
}
