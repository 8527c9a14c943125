/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/document.h"
#include "bench/fanout_run.h"
#include "bench/notice.h"
#include "bench/profile_file.h"
#include "bench/waiting.h"

#include <stdio.h>

enum { PUBLICATIONS_MOST = 65536 }; /* a run */

/* The readers' figures, added up in the first. */
static void merge_readings(struct fanout_run *shared, uint64_t *pss_bytes)
{
    struct fanout_reading *all = &shared->readings[0];
    *pss_bytes = all->memory.pss_bytes;
    for (uint64_t i = 1; i < shared->options.readers; i++) {
        const struct fanout_reading *one = &shared->readings[i];
        distribution_merge(&all->latency_ns, &one->latency_ns);
        distribution_merge(&all->handoff_ns, &one->handoff_ns);
        all->taken += one->taken;
        all->missed += one->missed;
        all->overruns += one->overruns;
        all->handoffs_missed += one->handoffs_missed;
        *pss_bytes += one->memory.pss_bytes;
    }
}

static void report_side(struct json_object *results, const struct fanout_side *side, const char *prefix)
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

static void report(struct experiment *experiment, struct fanout_run *shared)
{
    const struct fanout_reading *all = &shared->readings[0];
    const struct fanout_side *library = &shared->library, *bare = &shared->bare;
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

static bool check(const struct options *options)
{
    if (!waiting_fits(options, "fanout"))
        return false;
    if (options_dates_a_run(options) <= PUBLICATIONS_MOST)
        return true;
    notice("%llu publications a run are wanted, %d are possible: less --hz or --duration, or more --repeat",
           (unsigned long long)options_dates_a_run(options), PUBLICATIONS_MOST);
    return false;
}

static void prepare(struct fanout_run *shared, const struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    shared->options = *options;
    shared->count = options_dates_a_run(options);
    shared->audience.run_dir = experiment->run_dir.path;
    audience_of_cgroups(&shared->audience, (uint32_t)options->items);
    if (options->take == OPTIONS_TAKE_LEASE) { /* one for each, and what the publisher keeps for others */
        shared->audience.history = 2;
        shared->audience.slots = (uint32_t)options->readers + 4;
    }
    shared->readings = (struct fanout_reading *)(shared + 1);
    shared->journeys = (struct fanout_journey *)(shared->readings + options->readers);
}

static bool measure(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    size_t bytes = sizeof(struct fanout_run) + options->readers * sizeof(struct fanout_reading) +
                   options_dates_a_run(options) * sizeof(struct fanout_journey);
    struct fanout_run *shared = crew_shared(bytes);
    netipc_profile profile;
    if (shared == NULL)
        return false;
    bool good = profile_file_take(experiment, &profile, &shared->audience.profile);
    prepare(shared, experiment);
    good = good && baseline_open(&shared->baseline, shared->audience.size);
    if (good) {
        good = experiment_supervise(experiment, fanout_supervise, shared);
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
