/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/document.h"
#include "bench/latency_run.h"
#include "bench/profile_file.h"
#include "bench/usage.h"
#include "bench/waiting.h"

#include <stdio.h>

static void report(struct experiment *experiment, const struct latency_run *run)
{
    const struct latency_reading *all = &run->readings[0];
    struct json_object *results = experiment->results;
    struct series net, over_oneway, over_handoff;
    series_difference(&run->latency_p50_ns, &run->clock_ns, &net);
    series_quotient(&net, &run->oneway_ns, &over_oneway);
    series_quotient(&run->latency_p50_ns, &run->handoff_p50_ns, &over_handoff);
    document_distribution(results, "latency_ns", &all->latency_ns);
    document_distribution(results, "handoff_ns", &run->handoff_ns);
    document_distribution(results, "schedule_lag_ns", &run->lag_ns);
    document_distribution(results, "latency_from_date_ns", &all->from_date_ns);
    document_series(results, "latency_p50_ns", &run->latency_p50_ns);
    document_series(results, "handoff_p50_ns", &run->handoff_p50_ns);
    document_series(results, "oneway_ns", &run->oneway_ns);
    document_series(results, "clock_ns", &run->clock_ns);
    document_count(results, "publications", run->info.publications);
    document_count(results, "seen", all->seen);
    document_count(results, "missed", all->missed);
    document_count(results, "overruns", all->overruns);
    document_count(results, "handoffs_missed", run->handoffs_missed);
    document_count(results, "wakes_sent", run->info.wakes_sent);
    document_count(results, "sleeps", all->sleeps);
    document_count(results, "spins", all->spins);
    document_number(results, "publisher_cpu_percent", usage_percent(run->publisher_cpu_ns, run->wall_ns));
    document_number(results, "subscribers_cpu_percent", usage_percent(all->cpu_ns, run->wall_ns));
    audience_report_memory(&run->audience, results);
    document_number(experiment->ratios, "latency_over_oneway", series_quartile(&over_oneway, 2));
    document_number(experiment->ratios, "latency_over_handoff", series_quartile(&over_handoff, 2));
}

static bool check(const struct options *options)
{
    return waiting_fits(options, "latency");
}

static bool measure(struct experiment *experiment)
{
    netipc_profile profile;
    const netipc_profile *given;
    if (!profile_file_take(experiment, &profile, &given))
        return false;
    struct latency_run *run = latency_run(experiment, &experiment->options, given, true);
    if (run == NULL)
        return false;
    report(experiment, run);
    latency_run_free(run);
    return true;
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    const struct options *options = &experiment->options;
    printf("latency %llu bytes, %s, %g a second, readers: %llu\n", (unsigned long long)options->size,
           options_wait_name(options->wait), options->hz, (unsigned long long)options->readers);
    printf("  publish to read  p50 %.0f ns, p95 %.0f, p99 %.0f, p99.9 %.0f, max %.0f; %.0f read, %.0f missed\n",
           experiment_figure(document, "results/latency_ns/p50"), experiment_figure(document, "results/latency_ns/p95"),
           experiment_figure(document, "results/latency_ns/p99"),
           experiment_figure(document, "results/latency_ns/p999"),
           experiment_figure(document, "results/latency_ns/max"), experiment_figure(document, "results/seen"),
           experiment_figure(document, "results/missed"));
    printf("  bare hand-off    p50 %.0f ns, p99 %.0f; x %.2f\n", experiment_figure(document, "results/handoff_ns/p50"),
           experiment_figure(document, "results/handoff_ns/p99"),
           experiment_figure(document, "ratios/latency_over_handoff"));
    printf("  line, one way    %.0f ns; x %.2f without the clock's %.0f ns\n",
           experiment_figure(document, "results/oneway_ns/median"),
           experiment_figure(document, "ratios/latency_over_oneway"),
           experiment_figure(document, "results/clock_ns/median"));
    printf("  due to read      p50 %.0f ns, p99 %.0f, max %.0f: with what a publication was late\n",
           experiment_figure(document, "results/latency_from_date_ns/p50"),
           experiment_figure(document, "results/latency_from_date_ns/p99"),
           experiment_figure(document, "results/latency_from_date_ns/max"));
    printf("  CPU              publisher %.2f %%, subscribers %.2f %%\n",
           experiment_figure(document, "results/publisher_cpu_percent"),
           experiment_figure(document, "results/subscribers_cpu_percent"));
}

const struct command command_latency = {
    .name = "latency",
    .summary = "from publication to validated read in another process, at a fixed rate",
    .help = "Publishes at a fixed rate, on an absolute schedule, with the time in the snapshot; each subscriber\n"
            "waits, reads and checks. In turn with a bare hand-off of the same bytes (memcpy, one store; the\n"
            "receiver waits in the same manner) at the same rate, which takes as long again, and with half a\n"
            "round trip of a line. Generations that a subscriber did not read are counted as missed.",
    .taken = OPTIONS_SIZE | OPTIONS_READERS | OPTIONS_HZ | OPTIONS_DURATION | OPTIONS_REPEAT | OPTIONS_WAIT |
             OPTIONS_PROFILE,
    .defaults = {.size = 64, .readers = 1, .hz = 10000, .duration = 2, .repeat = 21, .wait = OPTIONS_WAIT_ADAPTIVE},
    .check = check,
    .measure = measure,
    .summarize = summarize,
};
