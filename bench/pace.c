/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/pace.h"

#include "bench/clock.h"

#include <sys/prctl.h>
#include <time.h>

enum { FIRST_NS = 1000000, NEAR_NS = 50000 };

void pace_start(struct pace *pace, double hz)
{
    prctl(PR_SET_TIMERSLACK, 1);
    *pace = (struct pace){.start_ns = clock_now_ns() + FIRST_NS, .period_ns = 1e9 / hz};
}

uint64_t pace_date(const struct pace *pace, uint64_t index)
{
    return pace->start_ns + (uint64_t)(pace->period_ns * (double)index);
}

void pace_wait(struct pace *pace, struct distribution *lag)
{
    uint64_t due = pace_date(pace, pace->index++);
    uint64_t now = clock_now_ns();
    if (due > now + NEAR_NS) {
        struct timespec date = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &date, NULL);
    }
    while ((now = clock_now_ns()) < due)
        clock_relax();
    if (lag != NULL)
        distribution_add(lag, now - due);
}
