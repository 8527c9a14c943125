/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/diff.h"

#include "tools/ebpf_plugin/order.h"

#include <stdlib.h>

/* One side of the changes, gone through in order. */
struct side {
    netipc_cgroup_view *at;
    netipc_cgroup_view *end;
};

static int compare(const void *left, const void *right)
{
    return order_of_cgroups(left, right);
}

/* An item that a cache holds has been checked. */
static void append(struct side *side, const netipc_item *item)
{
    if (item && netipc_cgroup_of_item(item, side->end) == NETIPC_OK)
        side->end++;
}

static void sort(const struct side *side)
{
    size_t count = (size_t)(side->end - side->at);
    if (count > 1)
        qsort(side->at, count, sizeof *side->at, compare);
}

static bool is_named(const struct side *side, const netipc_cgroup_view *name)
{
    return side->at < side->end && order_of_names(side->at, name) == 0;
}

/* Goes through all of one name on both sides. */
static void count_name(struct side *before, struct side *after, const netipc_cgroup_view *name, struct diff *diff)
{
    size_t gone = 0, come = 0;
    for (;;) {
        bool has_before = is_named(before, name), has_after = is_named(after, name);
        if (!has_before && !has_after)
            break;
        int order = !has_before ? 1 : !has_after ? -1 : order_of_cgroups(before->at, after->at);
        gone += order < 0;
        come += order > 0;
        before->at += order <= 0;
        after->at += order >= 0;
    }
    size_t both = gone < come ? gone : come;
    diff->changed += both;
    diff->removed += gone - both;
    diff->added += come - both;
}

bool diff_count(const netipc_cache_change *changes, size_t count, struct diff *diff)
{
    *diff = (struct diff){0};
    netipc_cgroup_view *views = calloc(count ? count : 1, 2 * sizeof *views);
    if (!views)
        return false;
    struct side before = {views, views}, after = {views + count, views + count};
    for (size_t i = 0; i < count; i++) {
        append(&before, changes[i].before);
        append(&after, changes[i].after);
    }
    sort(&before);
    sort(&after);
    while (before.at < before.end || after.at < after.end) {
        bool old = after.at == after.end || (before.at < before.end && order_of_names(before.at, after.at) < 0);
        count_name(&before, &after, old ? before.at : after.at, diff);
    }
    free(views);
    return true;
}
