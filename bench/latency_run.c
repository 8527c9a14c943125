/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/latency_run.h"

#include "bench/clock.h"
#include "bench/notice.h"
#include "bench/pace.h"
#include "bench/payload.h"
#include "bench/usage.h"
#include "bench/waiting.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { PINGS = 64 }; /* batches of round trips */

/* --- the publisher --- */

static void publish_run(const struct station *station, struct latency_run *shared, netipc_publisher *publisher,
                        void *payload, uint64_t first)
{
    struct pace pace;
    size_t size = shared->audience.size;
    uint64_t cpu_ns = usage_process_ns(), start_ns = clock_now_ns();
    pace_start(&pace, shared->options.hz);
    shared->schedule = pace;
    for (uint64_t generation = first; generation < first + shared->count; generation++) {
        payload_fill(payload, size, generation);
        pace_wait(&pace, &shared->lag_ns);
        uint64_t now = clock_now_ns();
        payload_stamp(payload, generation, now);
        netipc_status status = netipc_publish(publisher, payload, size, NULL);
        if (status != NETIPC_OK)
            station_fail_status(station, status, "cannot publish");
        if (!shared->with_baselines)
            distribution_add(&shared->publish_ns, clock_now_ns() - now);
    }
    shared->publisher_cpu_ns += usage_process_ns() - cpu_ns;
    shared->wall_ns += clock_now_ns() - start_ns;
}

static void send_run(struct latency_run *shared, void *payload, uint64_t first)
{
    struct pace pace;
    enum baseline_wait wait = waiting_of_baseline(&shared->options, true);
    pace_start(&pace, shared->options.hz);
    for (uint64_t number = first; number < first + shared->count; number++) {
        payload_fill(payload, shared->audience.size, number);
        pace_wait(&pace, NULL);
        payload_stamp(payload, number, clock_now_ns());
        baseline_send(&shared->baseline, wait, payload, number);
    }
}

static void ping_run(struct latency_run *shared, uint64_t run)
{
    double batches[PINGS];
    baseline_ping(&shared->baseline, run * PINGS, PINGS, batches);
    series_add(&shared->oneway_ns, series_median_of(batches, PINGS));
    series_add(&shared->clock_ns, baseline_clock());
}

static void check_publisher(const struct station *station, struct latency_run *shared, netipc_publisher *publisher)
{
    uint64_t total = shared->count * shared->options.repeat, bytes = total * shared->audience.size;
    shared->info.size = sizeof shared->info;
    netipc_status status = netipc_publisher_stats(publisher, &shared->info);
    if (status != NETIPC_OK || shared->info.publications != total || shared->info.bytes != bytes)
        station_fail(station, NETIPC_CORRUPT, "the publisher counts %llu publications of %llu bytes, not %llu of %llu",
                     (unsigned long long)shared->info.publications, (unsigned long long)shared->info.bytes,
                     (unsigned long long)total, (unsigned long long)bytes);
}

static void work_as_publisher(struct station *station, void *context)
{
    struct latency_run *shared = context;
    netipc_publisher *publisher = audience_open_publisher(station, &shared->audience);
    void *payload = audience_buffer(station, shared->audience.size);
    if (shared->with_baselines)
        baseline_enter(&shared->baseline);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        if (run == 0)
            audience_expect_attached(station, publisher, shared->options.readers);
        publish_run(station, shared, publisher, payload, 1 + run * shared->count);
        if (!shared->with_baselines)
            continue;
        station_meet(station);
        send_run(shared, payload, 1 + run * shared->count);
        station_meet(station);
        ping_run(shared, run);
    }
    check_publisher(station, shared, publisher);
    audience_weigh_publisher(&shared->audience, &shared->info);
    netipc_publisher_close(publisher);
    free(payload);
}

/* --- a reader --- */

struct bench {
    struct station *station;
    struct latency_run *shared;
    struct latency_reading *reading;
    netipc_subscriber *subscriber;
    void *buffer;
    uint64_t seen;  /* the latest generation */
    uint64_t first; /* of the run */
};

