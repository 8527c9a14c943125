/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/results.h"

#include "bench/document.h"
#include "bench/usage.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const results_ways[PEER_WAYS] = {"block", "spin"};

static const char *const deliveries[] = {"each", "latest", "some"};

static bool is_measured(const struct turns *turns, unsigned way)
{
    return turns->peer->ways & turns->plan.ways & 1u << way;
}

static struct turns_reading *reading_of(struct turns *turns, unsigned reader, unsigned way)
{
    return &turns->readings[(size_t)reader * PEER_WAYS + way];
}

static void add(struct turns_count *into, const struct turns_count *count)
{
    into->messages += count->messages;
    into->missed += count->missed;
    into->cpu_ns += count->cpu_ns;
    into->wall_ns += count->wall_ns;
}

/* Run by run, the mean of all readers. */
static struct series deliveries_of(struct turns *turns, unsigned way)
{
    struct series series = {0};
    for (size_t run = 0; run < turns->plan.runs; run++) {
        double sum = 0;
        for (unsigned reader = 0; reader < turns->plan.readers; reader++)
            sum += reading_of(turns, reader, way)->per_second.runs[run];
        series_add(&series, sum / turns->plan.readers);
    }
    return series;
}

static void add_counts(struct json_object *json, const char *name, const struct turns_count *published,
                       const struct turns_count *read, double hz)
{
    struct json_object *counts = json_object_new_object();
    if (hz > 0)
        document_number(counts, "hz", hz);
    document_count(counts, "published", published->messages);
    document_count(counts, "delivered", read->messages);
    document_count(counts, "missed", read->missed);
    document_number(counts, "publisher_cpu_percent", usage_percent(published->cpu_ns, published->wall_ns));
    document_number(counts, "reader_cpu_percent", usage_percent(read->cpu_ns, read->wall_ns));
    json_object_object_add(json, name, counts);
}

static struct json_object *way_json(struct turns *turns, unsigned way)
{
    struct json_object *json = json_object_new_object();
    const struct turns_publishing *publishing = &turns->publishing[way];
    struct turns_reading all = *reading_of(turns, 0, way);
    struct series delivered = deliveries_of(turns, way);
    for (unsigned reader = 1; reader < turns->plan.readers; reader++) {
        const struct turns_reading *one = reading_of(turns, reader, way);
        distribution_merge(&all.latency_ns, &one->latency_ns);
        add(&all.flat_out, &one->flat_out);
        add(&all.at_rate, &one->at_rate);
    }
    document_series(json, "published_per_second", &publishing->per_second);
    document_series(json, "delivered_per_second", &delivered);
    document_distribution(json, "latency_ns", &all.latency_ns);
    document_series(json, "latency_p50_ns", &all.latency_p50_ns);
    document_distribution(json, "schedule_lag_ns", &publishing->lag_ns);
    add_counts(json, "flat_out", &publishing->flat_out, &all.flat_out, 0);
    add_counts(json, "at_rate", &publishing->at_rate, &all.at_rate, turns->plan.hz);
    return json;
}

static void add_ratio(struct json_object *json, const char *name, const struct series *over, const struct series *under)
{
    struct series quotients;
    series_quotient(over, under, &quotients);
    document_number(json, name, series_quartile(&quotients, 2));
}

static struct json_object *way_ratios(struct turns *turns, struct turns *netipc, unsigned way)
{
    struct json_object *json = json_object_new_object();
    struct turns_reading *theirs = reading_of(turns, 0, way), *ours = reading_of(netipc, 0, way);
    struct series their_deliveries = deliveries_of(turns, way), our_deliveries = deliveries_of(netipc, way);
    add_ratio(json, "publish_rate_over_peer", &netipc->publishing[way].per_second, &turns->publishing[way].per_second);
    add_ratio(json, "delivery_rate_over_peer", &our_deliveries, &their_deliveries);
    add_ratio(json, "latency_peer_over_netipc", &theirs->latency_p50_ns, &ours->latency_p50_ns);
    document_number(json, "latency_p99_peer_over_netipc",
                    distribution_quantile(&theirs->latency_ns, 0.99) / distribution_quantile(&ours->latency_ns, 0.99));
    return json;
}

