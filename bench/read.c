/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/batch.h"
#include "bench/command.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/pace.h"
#include "bench/payload.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shared {
    struct audience audience;
    struct baseline baseline;
    struct options options;
    uint64_t chunk_ns;
    _Atomic uint64_t runs_read;                               /* the reader is through with so many runs */
    struct series memcpy_ns, work_ns[OPTIONS_MODE_ALL];       /* by mode */
    struct distribution memcpy_ps, work_ps[OPTIONS_MODE_ALL]; /* batches */
    uint64_t reads, overruns;
};

static bool wanted(const struct shared *shared, unsigned mode)
{
    return shared->options.mode == mode || shared->options.mode == OPTIONS_MODE_ALL;
}

/* --- the publisher --- */

static void publish(const struct station *station, struct shared *shared, netipc_publisher *publisher, void *payload,
                    uint64_t generation)
{
    size_t size = shared->audience.size;
    payload_fill(payload, size, generation);
    netipc_status status = netipc_publish(publisher, payload, size, NULL);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot publish");
    baseline_send(&shared->baseline, BASELINE_SPIN, payload, generation);
    atomic_store(&shared->audience.published, generation);
}

static void work_as_publisher(struct station *station, void *context)
{
    struct shared *shared = context;
    netipc_publisher *publisher = audience_open_publisher(station, &shared->audience);
    netipc_publisher_info info = {.size = sizeof info};
    void *payload = audience_buffer(station, shared->audience.size);
    uint64_t generation = 0;
    struct pace pace;
    baseline_enter(&shared->baseline);
    publish(station, shared, publisher, payload, ++generation);
    station_meet(station);
    struct audience_start start = audience_start();
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        if (run == 0)
            audience_expect_attached(station, publisher, shared->options.readers);
        publish(station, shared, publisher, payload, ++generation);
        station_meet(station);
        if (shared->options.hz > 0)
            for (pace_start(&pace, shared->options.hz); atomic_load(&shared->runs_read) <= run;) {
                pace_wait(&pace, NULL);
                publish(station, shared, publisher, payload, ++generation);
            }
    }
    station_meet(station);
    netipc_status status = netipc_publisher_stats(publisher, &info);
    if (status != NETIPC_OK || info.publications != generation)
        station_fail(station, NETIPC_CORRUPT, "the publisher counts %llu publications where %llu were made",
                     (unsigned long long)info.publications, (unsigned long long)generation);
    audience_end_publisher(&shared->audience, &start, &info);
    netipc_publisher_close(publisher);
    free(payload);
}

/* --- the reader --- */

struct bench {
    const struct station *station;
    struct shared *shared;
    netipc_subscriber *subscriber;
    netipc_reader *reader;
    void *buffer;
    netipc_snapshot_info info; /* of the last read */
    uint64_t seen;             /* the latest generation of the last batch */
    uint64_t copied;           /* the number of the last payload of the baseline */
    uint64_t reads, overruns;
};

static void expect_ok(struct bench *bench, netipc_status status, const char *what)
{
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, what);
    bench->reads++;
}

/* What is checked behind a batch was copied in it: the side that was measured before has left the same bytes. */
static void forget(void *context, uint64_t times)
{
    const struct bench *bench = context;
    (void)times;
    memset(bench->buffer, 0, bench->shared->audience.size);
}

static void read_copy(void *context, uint64_t times)
{
    struct bench *bench = context;
    size_t size = bench->shared->audience.size;
    while (times > 0) {
        netipc_status status =
            netipc_reader_read(bench->reader, NETIPC_GENERATION_LATEST, bench->buffer, size, &bench->info);
        if (status == NETIPC_OVERRUN) { /* its tries belong to the cost */
            bench->overruns++;
            continue;
        }
        expect_ok(bench, status, "cannot read");
        times--;
    }
}

static void read_lease(void *context, uint64_t times)
{
    struct bench *bench = context;
    const void *data;
    for (; times > 0; times--) {
        expect_ok(bench, netipc_reader_acquire(bench->reader, NETIPC_GENERATION_LATEST, &data, &bench->info),
                  "cannot acquire");
        netipc_status status = netipc_reader_release(bench->reader);
        if (status != NETIPC_OK)
            station_fail_status(bench->station, status, "cannot release");
    }
}

