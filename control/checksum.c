/* SPDX-License-Identifier: Apache-2.0 */
#include "control/checksum.h"

#include "control/crc.h"
#include "shm/detail.h"

#include <string.h>

static_assert(NETIPC_WIRE_CHECKSUM_SIZE == sizeof(uint32_t), "");

netipc_status netipc_checksum_wish(uint32_t configured, struct netipc_checksum_wish *wish)
{
    const uint32_t kinds = NETIPC_CHECKSUM_IEEE | NETIPC_CHECKSUM_CASTAGNOLI;
    if ((configured & ~(kinds | NETIPC_CHECKSUM_REQUIRED)) != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "checksum 0x%x is not made of NETIPC_CHECKSUM_", configured);
    *wish = (struct netipc_checksum_wish){.required = (configured & NETIPC_CHECKSUM_REQUIRED) != 0};
    if ((configured & NETIPC_CHECKSUM_IEEE) != 0 || configured == NETIPC_CHECKSUM_REQUIRED)
        wish->offered |= NETIPC_CAPABILITY_IEEE;
    if ((configured & NETIPC_CHECKSUM_CASTAGNOLI) != 0)
        wish->offered |= NETIPC_CAPABILITY_CASTAGNOLI;
    return NETIPC_OK;
}

uint32_t netipc_checksum_select(uint32_t common)
{
    return (common & NETIPC_CAPABILITY_IEEE) != 0 ? NETIPC_CAPABILITY_IEEE : common & NETIPC_CAPABILITY_CASTAGNOLI;
}

uint32_t netipc_checksum_told(uint32_t kind)
{
    return kind == NETIPC_CAPABILITY_IEEE         ? NETIPC_CHECKSUM_IEEE
           : kind == NETIPC_CAPABILITY_CASTAGNOLI ? NETIPC_CHECKSUM_CASTAGNOLI
                                                  : NETIPC_CHECKSUM_NONE;
}

uint32_t netipc_checksum_of(uint32_t kind, const struct iovec *parts, size_t count)
{
    uint32_t checksum = 0;
    for (size_t i = 0; i < count; i++)
        checksum = kind == NETIPC_CAPABILITY_IEEE
                       ? netipc_crc_ieee(checksum, parts[i].iov_base, parts[i].iov_len)
                       : netipc_crc_castagnoli(checksum, parts[i].iov_base, parts[i].iov_len);
    return checksum;
}

static uint32_t checksum_of(uint32_t kind, const unsigned char *packet, size_t length)
{
    const struct iovec whole = {(void *)(uintptr_t)packet, length};
    return netipc_checksum_of(kind, &whole, 1);
}

size_t netipc_checksum_seal(uint32_t kind, unsigned char *packet, size_t length)
{
    if (kind == 0)
        return length;
    uint32_t checksum = checksum_of(kind, packet, length);
    memcpy(packet + length, &checksum, sizeof checksum);
    return length + sizeof checksum;
}

netipc_status netipc_checksum_open(uint32_t kind, const unsigned char *packet, size_t *length,
                                   struct netipc_checksum_mismatch *mismatch)
{
    if (kind == 0)
        return NETIPC_OK;
    if (*length < NETIPC_WIRE_CHECKSUM_SIZE)
        return netipc_fail(NETIPC_PROTOCOL, "a packet of %zu bytes has no checksum", *length);
    size_t covered = *length - NETIPC_WIRE_CHECKSUM_SIZE;
    memcpy(&mismatch->expected, packet + covered, sizeof mismatch->expected);
    mismatch->actual = checksum_of(kind, packet, covered);
    if (mismatch->actual != mismatch->expected)
        return netipc_fail(NETIPC_CHECKSUM_MISMATCH, "checksum of a packet of %zu bytes: expected %08x, actual %08x",
                           *length, mismatch->expected, mismatch->actual);
    *length = covered;
    return NETIPC_OK;
}
