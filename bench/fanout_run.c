/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/fanout_run.h"

#include "bench/cgroups.h"
#include "bench/clock.h"
#include "bench/follower.h"
#include "bench/notice.h"
#include "bench/pace.h"
#include "bench/waiting.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void sleep_until(uint64_t date_ns)
{
    struct timespec date = {.tv_sec = (time_t)(date_ns / 1000000000u), .tv_nsec = (long)(date_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &date, NULL);
}

/* --- the publisher --- */

struct source {
    const struct station *station;
    struct fanout_run *shared;
    struct cgroups cgroups;
    netipc_publisher *publisher;
    void *payload;
};

static void hand_on(const struct source *source, bool bare, uint64_t generation)
{
    struct fanout_run *shared = source->shared;
    struct fanout_side *side = bare ? &shared->bare : &shared->library;
    struct fanout_journey *journey = &shared->journeys[(generation - 1) % shared->count];
    uint64_t before_ns = clock_now_ns();
    atomic_store(&journey->first_ns, UINT64_MAX);
    atomic_store(&journey->last_ns, 0);
    atomic_store(&journey->readers, 0);
    atomic_store(&journey->published_ns, before_ns);
    if (bare) {
        baseline_send(&shared->baseline, waiting_of_baseline(&shared->options, false), source->payload, generation);
    } else {
        netipc_status status = netipc_publish(source->publisher, source->payload, source->cgroups.length, NULL);
        if (status != NETIPC_OK)
            station_fail_status(source->station, status, "cannot publish");
    }
    distribution_add(&side->publish_ns, clock_now_ns() - before_ns);
}

static void publish_part(const struct source *source, bool bare, uint64_t first)
{
    struct fanout_run *shared = source->shared;
    struct fanout_side *side = bare ? &shared->bare : &shared->library;
    struct pace pace;
    uint64_t own_ns = 0, cpu_ns = usage_process_ns(), start_ns = clock_now_ns();
    pace_start(&pace, shared->options.hz);
    for (uint64_t generation = first; generation < first + shared->count; generation++) {
        pace_wait(&pace, bare ? NULL : &shared->lag_ns);
        uint64_t before_ns = usage_thread_ns();
        cgroups_write(source->station, &source->cgroups, generation, source->payload);
        own_ns += usage_thread_ns() - before_ns;
        hand_on(source, bare, generation);
    }
    pace_wait(&pace, NULL); /* the time behind the last one belongs to it */
    side->publisher = (struct fanout_cost){.cpu_ns = usage_process_ns() - cpu_ns, .own_ns = own_ns};
    side->part_ns = clock_now_ns() - start_ns;
}

/* Once all readers are through. */
static void add_spreads(struct fanout_run *shared, struct distribution *spread_ns)
{
    for (uint64_t i = 0; i < shared->count; i++) {
        const struct fanout_journey *journey = &shared->journeys[i];
        if (journey->readers == shared->options.readers)
            distribution_add(spread_ns, journey->last_ns - journey->first_ns);
    }
}

static void check_publisher(const struct source *source)
{
    struct fanout_run *shared = source->shared;
    netipc_publisher_info *info = &shared->info;
    uint64_t total = shared->count * shared->options.repeat;
    info->size = sizeof *info;
    netipc_status status = netipc_publisher_stats(source->publisher, info);
    if (status != NETIPC_OK || info->publications != total || info->bytes != total * source->cgroups.length ||
        info->wakes_sent + info->wakes_saved != total * shared->options.readers)
        station_fail(source->station, NETIPC_CORRUPT,
                     "the publisher counts %llu publications of %llu bytes, %llu wakes sent and %llu saved, where %llu "
                     "of %zu bytes were made for %llu subscribers",
                     (unsigned long long)info->publications, (unsigned long long)info->bytes,
                     (unsigned long long)info->wakes_sent, (unsigned long long)info->wakes_saved,
                     (unsigned long long)total, source->cgroups.length, (unsigned long long)shared->options.readers);
}

static void work_as_publisher(struct station *station, void *context)
{
    struct fanout_run *shared = context;
    struct source source = {.station = station, .shared = shared};
    cgroups_open(station, (uint32_t)shared->options.items, &source.cgroups);
    source.publisher = audience_open_publisher(station, &shared->audience);
    baseline_enter(&shared->baseline);
    source.payload = audience_buffer(station, source.cgroups.length);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        if (run == 0)
            audience_expect_attached(station, source.publisher, shared->options.readers);
        else
            add_spreads(shared, &shared->bare.spread_ns);
        publish_part(&source, false, 1 + run * shared->count);
        station_meet(station);
        add_spreads(shared, &shared->library.spread_ns);
        publish_part(&source, true, 1 + run * shared->count);
    }
    station_meet(station);
    add_spreads(shared, &shared->bare.spread_ns);
    check_publisher(&source);
    shared->publisher_memory = usage_memory();
    station_meet(station);
    netipc_publisher_close(source.publisher);
    cgroups_close(&source.cgroups);
    free(source.payload);
}

