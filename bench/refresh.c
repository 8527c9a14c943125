/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"
#include "bench/baseline.h"
#include "bench/batch.h"
#include "bench/cgroups.h"
#include "bench/clock.h"
#include "bench/command.h"
#include "bench/document.h"
#include "bench/notice.h"

#include <netipc/cache.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Each run has three parts: generations that the publisher makes when the subscriber asks for them, one at a time, each
 * refreshed and copied once; then looks whether there is something new, and refreshes that find nothing, in turn; then
 * copies of the same bytes again and again.
 */
enum { CHECKS = 4096, REFRESHES = 64, PATIENCE_S = 30 };

struct shared {
    struct audience audience;
    struct baseline baseline;
    struct options options;
    uint64_t part_ns;
    _Atomic uint64_t asked;     /* publish up to this generation */
    _Atomic uint64_t runs_done; /* the subscriber is through with so many */
    struct distribution changed_ns, copied_ns, run_changed_ns, run_copied_ns;
    struct distribution check_ps, unchanged_ps;
    struct series refresh_ns, memcpy_ns, warm_memcpy_ns;
    uint64_t changes, memory_bytes;
};

/* --- the publisher --- */

static void publish(const struct station *station, struct shared *shared, netipc_publisher *publisher,
                    const struct cgroups *cgroups, void *payload, uint64_t generation)
{
    cgroups_write(station, cgroups, generation, payload);
    netipc_status status = netipc_publish(publisher, payload, cgroups->length, NULL);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot publish");
    baseline_send(&shared->baseline, BASELINE_SPIN, payload, generation);
    atomic_store(&shared->audience.published, generation);
}

static void work_as_publisher(struct station *station, void *context)
{
    struct shared *shared = context;
    struct cgroups cgroups;
    cgroups_open(station, (uint32_t)shared->options.items, &cgroups);
    netipc_publisher *publisher = audience_open_publisher(station, &shared->audience);
    netipc_publisher_info info = {.size = sizeof info};
    void *payload = audience_buffer(station, cgroups.length);
    uint64_t generation = 0;
    baseline_enter(&shared->baseline);
    publish(station, shared, publisher, &cgroups, payload, ++generation);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        if (run == 0)
            audience_expect_attached(station, publisher, 1);
        while (atomic_load(&shared->runs_done) <= run)
            if (atomic_load(&shared->asked) > generation)
                publish(station, shared, publisher, &cgroups, payload, ++generation);
            else
                sched_yield(); /* the library's thread runs on this CPU too */
    }
    station_meet(station);
    netipc_status status = netipc_publisher_stats(publisher, &info);
    if (status != NETIPC_OK || info.publications != generation)
        station_fail(station, NETIPC_CORRUPT, "the publisher counts %llu publications where %llu were made",
                     (unsigned long long)info.publications, (unsigned long long)generation);
    audience_weigh_publisher(&shared->audience, &info);
    netipc_publisher_close(publisher);
    cgroups_close(&cgroups);
    free(payload);
}

/* --- the subscriber --- */

struct bench {
    const struct station *station;
    struct shared *shared;
    struct cgroups cgroups;
    netipc_cache *cache;
    void *buffer;
    uint64_t generation; /* that the cache has to hold */
    uint64_t builds, unchanged;
};

static void refresh(struct bench *bench, int expected)
{
    int changed;
    netipc_status status = netipc_cache_refresh(bench->cache, &changed);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot refresh");
    if (changed != expected)
        station_fail(bench->station, NETIPC_CORRUPT, "a refresh with%s a new generation says %d", expected ? "" : "out",
                     changed);
}

static bool has_item(const struct bench *bench, uint64_t generation, uint32_t index, const netipc_item *item)
{
    netipc_cgroup_view view;
    return item != NULL && netipc_cgroup_of_item(item, &view) == NETIPC_OK &&
           cgroups_is(&bench->cgroups, generation, index, &view);
}

/* All items have changed, as publish() makes them. */
static bool changes_are_right(struct bench *bench)
{
    const netipc_cache_change *changes;
    size_t count;
    bool good = netipc_cache_changes(bench->cache, &changes, &count) == NETIPC_OK && count == bench->cgroups.count;
    for (uint32_t index = 0; good && index < count; index++)
        good = has_item(bench, bench->generation - 1, index, changes[index].before) &&
               has_item(bench, bench->generation, index, changes[index].after);
    bench->shared->changes += good ? count : 0;
    return good;
}

