/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_PLACEMENT_NOTES_H
#define NETIPC_PUBLISH_PLACEMENT_NOTES_H

/* What publisher and subscriber have in common about placement: what may be asked for, and what is told of it. */

#include "control/log.h"
#include "shm/placement.h"

/* NETIPC_INVALID_ARGUMENT: flags that are not known, or no flags of a config. */
netipc_status netipc_placement_check(uint32_t flags);

/* An event "placement-refused" for each option that was, in the region of that ordinal and size. */
void netipc_placement_log(const struct netipc_log *log, const struct netipc_placement *placement, uint64_t ordinal,
                          uint64_t region_size);

#endif
