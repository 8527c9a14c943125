/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_TABLE_H
#define EBPF_PLUGIN_TABLE_H

#include "tools/ebpf_plugin/procs.h"

#include <netipc/status.h>

#include <stddef.h>
#include <stdint.h>

struct cgroup {
    const char *name; /* in the table's snapshot */
    const char *path;
    uint32_t name_length;
    uint32_t path_length;
    uint32_t hash;
    uint32_t options;
    bool enabled;
    struct procs procs; /* empty when not enabled */
};

/* A snapshot as the subscriber copied it: private bytes that grow and are used again. All zero is empty and valid. */
struct snapshot {
    unsigned char *bytes;
    size_t length;
    size_t capacity;
};

/* The cgroups of one snapshot, sorted by hash, name and path. All zero is empty and valid. */
struct table {
    struct cgroup *cgroups;
    size_t count;
    struct snapshot snapshot; /* holds the strings */
    uint64_t incarnation[2];  /* of the publisher; the caller's, as is the next */
    uint64_t generation;
};

/*
 * A cgroup is known by its hash and name, of any length; several of one name are told apart by their paths. Those of a
 * name on both sides that differ in the rest are one changed each, as long as there are some on both sides.
 */
struct table_diff {
    size_t added;   /* in the new table and not in the old one */
    size_t changed; /* in both, with another path, options or enabled */
    size_t removed; /* in the old table and not in the new one */
};

/*
 * Rebuilds the table from *snapshot; cgroups that were there with the same path before keep
 * their processes. With NETIPC_OK *snapshot and
 * table->snapshot have changed places. Else, NETIPC_CORRUPT or NETIPC_NO_MEMORY, nothing has changed.
 */
netipc_status table_rebuild(struct table *table, struct snapshot *snapshot, struct table_diff *diff);

void table_free(struct table *table);

#endif
