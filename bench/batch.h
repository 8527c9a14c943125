/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

/* Short work is measured in batches that are long against the clock (1 us at least), and many of them make a chunk: one
 * half of a run, the other half being the baseline's. */

#include "bench/distribution.h"

#include <stdint.h>

struct batch {
    void (*prepare)(void *context, uint64_t times); /* not timed; may be NULL, as check */
    void (*timed)(void *context, uint64_t times);
    void (*check)(void *context, uint64_t times); /* not timed */
    void *context;
    uint64_t times;              /* how often the work is done in a batch */
    struct distribution *all_ps; /* gets all batches, in thousandths of a nanosecond; may be NULL */
};

/* How many copies of so many bytes a batch needs. The bytes of all of them together stay small. */
uint64_t batch_times(uint64_t size);

/* The length of one chunk when runs of two chunks are to take so many seconds. */
uint64_t batch_chunk_ns(double seconds, uint64_t runs);

/* Nanoseconds for one piece of work: the median of all batches of a chunk, after a warm-up. */
double batch_measure(const struct batch *batch, uint64_t chunk_ns);

#endif
