/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_SIZED_H
#define NETIPC_SHM_SIZED_H

/*
 * Public structs begin with their size as the caller knows it, so that a field added later breaks no caller: a shorter
 * one leaves the new fields at their defaults, a longer one may only have zeros in what is not known here.
 */

#include <netipc/status.h>

#include "shm/detail.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Fills in the defaults, of known bytes, and the size: so much as the caller has of them, and zeros behind them. */
static inline void netipc_sized_defaults(void *config, size_t size, const void *defaults, size_t known)
{
    const uint32_t given = (uint32_t)size;
    memset(config, 0, size);
    memcpy(config, defaults, size < known ? size : known);
    memcpy(config, &given, size < sizeof given ? size : sizeof given);
}

/* Copies given over the defaults in config, of size bytes. */
static inline netipc_status netipc_sized_in(void *config, uint32_t size, const void *given)
{
    if (given == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no config given");
    uint32_t given_size;
    memcpy(&given_size, given, sizeof given_size);
    if (given_size < sizeof given_size || given_size > 65536)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "config of %u bytes: was its _init called?", given_size);
    const unsigned char *bytes = given;
    for (uint32_t i = size; i < given_size; i++)
        if (bytes[i] != 0)
            return netipc_fail(NETIPC_UNSUPPORTED, "this library knows configs of %u bytes, %u were given", size,
                               given_size);
    memcpy(config, given, given_size < size ? given_size : size);
    return NETIPC_OK;
}

/* Copies filled, of size bytes, to as much as info has room for. */
static inline netipc_status netipc_sized_out(void *info, const void *filled, uint32_t size)
{
    uint32_t info_size = 0;
    if (info != NULL)
        memcpy(&info_size, info, sizeof info_size);
    if (info_size < sizeof info_size)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no info given, or its size is not set");
    memcpy((unsigned char *)info + sizeof info_size, (const unsigned char *)filled + sizeof info_size,
           (info_size < size ? info_size : size) - sizeof info_size);
    return NETIPC_OK;
}

#endif
