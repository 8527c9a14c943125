/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/placement_notes.h"

#include "shm/detail.h"

netipc_status netipc_placement_check(uint32_t flags)
{
    if ((flags & NETIPC_PLACE_NUMA_NODE) != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "a NUMA node is asked for by a publisher's numa_node, not by a flag");
    if ((flags & ~(NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK | NETIPC_PLACE_PREFAULT)) != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "placement flags 0x%x are not known", flags);
    return NETIPC_OK;
}

void netipc_placement_log(const struct netipc_log *log, const struct netipc_placement *placement, uint64_t ordinal,
                          uint64_t region_size)
{
    static const char *const options[NETIPC_PLACEMENT_OPTIONS] = {"huge-pages", "lock", "prefault", "numa-node"};
    for (uint32_t i = 0; i < NETIPC_PLACEMENT_OPTIONS; i++) {
        if ((placement->refused & UINT32_C(1) << i) == 0)
            continue;
        const netipc_log_field fields[] = {{"option", options[i], 0},
                                           {"status", netipc_status_name(placement->errors[i]), 0},
                                           {"reason", placement->reasons[i], 0},
                                           {"ordinal", NULL, ordinal},
                                           {"region_size", NULL, region_size}};
        netipc_log_event(log, NETIPC_LOG_WARNING, "placement-refused", fields, sizeof fields / sizeof *fields);
    }
}
