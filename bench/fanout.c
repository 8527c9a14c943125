/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/cgroups.h"
#include "bench/clock.h"
#include "bench/command.h"
#include "bench/document.h"
#include "bench/follower.h"
#include "bench/notice.h"
#include "bench/pace.h"
#include "bench/profile_file.h"
#include "bench/usage.h"
#include "bench/waiting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Each run has two parts, in turn: `count` snapshots of cgroups that every reader takes; as many hand-offs of the
 * baseline, with the same bytes at the same rate, to the same readers. What is taken is checked half a period later, so
 * that nobody who is to be woken waits for a CPU that checks.
 */
enum { PUBLICATIONS_MOST = 65536 }; /* a run */

/* How one snapshot got on. */
struct journey {
    _Atomic uint64_t published_ns, first_ns, last_ns;
    _Atomic uint32_t readers;
};

/* CPU time of a process in a part of a run; own: for making and checking snapshots, which is no work of the library's.
 */
struct cost {
    uint64_t cpu_ns, own_ns;
};

struct reading {
    struct distribution latency_ns, handoff_ns;
    struct cost cost; /* of the last part */
    struct usage_memory memory;
    uint64_t taken, missed, overruns, handoffs_missed;
};

/* One way to hand snapshots on, the library's or the baseline's. */
struct side {
    struct distribution publish_ns, spread_ns;
    struct cost publisher;                            /* of the last part */
    uint64_t part_ns;                                 /* which took so long */
    struct series publisher_us, readers_us;           /* CPU time for each publication, of all readers together */
    struct series publisher_percent, readers_percent; /* of one CPU */
    struct cost all_publisher, all_readers;
    uint64_t all_ns;
};

struct shared {
    struct audience audience;
    struct baseline baseline;
    struct options options;
    uint64_t count; /* publications a run */
    struct distribution lag_ns;
    struct side library, bare;
    struct usage_memory publisher_memory;
    netipc_publisher_info info;
    struct reading *readings;
    struct journey *journeys;
};

