/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"
#include "bench/batch.h"
#include "bench/cgroups.h"
#include "bench/command.h"
#include "bench/document.h"
#include "bench/lookups.h"
#include "bench/notice.h"

#include <netipc/cache.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * All lookups happen in one process: of its threads the first, which is the cache's owner, takes the subscribers' CPU
 * and measures everything by itself; then all of them look up together, on the CPUs in turn, the publisher's included,
 * whose process sleeps meanwhile.
 */
struct figure {
    const char *name;
    lookups_function look_up;
    bool misses, together; /* keys that are not there; by all threads too */
};

static const struct figure figures[] = {
    {"bare_ns", lookups_bare, false, true},
    {"cached_ns", lookups_cached, false, true},
    {"cached_within_ns", lookups_cached_within, false, true},
    {"index_find_ns", lookups_index, false, false},
    {"cgroups_find_ns", lookups_cgroups, false, false},
    {"cached_miss_ns", lookups_cached, true, false},
    {"index_miss_ns", lookups_index, true, false},
};

enum { BARE, CACHED, CACHED_WITHIN, INDEX, CGROUPS, CACHED_MISS, INDEX_MISS, FIGURES };
enum { THREADS_MOST = 64, LOOKUPS_A_BATCH = 256 };

struct shared {
    struct audience audience;
    struct options options;
    struct cpus cpus;
    uint64_t chunk_ns;
    struct series alone_ns[FIGURES];
    struct series rate[FIGURES]; /* of all threads, lookups in a microsecond */
    uint64_t lookups;
};

/* --- the publisher --- */

static void work_as_publisher(struct station *station, void *context)
{
    struct shared *shared = context;
    struct cgroups cgroups;
    cgroups_open(station, (uint32_t)shared->options.items, &cgroups);
    netipc_publisher *publisher = audience_open_publisher(station, &shared->audience);
    netipc_publisher_info info = {.size = sizeof info};
    void *payload = audience_buffer(station, cgroups.length);
    station_meet(station);
    for (uint64_t generation = 1; generation <= shared->options.repeat; generation++) {
        cgroups_write(station, &cgroups, generation, payload);
        netipc_status status = netipc_publish(publisher, payload, cgroups.length, NULL);
        if (status != NETIPC_OK)
            station_fail_status(station, status, "cannot publish");
        atomic_store(&shared->audience.published, generation);
        station_meet(station);
    }
    station_meet(station);
    netipc_status status = netipc_publisher_stats(publisher, &info);
    if (status != NETIPC_OK || info.publications != shared->options.repeat)
        station_fail(station, NETIPC_CORRUPT, "the publisher counts %llu publications where %llu were made",
                     (unsigned long long)info.publications, (unsigned long long)shared->options.repeat);
    audience_weigh_publisher(&shared->audience, &info);
    netipc_publisher_close(publisher);
    cgroups_close(&cgroups);
    free(payload);
}

/* --- the threads of the subscriber --- */

struct bench {
    struct station *station;
    struct shared *shared;
    struct cgroups cgroups;
    netipc_cache *cache;
    netipc_subscriber *subscriber;
    netipc_reader *reader;
    struct lookups_table table;
    struct lookups_keys hits, misses;
    pthread_barrier_t barrier;
    double ns[THREADS_MOST]; /* of each thread, when they look up together */
    uint64_t lookups[THREADS_MOST];
};

struct member {
    struct bench *bench;
    uint64_t number;
    pthread_t thread;
};

static double measure_figure(struct bench *bench, uint64_t number, const struct figure *figure,
                             const netipc_index *index)
{
    const struct lookups_keys *keys = figure->misses ? &bench->misses : &bench->hits;
    struct lookups lookups = {.station = bench->station,
                              .keys = keys,
                              .at = number * keys->count / bench->shared->options.threads,
                              .cache = bench->cache,
                              .table = &bench->table,
                              .index = index};
    struct batch batch = {
        .timed = figure->look_up, .check = lookups_check, .context = &lookups, .times = LOOKUPS_A_BATCH};
    double ns = batch_measure(&batch, bench->shared->chunk_ns);
    bench->lookups[number] += lookups.made;
    return ns;
}

static void measure_together(struct bench *bench, uint64_t number)
{
    for (int i = 0; i < FIGURES; i++) {
        if (!figures[i].together)
            continue;
        pthread_barrier_wait(&bench->barrier);
        bench->ns[number] = measure_figure(bench, number, &figures[i], NULL);
        pthread_barrier_wait(&bench->barrier);
        if (number != 0)
            continue;
        double rate = 0;
        for (uint64_t thread = 0; thread < bench->shared->options.threads; thread++)
            rate += 1000 / bench->ns[thread];
        series_add(&bench->shared->rate[i], rate);
    }
}

