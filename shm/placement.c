/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/placement.h"

#include <stdio.h>

void netipc_placement_begin(struct netipc_placement *placement, const struct netipc_placement_wish *wish)
{
    *placement = (struct netipc_placement){.numa_node = NETIPC_NUMA_NODE_ANY};
    if (wish == NULL)
        return;
    placement->wanted = wish->flags;
    placement->numa_node = wish->numa_node;
    if (wish->numa_node != NETIPC_NUMA_NODE_ANY)
        placement->wanted |= NETIPC_PLACE_NUMA_NODE;
}

void netipc_placement_refuse(struct netipc_placement *placement, uint32_t options, netipc_status status)
{
    for (uint32_t i = 0; i < NETIPC_PLACEMENT_OPTIONS; i++) {
        if ((options & UINT32_C(1) << i) == 0)
            continue;
        placement->errors[i] = status;
        snprintf(placement->reasons[i], sizeof placement->reasons[i], "%.*s", NETIPC_PLACEMENT_REASON - 1,
                 netipc_status_detail());
    }
    placement->refused |= options;
    placement->last_error = status;
}
