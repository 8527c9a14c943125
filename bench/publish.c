/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/batch.h"
#include "bench/command.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/payload.h"

#include <stdio.h>
#include <stdlib.h>

struct shared {
    struct audience audience;
    struct baseline baseline;
    uint64_t runs, sessions, chunk_ns;
    struct series publish_ns, memcpy_ns;
    struct distribution publish_ps, memcpy_ps; /* batches */
    netipc_publisher_info info;
};

/* The publishing process. */
struct bench {
    struct station *station;
    struct shared *shared;
    netipc_publisher *publisher;
    unsigned char *sources; /* one for each publication of a batch, so that bytes change every time */
    size_t stride;
    uint64_t published, copied;
};

static unsigned char *source(const struct bench *bench, uint64_t index)
{
    return bench->sources + index * bench->stride;
}

static void fill_sources(const struct bench *bench, uint64_t first, uint64_t times)
{
    for (uint64_t i = 0; i < times; i++)
        payload_fill(source(bench, i), bench->shared->audience.size, first + i);
}

static void prepare_publications(void *context, uint64_t times)
{
    const struct bench *bench = context;
    fill_sources(bench, bench->published + 1, times);
}

static void prepare_copies(void *context, uint64_t times)
{
    const struct bench *bench = context;
    fill_sources(bench, bench->copied, times);
}

static void publish(void *context, uint64_t times)
{
    struct bench *bench = context;
    size_t size = bench->shared->audience.size;
    for (uint64_t i = 0; i < times; i++) {
        netipc_status status = netipc_publish(bench->publisher, source(bench, i), size, NULL);
        if (status != NETIPC_OK)
            station_fail_status(bench->station, status, "cannot publish");
    }
    bench->published += times;
}

static void copy(void *context, uint64_t times)
{
    struct bench *bench = context;
    size_t size = bench->shared->audience.size;
    for (uint64_t i = 0; i < times; i++)
        baseline_copy(baseline_buffer(&bench->shared->baseline, bench->copied + i), source(bench, i), size);
    bench->copied += times;
}

static void check_copy(void *context, uint64_t times)
{
    const struct bench *bench = context;
    (void)times;
    if (!payload_check(baseline_buffer(&bench->shared->baseline, bench->copied - 1), bench->shared->audience.size,
                       bench->copied - 1, NULL))
        station_fail(bench->station, NETIPC_CORRUPT, "memcpy did not copy what it was given");
}

static void check_counters(const struct bench *bench)
{
    netipc_publisher_info *info = &bench->shared->info;
    uint64_t bytes = bench->published * bench->shared->audience.size;
    info->size = sizeof *info;
    netipc_status status = netipc_publisher_stats(bench->publisher, info);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "no statistics");
    if (info->publications != bench->published || info->generation != bench->published || info->bytes != bytes)
        station_fail(bench->station, NETIPC_CORRUPT,
                     "the publisher counts %llu publications of %llu bytes where %llu of %llu were made",
                     (unsigned long long)info->publications, (unsigned long long)info->bytes,
                     (unsigned long long)bench->published, (unsigned long long)bytes);
}

static void work(struct station *station, void *context)
{
    struct shared *shared = context;
    struct bench bench = {.station = station, .shared = shared};
    bench.publisher = audience_open_publisher(station, &shared->audience);
    baseline_enter(&shared->baseline);
    struct batch with = {
        .prepare = prepare_publications, .timed = publish, .context = &bench, .all_ps = &shared->publish_ps};
    struct batch without = {
        .prepare = prepare_copies, .timed = copy, .check = check_copy, .context = &bench, .all_ps = &shared->memcpy_ps};
    bench.stride = (shared->audience.size + BASELINE_ALIGNMENT - 1) / BASELINE_ALIGNMENT * BASELINE_ALIGNMENT;
    without.times = with.times = batch_times(shared->audience.size);
    bench.sources = audience_buffer(station, with.times * bench.stride);
    station_meet(station);
    station_meet(station);
    audience_expect_attached(station, bench.publisher, shared->sessions);
    struct audience_start start = audience_start();
    for (uint64_t run = 0; run < shared->runs; run++) {
        if (run % 2 == 0)
            series_add(&shared->memcpy_ns, batch_measure(&without, shared->chunk_ns));
        series_add(&shared->publish_ns, batch_measure(&with, shared->chunk_ns));
        if (run % 2 != 0)
            series_add(&shared->memcpy_ns, batch_measure(&without, shared->chunk_ns));
        atomic_store(&shared->audience.published, bench.published);
        station_meet(station);
    }
    check_counters(&bench);
    audience_end_publisher(&shared->audience, &start, &shared->info);
    netipc_publisher_close(bench.publisher);
    free(bench.sources);
}

