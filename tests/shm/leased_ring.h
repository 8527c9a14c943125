/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_SHM_LEASED_RING_H
#define NETIPC_TESTS_SHM_LEASED_RING_H

/* A ring with sessions whose lease words the test writes, as subscribers would. */

#include "tests/shm/made_region.h"

#include "shm/ring_reader.h"

enum { LEASED_SESSIONS_MOST = 40, LEASED_LENGTH = 24, LEASED_CAPACITY = 64 };

struct leased_ring {
    struct made_ring made;
    struct netipc_region_view view;
    struct netipc_session_line lines[LEASED_SESSIONS_MOST];
    uint32_t slots, history, quota;
};

/* All of the quota is granted: 31 words to each session but the last. */
void make_leased_ring(struct leased_ring *leased, uint32_t slots, uint32_t history);
void unmake_leased_ring(struct leased_ring *leased);

/* Word number index of those granted. */
netipc_atomic_u64 *lease_word_of(struct leased_ring *leased, uint32_t index);

/* Publishes the pattern, but first writes other bytes all over the claimed slot, as a producer may. */
void publish_roughly(struct leased_ring *leased);

/* The slots hold what they should, whatever is leased: the latest history + 1 generations, whole and found by their
 * numbers, and at most quota slots apart. thorough: each generation is read. */
void expect_history(struct leased_ring *leased, bool thorough);

#endif