static unsigned cpu_of(const struct cpus *cpus, uint64_t thread)
{
    return cpus->numbers[(thread + 1) % cpus->count];
}

/* A median batch knows nothing of the time in which another thread has the CPU: with two on one, it would count double.
 */
static bool has_cpu_for_each(const struct experiment *experiment)
{
    uint64_t threads = experiment->options.threads;
    for (uint64_t thread = 1; thread < threads; thread++)
        for (uint64_t other = 0; other < thread; other++)
            if (cpu_of(&experiment->cpus, thread) == cpu_of(&experiment->cpus, other)) {
                notice(
                    "--threads %llu: each needs a CPU of its own, and the measurement has %zu; take fewer threads, or "
                    "name more with --cpus",
                    (unsigned long long)threads, experiment->cpus.count);
                return false;
            }
    return true;
}

static void *run_member(void *context)
{
    const struct member *member = context;
    struct bench *bench = member->bench;
    const struct cpus *cpus = &bench->shared->cpus;
    if (!cpus_pin(cpu_of(cpus, member->number)))
        station_fail(bench->station, NETIPC_SYSTEM, "a thread cannot be pinned");
    for (uint64_t run = 0; run < bench->shared->options.repeat; run++)
        measure_together(bench, member->number);
    return NULL;
}

/* --- the first of them --- */

static void open_cache(struct bench *bench)
{
    netipc_subscriber_config config;
    netipc_cache_config cache;
    netipc_subscriber_config_init(&config);
    audience_address(&bench->shared->audience, &config);
    netipc_cache_config_init(&cache);
    cache.schema = bench->shared->audience.schema;
    cache.subscriber = &config;
    netipc_status status = netipc_cache_open(&cache, &bench->cache);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot open a cache");
    config.leases = 1;
    bench->subscriber = audience_attach(bench->station, &bench->shared->audience, &config);
    status = netipc_reader_open(bench->subscriber, &bench->reader);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot open a reader");
}

static void expect_ok(const struct bench *bench, netipc_status status, const char *what)
{
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, what);
}

/* By key, in the cache and in place; each item must be that of the generation. */
static void check_items(const struct bench *bench, uint64_t generation, const netipc_index *index)
{
    const netipc_cache_snapshot *snapshot;
    expect_ok(bench, netipc_cache_enter(bench->cache, &snapshot), "cannot enter");
    bool good = snapshot->generation == generation && snapshot->count == bench->cgroups.count;
    for (uint32_t i = 0; good && i < bench->cgroups.count; i++) {
        const struct cgroups_label *label = &bench->cgroups.labels[i];
        const netipc_item *cached = netipc_cache_find(snapshot, label->name, label->name_length, label->hash);
        netipc_cgroup_view view;
        netipc_item item;
        good = cached != NULL && netipc_cgroup_of_item(cached, &view) == NETIPC_OK &&
               cgroups_is(&bench->cgroups, generation, i, &view) &&
               netipc_index_find(index, label->name, label->name_length, label->hash, &item) == NETIPC_OK &&
               item.index == i &&
               netipc_cgroups_find(index, label->name, label->name_length, label->hash, &view) == NETIPC_OK &&
               cgroups_is(&bench->cgroups, generation, i, &view);
    }
    netipc_cache_leave(snapshot);
    if (!good)
        station_fail(bench->station, NETIPC_CORRUPT, "the items of generation %llu are wrong",
                     (unsigned long long)generation);
}

static void measure_run(struct bench *bench, uint64_t run)
{
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_index index;
    const void *data;
    int changed;
    expect_ok(bench, netipc_cache_refresh(bench->cache, &changed), "cannot refresh");
    expect_ok(bench, netipc_reader_acquire(bench->reader, NETIPC_GENERATION_LATEST, &data, &info), "cannot acquire");
    expect_ok(bench, netipc_reader_index(bench->reader, bench->shared->audience.schema, &index),
              "cannot open the index");
    if (changed != 1 || info.generation != run + 1)
        station_fail(bench->station, NETIPC_CORRUPT, "generation %llu is not the one that was published",
                     (unsigned long long)info.generation);
    check_items(bench, info.generation, &index);
    lookups_expect(&bench->hits, info.generation);
    for (int i = 0; i < FIGURES; i++) {
        int at = run % 2 == 0 ? i : FIGURES - 1 - i;
        series_add(&bench->shared->alone_ns[at], measure_figure(bench, 0, &figures[at], &index));
    }
    expect_ok(bench, netipc_reader_release(bench->reader), "cannot release");
}

