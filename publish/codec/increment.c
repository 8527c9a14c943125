/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/increment.h>

#include "shm/detail.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(uint64_t) == NETIPC_INCREMENT_LENGTH, "wire format");

netipc_status netipc_increment_decode(const void *bytes, size_t length, uint64_t *value)
{
    *value = 0;
    if (length != NETIPC_INCREMENT_LENGTH)
        return netipc_fail(NETIPC_CORRUPT, "a number to increment in %zu bytes, it takes %u", length,
                           NETIPC_INCREMENT_LENGTH);
    memcpy(value, bytes, sizeof *value);
    return NETIPC_OK;
}

netipc_status netipc_increment_encode(uint64_t value, void *buffer, size_t capacity, size_t *length)
{
    if (length != NULL)
        *length = NETIPC_INCREMENT_LENGTH;
    if (capacity < NETIPC_INCREMENT_LENGTH)
        return netipc_fail(NETIPC_TOO_SMALL, "a number to increment takes %u bytes, the buffer has %zu",
                           NETIPC_INCREMENT_LENGTH, capacity);
    memcpy(buffer, &value, sizeof value);
    return NETIPC_OK;
}
