/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/sweep.h"

#include "bench/document.h"
#include "bench/knee.h"
#include "bench/latency_run.h"
#include "bench/notice.h"
#include "bench/usage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Goes over the whole grid once a run, so that what changes with time touches all points alike. Each visit of a point
 * is a publisher and readers of their own.
 */

/* One rate with one way to wait. */
struct point {
    double hz;
    bool adaptive; /* as configured by default */
    uint64_t spin_ns;
    struct latency_reading seen; /* by all readers */
    struct distribution publish_ns;
    struct series latency_p50_ns, cpu_each_ns; /* the latter for each that was read */
    uint64_t publications, wakes_sent, publisher_cpu_ns, wall_ns;
};

/* A rate has a point for each budget, and one more. */
static size_t points_of_rate(const struct options *options)
{
    return options->spins.count + 1;
}

static size_t count_points(const struct options *options)
{
    return options->rates.count * points_of_rate(options);
}

static void lay_out(const struct options *options, struct point *points)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    for (size_t rate = 0; rate < options->rates.count; rate++)
        for (size_t i = 0; i < points_of_rate(options); i++, points++) {
            points->hz = options->rates.values[rate];
            points->adaptive = i == options->spins.count;
            points->spin_ns = points->adaptive ? config.spin_ns : (uint64_t)options->spins.values[i];
        }
}

/* --- measuring --- */

/* Once, for as long as a run of a point takes. */
static bool visit(struct experiment *experiment, struct point *point)
{
    struct options options = experiment->options;
    options.hz = point->hz;
    options.wait = point->adaptive ? OPTIONS_WAIT_ADAPTIVE : OPTIONS_WAIT_FUTEX;
    options.spin_ns = point->spin_ns;
    options.spin_ns_given = true;
    options.duration /= (double)(count_points(&options) * options.repeat);
    options.repeat = 1;
    struct latency_run *run = latency_run(experiment, &options, NULL, false);
    if (run == NULL)
        return false;
    const struct latency_reading *all = &run->readings[0];
    latency_reading_add(&point->seen, all);
    distribution_merge(&point->publish_ns, &run->publish_ns);
    series_add(&point->latency_p50_ns, distribution_quantile(&all->latency_ns, 0.5));
    series_add(&point->cpu_each_ns, (double)all->cpu_ns / (double)all->seen); /* the last is seen by each */
    point->publications += run->info.publications;
    point->wakes_sent += run->info.wakes_sent;
    point->publisher_cpu_ns += run->publisher_cpu_ns;
    point->wall_ns += run->wall_ns;
    latency_run_free(run);
    return true;
}

static bool visit_all(struct experiment *experiment, struct point *points)
{
    size_t count = count_points(&experiment->options);
    for (uint64_t run = 0; run < experiment->options.repeat; run++)
        for (size_t i = 0; i < count; i++) {
            notice_progress("sweep: run %llu of %llu, point %zu of %zu", (unsigned long long)run + 1,
                            (unsigned long long)experiment->options.repeat, i + 1, count);
            if (!visit(experiment, &points[i]))
                return false;
        }
    return true;
}

/* --- what comes out --- */

static double latency_of(const struct point *point)
{
    return series_quartile(&point->latency_p50_ns, 2);
}

static double cost_of(const struct point *point)
{
    return latency_of(point) + series_quartile(&point->cpu_each_ns, 2);
}

static struct json_object *point_json(const struct point *point)
{
    struct json_object *json = json_object_new_object();
    document_number(json, "hz", point->hz);
    document_text(json, "spin", point->adaptive ? "adaptive" : "fixed");
    document_count(json, "spin_ns", point->spin_ns);
    document_number(json, "cost_ns", cost_of(point));
    document_distribution(json, "latency_ns", &point->seen.latency_ns);
    document_series(json, "latency_p50_ns", &point->latency_p50_ns);
    document_series(json, "subscriber_cpu_ns", &point->cpu_each_ns);
    document_distribution(json, "publish_ns", &point->publish_ns);
    document_count(json, "publications", point->publications);
    document_number(json, "publications_per_second", (double)point->publications * 1e9 / (double)point->wall_ns);
    document_count(json, "seen", point->seen.seen);
    document_count(json, "missed", point->seen.missed);
    document_count(json, "overruns", point->seen.overruns);
    document_count(json, "sleeps", point->seen.sleeps);
    document_count(json, "spins", point->seen.spins);
    document_count(json, "wakes_sent", point->wakes_sent);
    document_number(json, "publisher_cpu_percent", usage_percent(point->publisher_cpu_ns, point->wall_ns));
    document_number(json, "subscribers_cpu_percent", usage_percent(point->seen.cpu_ns, point->wall_ns));
    return json;
}

