/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/table.h"

#include <netipc/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

/* A publisher may send the same pair twice: then so many of both sides belong together. */
static int compare(const void *left, const void *right)
{
    const struct cgroup *a = left;
    const struct cgroup *b = right;
    int order = strcmp(a->path, b->path);
    return order ? order : strcmp(a->name, b->name);
}

static netipc_status decode(const struct snapshot *snapshot, struct cgroup **cgroups, size_t *count)
{
    netipc_cgroups_snapshot_view view;
    netipc_status status = netipc_cgroups_snapshot_decode(snapshot->bytes, snapshot->length, &view);
    if (status != NETIPC_OK)
        return status;
    struct cgroup *list = calloc(view.item_count ? view.item_count : 1, sizeof *list);
    if (!list)
        return NETIPC_NO_MEMORY;
    for (uint32_t i = 0; i < view.item_count; i++) {
        netipc_cgroup_view item;
        status = netipc_cgroups_snapshot_item(&view, i, &item);
        if (status != NETIPC_OK) {
            free(list);
            return status;
        }
        list[i] = (struct cgroup){.name = item.name,
                                  .path = item.path,
                                  .name_length = item.name_length,
                                  .path_length = item.path_length,
                                  .hash = item.hash,
                                  .options = item.options,
                                  .enabled = item.enabled != 0};
    }
    *cgroups = list;
    *count = view.item_count;
    return NETIPC_OK;
}

/* Both are sorted. Moves the processes of cgroups that stay to the new list; returns how many stay. */
static size_t carry_over(struct cgroup *old, size_t old_count, struct cgroup *new, size_t new_count)
{
    size_t stay = 0;
    for (size_t i = 0, j = 0; i < old_count && j < new_count;) {
        int order = compare(&old[i], &new[j]);
        if (order == 0) {
            stay++;
            if (new[j].enabled) {
                new[j].procs = old[i].procs;
                old[i].procs = (struct procs){0};
            }
        }
        i += order <= 0;
        j += order >= 0;
    }
    return stay;
}

static void free_cgroups(struct cgroup *cgroups, size_t count)
{
    for (size_t i = 0; i < count; i++)
        procs_free(&cgroups[i].procs);
    free(cgroups);
}

netipc_status table_rebuild(struct table *table, struct snapshot *snapshot, struct table_diff *diff)
{
    struct cgroup *cgroups = NULL;
    size_t count = 0;
    netipc_status status = decode(snapshot, &cgroups, &count);
    if (status != NETIPC_OK)
        return status;
    if (count > 1)
        qsort(cgroups, count, sizeof *cgroups, compare);
    size_t stay = carry_over(table->cgroups, table->count, cgroups, count);
    diff->added = count - stay;
    diff->removed = table->count - stay;

    free_cgroups(table->cgroups, table->count);
    table->cgroups = cgroups;
    table->count = count;
    struct snapshot old = table->snapshot;
    table->snapshot = *snapshot;
    *snapshot = old;
    return NETIPC_OK;
}

void table_free(struct table *table)
{
    free_cgroups(table->cgroups, table->count);
    free(table->snapshot.bytes);
    *table = (struct table){0};
}
