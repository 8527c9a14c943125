/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_SHM_MADE_REGION_H
#define NETIPC_TESTS_SHM_MADE_REGION_H

/* Regions for tests: real ones, and shared memory with whatever bytes and seals a test wants. */

#include "shm/region.h"
#include "shm/ring_publisher.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>

#include <cmocka.h>

/* What a subscriber demands. */
enum { SEALS_WANTED = 0x0001 | 0x0002 | 0x0004 | 0x0010 }; /* SEAL, SHRINK, GROW, FUTURE_WRITE */

/* A memfd with these bytes, all of them allocated, and then sealed. */
int make_memory(const void *bytes, size_t length, int seals);

/* A region, the ring in it and the sessions that the ring scans: none. */
struct made_ring {
    struct netipc_region region;
    struct netipc_ring ring;
    struct netipc_session_table sessions;
};

void make_ring(struct made_ring *made, uint32_t slots, uint64_t capacity);
void unmake_ring(struct made_ring *made);

/* Publishes length bytes that follow from the generation. */
void publish_pattern(struct made_ring *made, uint64_t length);
bool pattern_is(const unsigned char *bytes, uint64_t length, uint64_t generation);

#endif