/* --- a reader --- */

struct bench {
    const struct station *station;
    struct fanout_run *shared;
    struct fanout_reading *reading;
    struct follower follower;
    void *buffer;     /* the baseline's */
    uint64_t handoff; /* what is in it */
};

static void raise_to(_Atomic uint64_t *most, uint64_t value)
{
    uint64_t known = atomic_load(most);
    while (value > known && !atomic_compare_exchange_weak(most, &known, value))
        ;
}

static void lower_to(_Atomic uint64_t *least, uint64_t value)
{
    uint64_t known = atomic_load(least);
    while (value < known && !atomic_compare_exchange_weak(least, &known, value))
        ;
}

/* At a time. Returns when it was published. */
static uint64_t arrive(struct fanout_run *shared, uint64_t generation, uint64_t now, struct distribution *latency_ns)
{
    struct fanout_journey *journey = &shared->journeys[(generation - 1) % shared->count];
    uint64_t published_ns = atomic_load(&journey->published_ns);
    lower_to(&journey->first_ns, now);
    raise_to(&journey->last_ns, now);
    atomic_fetch_add(&journey->readers, 1);
    distribution_add(latency_ns, now - published_ns);
    return published_ns;
}

/* What may be checked is; and what the library still does behind the last one belongs to it. */
static uint64_t rest(struct bench *bench, uint64_t generation, bool last, struct distribution *latency_ns,
                     void (*check)(struct bench *))
{
    double period_ns = 1e9 / bench->shared->options.hz;
    uint64_t now = clock_now_ns(), before_ns = usage_thread_ns();
    uint64_t published_ns = arrive(bench->shared, generation, now, latency_ns);
    sleep_until(published_ns + (uint64_t)(period_ns / 2));
    check(bench);
    uint64_t own_ns = usage_thread_ns() - before_ns;
    if (last)
        sleep_until(published_ns + (uint64_t)(period_ns * 0.9));
    return own_ns;
}

static void check_taken(struct bench *bench)
{
    follower_check(&bench->follower);
}

static void follow_part(struct bench *bench, uint64_t last)
{
    struct follower *follower = &bench->follower;
    uint64_t own_ns = 0, cpu_ns = usage_process_ns();
    while (follower->seen < last) {
        follower_wait(follower);
        if (!follower_take(follower))
            continue;
        own_ns += rest(bench, follower->seen, follower->seen == last, &bench->reading->latency_ns, check_taken);
    }
    bench->reading->cost = (struct fanout_cost){.cpu_ns = usage_process_ns() - cpu_ns, .own_ns = own_ns};
}

/* Nothing guards a hand-off from being overtaken: one that was, by a whole round, is no fault. */
static void check_handoff(struct bench *bench)
{
    const struct fanout_run *shared = bench->shared;
    uint64_t number = bench->handoff;
    if (!cgroups_are(&bench->follower.cgroups, number, bench->buffer) &&
        baseline_latest(&shared->baseline) < number + BASELINE_BUFFERS - 1)
        station_fail(bench->station, NETIPC_CORRUPT, "the bytes of hand-off %llu are wrong",
                     (unsigned long long)number);
}