enum { SPIN_NS_MOST = 1000000000 }; /* of the library */

/* What is recommended over all rates. */
struct recommendation {
    bool pays[GRID_MOST]; /* spinning, at each rate */
    double wake_ns;       /* of a publication with a sleeper, for each of these; the largest median; 0: not known */
    double adaptive_over_knee; /* the largest of all rates */
};

/* One rate: its knee, and how far the default is from it. */
static struct json_object *knee_json(const struct options *options, const struct point *points, size_t rate,
                                     struct recommendation *recommended)
{
    double costs[GRID_MOST], latencies[GRID_MOST];
    const struct point *adaptive = &points[options->spins.count], *sleeping = &points[0];
    for (size_t i = 0; i < options->spins.count; i++) {
        costs[i] = cost_of(&points[i]);
        latencies[i] = latency_of(&points[i]);
    }
    const struct point *knee = &points[knee_find(costs, options->spins.count)];
    const struct point *fastest = &points[knee_find(latencies, options->spins.count)];
    double wake_ns = distribution_quantile(&sleeping->publish_ns, 0.5) / (double)options->readers;
    if (sleeping->spin_ns == 0 && sleeping->seen.sleeps > 0)
        recommended->wake_ns = fmax(recommended->wake_ns, wake_ns);
    recommended->pays[rate] = knee_spin_pays(options->spins.values, costs, options->spins.count, 1e9 / knee->hz);
    recommended->adaptive_over_knee = fmax(recommended->adaptive_over_knee, cost_of(adaptive) / cost_of(knee));
    struct json_object *json = json_object_new_object();
    document_number(json, "hz", knee->hz);
    document_count(json, "spin_ns", knee->spin_ns);
    json_object_object_add(json, "spinning_pays", json_object_new_boolean(recommended->pays[rate]));
    document_number(json, "latency_p50_ns", latency_of(knee));
    document_number(json, "cost_ns", cost_of(knee));
    document_number(json, "adaptive_cost_ns", cost_of(adaptive));
    document_count(json, "fastest_spin_ns", fastest->spin_ns);
    document_number(json, "fastest_latency_p50_ns", latency_of(fastest));
    return json;
}

/* A wake-up call is slow when it takes ten times what a whole publication does here, and not below the default. */
static uint64_t slow_wake_ns(double wake_ns)
{
    double slow = ceil(wake_ns / 100) * 1000;
    return slow < 100000 ? 100000 : slow > 1e9 ? 1000000000 : (uint64_t)slow;
}

static void report(struct experiment *experiment, const struct point *points)
{
    const struct options *options = &experiment->options;
    struct recommendation recommended = {0};
    struct json_object *all = json_object_new_array(), *knees = json_object_new_array(),
                       *knee = json_object_new_object();
    for (size_t i = 0; i < count_points(options); i++)
        json_object_array_add(all, point_json(&points[i]));
    for (size_t rate = 0; rate < options->rates.count; rate++)
        json_object_array_add(knees, knee_json(options, &points[rate * points_of_rate(options)], rate, &recommended));
    document_text(knee, "spin", "adaptive");
    double break_even = knee_break_even(options->rates.values, recommended.pays, options->rates.count);
    document_count(knee, "spin_ns", (uint64_t)fmin(break_even, SPIN_NS_MOST));
    if (recommended.wake_ns > 0) {
        document_number(knee, "wake_ns", recommended.wake_ns);
        document_count(knee, "slow_wake_ns", slow_wake_ns(recommended.wake_ns));
    }
    json_object_object_add(experiment->results, SWEEP_POINTS, all);
    json_object_object_add(experiment->results, SWEEP_KNEES, knees);
    json_object_object_add(experiment->results, SWEEP_KNEE, knee);
    document_number(experiment->ratios, "adaptive_over_knee", recommended.adaptive_over_knee);
}

static bool measure(struct experiment *experiment)
{
    struct point *points = calloc(count_points(&experiment->options), sizeof *points);
    if (points == NULL) {
        notice("no memory for %zu points; give shorter lists", count_points(&experiment->options));
        experiment->failure = NETIPC_NO_MEMORY;
        return false;
    }
    lay_out(&experiment->options, points);
    bool good = visit_all(experiment, points);
    if (good)
        report(experiment, points);
    free(points);
    return good;
}