static void check_items(struct bench *bench)
{
    const netipc_cache_snapshot *snapshot;
    netipc_status status = netipc_cache_enter(bench->cache, &snapshot);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot enter");
    bool good = snapshot->generation == bench->generation && snapshot->count == bench->cgroups.count &&
                snapshot->items.generation == bench->generation;
    for (uint32_t index = 0; good && index < snapshot->count; index++) {
        const struct cgroups_label *label = &bench->cgroups.labels[index];
        const netipc_item *item = netipc_cache_item(snapshot, index);
        good = has_item(bench, bench->generation, index, item) &&
               netipc_cache_find(snapshot, label->name, label->name_length, label->hash) == item;
    }
    netipc_cache_leave(snapshot);
    if (good && bench->shared->options.changes && bench->generation > 1)
        good = changes_are_right(bench);
    if (!good)
        station_fail(bench->station, NETIPC_CORRUPT, "the items of generation %llu are wrong",
                     (unsigned long long)bench->generation);
}

/* The cache's own thread runs on this CPU: what was replaced is freed before the next refresh, as where refreshes are
 * seldom. */
static void let_reclaim(struct bench *bench)
{
    netipc_cache_info info = {.size = sizeof info};
    uint64_t deadline_ns = clock_now_ns() + PATIENCE_S * UINT64_C(1000000000);
    while (netipc_cache_status(bench->cache, &info) == NETIPC_OK && info.retired > 0) {
        if (clock_now_ns() > deadline_ns)
            station_fail(bench->station, NETIPC_TIMED_OUT, "what was replaced is not freed");
        sched_yield();
    }
}

static void ask_for_next(struct bench *bench)
{
    bench->generation++;
    atomic_store(&bench->shared->asked, bench->generation);
    while (atomic_load(&bench->shared->audience.published) != bench->generation)
        sched_yield();
    if (netipc_cache_changed(bench->cache) != 1)
        station_fail(bench->station, NETIPC_CORRUPT, "generation %llu is not noticed",
                     (unsigned long long)bench->generation);
}

static void time_refresh(struct bench *bench)
{
    uint64_t start = clock_now_ns();
    refresh(bench, 1);
    distribution_add(&bench->shared->run_changed_ns, clock_now_ns() - start);
    bench->builds++;
}

/* Of what the publisher has just written, as the refresh. */
static void time_memcpy(struct bench *bench)
{
    const struct baseline *baseline = &bench->shared->baseline;
    uint64_t number = baseline_latest(baseline), start = clock_now_ns();
    baseline_copy(bench->buffer, baseline_buffer(baseline, number), baseline->size);
    distribution_add(&bench->shared->run_copied_ns, clock_now_ns() - start);
}

static void check_memcpy(const struct bench *bench)
{
    netipc_cgroups_snapshot_view view;
    netipc_status status = netipc_cgroups_snapshot_decode(bench->buffer, bench->cgroups.length, &view);
    if (status != NETIPC_OK || view.generation != bench->generation)
        station_fail(bench->station, NETIPC_CORRUPT, "memcpy did not copy what it was given");
}

static void measure_changed(struct bench *bench)
{
    struct shared *shared = bench->shared;
    uint64_t end = clock_now_ns() + shared->part_ns;
    memset(&shared->run_changed_ns, 0, sizeof shared->run_changed_ns);
    memset(&shared->run_copied_ns, 0, sizeof shared->run_copied_ns);
    do {
        ask_for_next(bench);
        if (bench->generation % 2 == 0)
            time_memcpy(bench);
        time_refresh(bench);
        if (bench->generation % 2 != 0)
            time_memcpy(bench);
        check_items(bench);
        check_memcpy(bench);
        let_reclaim(bench);
    } while (clock_now_ns() < end);
    distribution_merge(&shared->changed_ns, &shared->run_changed_ns);
    distribution_merge(&shared->copied_ns, &shared->run_copied_ns);
    series_add(&shared->refresh_ns, distribution_quantile(&shared->run_changed_ns, 0.5));
    series_add(&shared->memcpy_ns, distribution_quantile(&shared->run_copied_ns, 0.5));
}