static void read_poll(void *context, uint64_t times)
{
    struct bench *bench = context;
    uint64_t seen = bench->seen, changes = 0;
    for (; times > 0; times--) {
        uint64_t latest = netipc_subscriber_generation(bench->subscriber);
        changes += latest != seen;
        seen = latest;
    }
    bench->info.generation = seen;
    if (changes > 0 && seen <= bench->seen)
        station_fail(bench->station, NETIPC_CORRUPT, "generations go back from %llu to %llu",
                     (unsigned long long)bench->seen, (unsigned long long)seen);
}

static void check_bytes(struct bench *bench, const void *bytes)
{
    size_t size = bench->shared->audience.size;
    if (bench->info.length != size || !payload_check(bytes, size, bench->info.generation, NULL))
        station_fail(bench->station, NETIPC_CORRUPT, "the bytes of generation %llu are wrong",
                     (unsigned long long)bench->info.generation);
}

static void check_generation(struct bench *bench)
{
    uint64_t published = atomic_load(&bench->shared->audience.published), generation = bench->info.generation;
    bool idle = bench->shared->options.hz <= 0;
    /* A publication shows before it is counted. */
    if (generation < bench->seen || (idle && generation != published) || generation > published + 1)
        station_fail(bench->station, NETIPC_CORRUPT, "generation %llu read after %llu, with %llu published",
                     (unsigned long long)generation, (unsigned long long)bench->seen, (unsigned long long)published);
    bench->seen = generation;
}

static void check_copy(void *context, uint64_t times)
{
    (void)times;
    check_bytes(context, ((struct bench *)context)->buffer);
    check_generation(context);
}

static void check_lease(void *context, uint64_t times)
{
    struct bench *bench = context;
    const void *data;
    (void)times;
    expect_ok(bench, netipc_reader_acquire(bench->reader, NETIPC_GENERATION_LATEST, &data, &bench->info),
              "cannot acquire");
    check_bytes(bench, data);
    netipc_status status = netipc_reader_release(bench->reader);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot release");
    check_generation(bench);
}

static void check_poll(void *context, uint64_t times)
{
    (void)times;
    check_generation(context);
}

static void baseline_read(void *context, uint64_t times)
{
    struct bench *bench = context;
    const struct baseline *baseline = &bench->shared->baseline;
    for (; times > 0; times--) {
        bench->copied = baseline_latest(baseline);
        baseline_copy(bench->buffer, baseline_buffer(baseline, bench->copied), baseline->size);
    }
}

static void check_baseline(void *context, uint64_t times)
{
    struct bench *bench = context;
    (void)times;
    /* Nothing keeps a baseline from being overtaken when the publisher goes on. */
    if (bench->shared->options.hz <= 0 &&
        !payload_check(bench->buffer, bench->shared->audience.size, bench->copied, NULL))
        station_fail(bench->station, NETIPC_CORRUPT, "memcpy did not copy what it was given");
}

static void check_counters(struct bench *bench)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_status(bench->subscriber, &info);
    if (status != NETIPC_OK || info.reads != bench->reads || info.overruns != bench->overruns)
        station_fail(bench->station, NETIPC_CORRUPT,
                     "the subscriber counts %llu reads and %llu overruns where %llu and %llu were made",
                     (unsigned long long)info.reads, (unsigned long long)info.overruns,
                     (unsigned long long)bench->reads, (unsigned long long)bench->overruns);
    bench->shared->reads = bench->reads;
    bench->shared->overruns = bench->overruns;
}

static void open_reader(struct bench *bench)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.leases = wanted(bench->shared, OPTIONS_MODE_LEASE);
    bench->subscriber = audience_attach(bench->station, &bench->shared->audience, &config);
    netipc_status status = netipc_reader_open(bench->subscriber, &bench->reader);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot open a reader");
    bench->info.size = sizeof bench->info;
    bench->buffer = audience_buffer(bench->station, bench->shared->audience.size);
}

