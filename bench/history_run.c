/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/history_run.h"

#include "bench/clock.h"
#include "bench/notice.h"
#include "bench/pace.h"
#include "bench/payload.h"

#include <netipc/reader.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

enum { LISTED = 2048 };

static void end_run(struct history_figure *figure)
{
    series_add(&figure->ns, distribution_quantile(&figure->run_ps, 0.5) / 1000);
    figure->run_ps = (struct distribution){0};
}

static void note(struct history_figure *figure, uint64_t start_ns, uint64_t times)
{
    distribution_add(&figure->run_ps, (uint64_t)((double)(clock_now_ns() - start_ns) * 1000 / (double)times));
}

/* --- the publisher --- */

struct source {
    const struct station *station;
    struct history_run *shared;
    netipc_publisher *publisher;
    unsigned char *payloads; /* of a whole history */
    uint64_t generation;     /* the latest */
};

static unsigned char *payload_of(const struct source *source, uint64_t index)
{
    return source->payloads + index * source->shared->baseline.stride;
}

static void publish(const struct source *source, const void *payload)
{
    netipc_status status = netipc_publish(source->publisher, payload, source->shared->audience.size, NULL);
    if (status != NETIPC_OK)
        station_fail_status(source->station, status, "cannot publish");
}

static void publish_all(struct source *source)
{
    struct history_run *shared = source->shared;
    uint64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < shared->kept; i++)
        publish(source, payload_of(source, i));
    note(&shared->publish, start_ns, shared->kept);
}

static void write_all(const struct source *source)
{
    struct history_run *shared = source->shared;
    uint64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < shared->kept; i++)
        baseline_send(&shared->baseline, BASELINE_SPIN, payload_of(source, i), source->generation + 1 + i);
    note(&shared->written, start_ns, shared->kept);
}

static void fill(struct source *source)
{
    struct history_run *shared = source->shared;
    uint64_t turn = atomic_load(&shared->filled);
    for (uint64_t i = 0; i < shared->kept; i++)
        payload_fill(payload_of(source, i), shared->audience.size, source->generation + 1 + i);
    if (turn % 2 == 0)
        write_all(source);
    publish_all(source);
    if (turn % 2 != 0)
        write_all(source);
    source->generation += shared->kept;
    atomic_store(&shared->audience.published, source->generation);
    atomic_store(&shared->filled, turn + 1);
}

/* Until the reader is through. */
static void flow(struct source *source, uint64_t run)
{
    struct history_run *shared = source->shared;
    struct pace pace;
    uint64_t start_ns = clock_now_ns(), first = source->generation;
    if (shared->options.hz > 0)
        pace_start(&pace, shared->options.hz);
    while (atomic_load(&shared->runs_done) <= run) {
        uint64_t generation = ++source->generation;
        payload_fill(source->payloads, shared->audience.size, generation);
        if (shared->options.hz > 0)
            pace_wait(&pace, NULL);
        payload_stamp(source->payloads, generation, clock_now_ns());
        publish(source, source->payloads);
    }
    shared->flow_ns += clock_now_ns() - start_ns;
    shared->flow_count += source->generation - first;
    atomic_store(&shared->audience.published, source->generation);
}

static void work_as_publisher(struct station *station, void *context)
{
    struct history_run *shared = context;
    struct source source = {.station = station, .shared = shared};
    source.publisher = audience_open_publisher(station, &shared->audience);
    baseline_enter(&shared->baseline);
    source.payloads = audience_buffer(station, shared->kept * shared->baseline.stride);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        if (run == 0)
            audience_expect_attached(station, source.publisher, 1);
        while (atomic_load(&shared->runs_filled) <= run)
            if (atomic_load(&shared->asked) > atomic_load(&shared->filled))
                fill(&source);
            else
                sched_yield(); /* the library's thread runs on this CPU too */
        end_run(&shared->publish);
        end_run(&shared->written);
        flow(&source, run);
    }
    shared->info.size = sizeof shared->info;
    netipc_status status = netipc_publisher_stats(source.publisher, &shared->info);
    if (status != NETIPC_OK || shared->info.publications != source.generation)
        station_fail(station, NETIPC_CORRUPT, "the publisher counts %llu publications where %llu were made",
                     (unsigned long long)shared->info.publications, (unsigned long long)source.generation);
    audience_weigh_publisher(&shared->audience, &shared->info);
    station_meet(station);
    netipc_publisher_close(source.publisher);
    free(source.payloads);
}

/* --- the reader --- */

struct bench {
    const struct station *station;
    struct history_run *shared;
    netipc_subscriber *subscriber;
    netipc_reader *reader;
    uint64_t *generations; /* that were listed */
    unsigned char *taken, *copied;
    uint64_t reads, overruns; /* as the library should count them */
};

static unsigned char *place(const struct bench *bench, unsigned char *area, uint64_t index)
{
    return area + index * bench->shared->baseline.stride;
}

