/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cgroups_snapshot.h>

#include "publish/codec/cgroups_snapshot_wire.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A message's length is a u32 on the wire, so a payload's is one as well, and with it every offset and count. */
#define PAYLOAD_MAX UINT32_MAX

/* Room for a few dozen cgroups at the first one; a host seldom has fewer. */
#define FIRST_CAPACITY ((size_t)4096)

/* Bytes that grow by doubling, so that n appends cost O(n). */
struct bytes {
    unsigned char *data;
    size_t length;
    size_t capacity;
};

/* Both parts as they are written, ready to be copied behind a header. */
struct netipc_cgroups_snapshot_builder {
    struct bytes directory;
    struct bytes items; /* no padding behind the last one */
    uint32_t item_count;
};

/* Makes room for more bytes behind length; on failure nothing has changed. */
static netipc_status reserve(struct bytes *bytes, size_t more)
{
    if (more <= bytes->capacity - bytes->length)
        return NETIPC_OK;
    uint64_t needed, doubled;
    size_t capacity;
    if (netipc_add_overflows(bytes->length, more, &needed) || netipc_multiply_overflows(bytes->capacity, 2, &doubled) ||
        !netipc_to_size(doubled > needed ? doubled : needed, &capacity))
        return netipc_fail(NETIPC_NO_MEMORY, "the snapshot does not fit into the address space");
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    unsigned char *data = realloc(bytes->data, capacity);
    if (!data)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %zu bytes of a snapshot", capacity);
    bytes->data = data;
    bytes->capacity = capacity;
    return NETIPC_OK;
}

/* The room must have been reserved. */
static void append(struct bytes *bytes, const void *from, size_t length)
{
    memcpy(bytes->data + bytes->length, from, length);
    bytes->length += length;
}

/* The next item's place, the padding in front of it included. */
struct place {
    struct wire_entry entry;
    size_t padding;
};

/* Where an item with strings of these lengths goes; false when the payload would become too long. */
static bool place_next(const netipc_cgroups_snapshot_builder *builder, size_t name_length, size_t path_length,
                       struct place *place)
{
    const uint64_t fixed = sizeof(struct wire_item) + 2; /* the strings' NULs */
    uint64_t length, offset, payload;
    if (netipc_add_overflows(name_length, path_length, &length) || netipc_add_overflows(length, fixed, &length) ||
        netipc_align_overflows(builder->items.length, CGROUPS_SNAPSHOT_ALIGNMENT, &offset) ||
        netipc_add_overflows(offset, length, &payload) ||
        netipc_add_overflows(payload, sizeof(struct wire_header) + sizeof(struct wire_entry), &payload) ||
        netipc_add_overflows(payload, builder->directory.length, &payload) || payload > PAYLOAD_MAX)
        return false;
    place->entry.offset = (uint32_t)offset;
    place->entry.length = (uint32_t)length;
    place->padding = (size_t)(offset - builder->items.length);
    return true;
}

netipc_status netipc_cgroups_snapshot_builder_new(netipc_cgroups_snapshot_builder **builder)
{
    *builder = calloc(1, sizeof **builder);
    return *builder ? NETIPC_OK : netipc_fail(NETIPC_NO_MEMORY, "no memory for a snapshot builder");
}

void netipc_cgroups_snapshot_builder_free(netipc_cgroups_snapshot_builder *builder)
{
    if (!builder)
        return;
    free(builder->directory.data);
    free(builder->items.data);
    free(builder);
}

void netipc_cgroups_snapshot_builder_reset(netipc_cgroups_snapshot_builder *builder)
{
    builder->directory.length = 0;
    builder->items.length = 0;
    builder->item_count = 0;
}

netipc_status netipc_cgroups_snapshot_builder_add(netipc_cgroups_snapshot_builder *builder, uint32_t hash,
                                                  uint32_t options, uint32_t enabled, const char *name,
                                                  const char *path)
{
    static const unsigned char zeros[CGROUPS_SNAPSHOT_ALIGNMENT];
    if (!name || !path)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a cgroup without a %s", name ? "path" : "name");
    size_t name_length = strlen(name), path_length = strlen(path);
    struct place place;
    if (!place_next(builder, name_length, path_length, &place))
        return netipc_fail(NETIPC_TOO_LARGE,
                           "a cgroup with a name of %zu and a path of %zu bytes does not fit behind the %zu bytes of "
                           "this snapshot, its ceiling is %" PRIu32,
                           name_length, path_length, netipc_cgroups_snapshot_builder_length(builder), PAYLOAD_MAX);

    /* All that can fail comes before all that changes. */
    netipc_status status = reserve(&builder->directory, sizeof place.entry);
    if (status == NETIPC_OK)
        status = reserve(&builder->items, place.padding + place.entry.length);
    if (status != NETIPC_OK)
        return status;

    struct wire_item header = {
        .layout = CGROUPS_SNAPSHOT_LAYOUT,
        .hash = hash,
        .options = options,
        .enabled = enabled,
        .name_offset = sizeof header,
        .name_length = (uint32_t)name_length,
        .path_offset = (uint32_t)(sizeof header + name_length + 1),
        .path_length = (uint32_t)path_length,
    };
    append(&builder->directory, &place.entry, sizeof place.entry);
    append(&builder->items, zeros, place.padding);
    append(&builder->items, &header, sizeof header);
    append(&builder->items, name, name_length + 1);
    append(&builder->items, path, path_length + 1);
    builder->item_count++;
    return NETIPC_OK;
}

size_t netipc_cgroups_snapshot_builder_length(const netipc_cgroups_snapshot_builder *builder)
{
    return sizeof(struct wire_header) + builder->directory.length + builder->items.length;
}

netipc_status netipc_cgroups_snapshot_builder_write(const netipc_cgroups_snapshot_builder *builder, uint64_t generation,
                                                    uint32_t systemd_enabled, void *buffer, size_t capacity,
                                                    size_t *length)
{
    size_t needed = netipc_cgroups_snapshot_builder_length(builder);
    if (length)
        *length = needed;
    if (capacity < needed)
        return netipc_fail(NETIPC_TOO_SMALL, "the snapshot needs %zu bytes, the buffer has %zu", needed, capacity);
    struct wire_header header = {
        .layout = CGROUPS_SNAPSHOT_LAYOUT,
        .item_count = builder->item_count,
        .systemd_enabled = systemd_enabled,
        .generation = generation,
    };
    struct bytes payload = {.data = buffer, .capacity = capacity};
    append(&payload, &header, sizeof header);
    if (builder->item_count > 0) {
        append(&payload, builder->directory.data, builder->directory.length);
        append(&payload, builder->items.data, builder->items.length);
    }
    return NETIPC_OK;
}