/* By mode. */
static const struct batch works[] = {
    [OPTIONS_MODE_COPY] = {.prepare = forget, .timed = read_copy, .check = check_copy},
    [OPTIONS_MODE_LEASE] = {.timed = read_lease, .check = check_lease, .times = 256},
    [OPTIONS_MODE_POLL] = {.timed = read_poll, .check = check_poll, .times = 4096},
};

/* The parts of a run, forwards and backwards in turn: the baseline first, or last. */
static void measure_run(struct bench *bench, uint64_t run)
{
    struct shared *shared = bench->shared;
    const struct batch baseline = {.prepare = forget,
                                   .timed = baseline_read,
                                   .check = check_baseline,
                                   .context = bench,
                                   .times = batch_times(shared->audience.size),
                                   .all_ps = &shared->memcpy_ps};
    if (run % 2 == 0)
        series_add(&shared->memcpy_ns, batch_measure(&baseline, shared->chunk_ns));
    for (unsigned i = 0; i < OPTIONS_MODE_ALL; i++) {
        unsigned mode = run % 2 == 0 ? i : OPTIONS_MODE_ALL - 1 - i;
        struct batch work = works[mode];
        if (!wanted(shared, mode))
            continue;
        work.context = bench;
        work.all_ps = &shared->work_ps[mode];
        if (mode == OPTIONS_MODE_COPY)
            work.times = baseline.times;
        series_add(&shared->work_ns[mode], batch_measure(&work, shared->chunk_ns));
    }
    if (run % 2 != 0)
        series_add(&shared->memcpy_ns, batch_measure(&baseline, shared->chunk_ns));
}

static void work_as_reader(struct station *station, void *context)
{
    struct shared *shared = context;
    struct bench bench = {.station = station, .shared = shared};
    open_reader(&bench);
    baseline_enter(&shared->baseline);
    station_meet(station);
    struct audience_start start = audience_start();
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        station_meet(station);
        measure_run(&bench, run);
        atomic_store(&shared->runs_read, run + 1);
    }
    check_counters(&bench);
    audience_end_subscriber(&shared->audience, &start, 0);
    netipc_reader_close(bench.reader);
    netipc_subscriber_close(bench.subscriber);
    free(bench.buffer);
}

/* --- the supervisor --- */

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
    const struct options *options = &shared->options;
    const uint64_t patience_ns = crew_patience_ns(shared->chunk_ns), idle = options->readers - 1;
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work_as_publisher, shared) ||
        !crew_meet(crew, 0, 1, patience_ns) ||
        !crew_add(crew, "reader", cpus_of_subscriber(&experiment->cpus, 0), work_as_reader, shared))
        return false;
    if (!experiment_add_many(experiment, crew, "idle subscriber", 1, idle, audience_idle, &shared->audience))
        return false;
    bool good = crew_meet(crew, 1, 1 + idle, patience_ns) && crew_await(crew, 2, idle, patience_ns);
    for (uint64_t run = 0; good && run < options->repeat; run++) {
        notice_progress("read: run %llu of %llu", (unsigned long long)run + 1, (unsigned long long)options->repeat);
        good = crew_meet(crew, 0, 2, patience_ns);         /* it publishes … */
        good = good && crew_meet(crew, 0, 2, patience_ns); /* … and is read */
    }
    good = good && crew_await(crew, 0, 1, patience_ns) && crew_meet(crew, 2, idle, patience_ns) &&
           crew_await(crew, 2, idle, patience_ns);
    atomic_store(&shared->audience.over, 1);
    return good && crew_meet(crew, 2, idle, patience_ns) && crew_meet(crew, 0, 1, patience_ns) &&
           crew_finish(crew, patience_ns);
}