static void wait_for_descriptor(struct bench *bench)
{
    netipc_status status;
    struct pollfd fd = {.fd = netipc_subscriber_fd(bench->subscriber), .events = POLLIN};
    while ((status = netipc_subscriber_arm(bench->subscriber, bench->seen)) == NETIPC_UNCHANGED) {
        poll(&fd, 1, -1); /* the supervisor has an eye on the publisher */
        status = netipc_subscriber_refresh(bench->subscriber, NULL);
        if (status != NETIPC_OK)
            station_fail_status(bench->station, status, "cannot refresh");
    }
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot arm the doorbell");
}

static void wait_for_news(struct bench *bench)
{
    netipc_status status;
    switch (bench->shared->options.wait) {
    case OPTIONS_WAIT_POLL:
        while (netipc_subscriber_generation(bench->subscriber) == bench->seen)
            clock_relax();
        break;
    case OPTIONS_WAIT_FD:
        wait_for_descriptor(bench);
        break;
    default:
        do
            status = netipc_subscriber_wait(bench->subscriber, bench->seen, UINT64_C(60000000000));
        while (status == NETIPC_TIMED_OUT);
        if (status != NETIPC_OK)
            station_fail_status(bench->station, status, "cannot wait");
    }
}

static void take(struct bench *bench)
{
    netipc_snapshot_info info = {.size = sizeof info};
    size_t size = bench->shared->audience.size;
    uint64_t stamp;
    netipc_status status = netipc_subscriber_read(bench->subscriber, bench->buffer, size, &info);
    uint64_t now = clock_now_ns();
    if (status == NETIPC_OVERRUN) {
        bench->reading->overruns++;
        return;
    }
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot read");
    if (info.length != size || info.generation <= bench->seen ||
        !payload_check(bench->buffer, size, info.generation, &stamp) || stamp > now)
        station_fail(bench->station, NETIPC_CORRUPT, "the bytes of generation %llu are wrong",
                     (unsigned long long)info.generation);
    bench->reading->seen++;
    bench->reading->missed += info.generation - bench->seen - 1;
    bench->seen = info.generation;
    distribution_add(&bench->reading->run_ns, now - stamp);
    distribution_add(&bench->reading->from_date_ns,
                     now - pace_date(&bench->shared->schedule, info.generation - bench->first));
}

static void read_run(struct bench *bench, uint64_t last)
{
    struct latency_reading *reading = bench->reading;
    uint64_t cpu_ns = usage_process_ns();
    bench->first = last - bench->shared->count + 1;
    memset(&reading->run_ns, 0, sizeof reading->run_ns);
    while (bench->seen < last) {
        wait_for_news(bench);
        take(bench);
    }
    reading->cpu_ns += usage_process_ns() - cpu_ns;
    distribution_merge(&reading->latency_ns, &reading->run_ns);
}

static void receive_run(struct bench *bench, uint64_t first)
{
    struct latency_run *shared = bench->shared;
    struct distribution *run_ns = &shared->handoff_run_ns;
    enum baseline_wait wait = waiting_of_baseline(&shared->options, true);
    uint64_t stamp, last = first + shared->count - 1;
    memset(run_ns, 0, sizeof *run_ns);
    for (uint64_t seen = first - 1; seen < last;) {
        uint64_t number = baseline_receive(&shared->baseline, wait, seen, bench->buffer), now = clock_now_ns();
        shared->handoffs_missed += number - seen - 1;
        seen = number;
        /* A hand-off has no guard: one that was overtaken by a whole round is no sample. */
        if (payload_check(bench->buffer, shared->audience.size, number, &stamp))
            distribution_add(run_ns, now - stamp);
        else if (baseline_latest(&shared->baseline) < number + BASELINE_BUFFERS - 1)
            station_fail(bench->station, NETIPC_CORRUPT, "the bytes of hand-off %llu are wrong",
                         (unsigned long long)number);
    }
    distribution_merge(&shared->handoff_ns, run_ns);
    series_add(&shared->handoff_p50_ns, distribution_quantile(run_ns, 0.5));
}

static void check_reader(const struct bench *bench)
{
    netipc_subscriber_info info = {.size = sizeof info};
    const struct latency_reading *reading = bench->reading;
    uint64_t total = bench->shared->count * bench->shared->options.repeat;
    netipc_status status = netipc_subscriber_status(bench->subscriber, &info);
    if (status != NETIPC_OK || reading->seen + reading->missed != total || info.reads != reading->seen ||
        info.generation != total || reading->latency_ns.n != reading->seen)
        station_fail(bench->station, NETIPC_CORRUPT,
                     "%llu publications read and %llu missed, %llu reads counted, of %llu publications",
                     (unsigned long long)reading->seen, (unsigned long long)reading->missed,
                     (unsigned long long)info.reads, (unsigned long long)total);
    bench->reading->sleeps = info.sleeps;
    bench->reading->spins = info.spins;
}

