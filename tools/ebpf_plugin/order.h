/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_ORDER_H
#define EBPF_PLUGIN_ORDER_H

#include <netipc/cgroups_snapshot.h>

/* By hash and name. */
int order_of_names(const netipc_cgroup_view *a, const netipc_cgroup_view *b);

/* By hash, name and path, then by the rest: 0 when nothing tells them apart. */
int order_of_cgroups(const netipc_cgroup_view *a, const netipc_cgroup_view *b);

#endif
