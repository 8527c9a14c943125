/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CGROUPS_SNAPSHOT_H
#define NETIPC_CGROUPS_SNAPSHOT_H

#include <netipc/export.h>
#include <netipc/index.h>
#include <netipc/schema.h>
#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

/*
 * The payload of cgroups snapshots: what cgroups.plugin publishes and what the method cgroups-snapshot answers.
 * Pure functions over bytes: no allocation but in the builder, no I/O, no state. Any thread; one
 * builder by one thread at a time. The bytes are in docs/wire.md.
 *
 *   request      what asks for one: always the same bytes
 *   ..._view     borrowed: points into the caller's bytes and lives no longer than they do
 *   ..._builder  owns the bytes it makes
 */

/* Bytes of every request of the method cgroups-snapshot. */
#define NETIPC_CGROUPS_SNAPSHOT_REQUEST_LENGTH 4u

/* Checks the payload of a request. NETIPC_OK; NETIPC_CORRUPT: of another length, of another layout, or with flags.
 * bytes need no alignment, and may be NULL when length is 0. */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_snapshot_request_decode(const void *bytes, size_t length);

/*
 * Writes the payload of a request into buffer, which needs no alignment. *length, if not NULL, gets the payload's
 * length in both cases: NETIPC_OK; NETIPC_TOO_SMALL, and buffer (NULL when capacity is 0) is untouched.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_snapshot_request_encode(void *buffer, size_t capacity,
                                                                                 size_t *length);

/* options of a cgroup */
#define NETIPC_CGROUP_DUPLICATE 1u /* disabled: another one has this name */
#define NETIPC_CGROUP_SERVICE 2u   /* a service of system.slice */
#define NETIPC_CGROUP_UNIFIED 4u   /* in the v2 hierarchy */
#define NETIPC_CGROUP_EXCLUDED 8u  /* excluded by configuration */

/* How these payloads are parsed, checked and indexed by the name. Static; any thread. */
NETIPC_API const netipc_schema *netipc_cgroups_schema(void);

typedef struct netipc_cgroups_snapshot_view {
    uint64_t generation;
    uint32_t systemd_enabled;
    uint32_t item_count;
    netipc_items items; /* the same for what works on any schema */
} netipc_cgroups_snapshot_view;

typedef struct netipc_cgroup_view {
    uint32_t hash; /* FNV-1a of the name, as the publisher computed it */
    uint32_t options;
    uint32_t enabled;
    uint32_t name_length; /* bytes without the NUL */
    uint32_t path_length;
    const char *name; /* NUL-terminated; may hold any other byte, be empty, and be that of another item too */
    const char *path; /* as name */
} netipc_cgroup_view;

/*
 * Checks the whole of a payload (header, directory, every item and string, every byte of padding) in one pass and
 * fills in *view. NETIPC_OK; NETIPC_CORRUPT with the place in netipc_status_detail(), and *view is an empty
 * snapshot then. bytes need no alignment, may be NULL when length is 0, and must stay unchanged while the view is
 * used. Should somebody change them nevertheless (in shared memory, say), nothing outside of them is
 * ever read by this call or by netipc_cgroups_snapshot_item(); but a string may have lost its NUL: go by
 * the lengths there, or decode a copy. The hash is not compared with the name, and no limit is set to the names.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_snapshot_decode(const void *bytes, size_t length,
                                                                         netipc_cgroups_snapshot_view *view);

/*
 * Fills in *item with item index of view, 0 to item_count - 1. NETIPC_OK; NETIPC_INVALID_ARGUMENT outside of that;
 * NETIPC_CORRUPT when the bytes have changed since they were decoded. *item is untouched then.
 */
NETIPC_API netipc_status netipc_cgroups_snapshot_item(const netipc_cgroups_snapshot_view *view, uint32_t index,
                                                      netipc_cgroup_view *item);

/*
 * Fills in *cgroup with an item of netipc_cgroups_schema(). NETIPC_OK; NETIPC_CORRUPT when the strings do not lie
 * within it or do not end with a NUL (items may be of bytes that nobody has checked), and *cgroup is untouched then.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroup_of_item(const netipc_item *item, netipc_cgroup_view *cgroup);

/*
 * Finds the first cgroup of this name (name_length bytes, a NUL is not looked for) by an index that was opened with
 * netipc_cgroups_schema(). hash: netipc_key_hash() of the name. NETIPC_OK; NETIPC_NOT_FOUND, NETIPC_CORRUPT as
 * netipc_index_find(); NETIPC_INVALID_ARGUMENT: an index of another schema. *cgroup is untouched but with NETIPC_OK.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_find(const netipc_index *index, const char *name,
                                                              size_t name_length, uint32_t hash,
                                                              netipc_cgroup_view *cgroup);

typedef struct netipc_cgroups_snapshot_builder netipc_cgroups_snapshot_builder;

/* Makes an empty one. NETIPC_OK; NETIPC_NO_MEMORY, and *builder is NULL then. */
NETIPC_API NETIPC_NODISCARD netipc_status
netipc_cgroups_snapshot_builder_new(netipc_cgroups_snapshot_builder **builder);

/* NULL is allowed. */
NETIPC_API void netipc_cgroups_snapshot_builder_free(netipc_cgroups_snapshot_builder *builder);

/* Forgets all items and keeps the memory: from the second snapshot on, building seldom allocates. */
NETIPC_API void netipc_cgroups_snapshot_builder_reset(netipc_cgroups_snapshot_builder *builder);

/*
 * Appends one cgroup; name and path are NUL-terminated and copied. Items keep their order, and nothing is said
 * against two of one name. NETIPC_OK; NETIPC_INVALID_ARGUMENT when name or path is NULL; NETIPC_NO_MEMORY;
 * NETIPC_TOO_LARGE when the payload would pass 2^32 - 1 bytes. Every failure leaves the builder as it was.
 */
NETIPC_API NETIPC_NODISCARD netipc_status netipc_cgroups_snapshot_builder_add(netipc_cgroups_snapshot_builder *builder,
                                                                              uint32_t hash, uint32_t options,
                                                                              uint32_t enabled, const char *name,
                                                                              const char *path);

/* The length of the payload with what has been added so far. */
NETIPC_API size_t netipc_cgroups_snapshot_builder_length(const netipc_cgroups_snapshot_builder *builder);

/*
 * Writes the payload into buffer (capacity bytes, for instance what netipc_publish_begin() lent; no alignment is
 * needed); the builder stays as it was. Equal items, generation and systemd_enabled give equal bytes.
 * *length, if not NULL, gets the payload's length in both cases: NETIPC_OK; NETIPC_TOO_SMALL, and buffer
 * (NULL when capacity is 0) is untouched.
 */
NETIPC_API NETIPC_NODISCARD netipc_status
netipc_cgroups_snapshot_builder_write(const netipc_cgroups_snapshot_builder *builder, uint64_t generation,
                                      uint32_t systemd_enabled, void *buffer, size_t capacity, size_t *length);

NETIPC_END_DECLS

#endif
