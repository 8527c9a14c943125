/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/census.h"

#include <stdlib.h>
#include <string.h>

static bool reserve(struct procs *procs, size_t count)
{
    if (count <= procs->capacity)
        return true;
    struct process *list = realloc(procs->list, count * sizeof *list);
    if (!list)
        return false;
    procs->list = list;
    procs->capacity = count;
    return true;
}

static void gather(struct procs *all, const struct lists *lists)
{
    all->count = 0;
    for (size_t i = 0; i < lists->count; i++) {
        const struct procs *procs = &lists->at[i].procs;
        if (procs->count)
            memcpy(all->list + all->count, procs->list, procs->count * sizeof *procs->list);
        all->count += procs->count;
    }
    if (all->count > 1)
        qsort(all->list, all->count, sizeof *all->list, process_compare);
    size_t kept = 0;
    for (size_t i = 0; i < all->count; i++) {
        if (!kept || process_compare(&all->list[kept - 1], &all->list[i]) != 0)
            all->list[kept++] = all->list[i];
    }
    all->count = kept;
}

/* Both lists are sorted. */
static size_t count_common(const struct procs *a, const struct procs *b)
{
    size_t common = 0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        int order = process_compare(&a->list[i], &b->list[j]);
        common += order == 0;
        i += order <= 0;
        j += order >= 0;
    }
    return common;
}

bool census_take(struct census *census, const struct lists *lists)
{
    size_t listed = 0;
    for (size_t i = 0; i < lists->count; i++)
        listed += lists->at[i].procs.count;
    if (!reserve(&census->before, listed)) /* the older list is written over */
        return false;
    struct procs older = census->before;
    census->before = census->now;
    census->now = older;
    gather(&census->now, lists);
    size_t common = count_common(&census->now, &census->before);
    census->started = census->now.count - common;
    census->ended = census->before.count - common;
    return true;
}

void census_free(struct census *census)
{
    procs_free(&census->now);
    procs_free(&census->before);
}
