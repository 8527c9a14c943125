/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec used;
    clock_gettime(clock, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

uint64_t usage_process_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t usage_thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* "Rss:    1234 kB", if the line is that. */
static void take_line(const char *line, const char *name, uint64_t *bytes)
{
    size_t length = strlen(name);
    if (strncmp(line, name, length) == 0)
        *bytes = strtoull(line + length, NULL, 10) * 1024;
}

struct usage_memory usage_memory(void)
{
    struct usage_memory memory = {0};
    char line[256];
    FILE *stream = fopen("/proc/self/smaps_rollup", "re");
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        take_line(line, "Rss:", &memory.rss_bytes);
        take_line(line, "Pss:", &memory.pss_bytes);
    }
    if (stream != NULL)
        fclose(stream);
    return memory;
}

double usage_percent(uint64_t part, uint64_t whole)
{
    return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}
