/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/batch.h"
#include "bench/document.h"
#include "bench/history_run.h"
#include "bench/notice.h"
#include "bench/usage.h"

#include <stdio.h>

enum { BYTES_MOST = 256 << 20 };

static void report_costs(struct experiment *experiment, const struct history_run *shared)
{
    struct json_object *results = experiment->results, *ratios = experiment->ratios;
    struct series quotient, difference;
    document_series(results, "publish_ns", &shared->publish.ns);
    document_series(results, "write_memcpy_ns", &shared->written.ns);
    document_series(results, "read_ns", &shared->read.ns);
    document_series(results, "memcpy_ns", &shared->copied.ns);
    document_series(results, "lease_ns", &shared->lease.ns);
    document_series(results, "list_ns", &shared->list.ns);
    series_quotient(&shared->publish.ns, &shared->written.ns, &quotient);
    document_number(ratios, "history_publish_over_memcpy", series_quartile(&quotient, 2));
    series_quotient(&shared->read.ns, &shared->copied.ns, &quotient);
    document_number(ratios, "history_read_over_memcpy", series_quartile(&quotient, 2));
    series_difference(&shared->read.ns, &shared->copied.ns, &difference);
    document_series(results, "read_minus_memcpy_ns", &difference);
    document_number(ratios, "history_read_ns_minus_memcpy", series_quartile(&difference, 2));
    document_number(ratios, "history_lease_ns", series_quartile(&shared->lease.ns, 2));
    document_number(ratios, "history_list_ns", series_quartile(&shared->list.ns, 2));
}

static void report(struct experiment *experiment, const struct history_run *shared)
{
    struct json_object *results = experiment->results;
    uint64_t missed = shared->caught + shared->expired + shared->overruns;
    report_costs(experiment, shared);
    document_distribution_thousandths(results, "catch_up_us", &shared->catch_up_ns);
    document_distribution_thousandths(results, "oldest_age_us", &shared->oldest_age_ns);
    document_count(results, "laps", shared->laps);
    document_count(results, "caught_up", shared->caught);
    document_count(results, "expired", shared->expired);
    document_count(results, "overruns", shared->overruns);
    document_number(results, "publications_per_second",
                    shared->flow_ns > 0 ? (double)shared->flow_count * 1e9 / (double)shared->flow_ns : 0);
    document_count(results, "publications", shared->info.publications);
    document_count(results, "slots", shared->audience.slots);
    document_count(results, "listed", shared->listed);
    document_count(results, "sample_bytes", shared->info.region_size / shared->audience.slots);
    audience_report_memory(&shared->audience, results);
    document_number(experiment->ratios, "history_caught_up_percent", usage_percent(shared->caught, missed));
}

static bool check(const struct options *options)
{
    if ((options->history + 3) * options->size <= BYTES_MOST)
        return true;
    notice("--history %llu of --size %llu: at most %u bytes together are possible",
           (unsigned long long)options->history, (unsigned long long)options->size, (unsigned)BYTES_MOST);
    return false;
}

static void prepare(struct history_run *shared, const struct experiment *experiment)
{
    shared->options = experiment->options;
    shared->kept = shared->options.history + 1;
    shared->audience.run_dir = experiment->run_dir.path;
    shared->audience.size = shared->options.size;
    shared->audience.history = (uint32_t)shared->options.history;
    shared->audience.slots = (uint32_t)shared->options.history + 3; /* the latest, the claimed one, one for a lease */
    shared->part_ns = batch_chunk_ns(shared->options.duration, shared->options.repeat);
}

static bool measure(struct experiment *experiment)
{
    struct history_run *shared = crew_shared(sizeof *shared);
    if (shared == NULL)
        return false;
    prepare(shared, experiment);
    bool good = baseline_open_buffers(&shared->baseline, shared->audience.size, shared->audience.slots);
    if (good) {
        good = experiment_supervise(experiment, history_supervise, shared);
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
    printf("history of %llu snapshots of %llu bytes: %.0f kB, %.0f bytes each\n", (unsigned long long)options->history,
           (unsigned long long)options->size, experiment_figure(document, "results/region_bytes") / 1e3,
           experiment_figure(document, "results/sample_bytes"));
    printf("  publish     %.1f ns, x %.2f of memcpy\n", experiment_figure(document, "results/publish_ns/median"),
           experiment_figure(document, "ratios/history_publish_over_memcpy"));
    printf("  by number   read %.1f ns, x %.2f of memcpy, %+.1f ns; lease %.1f ns; list of all %.0f ns\n",
           experiment_figure(document, "results/read_ns/median"),
           experiment_figure(document, "ratios/history_read_over_memcpy"),
           experiment_figure(document, "ratios/history_read_ns_minus_memcpy"),
           experiment_figure(document, "ratios/history_lease_ns"),
           experiment_figure(document, "ratios/history_list_ns"));
    printf("  catching up %.1f us for what was missed, %.0f a second being published: %.2f %% read, %.0f too old, %.0f "
           "overtaken\n",
           experiment_figure(document, "results/catch_up_us/p50"),
           experiment_figure(document, "results/publications_per_second"),
           experiment_figure(document, "ratios/history_caught_up_percent"),
           experiment_figure(document, "results/expired"), experiment_figure(document, "results/overruns"));
    printf("  the oldest was read %.1f us after it was published\n",
           experiment_figure(document, "results/oldest_age_us/p50"));
}

const struct command command_history = {
    .name = "history",
    .summary = "the ring as a history: the cost of a snapshot, of old ones by number, of catching up",
    .help = "Publishes as many snapshots as --history keeps, again and again, and reads all of them by number in\n"
            "another process, by copy and by lease, in turn with memcpy() out of as many buffers that the\n"
            "publisher's process has written last. Then the publisher publishes all the time, and the reader is\n"
            "absent for three quarters of the history, and then reads what it missed. All bytes are checked.",
    .taken = OPTIONS_SIZE | OPTIONS_HISTORY | OPTIONS_HZ | OPTIONS_DURATION | OPTIONS_REPEAT,
    .defaults = {.size = 4096, .history = 300, .hz = 10000, .duration = 2, .repeat = 21},
    .check = check,
    .measure = measure,
    .summarize = summarize,
};