/* --- for a person --- */

static void print_point(struct json_object *point, bool is_knee)
{
    char budget[32];
    struct json_object *spin = NULL;
    json_object_object_get_ex(point, "spin", &spin);
    bool adaptive = strcmp(json_object_get_string(spin), "adaptive") == 0;
    snprintf(budget, sizeof budget, "%s%.0f", adaptive ? "adaptive " : "", experiment_figure(point, "spin_ns"));
    printf("%9.6g %15s%c %9.0f %9.0f %11.6g %8.0f %10.1f %11.1f %9.0f %9.0f\n", experiment_figure(point, "hz"), budget,
           is_knee ? '*' : ' ', experiment_figure(point, "latency_ns/p50"), experiment_figure(point, "latency_ns/p99"),
           experiment_figure(point, "publications_per_second"), experiment_figure(point, "missed"),
           experiment_figure(point, "publisher_cpu_percent"), experiment_figure(point, "subscribers_cpu_percent"),
           experiment_figure(point, "sleeps"), experiment_figure(point, "spins"));
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    const struct options *options = &experiment->options;
    struct json_object *results = NULL, *points = NULL, *knees = NULL;
    json_object_object_get_ex(document, "results", &results);
    json_object_object_get_ex(results, SWEEP_POINTS, &points);
    json_object_object_get_ex(results, SWEEP_KNEES, &knees);
    printf("%9s %15s  %9s %9s %11s %8s %10s %11s %9s %9s\n", "hz", "spin ns", "p50 ns", "p99 ns", "published/s",
           "missed", "publ. CPU%", "subscr. CPU%", "sleeps", "spins");
    for (size_t i = 0; i < json_object_array_length(points); i++) {
        struct json_object *point = json_object_array_get_idx(points, i);
        struct json_object *knee = json_object_array_get_idx(knees, i / points_of_rate(options));
        print_point(point, i % points_of_rate(options) != options->spins.count &&
                               experiment_figure(point, "spin_ns") == experiment_figure(knee, "spin_ns"));
    }
    printf("* knee of its rate: the smallest budget near the least sum of median latency and a subscriber's CPU time\n"
           "recommended, the break-even: spin adaptive, spin_ns %.0f; the default costs x %.2f of a knee at most\n",
           experiment_figure(document, "results/knee/spin_ns"),
           experiment_figure(document, "ratios/adaptive_over_knee"));
}

static bool are_one_file(const char *a, const char *b)
{
    return a != NULL && b != NULL && !document_is_stdout(a) && strcmp(a, b) == 0;
}

static bool check(const struct options *options)
{
    int to_stdout =
        document_is_stdout(options->json) + document_is_stdout(options->csv) + document_is_stdout(options->profile);
    if (to_stdout > 1)
        notice("only one of --json, --csv and --profile can go to the standard output; name files for the others");
    else if (are_one_file(options->json, options->csv) || are_one_file(options->json, options->profile) ||
             are_one_file(options->csv, options->profile))
        notice("--json, --csv and --profile: two name the same file, which would keep one of them only");
    else if (document_is_stdout(options->plot))
        notice("--plot -: pictures do not go to the standard output; name files by what stands before .svg and .png");
    else
        return true;
    return false;
}

const struct command command_sweep = {
    .name = "sweep",
    .summary = "latency and CPU time of all spin budgets at all rates, and which is worth it",
    .help = "Measures as latency does, without its baselines, for each fixed spin budget at each rate, and with the\n"
            "adaptive wait as it is by default. Finds the knee of each rate, the smallest budget that is near the\n"
            "least sum of median latency and a subscriber's CPU time for each publication, and recommends to\n"
            "adaptive waits the break-even: the longest period between publications for which spinning costs\n"
            "less than sleeping. The duration is that of all points together.",
    .taken = OPTIONS_SIZE | OPTIONS_READERS | OPTIONS_SWEEP | OPTIONS_DURATION | OPTIONS_REPEAT,
    .defaults = {.size = 64,
                 .readers = 1,
                 .duration = 60,
                 .repeat = 11,
                 .spins = {9, {0, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000}},
                 .rates = {5, {1000, 10000, 20000, 50000, 100000}}},
    .check = check,
    .outputs = &sweep_files,
    .measure = measure,
    .summarize = summarize,
};
