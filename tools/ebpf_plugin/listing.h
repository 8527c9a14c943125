/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_LISTING_H
#define EBPF_PLUGIN_LISTING_H

#include "tools/ebpf_plugin/lists.h"

#include <netipc/cgroups_snapshot.h>

struct cgroup {
    netipc_cgroup_view view;
    const struct procs *procs; /* NULL: not enabled */
};

/* The cgroups of a snapshot as a line has them, sorted by hash, name and path. All zero is empty and valid. */
struct listing {
    struct cgroup *cgroups;
    size_t count;
    size_t capacity;
};

/* Lists snapshot (NULL: no cgroups), until the cache's section is left. False without memory: the listing is empty. */
bool listing_take(struct listing *listing, const netipc_cache_snapshot *snapshot, const struct lists *lists);

void listing_free(struct listing *listing);

#endif
