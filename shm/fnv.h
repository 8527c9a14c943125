/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_FNV_H
#define NETIPC_SHM_FNV_H

#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo): finds damage, proves nothing against an enemy. */
static inline uint64_t netipc_fnv1a_64(const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