static void open_subscriber(struct bench *bench)
{
    netipc_subscriber_config config;
    waiting_configure(&bench->shared->options, &config);
    bench->subscriber = audience_attach(bench->station, &bench->shared->audience, &config);
    bench->buffer = audience_buffer(bench->station, bench->shared->audience.size);
    memset(bench->buffer, 0, bench->shared->audience.size);
}

static void work_as_reader(struct station *station, void *context)
{
    struct latency_run *shared = context;
    struct bench bench = {.station = station, .shared = shared};
    bool first = station->number == 1;
    bench.reading = &shared->readings[station->number - 1];
    open_subscriber(&bench);
    if (first && shared->with_baselines)
        baseline_enter(&shared->baseline);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        read_run(&bench, (run + 1) * shared->count);
        if (first)
            series_add(&shared->latency_p50_ns, distribution_quantile(&bench.reading->run_ns, 0.5));
        if (!first || !shared->with_baselines)
            continue;
        station_meet(station);
        receive_run(&bench, 1 + run * shared->count);
        station_meet(station);
        baseline_pong(&shared->baseline, run * PINGS, PINGS);
    }
    check_reader(&bench);
    if (first)
        audience_weigh_subscriber(&shared->audience);
    netipc_subscriber_close(bench.subscriber);
    free(bench.buffer);
}

/* --- the supervisor --- */

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct latency_run *shared = context;
    const struct options *options = &shared->options;
    const uint64_t patience_ns = crew_patience_ns((uint64_t)((double)shared->count / options->hz * 1e9));
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work_as_publisher, shared) ||
        !crew_meet(crew, 0, 1, patience_ns))
        return false;
    if (!experiment_add_many(experiment, crew, "subscriber", 0, options->readers, work_as_reader, shared))
        return false;
    bool good = crew_meet(crew, 1, options->readers, patience_ns);
    for (uint64_t run = 0; good && run < options->repeat; run++) {
        if (shared->with_baselines)
            notice_progress("latency: run %llu of %llu", (unsigned long long)run + 1,
                            (unsigned long long)options->repeat);
        good = crew_meet(crew, 0, 1 + options->readers, patience_ns);
        if (shared->with_baselines)
            good = good && crew_meet(crew, 0, 2, patience_ns) && crew_meet(crew, 0, 2, patience_ns);
    }
    return good && crew_finish(crew, patience_ns);
}

void latency_reading_add(struct latency_reading *sum, const struct latency_reading *one)
{
    distribution_merge(&sum->latency_ns, &one->latency_ns);
    distribution_merge(&sum->from_date_ns, &one->from_date_ns);
    sum->seen += one->seen;
    sum->missed += one->missed;
    sum->overruns += one->overruns;
    sum->sleeps += one->sleeps;
    sum->spins += one->spins;
    sum->cpu_ns += one->cpu_ns;
}

static size_t bytes_of(const struct options *options)
{
    return sizeof(struct latency_run) + options->readers * sizeof(struct latency_reading);
}

struct latency_run *latency_run(struct experiment *experiment, const struct options *options,
                                const netipc_profile *profile, bool with_baselines)
{
    struct latency_run *shared = crew_shared(bytes_of(options));
    if (shared == NULL)
        return NULL;
    shared->options = *options;
    shared->with_baselines = with_baselines;
    shared->audience.run_dir = experiment->run_dir.path;
    shared->audience.size = options->size;
    shared->audience.profile = profile;
    shared->count = options_dates_a_run(options);
    bool good = !with_baselines || baseline_open(&shared->baseline, options->size);
    if (good) {
        good = experiment_supervise(experiment, supervise, shared);
        if (with_baselines)
            baseline_close(&shared->baseline);
    }
    if (good) {
        for (uint64_t i = 1; i < options->readers; i++)
            latency_reading_add(&shared->readings[0], &shared->readings[i]);
        return shared;
    }
    latency_run_free(shared);
    return NULL;
}

void latency_run_free(struct latency_run *run)
{
    crew_shared_free(run, bytes_of(&run->options));
}
