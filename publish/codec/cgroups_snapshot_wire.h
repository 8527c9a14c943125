/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_CGROUPS_SNAPSHOT_WIRE_H
#define NETIPC_PUBLISH_CODEC_CGROUPS_SNAPSHOT_WIRE_H

#include "publish/codec/directory.h"

/*
 * A header and items as in publish/codec/directory.h. An item is its header and then name NUL path NUL. Whatever is
 * neither a field nor a string is zero.
 */
#define CGROUPS_SNAPSHOT_LAYOUT 1

struct wire_header {
    uint16_t layout;
    uint16_t flags; /* zero */
    uint32_t item_count;
    uint32_t systemd_enabled;
    uint32_t reserved; /* zero */
    uint64_t generation;
};
static_assert(offsetof(struct wire_header, flags) == 2, "wire format");
static_assert(offsetof(struct wire_header, item_count) == 4, "wire format");
static_assert(offsetof(struct wire_header, systemd_enabled) == 8, "wire format");
static_assert(offsetof(struct wire_header, reserved) == 12, "wire format");
static_assert(offsetof(struct wire_header, generation) == 16, "wire format");
static_assert(sizeof(struct wire_header) == 24, "wire format");

struct wire_item {
    uint16_t layout;
    uint16_t flags; /* zero */
    uint32_t hash;
    uint32_t options;
    uint32_t enabled;
    uint32_t name_offset;
    uint32_t name_length; /* without the NUL, as path_length */
    uint32_t path_offset;
    uint32_t path_length;
};
static_assert(offsetof(struct wire_item, flags) == 2, "wire format");
static_assert(offsetof(struct wire_item, hash) == 4, "wire format");
static_assert(offsetof(struct wire_item, options) == 8, "wire format");
static_assert(offsetof(struct wire_item, enabled) == 12, "wire format");
static_assert(offsetof(struct wire_item, name_offset) == 16, "wire format");
static_assert(offsetof(struct wire_item, name_length) == 20, "wire format");
static_assert(offsetof(struct wire_item, path_offset) == 24, "wire format");
static_assert(offsetof(struct wire_item, path_length) == 28, "wire format");
static_assert(sizeof(struct wire_item) == 32, "wire format");

#endif
