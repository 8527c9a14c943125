/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_LISTS_H
#define EBPF_PLUGIN_LISTS_H

#include "tools/ebpf_plugin/procs.h"

#include <netipc/cache.h>

/* A cgroup.procs and what was last read of it. */
struct list {
    const char *path; /* in the memory of lists */
    struct procs procs;
};

/*
 * The files that the enabled cgroups of a snapshot name, sorted by path, each once however many cgroups name it. Own
 * memory, so that files are read outside of the cache's sections. All zero is empty and valid.
 */
struct lists {
    struct list *at;
    size_t count;
    char *paths;
};

/* Makes them those of snapshot (NULL: none); what was read of a file that stays, stays. False without memory: nothing
 * has changed then. */
bool lists_rebuild(struct lists *lists, const netipc_cache_snapshot *snapshot);

/* NULL: no enabled cgroup had this path. */
const struct procs *lists_find(const struct lists *lists, const char *path);

void lists_free(struct lists *lists);

#endif
