/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_PLACEMENT_H
#define NETIPC_SHM_PLACEMENT_H

#include <netipc/placement.h>
#include <netipc/status.h>

#include <stdint.h>

/* How memory is to be placed. Nothing depends on it but speed. */
struct netipc_placement_wish {
    uint32_t flags;    /* NETIPC_PLACE_…, but NETIPC_PLACE_NUMA_NODE */
    int32_t numa_node; /* NETIPC_NUMA_NODE_ANY, or a node */
};

enum { NETIPC_PLACEMENT_OPTIONS = 4, NETIPC_PLACEMENT_REASON = 160 };

/* What has become of a wish: what is wanted and not refused is in force. */
struct netipc_placement {
    uint32_t wanted, refused; /* NETIPC_PLACE_… */
    int32_t numa_node;
    netipc_status errors[NETIPC_PLACEMENT_OPTIONS]; /* by bit of NETIPC_PLACE_…; of those refused */
    char reasons[NETIPC_PLACEMENT_OPTIONS][NETIPC_PLACEMENT_REASON];
    netipc_status last_error; /* NETIPC_OK: nothing was refused */
};

/* wish: NULL for none. */
void netipc_placement_begin(struct netipc_placement *placement, const struct netipc_placement_wish *wish);

/* The options (one bit, or several for one reason) are refused, for the reason in this thread's detail. */
void netipc_placement_refuse(struct netipc_placement *placement, uint32_t options, netipc_status status);

#endif