struct json_object *results_json(struct turns *turns, struct json_object *ratios, struct turns *netipc)
{
    struct json_object *json = json_object_new_object();
    document_text(json, "delivers", deliveries[turns->peer->delivery]);
    for (unsigned way = 0; way < PEER_WAYS; way++) {
        if (!is_measured(turns, way))
            continue;
        json_object_object_add(json, results_ways[way], way_json(turns, way));
        if (ratios != NULL)
            json_object_object_add(ratios, results_ways[way], way_ratios(turns, netipc, way));
    }
    if (turns->peer->reread != NULL) {
        document_series(json, "read_again_ns", &turns->again_ns);
        if (ratios != NULL)
            add_ratio(ratios, "read_again_peer_over_netipc", &turns->again_ns, &netipc->again_ns);
    }
    return json;
}

/* --- the table --- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;
    if (object != NULL)
        json_object_object_get_ex(object, name, &found);
    return found;
}

static double number(struct json_object *object, const char *first, const char *second)
{
    struct json_object *found = member(object, first);
    found = second != NULL ? member(found, second) : found;
    return found != NULL ? json_object_get_double(found) : NAN;
}

/* A column: a figure and its unit's letter, or a dash. */
static void print_scaled(double value, int width)
{
    static const char units[] = " kMG";
    unsigned unit = 0;
    while (value >= 1000 && unit < sizeof units - 2) {
        value /= 1000;
        unit++;
    }
    if (isfinite(value))
        printf("%*.*f%c", width - 1, value < 10 ? 2 : value < 100 ? 1 : 0, value, units[unit]);
    else
        printf("%*s ", width - 1, "-");
}

static void print_factor(double value)
{
    if (isfinite(value))
        printf(" x%-7.*f", value < 10 ? 2 : value < 100 ? 1 : 0, value);
    else
        printf(" %-8s", "");
}

static void print_way(const char *name, struct json_object *result, struct json_object *ratio, const char *way)
{
    struct json_object *figures = member(result, way), *ratios = member(ratio, way), *rate = member(figures, "at_rate");
    if (figures == NULL)
        return;
    printf("  %-10s %-7s %-6s", name, json_object_get_string(member(result, "delivers")), way);
    print_scaled(number(figures, "published_per_second", "median"), 8);
    print_factor(number(ratios, "publish_rate_over_peer", NULL));
    print_scaled(number(figures, "delivered_per_second", "median"), 8);
    print_factor(number(ratios, "delivery_rate_over_peer", NULL));
    printf("%9.2f", number(figures, "latency_ns", "p50") / 1000);
    print_factor(number(ratios, "latency_peer_over_netipc", NULL));
    printf("%9.2f", number(figures, "latency_ns", "p99") / 1000);
    print_factor(number(ratios, "latency_p99_peer_over_netipc", NULL));
    printf("%6.1f %5.1f\n", number(rate, "publisher_cpu_percent", NULL), number(rate, "reader_cpu_percent", NULL));
}

static void print_again(const char *name, struct json_object *result, struct json_object *ratio)
{
    if (member(result, "read_again_ns") == NULL)
        return;
    printf("  %-10s reads the same again in %.1f ns", name, number(result, "read_again_ns", "median"));
    print_factor(number(ratio, "read_again_peer_over_netipc", NULL));
    printf("\n");
}

void results_print(struct json_object *document)
{
    struct json_object *all_ratios = member(document, "ratios");
    json_object_object_foreach(member(document, "results"), size, peers)
    {
        printf("%s bytes\n  %-10s %-7s %-6s%8s %-8s%8s %-8s%9s %-8s%9s %-8s%12s\n", size, "transport", "gets", "waits",
               "publ./s", "netipc", "read/s", "netipc", "p50 us", "peer", "p99 us", "peer", "CPU % p., r.");
        json_object_object_foreach(peers, name, result)
        {
            struct json_object *ratio = member(member(all_ratios, size), name);
            if (member(result, "unable") != NULL)
                printf("  %-10s %s\n", name, json_object_get_string(member(result, "unable")));
            for (unsigned way = 0; way < PEER_WAYS; way++)
                print_way(name, result, ratio, results_ways[way]);
        }
        json_object_object_foreach(peers, again, read_again)
            print_again(again, read_again, member(member(all_ratios, size), again));
    }
}