/* Without subscribers somebody comes when all has been measured, to see what was published. */
static bool look_afterwards(struct experiment *experiment, struct shared *shared, struct crew *crew,
                            uint64_t patience_ns)
{
    return crew_add(crew, "subscriber", cpus_of_subscriber(&experiment->cpus, 0), audience_idle, &shared->audience) &&
           crew_meet(crew, 1, 1, patience_ns) && crew_meet(crew, 1, 1, patience_ns) &&
           crew_await(crew, 1, 1, patience_ns);
}

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
    const uint64_t patience_ns = crew_patience_ns(shared->chunk_ns);
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work, shared) || !crew_meet(crew, 0, 1, patience_ns))
        return false;
    if (!experiment_add_many(experiment, crew, "idle subscriber", 0, shared->sessions, audience_idle,
                             &shared->audience))
        return false;
    bool good = crew_meet(crew, 1, shared->sessions, patience_ns) && crew_meet(crew, 0, 1, patience_ns);
    for (uint64_t run = 0; good && run < shared->runs; run++) {
        notice_progress("publish: run %llu of %llu", (unsigned long long)run + 1, (unsigned long long)shared->runs);
        good = crew_await(crew, 0, 1, patience_ns) && crew_meet(crew, 1, shared->sessions, patience_ns) &&
               crew_await(crew, 1, shared->sessions, patience_ns);
        if (good && shared->sessions == 0 && run + 1 == shared->runs)
            good = look_afterwards(experiment, shared, crew, patience_ns);
        good = good && crew_meet(crew, 0, 1, patience_ns);
    }
    atomic_store(&shared->audience.over, 1);
    return good && crew_meet(crew, 1, crew->count - 1, patience_ns) && crew_finish(crew, patience_ns);
}

static void report(struct experiment *experiment, const struct shared *shared)
{
    struct series difference, quotient;
    series_difference(&shared->publish_ns, &shared->memcpy_ns, &difference);
    series_quotient(&shared->publish_ns, &shared->memcpy_ns, &quotient);
    document_series(experiment->results, "publish_ns", &shared->publish_ns);
    document_series(experiment->results, "memcpy_ns", &shared->memcpy_ns);
    document_series(experiment->results, "publish_minus_memcpy_ns", &difference);
    document_distribution_thousandths(experiment->results, "publish_batches_ns", &shared->publish_ps);
    document_distribution_thousandths(experiment->results, "memcpy_batches_ns", &shared->memcpy_ps);
    document_count(experiment->results, "publications", shared->info.publications);
    document_count(experiment->results, "wakes_sent", shared->info.wakes_sent);
    audience_report(&shared->audience, experiment->results);
    document_number(experiment->ratios, "publish_over_memcpy", series_quartile(&quotient, 2));
    document_number(experiment->ratios, "publish_ns_minus_memcpy", series_quartile(&difference, 2));
}

static bool measure(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    struct shared *shared = crew_shared(sizeof *shared);
    if (shared == NULL)
        return false;
    shared->audience.run_dir = experiment->run_dir.path;
    shared->audience.size = options->size;
    shared->runs = options->repeat;
    shared->sessions = options->readers;
    shared->chunk_ns = batch_chunk_ns(options->duration, options->repeat);
    bool good = baseline_open(&shared->baseline, options->size);
    if (good) {
        good = experiment_supervise(experiment, supervise, shared);
        if (good)
            report(experiment, shared);
        baseline_close(&shared->baseline);
    }
    crew_shared_free(shared, sizeof *shared);
    return good;
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    printf("publish %llu bytes, %llu sessions: %.1f ns (quartiles %.1f, %.1f); memcpy %.1f ns; %+.1f ns, x %.2f\n",
           (unsigned long long)experiment->options.size, (unsigned long long)experiment->options.readers,
           experiment_figure(document, "results/publish_ns/median"),
           experiment_figure(document, "results/publish_ns/q1"), experiment_figure(document, "results/publish_ns/q3"),
           experiment_figure(document, "results/memcpy_ns/median"),
           experiment_figure(document, "ratios/publish_ns_minus_memcpy"),
           experiment_figure(document, "ratios/publish_over_memcpy"));
}

const struct command command_publish = {
    .name = "publish",
    .summary = "the cost of a publication, against memcpy of the same bytes",
    .help = "Measures netipc_publish() with attached subscriber processes that do not wait, in turn with\n"
            "memcpy() of the same bytes into as many buffers as the publisher has slots. The bytes are others\n"
            "each time; after each run every subscriber checks those that were published last, and the first all\n"
            "that the ring still has.",
    .taken = OPTIONS_SIZE | OPTIONS_AUDIENCE | OPTIONS_DURATION | OPTIONS_REPEAT,
    .defaults = {.size = 64, .readers = 1, .duration = 2, .repeat = 21},
    .measure = measure,
    .summarize = summarize,
};