static void report(struct experiment *experiment, const struct shared *shared)
{
    static const char *const names[] = {"read_ns", "lease_ns", "poll_ns"};
    static const char *const batches[] = {"read_batches_ns", "lease_batches_ns", "poll_batches_ns"};
    const struct series *read_ns = &shared->work_ns[OPTIONS_MODE_COPY];
    struct series difference, quotient;
    document_series(experiment->results, "memcpy_ns", &shared->memcpy_ns);
    document_distribution_thousandths(experiment->results, "memcpy_batches_ns", &shared->memcpy_ps);
    for (unsigned mode = 0; mode < OPTIONS_MODE_ALL; mode++) {
        if (!wanted(shared, mode))
            continue;
        document_series(experiment->results, names[mode], &shared->work_ns[mode]);
        document_distribution_thousandths(experiment->results, batches[mode], &shared->work_ps[mode]);
    }
    document_count(experiment->results, "reads", shared->reads);
    document_count(experiment->results, "overruns", shared->overruns);
    document_count(experiment->results, "publications", shared->audience.published);
    audience_report(&shared->audience, experiment->results);
    if (wanted(shared, OPTIONS_MODE_COPY)) {
        series_difference(read_ns, &shared->memcpy_ns, &difference);
        series_quotient(read_ns, &shared->memcpy_ns, &quotient);
        document_series(experiment->results, "read_minus_memcpy_ns", &difference);
        document_number(experiment->ratios, "read_over_memcpy", series_quartile(&quotient, 2));
        document_number(experiment->ratios, "read_ns_minus_memcpy", series_quartile(&difference, 2));
    }
    for (unsigned mode = OPTIONS_MODE_LEASE; mode < OPTIONS_MODE_ALL; mode++)
        if (wanted(shared, mode))
            document_number(experiment->ratios, names[mode], series_quartile(&shared->work_ns[mode], 2));
}

static bool measure(struct experiment *experiment)
{
    struct shared *shared = crew_shared(sizeof *shared);
    if (shared == NULL)
        return false;
    shared->options = experiment->options;
    shared->audience.run_dir = experiment->run_dir.path;
    shared->audience.size = shared->options.size;
    shared->chunk_ns = batch_chunk_ns(shared->options.duration, shared->options.repeat);
    if (shared->options.mode == OPTIONS_MODE_ALL)
        shared->chunk_ns /= 2; /* four parts and not two */
    bool good = baseline_open(&shared->baseline, shared->options.size);
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
    const struct options *options = &experiment->options;
    double lease_ns = experiment_figure(document, "ratios/lease_ns");
    double poll_ns = experiment_figure(document, "ratios/poll_ns");
    if (options->mode == OPTIONS_MODE_COPY || options->mode == OPTIONS_MODE_ALL)
        printf("read %llu bytes: %.1f ns (quartiles %.1f, %.1f); memcpy %.1f ns; %+.1f ns, x %.2f\n",
               (unsigned long long)options->size, experiment_figure(document, "results/read_ns/median"),
               experiment_figure(document, "results/read_ns/q1"), experiment_figure(document, "results/read_ns/q3"),
               experiment_figure(document, "results/memcpy_ns/median"),
               experiment_figure(document, "ratios/read_ns_minus_memcpy"),
               experiment_figure(document, "ratios/read_over_memcpy"));
    if (!isnan(lease_ns))
        printf("acquire and release: %.1f ns\n", lease_ns);
    if (!isnan(poll_ns))
        printf("poll: %.2f ns\n", poll_ns);
}

const struct command command_read = {
    .name = "read",
    .summary = "the cost of a read, of a lease, of a poll, against memcpy of the same bytes",
    .help = "Measures, in a subscriber process: netipc_reader_read() (copy), netipc_reader_acquire() and\n"
            "release (lease), or netipc_subscriber_generation() (poll), in turn with memcpy() out of a buffer\n"
            "that the publisher's process has written last. The publisher publishes once before each run, and\n"
            "with --hz also during it. The bytes of each batch are checked. --readers counts the reader and\n"
            "idle subscribers beside it.",
    .taken = OPTIONS_SIZE | OPTIONS_READERS | OPTIONS_HZ | OPTIONS_DURATION | OPTIONS_REPEAT | OPTIONS_MODE,
    .defaults = {.size = 64, .readers = 1, .duration = 2, .repeat = 21, .mode = OPTIONS_MODE_ALL},
    .measure = measure,
    .summarize = summarize,
};
