/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/listing.h"

#include "tools/ebpf_plugin/order.h"

#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const struct cgroup *a = left;
    const struct cgroup *b = right;
    return order_of_cgroups(&a->view, &b->view);
}

static bool reserve(struct listing *listing, size_t count)
{
    listing->count = 0;
    if (count <= listing->capacity)
        return true;
    free(listing->cgroups);
    listing->cgroups = calloc(count, sizeof *listing->cgroups);
    listing->capacity = listing->cgroups ? count : 0;
    return listing->cgroups != NULL;
}

bool listing_take(struct listing *listing, const netipc_cache_snapshot *snapshot, const struct lists *lists)
{
    uint32_t count = snapshot ? snapshot->count : 0;
    if (!reserve(listing, count))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        struct cgroup *cgroup = &listing->cgroups[listing->count];
        if (netipc_cgroup_of_item(netipc_cache_item(snapshot, i), &cgroup->view) != NETIPC_OK)
            continue; /* not in a cache, which has checked all items */
        cgroup->procs = cgroup->view.enabled ? lists_find(lists, cgroup->view.path) : NULL;
        listing->count++;
    }
    if (listing->count > 1)
        qsort(listing->cgroups, listing->count, sizeof *listing->cgroups, compare);
    return true;
}

void listing_free(struct listing *listing)
{
    free(listing->cgroups);
    *listing = (struct listing){0};
}
