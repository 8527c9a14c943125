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

/* The cgroups of one snapshot, sorted by path and name. All zero is empty and valid. */
struct table {
    struct cgroup *cgroups;
    size_t count;
    struct snapshot snapshot; /* holds the strings */
    uint64_t incarnation[2];  /* of the publisher; the caller's, as is the next */
    uint64_t generation;
};

struct table_diff {
    size_t added;   /* in the new table and not in the old one, by name and path */
    size_t removed; /* the other way round */
};

/*
 * Rebuilds the table from *snapshot; cgroups that were there before keep their processes. With NETIPC_OK *snapshot and
 * table->snapshot have changed places. Else, NETIPC_CORRUPT or NETIPC_NO_MEMORY, nothing has changed.
 */
netipc_status table_rebuild(struct table *table, struct snapshot *snapshot, struct table_diff *diff);

void table_free(struct table *table);

#endif
