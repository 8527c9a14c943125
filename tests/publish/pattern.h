/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_PATTERN_H
#define TESTS_PUBLISH_PATTERN_H

/*
 * What the snapshots of these tests hold: every byte follows from the generation and the length, so that a snapshot
 * that mixes two generations, or has the length of another, is found out.
 */

#include <stdbool.h>
#include <stdint.h>

void pattern_fill(void *bytes, uint64_t length, uint64_t generation);
bool pattern_ok(const void *bytes, uint64_t length, uint64_t generation);

/* The length of a generation where lengths vary: mostly short, often 0, sometimes a page, seldom the most. */
uint64_t pattern_varied_length(uint64_t generation, uint64_t most);

#endif
