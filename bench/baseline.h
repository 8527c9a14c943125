/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_BASELINE_H
#define BENCH_BASELINE_H

/*
 * Every baseline: the least that the same work costs on the same cores, without the library. Bytes go by libc's
 * memcpy(), called and not inlined, into as many buffers, in turn, as a publisher has slots by default, as far apart as
 * these are; in memory that the processes share, and read by another process than wrote them where the library's are.
 *
 *     copy         a publication: memcpy into the next buffer
 *     copy out     a read: memcpy out of the buffer that was last written
 *     hand-off     a latency: copy, one store, and on the other side one load and copy out; the receiver spins, sleeps
 *                  on a futex or polls a descriptor
 *     ping, pong   a line that two cores send each other
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BASELINE_BUFFERS = 8, BASELINE_ALIGNMENT = 128, BASELINE_ROUND_TRIPS = 16 };

enum baseline_wait { BASELINE_SPIN, BASELINE_FUTEX, BASELINE_DESCRIPTOR };

struct baseline {
    struct baseline_lines *lines;
    unsigned char *buffers;
    size_t bytes, size, stride; /* mapped; of a payload; from buffer to buffer */
    uint64_t count;             /* of buffers */
    int descriptors[2];
};

/* Before the processes are forked that use it. False, and a notice: there is no memory, or no descriptor. */
bool baseline_open(struct baseline *baseline, size_t size);

/* The same, for a publisher that has so many slots, with no room in them but for the payload. */
bool baseline_open_buffers(struct baseline *baseline, size_t size, uint64_t buffers);

/* In each process that uses it, before anything is measured: maps all pages, which would be done at the first use. */
void baseline_enter(const struct baseline *baseline);
void baseline_close(struct baseline *baseline);

/* memcpy() of libc, whatever the compiler knows of it. */
void baseline_copy(void *to, const void *from, size_t size);

/* The buffer that takes the payload with this number, from 1. */
unsigned char *baseline_buffer(const struct baseline *baseline, uint64_t number);

/* One side hands over payload `number`; the other waits until it is another than seen, and copies the latest out. */
void baseline_send(const struct baseline *baseline, enum baseline_wait wait, const void *bytes, uint64_t number);
uint64_t baseline_receive(const struct baseline *baseline, enum baseline_wait wait, uint64_t seen, void *bytes);

/* The number that was handed over last. */
uint64_t baseline_latest(const struct baseline *baseline);

/*
 * A line goes to another core and back, in batches of BASELINE_ROUND_TRIPS; ns gets half a round trip of each batch.
 * Two processes at the same time; first is the number of the first batch, and each is used once.
 */
void baseline_ping(const struct baseline *baseline, uint64_t first, uint64_t batches, double *ns);
void baseline_pong(const struct baseline *baseline, uint64_t first, uint64_t batches);

/* What one reading of the clock takes: the median of so many batches. */
double baseline_clock(void);

/* A wake-up call for a futex that nobody sleeps on. */
void baseline_wake_nobody(const struct baseline *baseline);

#endif