static void check_counters(struct bench *bench)
{
    netipc_cache_info cache = {.size = sizeof cache};
    netipc_subscriber_info subscriber = {.size = sizeof subscriber};
    uint64_t runs = bench->shared->options.repeat;
    if (netipc_cache_status(bench->cache, &cache) != NETIPC_OK || cache.builds != runs || cache.refreshes != runs ||
        netipc_subscriber_status(bench->subscriber, &subscriber) != NETIPC_OK || subscriber.reads != runs)
        station_fail(bench->station, NETIPC_CORRUPT,
                     "the cache counts %llu builds, the subscriber %llu reads, not %llu",
                     (unsigned long long)cache.builds, (unsigned long long)subscriber.reads, (unsigned long long)runs);
    for (uint64_t thread = 0; thread < bench->shared->options.threads; thread++)
        bench->shared->lookups += bench->lookups[thread];
}

static void start_members(struct bench *bench, struct member *members)
{
    uint64_t threads = bench->shared->options.threads;
    if (pthread_barrier_init(&bench->barrier, NULL, (unsigned)threads) != 0)
        station_fail(bench->station, NETIPC_SYSTEM, "no barrier for threads");
    for (uint64_t number = 1; number < threads; number++) {
        members[number] = (struct member){.bench = bench, .number = number};
        if (pthread_create(&members[number].thread, NULL, run_member, &members[number]) != 0)
            station_fail(bench->station, NETIPC_SYSTEM, "cannot start thread %llu", (unsigned long long)number);
    }
}

static void work_as_subscriber(struct station *station, void *context)
{
    struct shared *shared = context;
    struct bench bench = {.station = station, .shared = shared};
    struct member members[THREADS_MOST];
    cgroups_open(station, (uint32_t)shared->options.items, &bench.cgroups);
    lookups_prepare(station, &bench.cgroups, &bench.hits, &bench.misses, &bench.table);
    open_cache(&bench);
    start_members(&bench, members);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        measure_run(&bench, run);
        measure_together(&bench, 0);
        station_meet(station);
    }
    for (uint64_t number = 1; number < shared->options.threads; number++)
        pthread_join(members[number].thread, NULL);
    pthread_barrier_destroy(&bench.barrier);
    check_counters(&bench);
    netipc_reader_close(bench.reader);
    netipc_subscriber_close(bench.subscriber);
    audience_weigh_subscriber(&shared->audience);
    netipc_cache_close(bench.cache);
    lookups_forget(&bench.hits, &bench.misses, &bench.table);
    cgroups_close(&bench.cgroups);
}

/* --- the supervisor --- */

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
    const uint64_t patience_ns = crew_patience_ns((uint64_t)(shared->options.duration * 1e9));
    if (!crew_add(crew, "publisher", experiment->cpus.numbers[0], work_as_publisher, shared) ||
        !crew_await(crew, 0, 1, patience_ns) ||
        !crew_add(crew, "subscriber", cpus_of_subscriber(&experiment->cpus, 0), work_as_subscriber, shared) ||
        !crew_await(crew, 1, 1, patience_ns))
        return false;
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        notice_progress("lookup: run %llu of %llu", (unsigned long long)run + 1,
                        (unsigned long long)shared->options.repeat);
        /* It publishes, and sleeps when what it has published is looked up. */
        if (!crew_meet(crew, 0, 1, patience_ns) || !crew_await(crew, 0, 1, patience_ns) ||
            !crew_meet(crew, 1, 1, patience_ns) ||
            (run + 1 < shared->options.repeat && !crew_await(crew, 1, 1, patience_ns)))
            return false;
    }
    return crew_await(crew, 1, 1, patience_ns) && crew_meet(crew, 0, 1, patience_ns) &&
           crew_meet(crew, 0, 2, patience_ns) && crew_finish(crew, patience_ns);
}

static void report_ratio(struct experiment *experiment, const char *name, const struct series *a,
                         const struct series *b)
{
    struct series quotient;
    series_quotient(a, b, &quotient);
    document_number(experiment->ratios, name, series_quartile(&quotient, 2));
}

