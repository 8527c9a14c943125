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

/* In the place of a generation, where one publisher follows another: tells their snapshots apart as well. */
uint64_t pattern_key(const uint64_t incarnation[2], uint64_t generation);

/*
 * The length of a generation for streams. Lengths come in runs of 16 generations, longer than a ring, so that there are
 * times when all that can be read is long: of 512 runs one is of 0 to most bytes, 8 of up to most / 32, 64 of up to
 * 4096, and the others of up to 256. In each run one is empty and one as long as can be.
 */
uint64_t pattern_run_length(const uint64_t incarnation[2], uint64_t generation, uint64_t most);

#endif
