/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/schema.h>

uint32_t netipc_key_hash(const void *key, size_t length)
{
    const unsigned char *at = key;
    uint32_t hash = UINT32_C(0x811c9dc5);
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * UINT32_C(0x01000193);
    return hash;
}
