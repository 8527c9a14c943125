/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/schedule.h"

/* Making one container makes several directories. */
static const uint64_t moment_ns = UINT64_C(20000000);

enum { COST_FACTOR = 9 };

static uint64_t later(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static uint64_t sooner(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

void schedule_start(struct schedule *schedule, uint64_t interval_ns, uint64_t early_ns, uint64_t now)
{
    *schedule = (struct schedule){.interval_ns = interval_ns,
                                  .early_ns = early_ns,
                                  .next_ns = now + interval_ns,
                                  .miss_ns = early_ns,
                                  .free_ns = now,
                                  .miss_free_ns = now};
}

void schedule_want(struct schedule *schedule, uint64_t now)
{
    uint64_t due = later(now + sooner(moment_ns, schedule->early_ns), schedule->free_ns);
    if (schedule->wanted_ns != 0 && !schedule->for_miss)
        return; /* the first change sets the time, else a stream of them would put it off for ever */
    if (schedule->wanted_ns == 0 || due < schedule->wanted_ns)
        schedule->wanted_ns = due;
    schedule->for_miss = false;
}

void schedule_want_for_miss(struct schedule *schedule, uint64_t now)
{
    if (schedule->wanted_ns != 0)
        return;
    schedule->wanted_ns = later(now, later(schedule->free_ns, schedule->miss_free_ns));
    schedule->for_miss = true;
}

uint64_t schedule_due(const struct schedule *schedule)
{
    return schedule->wanted_ns != 0 ? sooner(schedule->wanted_ns, schedule->next_ns) : schedule->next_ns;
}

void schedule_begin(struct schedule *schedule, uint64_t began)
{
    if (began >= schedule->next_ns)
        schedule->next_ns += ((began - schedule->next_ns) / schedule->interval_ns + 1) * schedule->interval_ns;
    schedule->scanning_for_miss = schedule->wanted_ns != 0 && schedule->for_miss;
    schedule->wanted_ns = 0;
}

void schedule_end(struct schedule *schedule, uint64_t began, uint64_t now, bool changed)
{
    schedule->free_ns = now + later(schedule->early_ns, (now - began) * COST_FACTOR);
    if (changed)
        schedule->miss_ns = schedule->early_ns;
    else if (schedule->scanning_for_miss)
        schedule->miss_ns = sooner(2 * schedule->miss_ns, later(schedule->interval_ns, schedule->early_ns));
    schedule->miss_free_ns = now + schedule->miss_ns;
}
