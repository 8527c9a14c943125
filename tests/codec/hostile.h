/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CODEC_HOSTILE_H
#define NETIPC_TESTS_CODEC_HOSTILE_H

#include "tests/golden/golden.h"

#include <netipc/status.h>

#include <stdint.h>

/* Captured payloads, changed, and what becomes of them. Each of these fails the running test. */

/* Decodes bytes and, if they are accepted, reads all that they say; of what is refused the view has to be empty. */
typedef netipc_status decoder(const unsigned char *bytes, size_t length);

/* … from an allocation that ends where they end. NETIPC_OK, or NETIPC_CORRUPT with a detail. */
netipc_status decode_exactly(decoder *decode, const unsigned char *bytes, size_t length);

void expect_no_beginning_is_accepted(decoder *decode, const golden_bytes *payload);

/* How many of the payloads with one bit flipped were accepted, and how many were not, is added to these. */
struct flipped {
    size_t accepted, refused;
};
void flip_every_bit(decoder *decode, const golden_bytes *payload, struct flipped *flipped);

/* Bytes behind the last item may only be zeros. */
void expect_zeros_behind(decoder *decode, const golden_bytes *payload);

struct change {
    size_t at;
    size_t width; /* 4, 2, 1, or 0: none */
    uint32_t value;
};

void change_bytes(unsigned char *bytes, const struct change *change);

struct hostile {
    const char *detail; /* part of what the refusal says */
    struct change changes[4];
};

void expect_refusals(decoder *decode, const golden_bytes *payload, const struct hostile *hostile, size_t count);

#endif
