/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_CLOCK_H
#define NETIPC_TOOL_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static inline uint64_t now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* What is left until a deadline, and 1 when it is over: to the library 0 often means its default. */
static inline uint64_t left_ns(uint64_t deadline_ns)
{
    uint64_t now = now_ns();
    return now < deadline_ns ? deadline_ns - now : 1;
}

#endif
