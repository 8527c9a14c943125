/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CHECKSUM_H
#define NETIPC_CHECKSUM_H

/*
 * Checksums behind every packet of the control channel: requests, answers, and what a publisher and its subscribers say
 * to each other. The bytes of snapshots are in shared memory and not among them. Each side offers, in the field
 * checksum of its config, what it likes; a session has what both offer, IEEE if that is both kinds, and nothing
 * otherwise.
 *
 * What comes with a wrong checksum is thrown away, descriptors included, and ends the session: the calls say
 * NETIPC_CHECKSUM_MISMATCH, and the detail has the checksum that came (expected) and that of the bytes (actual).
 */
enum {
    NETIPC_CHECKSUM_NONE = 0,       /* the default: a socket of this host loses no bits */
    NETIPC_CHECKSUM_IEEE = 1,       /* CRC-32 of IEEE 802.3 */
    NETIPC_CHECKSUM_CASTAGNOLI = 2, /* CRC-32C */
    /* Besides those: without one of them there is no session, and the side that has to do without it is told
     * NETIPC_UNSUPPORTED. Alone: as with NETIPC_CHECKSUM_IEEE. */
    NETIPC_CHECKSUM_REQUIRED = 4
};

#endif