static void receive_part(struct bench *bench, uint64_t first)
{
    struct fanout_run *shared = bench->shared;
    enum baseline_wait wait = waiting_of_baseline(&shared->options, false);
    uint64_t last = first + shared->count - 1, own_ns = 0, cpu_ns = usage_process_ns();
    for (uint64_t seen = first - 1; seen < last;) {
        uint64_t number = baseline_receive(&shared->baseline, wait, seen, bench->buffer);
        bench->reading->handoffs_missed += number - seen - 1;
        seen = bench->handoff = number;
        own_ns += rest(bench, number, seen == last, &bench->reading->handoff_ns, check_handoff);
    }
    bench->reading->cost = (struct fanout_cost){.cpu_ns = usage_process_ns() - cpu_ns, .own_ns = own_ns};
}

static void work_as_reader(struct station *station, void *context)
{
    struct fanout_run *shared = context;
    struct bench bench = {.station = station, .shared = shared, .reading = &shared->readings[station->number - 1]};
    follower_open(station, &shared->audience, &shared->options, &bench.follower);
    baseline_enter(&shared->baseline);
    bench.buffer = audience_buffer(station, shared->audience.size);
    memset(bench.buffer, 0, shared->audience.size);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        follow_part(&bench, (run + 1) * shared->count);
        station_meet(station);
        receive_part(&bench, 1 + run * shared->count);
    }
    station_meet(station);
    follower_check_counters(&bench.follower, shared->count * shared->options.repeat);
    bench.reading->taken = bench.follower.taken;
    bench.reading->missed = bench.follower.missed;
    bench.reading->overruns = bench.follower.overruns;
    bench.reading->memory = usage_memory();
    station_meet(station);
    follower_close(&bench.follower);
    free(bench.buffer);
}

/* --- the supervisor --- */

static double us_each(const struct fanout_cost *cost, uint64_t count)
{
    return (double)(cost->cpu_ns - cost->own_ns) / 1000 / (double)count;
}

static void add_cost(struct fanout_cost *sum, const struct fanout_cost *cost)
{
    sum->cpu_ns += cost->cpu_ns;
    sum->own_ns += cost->own_ns;
}

/* While all wait for the next part. */
static void add_part(struct fanout_run *shared, struct fanout_side *side)
{
    struct fanout_cost readers = {0};
    for (uint64_t i = 0; i < shared->options.readers; i++)
        add_cost(&readers, &shared->readings[i].cost);
    series_add(&side->publisher_us, us_each(&side->publisher, shared->count));
    series_add(&side->readers_us, us_each(&readers, shared->count));
    series_add(&side->publisher_percent, usage_percent(side->publisher.cpu_ns - side->publisher.own_ns, side->part_ns));
    series_add(&side->readers_percent, usage_percent(readers.cpu_ns - readers.own_ns, side->part_ns));
    add_cost(&side->all_publisher, &side->publisher);
    add_cost(&side->all_readers, &readers);
    side->all_ns += side->part_ns;
}

bool fanout_supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct fanout_run *shared = context;
    const struct options *options = &shared->options;
    const uint64_t patience_ns = crew_patience_ns((uint64_t)((double)shared->count / options->hz * 1e9));
    const size_t all = 1 + options->readers;
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work_as_publisher, shared) ||
        !crew_meet(crew, 0, 1, patience_ns))
        return false;
    if (!experiment_add_many(experiment, crew, "subscriber", 0, options->readers, work_as_reader, shared))
        return false;
    bool good = crew_meet(crew, 1, options->readers, patience_ns);
    for (uint64_t run = 0; good && run < options->repeat; run++) {
        notice_progress("fanout: run %llu of %llu", (unsigned long long)run + 1, (unsigned long long)options->repeat);
        good = crew_meet(crew, 0, all, patience_ns) && crew_await(crew, 0, all, patience_ns);
        if (good)
            add_part(shared, &shared->library);
        good = good && crew_meet(crew, 0, all, patience_ns) && crew_await(crew, 0, all, patience_ns);
        if (good)
            add_part(shared, &shared->bare);
    }
    return good && crew_meet(crew, 0, all, patience_ns) && crew_meet(crew, 0, all, patience_ns) &&
           crew_finish(crew, patience_ns);
}
