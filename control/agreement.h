/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_AGREEMENT_H
#define NETIPC_CONTROL_AGREEMENT_H

/* What the accepting side makes of a HELLO. Pure. */

#include "control/checksum.h"

/* What it offers. */
struct netipc_terms {
    uint64_t token;
    uint32_t profiles;
    struct netipc_checksum_wish checksum;
    uint32_t max_request_payload, max_request_items;
    uint32_t response_payload, max_response_payload; /* granted to all; to those who ask for it */
};

/* Whether a packet is a HELLO at all; what is none is not answered. */
bool netipc_agreement_parse(const unsigned char *packet, size_t length, struct netipc_envelope *envelope,
                            struct netipc_hello *hello);

/*
 * The transport status that a HELLO gets. refusal: what its sender gets anyhow (wrong uid, no free session), if its
 * HELLO is one that can be answered in this way.
 */
uint16_t netipc_agreement_judge(const struct netipc_terms *terms, const struct netipc_envelope *envelope,
                                const struct netipc_hello *hello, uint16_t refusal);

/* The answer to a HELLO that was judged otherwise. */
struct netipc_hello_ack netipc_agreement_refusal(const struct netipc_terms *terms, const struct netipc_hello *hello,
                                                 uint16_t verdict);

/* The answer to a HELLO that was judged OK. own_packet: the packet size to offer. */
struct netipc_hello_ack netipc_agreement_make(const struct netipc_terms *terms, const struct netipc_hello *hello,
                                              uint32_t own_packet, uint64_t session_id);

#endif
