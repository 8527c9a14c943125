/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"

#include <stdlib.h>
#include <time.h>

uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t patience_ns(uint64_t seconds)
{
    const char *text = getenv("NETIPC_TEST_SLOW");
    double slow = text != NULL ? strtod(text, NULL) : 1;
    return (uint64_t)((double)seconds * 1e9 * (slow > 0 ? slow : 1));
}

void pause_ms(uint64_t milliseconds)
{
    nanosleep(
        &(struct timespec){.tv_sec = (time_t)(milliseconds / 1000), .tv_nsec = (long)(milliseconds % 1000 * 1000000)},
        NULL);
}