static netipc_status read_one(struct bench *bench, uint64_t generation, uint64_t index)
{
    netipc_snapshot_info info = {.size = sizeof info};
    size_t size = bench->shared->audience.size;
    netipc_status status =
        netipc_reader_read(bench->reader, generation, place(bench, bench->taken, index), size, &info);
    bench->reads += status == NETIPC_OK;
    bench->overruns += status == NETIPC_OVERRUN;
    if (status == NETIPC_OK && (info.generation != generation || info.length != size))
        station_fail(bench->station, NETIPC_CORRUPT, "generation %llu was asked for, %llu bytes of %llu came",
                     (unsigned long long)generation, (unsigned long long)info.length,
                     (unsigned long long)info.generation);
    return status;
}

static void expect(const struct bench *bench, netipc_status status, const char *what)
{
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, what);
}

static void check_bytes(const struct bench *bench, const void *bytes, uint64_t generation, uint64_t *stamp)
{
    if (!payload_check(bytes, bench->shared->audience.size, generation, stamp))
        station_fail(bench->station, NETIPC_CORRUPT, "the bytes of generation %llu are wrong",
                     (unsigned long long)generation);
}

static void read_all(struct bench *bench, uint64_t first)
{
    struct history_run *shared = bench->shared;
    uint64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < shared->kept; i++)
        expect(bench, read_one(bench, first + i, i), "cannot read a generation by number");
    note(&shared->read, start_ns, shared->kept);
}

static void copy_all(struct bench *bench, uint64_t first)
{
    struct history_run *shared = bench->shared;
    uint64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < shared->kept; i++)
        baseline_copy(place(bench, bench->copied, i), baseline_buffer(&shared->baseline, first + i),
                      shared->audience.size);
    note(&shared->copied, start_ns, shared->kept);
}

static void lease_all(struct bench *bench, uint64_t first, bool check)
{
    struct history_run *shared = bench->shared;
    netipc_snapshot_info info = {.size = sizeof info};
    const void *data;
    uint64_t start_ns = clock_now_ns();
    for (uint64_t i = 0; i < shared->kept; i++) {
        expect(bench, netipc_reader_acquire(bench->reader, first + i, &data, &info), "cannot acquire a generation");
        if (check)
            check_bytes(bench, data, first + i, NULL);
        expect(bench, netipc_reader_release(bench->reader), "cannot release");
    }
    if (!check)
        note(&shared->lease, start_ns, shared->kept);
    bench->reads += shared->kept;
}

static size_t list(struct bench *bench)
{
    size_t count;
    netipc_status status =
        netipc_reader_history(bench->reader, bench->generations, bench->shared->audience.slots, &count);
    expect(bench, status, "cannot list the history");
    return count;
}

/* All slots but the claimed one. */
static void list_all(struct bench *bench, uint64_t last)
{
    struct history_run *shared = bench->shared;
    uint64_t times = LISTED / shared->kept + 1, start_ns = clock_now_ns();
    size_t count = 0;
    for (uint64_t i = 0; i < times; i++)
        count = list(bench);
    note(&shared->list, start_ns, times);
    size_t expected = last < shared->audience.slots ? last : shared->audience.slots - 1;
    bool good = count == expected;
    for (size_t i = 0; good && i < count; i++)
        good = bench->generations[i] == last - count + 1 + i;
    if (!good)
        station_fail(bench->station, NETIPC_CORRUPT, "%zu generations are listed, not the %zu up to %llu", count,
                     expected, (unsigned long long)last);
    shared->listed = count;
}

static void take_whole_history(struct bench *bench)
{
    struct history_run *shared = bench->shared;
    uint64_t turn = atomic_load(&shared->filled);
    atomic_store(&shared->asked, turn + 1);
    while (atomic_load(&shared->filled) == turn)
        sched_yield();
    uint64_t last = atomic_load(&shared->audience.published), first = last - shared->kept + 1;
    if (turn % 2 == 0)
        copy_all(bench, first);
    read_all(bench, first);
    if (turn % 2 != 0)
        copy_all(bench, first);
    lease_all(bench, first, false);
    list_all(bench, last);
    lease_all(bench, first, true);
    for (uint64_t i = 0; i < shared->kept; i++) {
        check_bytes(bench, place(bench, bench->taken, i), first + i, NULL);
        check_bytes(bench, place(bench, bench->copied, i), first + i, NULL);
    }
}

/* Nothing is read until this generation is there. */
static void stay_away(const struct bench *bench, uint64_t generation)
{
    double hz = bench->shared->options.hz;
    uint64_t latest;
    while ((latest = netipc_subscriber_generation(bench->subscriber)) < generation) {
        if (hz <= 0) {
            clock_relax();
            continue;
        }
        double wait_ns = (double)(generation - latest) / hz * 1e9;
        struct timespec pause = {.tv_sec = (time_t)(wait_ns / 1e9)};
        pause.tv_nsec = (long)(wait_ns - (double)pause.tv_sec * 1e9);
        nanosleep(&pause, NULL);
    }
}

/* Where to go on: the oldest that is there; or, when the publisher is about to reach that, a quarter of the ring ahead
 * of it. */