static void measure_unchanged(struct bench *bench)
{
    struct shared *shared = bench->shared;
    uint64_t now = clock_now_ns(), end = now + shared->part_ns / 2, start;
    int changed = 0;
    do {
        start = now;
        for (int i = 0; i < CHECKS; i++)
            changed |= netipc_cache_changed(bench->cache);
        now = clock_now_ns();
        distribution_add(&shared->check_ps, (now - start) * 1000 / CHECKS);
        start = now;
        for (int i = 0; i < REFRESHES; i++)
            refresh(bench, 0);
        now = clock_now_ns();
        distribution_add(&shared->unchanged_ps, (now - start) * 1000 / REFRESHES);
        bench->unchanged += REFRESHES;
    } while (now < end);
    if (changed != 0)
        station_fail(bench->station, NETIPC_CORRUPT, "something new is seen where there is nothing");
}

static void copy_again(void *context, uint64_t times)
{
    struct bench *bench = context;
    const struct baseline *baseline = &bench->shared->baseline;
    for (; times > 0; times--)
        baseline_copy(bench->buffer, baseline_buffer(baseline, bench->generation), baseline->size);
}

static void check_counters(struct bench *bench)
{
    netipc_cache_info info = {.size = sizeof info};
    netipc_status status = netipc_cache_status(bench->cache, &info);
    if (status != NETIPC_OK || info.builds != bench->builds || info.unchanged != bench->unchanged ||
        info.refreshes != bench->builds + bench->unchanged || info.failures != 0 || info.requests != 0)
        station_fail(bench->station, NETIPC_CORRUPT,
                     "the cache counts %llu refreshes, %llu that changed it and %llu that did not, where %llu and %llu "
                     "were made",
                     (unsigned long long)info.refreshes, (unsigned long long)info.builds,
                     (unsigned long long)info.unchanged, (unsigned long long)bench->builds,
                     (unsigned long long)bench->unchanged);
    bench->shared->memory_bytes = info.memory_bytes;
}

static void open_cache(struct bench *bench)
{
    const struct shared *shared = bench->shared;
    netipc_subscriber_config subscriber;
    netipc_cache_config config;
    netipc_subscriber_config_init(&subscriber);
    audience_address(&shared->audience, &subscriber);
    netipc_cache_config_init(&config);
    config.schema = shared->audience.schema;
    config.subscriber = &subscriber;
    config.flags = shared->options.changes ? NETIPC_CACHE_CHANGES : 0;
    netipc_status status = netipc_cache_open(&config, &bench->cache);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot open a cache");
    bench->generation = bench->builds = 1;
    refresh(bench, 1);
    check_items(bench);
}

static void work_as_subscriber(struct station *station, void *context)
{
    struct shared *shared = context;
    struct bench bench = {.station = station, .shared = shared};
    const struct batch warm = {.timed = copy_again, .context = &bench, .times = batch_times(shared->audience.size)};
    cgroups_open(station, (uint32_t)shared->options.items, &bench.cgroups);
    bench.buffer = audience_buffer(station, bench.cgroups.length);
    memset(bench.buffer, 0, bench.cgroups.length);
    open_cache(&bench);
    baseline_enter(&shared->baseline);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        measure_changed(&bench);
        measure_unchanged(&bench);
        series_add(&shared->warm_memcpy_ns, batch_measure(&warm, shared->part_ns / 2));
        check_memcpy(&bench);
        atomic_store(&shared->runs_done, run + 1);
    }
    check_counters(&bench);
    audience_weigh_subscriber(&shared->audience);
    netipc_cache_close(bench.cache);
    cgroups_close(&bench.cgroups);
    free(bench.buffer);
}

/* --- the supervisor --- */

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
    const struct options *options = &shared->options;
    const uint64_t patience_ns = crew_patience_ns(shared->part_ns);
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work_as_publisher, shared) ||
        !crew_meet(crew, 0, 1, patience_ns) ||
        !crew_add(crew, "subscriber", cpus_of_subscriber(&experiment->cpus, 0), work_as_subscriber, shared) ||
        !crew_meet(crew, 1, 1, patience_ns))
        return false;
    for (uint64_t run = 0; run < options->repeat; run++) {
        notice_progress("refresh: run %llu of %llu", (unsigned long long)run + 1, (unsigned long long)options->repeat);
        if (!crew_meet(crew, 0, 2, patience_ns))
            return false;
    }
    return crew_meet(crew, 0, 1, patience_ns) && crew_finish(crew, patience_ns);
}

static void in_us(struct series *series)
{
    for (size_t run = 0; run < series->count; run++)
        series->runs[run] /= 1000;
}

