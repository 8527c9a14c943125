/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cgroups_snapshot.h>

#include "publish/codec/cgroups_snapshot_wire.h"
#include "publish/codec/strings.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

struct netipc_cgroups_snapshot_builder {
    struct netipc_pack pack;
};

netipc_status netipc_cgroups_snapshot_builder_new(netipc_cgroups_snapshot_builder **builder)
{
    *builder = calloc(1, sizeof **builder);
    return *builder ? NETIPC_OK : netipc_fail(NETIPC_NO_MEMORY, "no memory for a snapshot builder");
}

void netipc_cgroups_snapshot_builder_free(netipc_cgroups_snapshot_builder *builder)
{
    if (!builder)
        return;
    netipc_pack_free(&builder->pack);
    free(builder);
}

void netipc_cgroups_snapshot_builder_reset(netipc_cgroups_snapshot_builder *builder)
{
    netipc_pack_reset(&builder->pack);
}

/* false: too long for any payload. */
static bool item_length(size_t name_length, size_t path_length, uint64_t *length)
{
    const uint64_t fixed = sizeof(struct wire_item) + 2; /* the strings' NULs */
    return !netipc_add_overflows(name_length, path_length, length) && !netipc_add_overflows(*length, fixed, length);
}

netipc_status netipc_cgroups_snapshot_builder_add(netipc_cgroups_snapshot_builder *builder, uint32_t hash,
                                                  uint32_t options, uint32_t enabled, const char *name,
                                                  const char *path)
{
    if (!name || !path)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a cgroup without a %s", name ? "path" : "name");
    size_t name_length = strlen(name), path_length = strlen(path);
    struct netipc_pack *pack = &builder->pack;
    uint64_t length;
    if (!item_length(name_length, path_length, &length) ||
        !netipc_pack_has_room(pack, sizeof(struct wire_header), length, NETIPC_ITEMS_PAYLOAD_MAX))
        return netipc_fail(NETIPC_TOO_LARGE,
                           "a cgroup with a name of %zu and a path of %zu bytes does not fit behind the %zu bytes of "
                           "this snapshot, its ceiling is %" PRIu32,
                           name_length, path_length, netipc_cgroups_snapshot_builder_length(builder),
                           NETIPC_ITEMS_PAYLOAD_MAX);

    netipc_status status = netipc_pack_reserve(pack, (size_t)length);
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
    unsigned char *item = netipc_pack_add(pack, (size_t)length);
    memcpy(item, &header, sizeof header);
    unsigned char *end = netipc_string_write(item + sizeof header, name, name_length);
    netipc_string_write(end, path, path_length);
    return NETIPC_OK;
}

size_t netipc_cgroups_snapshot_builder_length(const netipc_cgroups_snapshot_builder *builder)
{
    return netipc_pack_length(&builder->pack, sizeof(struct wire_header));
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
        .item_count = builder->pack.count,
        .systemd_enabled = systemd_enabled,
        .generation = generation,
    };
    netipc_pack_write(&builder->pack, &header, sizeof header, buffer);
    return NETIPC_OK;
}
