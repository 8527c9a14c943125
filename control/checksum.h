/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_CHECKSUM_H
#define NETIPC_CONTROL_CHECKSUM_H

/*
 * The checksum behind each packet after HELLO_ACK: which one a session has, putting it there and looking at it. A kind
 * is its capability bit (NETIPC_CAPABILITY_IEEE, NETIPC_CAPABILITY_CASTAGNOLI), or 0: none. Pure.
 */

#include <netipc/checksum.h>

#include "control/wire.h"

#include <sys/uio.h>

/* What a config says. */
struct netipc_checksum_wish {
    uint32_t offered; /* capability bits */
    bool required;    /* one of them */
};

/* NETIPC_OK; NETIPC_INVALID_ARGUMENT for what is not made of NETIPC_CHECKSUM_…. */
netipc_status netipc_checksum_wish(uint32_t configured, struct netipc_checksum_wish *wish);

/* The kind of a session with these common bits, and as a caller is told of it (NETIPC_CHECKSUM_…). */
uint32_t netipc_checksum_select(uint32_t common);
uint32_t netipc_checksum_told(uint32_t kind);

/* Bytes behind each packet. */
static inline uint32_t netipc_checksum_size(uint32_t kind)
{
    return kind != 0 ? NETIPC_WIRE_CHECKSUM_SIZE : 0;
}

uint32_t netipc_checksum_of(uint32_t kind, const struct iovec *parts, size_t count);

/* Puts it behind a packet that has room for it, if there is a kind. Returns the length with it. */
size_t netipc_checksum_seal(uint32_t kind, unsigned char *packet, size_t length);

struct netipc_checksum_mismatch {
    uint32_t expected; /* what came */
    uint32_t actual;   /* of the bytes that came */
};

/*
 * Looks at the checksum of a packet, if there is a kind, and takes it off *length. NETIPC_OK. NETIPC_PROTOCOL: there is
 * none, the packet is too short. NETIPC_CHECKSUM_MISMATCH: *mismatch has the numbers. The detail has them, too.
 */
netipc_status netipc_checksum_open(uint32_t kind, const unsigned char *packet, size_t *length,
                                   struct netipc_checksum_mismatch *mismatch);

#endif