/* All threads together, against the first one alone. */
static void report_scaling(struct experiment *experiment, const struct shared *shared, int figure, const char *rate,
                           const char *ratio)
{
    struct series alone = {0}, scaling;
    for (size_t run = 0; run < shared->alone_ns[figure].count; run++)
        series_add(&alone, 1000 / shared->alone_ns[figure].runs[run]);
    series_quotient(&shared->rate[figure], &alone, &scaling);
    document_series(experiment->results, rate, &shared->rate[figure]);
    document_number(experiment->ratios, ratio, series_quartile(&scaling, 2));
}

static void report(struct experiment *experiment, const struct shared *shared)
{
    for (int i = 0; i < FIGURES; i++)
        document_series(experiment->results, figures[i].name, &shared->alone_ns[i]);
    document_count(experiment->results, "lookups", shared->lookups);
    document_count(experiment->results, "publications", shared->audience.published);
    document_count(experiment->results, "payload_bytes", shared->audience.size);
    audience_report_memory(&shared->audience, experiment->results);
    report_scaling(experiment, shared, CACHED, "cached_per_us", "lookup_scaling");
    report_scaling(experiment, shared, CACHED_WITHIN, "cached_within_per_us", "lookup_within_scaling");
    report_scaling(experiment, shared, BARE, "bare_per_us", "bare_scaling");
    document_number(experiment->ratios, "cached_ns", series_quartile(&shared->alone_ns[CACHED], 2));
    report_ratio(experiment, "cached_over_bare", &shared->alone_ns[CACHED], &shared->alone_ns[BARE]);
    report_ratio(experiment, "find_over_cached", &shared->alone_ns[INDEX], &shared->alone_ns[CACHED]);
    report_ratio(experiment, "cgroups_find_over_cached", &shared->alone_ns[CGROUPS], &shared->alone_ns[CACHED]);
}

static bool measure(struct experiment *experiment)
{
    if (!has_cpu_for_each(experiment)) {
        experiment->failure = NETIPC_UNSUPPORTED;
        return false;
    }
    struct shared *shared = crew_shared(sizeof *shared);
    if (shared == NULL)
        return false;
    shared->options = experiment->options;
    shared->cpus = experiment->cpus;
    shared->audience.run_dir = experiment->run_dir.path;
    audience_of_cgroups(&shared->audience, (uint32_t)experiment->options.items);
    shared->chunk_ns = (uint64_t)(shared->options.duration * 1e9 / (double)shared->options.repeat / (FIGURES + 3));
    bool good = experiment_supervise(experiment, supervise, shared);
    if (good)
        report(experiment, shared);
    crew_shared_free(shared, sizeof *shared);
    return good;
}

static double median_of(struct json_object *document, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "results/%s/median", name);
    return experiment_figure(document, path);
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    printf("lookup by name among %llu items, keys not in their order\n", (unsigned long long)experiment->options.items);
    printf("  cache, each with its own enter and leave  %.1f ns; a miss %.1f\n", median_of(document, "cached_ns"),
           median_of(document, "cached_miss_ns"));
    printf("  cache, between one enter and leave        %.1f ns\n", median_of(document, "cached_within_ns"));
    printf("  in place, item                            %.1f ns, x %.2f of the first; a miss %.1f\n",
           median_of(document, "index_find_ns"), experiment_figure(document, "ratios/find_over_cached"),
           median_of(document, "index_miss_ns"));
    printf("  in place, cgroup                          %.1f ns, x %.2f of the first\n",
           median_of(document, "cgroups_find_ns"), experiment_figure(document, "ratios/cgroups_find_over_cached"));
    printf("  a table without protection                %.1f ns\n", median_of(document, "bare_ns"));
    printf("  %llu threads look up x %.2f as many as one; without protection x %.2f\n",
           (unsigned long long)experiment->options.threads, experiment_figure(document, "ratios/lookup_scaling"),
           experiment_figure(document, "ratios/bare_scaling"));
}

const struct command command_lookup = {
    .name = "lookup",
    .summary = "the cost of finding an item by key, in a cache and in place",
    .help =
        "Measures, in a subscriber process: netipc_cache_enter(), find() and leave(), also with one enter() for\n"
        "many; netipc_index_find() and netipc_cgroups_find() under a lease; and the same in a plain table without\n"
        "protection, for a baseline. Then how much more several threads look up together than one. Keys come in an\n"
        "order that is not that of the items; keys that are not there are measured too.",
    .taken = OPTIONS_ITEMS | OPTIONS_THREADS | OPTIONS_DURATION | OPTIONS_REPEAT,
    .defaults = {.items = 1000, .threads = 2, .duration = 2, .repeat = 21},
    .measure = measure,
    .summarize = summarize,
};
