/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CRC_H
#define NETIPC_CONTROL_CRC_H

/*
 * Cyclic redundancy checks of 32 bits, reflected, inverted at both ends: CRC-32 of IEEE 802.3 (polynomial 0x04c11db7),
 * and Castagnoli's CRC-32C (0x1edc6f41) of RFC 3720. before: the checksum of the bytes in front of these; 0: there are
 * none. Pure.
 */

#include <stddef.h>
#include <stdint.h>

uint32_t netipc_crc_ieee(uint32_t before, const void *bytes, size_t length);
uint32_t netipc_crc_castagnoli(uint32_t before, const void *bytes, size_t length);

#endif