static uint64_t next_to_read(const struct bench *bench, uint64_t wanted, bool overtaken)
{
    uint64_t latest = netipc_subscriber_generation(bench->subscriber), slots = bench->shared->audience.slots;
    uint64_t behind = overtaken ? slots - slots / 4 : slots - 2;
    return latest > behind && wanted < latest - behind ? latest - behind : wanted;
}

/* Reads what was missed since `seen`, in order, until `last`. */
static void catch_up(struct bench *bench, uint64_t seen, uint64_t last)
{
    struct history_run *shared = bench->shared;
    uint64_t taken[NETIPC_SLOTS_MAX], count = 0, stamp, overruns = bench->overruns;
    uint64_t start_ns = clock_now_ns(), oldest_ns = 0;
    for (uint64_t generation = next_to_read(bench, seen + 1, false); generation <= last;) {
        netipc_status status = read_one(bench, generation, count);
        if (status == NETIPC_OK) {
            oldest_ns = count == 0 ? clock_now_ns() : oldest_ns;
            taken[count++] = generation;
        } else if (status != NETIPC_EXPIRED && status != NETIPC_OVERRUN) {
            station_fail_status(bench->station, status, "cannot read a generation by number");
        }
        generation = next_to_read(bench, generation + 1, status != NETIPC_OK);
    }
    distribution_add(&shared->catch_up_ns, clock_now_ns() - start_ns);
    for (uint64_t i = 0; i < count; i++) {
        check_bytes(bench, place(bench, bench->taken, i), taken[i], &stamp);
        if (i == 0)
            distribution_add(&shared->oldest_age_ns, oldest_ns - stamp);
    }
    shared->laps++;
    shared->caught += count;
    shared->overruns += bench->overruns - overruns;
    shared->expired += last - seen - count - (bench->overruns - overruns); /* before it began to read, or after */
}

static void follow(struct bench *bench)
{
    struct history_run *shared = bench->shared;
    uint64_t end_ns = clock_now_ns() + shared->part_ns, seen = atomic_load(&shared->audience.published);
    do {
        stay_away(bench, seen + shared->options.history * 3 / 4);
        uint64_t last = netipc_subscriber_generation(bench->subscriber);
        catch_up(bench, seen, last);
        seen = last;
    } while (clock_now_ns() < end_ns);
}

static void check_counters(const struct bench *bench)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_status(bench->subscriber, &info);
    if (status != NETIPC_OK || info.reads != bench->reads || info.overruns != bench->overruns)
        station_fail(bench->station, NETIPC_CORRUPT,
                     "the subscriber counts %llu reads and %llu overruns where %llu and %llu were made",
                     (unsigned long long)info.reads, (unsigned long long)info.overruns,
                     (unsigned long long)bench->reads, (unsigned long long)bench->overruns);
}

static void work_as_reader(struct station *station, void *context)
{
    struct history_run *shared = context;
    struct bench bench = {.station = station, .shared = shared};
    size_t area = shared->audience.slots * shared->baseline.stride;
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.leases = 1;
    bench.subscriber = audience_attach(station, &shared->audience, &config);
    baseline_enter(&shared->baseline);
    expect(&bench, netipc_reader_open(bench.subscriber, &bench.reader), "cannot open a reader");
    bench.generations = audience_buffer(station, shared->audience.slots * sizeof *bench.generations);
    bench.taken = audience_buffer(station, area);
    bench.copied = audience_buffer(station, area);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        uint64_t end_ns = clock_now_ns() + shared->part_ns;
        do
            take_whole_history(&bench);
        while (clock_now_ns() < end_ns);
        end_run(&shared->read);
        end_run(&shared->copied);
        end_run(&shared->lease);
        end_run(&shared->list);
        atomic_store(&shared->runs_filled, run + 1);
        follow(&bench);
        atomic_store(&shared->runs_done, run + 1);
    }
    check_counters(&bench);
    audience_weigh_subscriber(&shared->audience);
    station_meet(station);
    netipc_reader_close(bench.reader);
    netipc_subscriber_close(bench.subscriber);
    free(bench.generations);
    free(bench.taken);
    free(bench.copied);
}

/* --- the supervisor --- */

bool history_supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct history_run *shared = context;
    const struct options *options = &shared->options;
    const double lap_ns = options->hz > 0 ? (double)options->history / options->hz * 1e9 : 0;
    const uint64_t patience_ns = crew_patience_ns(shared->part_ns + (uint64_t)lap_ns);
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work_as_publisher, shared) ||
        !crew_meet(crew, 0, 1, patience_ns) ||
        !crew_add(crew, "reader", cpus_of_subscriber(&experiment->cpus, 0), work_as_reader, shared) ||
        !crew_meet(crew, 1, 1, patience_ns))
        return false;
    for (uint64_t run = 0; run < options->repeat; run++) {
        notice_progress("history: run %llu of %llu", (unsigned long long)run + 1, (unsigned long long)options->repeat);
        if (!crew_meet(crew, 0, 2, patience_ns))
            return false;
    }
    return crew_meet(crew, 0, 2, patience_ns) && crew_finish(crew, patience_ns);
}
