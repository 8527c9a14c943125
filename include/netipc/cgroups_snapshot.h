/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CGROUPS_SNAPSHOT_H
#define NETIPC_CGROUPS_SNAPSHOT_H

#include <netipc/export.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The payload of cgroups snapshots: what cgroups.plugin publishes and what the method cgroups-snapshot answers.
 * Pure functions over bytes: no allocation but in the builder, no I/O, no state. Any thread; one
 * builder by one thread at a time. The bytes are in docs/wire.md.
 *
 *   ..._view     borrowed: points into the caller's bytes and lives no longer than they do
 *   ..._builder  owns the bytes it makes
 */

/* options of a cgroup */
#define NETIPC_CGROUP_DUPLICATE 1u /* disabled: another one has this name */
#define NETIPC_CGROUP_SERVICE 2u   /* a service of system.slice */
#define NETIPC_CGROUP_UNIFIED 4u   /* in the v2 hierarchy */
#define NETIPC_CGROUP_EXCLUDED 8u  /* excluded by configuration */

typedef struct netipc_cgroups_snapshot_view {
    uint64_t generation;
    uint32_t systemd_enabled;
    uint32_t item_count;
    const unsigned char *directory; /* private */
    const unsigned char *items;     /* private */
} netipc_cgroups_snapshot_view;

typedef struct netipc_cgroup_view {
    uint32_t hash; /* FNV-1a of the name, as the publisher computed it */
    uint32_t options;
    uint32_t enabled;
    uint32_t name_length; /* bytes without the NUL */
    uint32_t path_length;
    const char *name; /* NUL-terminated; may hold any other byte */
    const char *path;
} netipc_cgroup_view;

/*
 * Checks the whole of a payload (header, directory, every item and string) and fills in *view.
 * NETIPC_OK; NETIPC_CORRUPT with the place in netipc_status_detail(). bytes need no alignment and must
 * stay unchanged while the view is used: decode a copy, or a private buffer.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_snapshot_decode(const void *bytes, size_t length,
                                                                         netipc_cgroups_snapshot_view *view);

/* Item index of view, 0 to item_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of it. */
NETIPC_API netipc_status netipc_cgroups_snapshot_item(const netipc_cgroups_snapshot_view *view, uint32_t index,
                                                      netipc_cgroup_view *item);

typedef struct netipc_cgroups_snapshot_builder netipc_cgroups_snapshot_builder;

/* NETIPC_OK; NETIPC_NO_MEMORY. */
NETIPC_API NETIPC_NODISCARD netipc_status
netipc_cgroups_snapshot_builder_new(netipc_cgroups_snapshot_builder **builder);

/* NULL is allowed. */
NETIPC_API void netipc_cgroups_snapshot_builder_free(netipc_cgroups_snapshot_builder *builder);

/* Forgets all items and keeps the memory. */
NETIPC_API void netipc_cgroups_snapshot_builder_reset(netipc_cgroups_snapshot_builder *builder);

/*
 * Appends one cgroup; name and path are copied, without inner NULs (NETIPC_INVALID_ARGUMENT).
 * NETIPC_NO_MEMORY and NETIPC_TOO_LARGE (offsets are 32 bits wide) leave the builder as it was.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_snapshot_builder_add(netipc_cgroups_snapshot_builder *builder,
                                                                              uint32_t hash, uint32_t options,
                                                                              uint32_t enabled, const char *name,
                                                                              const char *path);

/* The length of the payload with what has been added so far. */
NETIPC_API size_t netipc_cgroups_snapshot_builder_length(const netipc_cgroups_snapshot_builder *builder);

/*
 * Writes the payload into buffer (capacity bytes, for instance what netipc_publish_begin() lent); the builder
 * stays as it was. *length, if not NULL, gets the payload's length. NETIPC_OK; NETIPC_TOO_SMALL.
 */
NETIPC_API NETIPC_NODISCARD netipc_status
netipc_cgroups_snapshot_builder_write(const netipc_cgroups_snapshot_builder *builder, uint64_t generation,
                                      uint32_t systemd_enabled, void *buffer, size_t capacity, size_t *length);

NETIPC_END_DECLS

#endif
