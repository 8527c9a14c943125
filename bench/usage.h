/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_USAGE_H
#define BENCH_USAGE_H

/* What a process uses. CPU time is that of the scheduler, in nanoseconds, and not counted in ticks. */

#include <stdint.h>

/* Of all threads of this process, the library's too; of the calling thread alone. Each is a system call. */
uint64_t usage_process_ns(void);
uint64_t usage_thread_ns(void);

/* 0: not told. */
struct usage_memory {
    uint64_t rss_bytes; /* resident */
    uint64_t pss_bytes; /* resident, pages of several processes being divided among them */
};

struct usage_memory usage_memory(void);

/* 100 x part / whole; 0 of nothing. */
double usage_percent(uint64_t part, uint64_t whole);

#endif
