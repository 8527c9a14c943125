/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/lists.h"

#include <netipc/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
    const struct list *a = left;
    const struct list *b = right;
    return strcmp(a->path, b->path);
}

static bool is_read(const netipc_cache_snapshot *snapshot, uint32_t index, netipc_cgroup_view *cgroup)
{
    return netipc_cgroup_of_item(netipc_cache_item(snapshot, index), cgroup) == NETIPC_OK && cgroup->enabled != 0;
}

static bool reserve(struct lists *lists, const netipc_cache_snapshot *snapshot)
{
    size_t count = 0, bytes = 0;
    netipc_cgroup_view cgroup;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (!is_read(snapshot, i, &cgroup))
            continue;
        count++;
        bytes += (size_t)cgroup.path_length + 1;
    }
    lists->at = calloc(count ? count : 1, sizeof *lists->at);
    lists->paths = malloc(bytes ? bytes : 1);
    return lists->at && lists->paths;
}

static void copy_paths(struct lists *lists, const netipc_cache_snapshot *snapshot)
{
    char *to = lists->paths;
    netipc_cgroup_view cgroup;
    for (uint32_t i = 0; i < snapshot->count; i++) {
        if (!is_read(snapshot, i, &cgroup))
            continue;
        memcpy(to, cgroup.path, (size_t)cgroup.path_length + 1);
        lists->at[lists->count++].path = to;
        to += (size_t)cgroup.path_length + 1;
    }
}

/* Sorts, and leaves one of each path. */
static void settle(struct lists *lists)
{
    if (lists->count > 1)
        qsort(lists->at, lists->count, sizeof *lists->at, compare);
    size_t kept = 0;
    for (size_t i = 0; i < lists->count; i++) {
        if (!kept || compare(&lists->at[kept - 1], &lists->at[i]) != 0)
            lists->at[kept++] = lists->at[i];
    }
    lists->count = kept;
}

/* Both are sorted. */
static void carry_over(struct lists *old, struct lists *new)
{
    for (size_t i = 0, j = 0; i < old->count && j < new->count;) {
        int order = compare(&old->at[i], &new->at[j]);
        if (order == 0) {
            new->at[j].procs = old->at[i].procs;
            old->at[i].procs = (struct procs){0};
        }
        i += order <= 0;
        j += order >= 0;
    }
}

bool lists_rebuild(struct lists *lists, const netipc_cache_snapshot *snapshot)
{
    struct lists made = {0};
    if (snapshot) {
        if (!reserve(&made, snapshot)) {
            lists_free(&made);
            return false;
        }
        copy_paths(&made, snapshot);
        settle(&made);
        carry_over(lists, &made);
    }
    lists_free(lists);
    *lists = made;
    return true;
}

const struct procs *lists_find(const struct lists *lists, const char *path)
{
    const struct list wanted = {.path = path};
    const struct list *list =
        lists->count ? bsearch(&wanted, lists->at, lists->count, sizeof *lists->at, compare) : NULL;
    return list ? &list->procs : NULL;
}

void lists_free(struct lists *lists)
{
    for (size_t i = 0; i < lists->count; i++)
        procs_free(&lists->at[i].procs);
    free(lists->at);
    free(lists->paths);
    *lists = (struct lists){0};
}
