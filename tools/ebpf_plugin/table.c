/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/table.h"

#include <netipc/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

static int compare_names(const struct cgroup *a, const struct cgroup *b)
{
    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* A publisher may send the same twice: then so many of both sides belong together. */
static int compare(const void *left, const void *right)
{
    const struct cgroup *a = left;
    const struct cgroup *b = right;
    int order = compare_names(a, b);
    return order ? order : strcmp(a->path, b->path);
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

/* One end of a list that is gone through. */
struct cursor {
    struct cgroup *at;
    struct cgroup *end;
};

/* The old one's processes are those of the new one. True: something else has changed. */
static bool carry_over(struct cgroup *old, struct cgroup *new)
{
    if (new->enabled) {
        new->procs = old->procs;
        old->procs = (struct procs){0};
    }
    return old->options != new->options || old->enabled != new->enabled;
}

/* Goes through all of one name on both sides. */
static void compare_group(struct cursor *old, struct cursor *new, struct table_diff *diff)
{
    const struct cgroup *name = new->at;
    size_t gone = 0, come = 0;
    for (;;) {
        bool has_old = old->at < old->end && compare_names(old->at, name) == 0;
        bool has_new = new->at < new->end &&compare_names(new->at, name) == 0;
        if (!has_old && !has_new)
            break;
        int order = !has_old ? 1 : !has_new ? -1 : strcmp(old->at->path, new->at->path);
        if (order == 0)
            diff->changed += carry_over(old->at, new->at);
        gone += order < 0;
        come += order > 0;
        old->at += order <= 0;
        new->at += order >= 0;
    }
    size_t moved = gone < come ? gone : come;
    diff->changed += moved;
    diff->removed += gone - moved;
    diff->added += come - moved;
}

/* Both are sorted. Moves the processes of cgroups that stay to the new list. */
static void compare_all(const struct table *table, struct cgroup *cgroups, size_t count, struct table_diff *diff)
{
    struct cursor old = {table->cgroups, table->cgroups + table->count};
    struct cursor new = {cgroups, cgroups + count};
    *diff = (struct table_diff){0};
    while (old.at < old.end && new.at < new.end) {
        int order = compare_names(old.at, new.at);
        if (order == 0) {
            compare_group(&old, &new, diff);
        } else {
            diff->removed += order < 0;
            diff->added += order > 0;
            old.at += order < 0;
            new.at += order > 0;
        }
    }
    diff->removed += (size_t)(old.end - old.at);
    diff->added += (size_t)(new.end - new.at);
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
    compare_all(table, cgroups, count, diff);
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
