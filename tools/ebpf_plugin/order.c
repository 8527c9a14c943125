/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/order.h"

#include <string.h>

static int order_of_numbers(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

int order_of_names(const netipc_cgroup_view *a, const netipc_cgroup_view *b)
{
    return a->hash != b->hash ? order_of_numbers(a->hash, b->hash) : strcmp(a->name, b->name);
}

int order_of_cgroups(const netipc_cgroup_view *a, const netipc_cgroup_view *b)
{
    int order = order_of_names(a, b);
    if (order == 0)
        order = strcmp(a->path, b->path);
    if (order == 0)
        order = order_of_numbers(a->options, b->options);
    return order ? order : order_of_numbers(a->enabled != 0, b->enabled != 0);
}