static void report(struct experiment *experiment, struct shared *shared)
{
    struct json_object *results = experiment->results, *ratios = experiment->ratios;
    struct series quotient, warm_quotient, difference;
    in_us(&shared->refresh_ns);
    in_us(&shared->memcpy_ns);
    in_us(&shared->warm_memcpy_ns);
    series_quotient(&shared->refresh_ns, &shared->memcpy_ns, &quotient);
    series_quotient(&shared->refresh_ns, &shared->warm_memcpy_ns, &warm_quotient);
    series_difference(&shared->refresh_ns, &shared->memcpy_ns, &difference);
    document_distribution_thousandths(results, "changed_us", &shared->changed_ns);
    document_distribution_thousandths(results, "memcpy_us", &shared->copied_ns);
    document_distribution_thousandths(results, "unchanged_ns", &shared->check_ps);
    document_distribution_thousandths(results, "unchanged_refresh_ns", &shared->unchanged_ps);
    document_series(results, "changed_p50_us", &shared->refresh_ns);
    document_series(results, "memcpy_p50_us", &shared->memcpy_ns);
    document_series(results, "warm_memcpy_us", &shared->warm_memcpy_ns);
    document_series(results, "refresh_minus_memcpy_us", &difference);
    document_count(results, "payload_bytes", shared->audience.size);
    audience_report_memory(&shared->audience, results);
    document_count(results, "cache_bytes", shared->memory_bytes);
    document_count(results, "publications", shared->audience.published);
    document_count(results, "changes", shared->changes);
    document_number(ratios, "refresh_over_memcpy", series_quartile(&quotient, 2));
    document_number(ratios, "refresh_over_warm_memcpy", series_quartile(&warm_quotient, 2));
    document_number(ratios, "refresh_us_minus_memcpy", series_quartile(&difference, 2));
    document_number(ratios, "unchanged_ns", distribution_quantile(&shared->check_ps, 0.5) / 1000);
}

static bool measure(struct experiment *experiment)
{
    struct shared *shared = crew_shared(sizeof *shared);
    if (shared == NULL)
        return false;
    shared->options = experiment->options;
    shared->audience.run_dir = experiment->run_dir.path;
    audience_of_cgroups(&shared->audience, (uint32_t)experiment->options.items);
    shared->part_ns = batch_chunk_ns(shared->options.duration, shared->options.repeat);
    bool good = baseline_open(&shared->baseline, shared->audience.size);
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
    printf("refresh of %llu items, %.0f bytes%s\n", (unsigned long long)experiment->options.items,
           experiment_figure(document, "results/payload_bytes"),
           experiment->options.changes ? ", with what has changed" : "");
    printf("  changed    p50 %.1f us, p95 %.1f, p99 %.1f, max %.1f\n",
           experiment_figure(document, "results/changed_us/p50"), experiment_figure(document, "results/changed_us/p95"),
           experiment_figure(document, "results/changed_us/p99"),
           experiment_figure(document, "results/changed_us/max"));
    printf("  memcpy     %.1f us (%.1f when repeated); x %.2f (x %.2f), %+.1f us\n",
           experiment_figure(document, "results/memcpy_p50_us/median"),
           experiment_figure(document, "results/warm_memcpy_us/median"),
           experiment_figure(document, "ratios/refresh_over_memcpy"),
           experiment_figure(document, "ratios/refresh_over_warm_memcpy"),
           experiment_figure(document, "ratios/refresh_us_minus_memcpy"));
    printf("  unchanged  p50 %.2f ns, p99 %.2f; with a refresh p50 %.0f ns, p99 %.0f\n",
           experiment_figure(document, "results/unchanged_ns/p50"),
           experiment_figure(document, "results/unchanged_ns/p99"),
           experiment_figure(document, "results/unchanged_refresh_ns/p50"),
           experiment_figure(document, "results/unchanged_refresh_ns/p99"));
}

const struct command command_refresh = {
    .name = "refresh",
    .summary = "the cost of bringing a cache up to date, against memcpy of the same bytes",
    .help = "Measures, in a subscriber process, netipc_cache_refresh() of a snapshot of cgroups of which every item\n"
            "has changed, in turn with memcpy() of the same bytes, both when the publisher's process has just\n"
            "written them; then netipc_cache_changed() and netipc_cache_refresh() with nothing new. All items are\n"
            "checked after each refresh.",
    .taken = OPTIONS_ITEMS | OPTIONS_CHANGES | OPTIONS_DURATION | OPTIONS_REPEAT,
    .defaults = {.items = 1000, .duration = 2, .repeat = 21},
    .measure = measure,
    .summarize = summarize,
};
