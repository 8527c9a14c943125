/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_RANGE_H
#define NETIPC_CONTROL_RANGE_H

#include "shm/detail.h"

#include <stdint.h>

/* NETIPC_INVALID_ARGUMENT, with the numbers, for a configured value outside of its range. */
static inline netipc_status netipc_check_range(const char *what, uint64_t value, uint64_t least, uint64_t most)
{
    if (value >= least && value <= most)
        return NETIPC_OK;
    return netipc_fail(NETIPC_INVALID_ARGUMENT, "%s of %llu, %llu to %llu are possible", what,
                       (unsigned long long)value, (unsigned long long)least, (unsigned long long)most);
}

#endif