static void sleep_until(uint64_t date_ns)
{
    struct timespec date = {.tv_sec = (time_t)(date_ns / 1000000000u), .tv_nsec = (long)(date_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &date, NULL);
}

/* --- the publisher --- */

struct source {
    const struct station *station;
    struct shared *shared;
    struct cgroups cgroups;
    netipc_publisher *publisher;
    void *payload;
};

static void hand_on(const struct source *source, bool bare, uint64_t generation)
{
    struct shared *shared = source->shared;
    struct side *side = bare ? &shared->bare : &shared->library;
    struct journey *journey = &shared->journeys[(generation - 1) % shared->count];
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
    struct shared *shared = source->shared;
    struct side *side = bare ? &shared->bare : &shared->library;
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
    side->publisher = (struct cost){.cpu_ns = usage_process_ns() - cpu_ns, .own_ns = own_ns};
    side->part_ns = clock_now_ns() - start_ns;
}

/* Once all readers are through. */
static void add_spreads(struct shared *shared, struct distribution *spread_ns)
{
    for (uint64_t i = 0; i < shared->count; i++) {
        const struct journey *journey = &shared->journeys[i];
        if (journey->readers == shared->options.readers)
            distribution_add(spread_ns, journey->last_ns - journey->first_ns);
    }
}

static void check_publisher(const struct source *source)
{
    struct shared *shared = source->shared;
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
    struct shared *shared = context;
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
    struct shared *shared;
    struct reading *reading;
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
static uint64_t arrive(struct shared *shared, uint64_t generation, uint64_t now, struct distribution *latency_ns)
{
    struct journey *journey = &shared->journeys[(generation - 1) % shared->count];
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
    bench->reading->cost = (struct cost){.cpu_ns = usage_process_ns() - cpu_ns, .own_ns = own_ns};
}

/* Nothing guards a hand-off from being overtaken: one that was, by a whole round, is no fault. */
static void check_handoff(struct bench *bench)
{
    const struct shared *shared = bench->shared;
    uint64_t number = bench->handoff;
    if (!cgroups_are(&bench->follower.cgroups, number, bench->buffer) &&
        baseline_latest(&shared->baseline) < number + BASELINE_BUFFERS - 1)
        station_fail(bench->station, NETIPC_CORRUPT, "the bytes of hand-off %llu are wrong",
                     (unsigned long long)number);
}

static void receive_part(struct bench *bench, uint64_t first)
{
    struct shared *shared = bench->shared;
    enum baseline_wait wait = waiting_of_baseline(&shared->options, false);
    uint64_t last = first + shared->count - 1, own_ns = 0, cpu_ns = usage_process_ns();
    for (uint64_t seen = first - 1; seen < last;) {
        uint64_t number = baseline_receive(&shared->baseline, wait, seen, bench->buffer);
        bench->reading->handoffs_missed += number - seen - 1;
        seen = bench->handoff = number;
        own_ns += rest(bench, number, seen == last, &bench->reading->handoff_ns, check_handoff);
    }
    bench->reading->cost = (struct cost){.cpu_ns = usage_process_ns() - cpu_ns, .own_ns = own_ns};
}

static void work_as_reader(struct station *station, void *context)
{
    struct shared *shared = context;
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

static double us_each(const struct cost *cost, uint64_t count)
{
    return (double)(cost->cpu_ns - cost->own_ns) / 1000 / (double)count;
}

static void add_cost(struct cost *sum, const struct cost *cost)
{
    sum->cpu_ns += cost->cpu_ns;
    sum->own_ns += cost->own_ns;
}

/* While all wait for the next part. */
static void add_part(struct shared *shared, struct side *side)
{
    struct cost readers = {0};
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

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
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

/* The readers' figures, added up in the first. */
static void merge_readings(struct shared *shared, uint64_t *pss_bytes)
{
    struct reading *all = &shared->readings[0];
    *pss_bytes = all->memory.pss_bytes;
    for (uint64_t i = 1; i < shared->options.readers; i++) {
        const struct reading *one = &shared->readings[i];
        distribution_merge(&all->latency_ns, &one->latency_ns);
        distribution_merge(&all->handoff_ns, &one->handoff_ns);
        all->taken += one->taken;
        all->missed += one->missed;
        all->overruns += one->overruns;
        all->handoffs_missed += one->handoffs_missed;
        *pss_bytes += one->memory.pss_bytes;
    }
}

static void report_side(struct json_object *results, const struct side *side, const char *prefix)
{
    char name[64];
    snprintf(name, sizeof name, "%spublish_ns", prefix);
    document_distribution(results, name, &side->publish_ns);
    snprintf(name, sizeof name, "%sspread_ns", prefix);
    document_distribution(results, name, &side->spread_ns);
    snprintf(name, sizeof name, "%spublisher_us", prefix);
    document_series(results, name, &side->publisher_us);
    snprintf(name, sizeof name, "%ssubscribers_us", prefix);
    document_series(results, name, &side->readers_us);
    snprintf(name, sizeof name, "%spublisher_cpu_percent", prefix);
    document_number(results, name,
                    usage_percent(side->all_publisher.cpu_ns - side->all_publisher.own_ns, side->all_ns));
    snprintf(name, sizeof name, "%ssubscribers_cpu_percent", prefix);
    document_number(results, name, usage_percent(side->all_readers.cpu_ns - side->all_readers.own_ns, side->all_ns));
}

static void report(struct experiment *experiment, struct shared *shared)
{
    const struct reading *all = &shared->readings[0];
    const struct side *library = &shared->library, *bare = &shared->bare;
    struct json_object *results = experiment->results, *ratios = experiment->ratios;
    struct series over_bare;
    uint64_t pss_bytes;
    merge_readings(shared, &pss_bytes);
    document_distribution(results, "latency_ns", &all->latency_ns);
    document_distribution(results, "handoff_ns", &all->handoff_ns);
    document_distribution(results, "schedule_lag_ns", &shared->lag_ns);
    report_side(results, library, "");
    report_side(results, bare, "bare_");
    document_number(results, "build_cpu_percent", usage_percent(library->all_publisher.own_ns, library->all_ns));
    document_number(results, "check_cpu_percent", usage_percent(library->all_readers.own_ns, library->all_ns));
    document_count(results, "payload_bytes", shared->audience.size);
    document_count(results, "publications", shared->info.publications);
    document_count(results, "seen", all->taken);
    document_count(results, "missed", all->missed);
    document_count(results, "overruns", all->overruns);
    document_count(results, "handoffs_missed", all->handoffs_missed);
    document_count(results, "wakes_sent", shared->info.wakes_sent);
    document_count(results, "region_bytes", shared->info.region_size);
    document_count(results, "publisher_rss_bytes", shared->publisher_memory.rss_bytes);
    document_count(results, "publisher_pss_bytes", shared->publisher_memory.pss_bytes);
    document_count(results, "subscriber_rss_bytes", all->memory.rss_bytes);
    document_count(results, "subscribers_pss_bytes", pss_bytes);
    document_number(ratios, "fanout_publisher_cpu_percent", series_quartile(&library->publisher_percent, 2));
    document_number(ratios, "fanout_subscribers_cpu_percent", series_quartile(&library->readers_percent, 2));
    series_quotient(&library->publisher_us, &bare->publisher_us, &over_bare);
    document_number(ratios, "fanout_publisher_over_bare", series_quartile(&over_bare, 2));
    series_quotient(&library->readers_us, &bare->readers_us, &over_bare);
    document_number(ratios, "fanout_subscribers_over_bare", series_quartile(&over_bare, 2));
}

static uint64_t count_of(const struct options *options)
{
    double count = options->hz * options->duration / (double)options->repeat;
    return count < 1 ? 1 : (uint64_t)(count + 0.5);
}

static bool check(const struct options *options)
{
    if (!waiting_fits(options, "fanout"))
        return false;
    if (count_of(options) <= PUBLICATIONS_MOST)
        return true;
    notice("%llu publications a run are wanted, %d are possible: less --hz or --duration, or more --repeat",
           (unsigned long long)count_of(options), PUBLICATIONS_MOST);
    return false;
}

static void prepare(struct shared *shared, const struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    shared->options = *options;
    shared->count = count_of(options);
    shared->audience.run_dir = experiment->run_dir.path;
    audience_of_cgroups(&shared->audience, (uint32_t)options->items);
    if (options->take == OPTIONS_TAKE_LEASE) { /* one for each, and what the publisher keeps for others */
        shared->audience.history = 2;
        shared->audience.slots = (uint32_t)options->readers + 4;
    }
    shared->readings = (struct reading *)(shared + 1);
    shared->journeys = (struct journey *)(shared->readings + options->readers);
}

static bool measure(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    size_t bytes =
        sizeof(struct shared) + options->readers * sizeof(struct reading) + count_of(options) * sizeof(struct journey);
    struct shared *shared = crew_shared(bytes);
    netipc_profile profile;
    if (shared == NULL)
        return false;
    bool good = profile_file_take(experiment, &profile, &shared->audience.profile);
    prepare(shared, experiment);
    good = good && baseline_open(&shared->baseline, shared->audience.size);
    if (good) {
        good = experiment_supervise(experiment, supervise, shared);
        if (good)
            report(experiment, shared);
        baseline_close(&shared->baseline);
    }
    crew_shared_free(shared, bytes);
    return good;
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    const struct options *options = &experiment->options;
    printf("fanout of %llu items, %.0f bytes, %g a second, to %llu subscribers (%s, %s)\n",
           (unsigned long long)options->items, experiment_figure(document, "results/payload_bytes"), options->hz,
           (unsigned long long)options->readers, options_take_name(options->take), options_wait_name(options->wait));
    printf("  CPU              publisher %.3f %% (x %.2f of bare memory and wake-ups), subscribers %.3f %% (x %.2f)\n",
           experiment_figure(document, "ratios/fanout_publisher_cpu_percent"),
           experiment_figure(document, "ratios/fanout_publisher_over_bare"),
           experiment_figure(document, "ratios/fanout_subscribers_cpu_percent"),
           experiment_figure(document, "ratios/fanout_subscribers_over_bare"));
    printf("  publish          p50 %.1f us, p99 %.1f\n", experiment_figure(document, "results/publish_ns/p50") / 1000,
           experiment_figure(document, "results/publish_ns/p99") / 1000);
    printf("  publish to taken p50 %.1f us, p95 %.1f, p99 %.1f, max %.1f; first to last reader p50 %.1f us\n",
           experiment_figure(document, "results/latency_ns/p50") / 1000,
           experiment_figure(document, "results/latency_ns/p95") / 1000,
           experiment_figure(document, "results/latency_ns/p99") / 1000,
           experiment_figure(document, "results/latency_ns/max") / 1000,
           experiment_figure(document, "results/spread_ns/p50") / 1000);
    printf("  %.0f publications, %.0f taken, %.0f missed\n", experiment_figure(document, "results/publications"),
           experiment_figure(document, "results/seen"), experiment_figure(document, "results/missed"));
}

const struct command command_fanout = {
    .name = "fanout",
    .summary = "what one publisher and many subscribers of cgroups cost, at a fixed rate",
    .help = "Publishes snapshots of cgroups at a fixed rate, all items changing with each; --readers subscriber\n"
            "processes sleep until there is a new one and take it: into a cache (refresh), as bytes (copy), or in\n"
            "place with its index (lease). In turn with a bare hand-off of the same bytes to the same processes\n"
            "(memcpy and one wake-up of all), which takes as long again. Tells the CPU time and memory of either\n"
            "side. All items are checked, half a period later; that, and making them, is not in the CPU time.",
    .taken = OPTIONS_ITEMS | OPTIONS_READERS | OPTIONS_HZ | OPTIONS_DURATION | OPTIONS_REPEAT | OPTIONS_WAIT |
             OPTIONS_TAKE | OPTIONS_PROFILE,
    .defaults = {.items = 1000,
                 .readers = 16,
                 .hz = 10,
                 .duration = 10,
                 .repeat = 11,
                 .wait = OPTIONS_WAIT_ADAPTIVE,
                 .take = OPTIONS_TAKE_REFRESH},
    .check = check,
    .measure = measure,
    .summarize = summarize,
};
