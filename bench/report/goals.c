/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/goals.h"

#include "bench/command.h"

#include <math.h>
#include <string.h>

/* Two measurements of the same thing, one after the other, differ by so much on a quiet machine. */
#define THE_SAME 1.1

static const struct goal goals[] = {
    {"publish-64", "publish 64 B, 1 session, nobody waits: more than `memcpy`", "publish-64-1",
     "ratios/publish_ns_minus_memcpy", NULL, NULL, 25, false, " ns"},
    {"publish-64-16-sessions", "the same with 16 sessions", "publish-64-16", "ratios/publish_ns_minus_memcpy", NULL,
     NULL, 60, false, " ns"},
    {"publish-large", "publish 64 KiB and more, against `memcpy`", "publish-64k-1 publish-256k-1 publish-[18]M-1",
     "ratios/publish_over_memcpy", NULL, NULL, 1.1, false, " x"},
    {"publish-no-wake", "wake calls while nobody sleeps", "publish-*", "results/wakes_sent", NULL, NULL, 0, false, ""},
    {"read-64", "read 64 B: more than `memcpy`", "read-64-1", "ratios/read_ns_minus_memcpy", NULL, NULL, 8, false,
     " ns"},
    {"read-large", "read 64 KiB and more, against `memcpy`", "read-64k-1 read-[18]M-1", "ratios/read_over_memcpy", NULL,
     NULL, 1.1, false, " x"},
    {"lease", "lease: acquire and release", "read-64-1", "ratios/lease_ns", NULL, NULL, 15, false, " ns"},
    {"poll", "poll of the generation", "read-64-1", "ratios/poll_ns", NULL, NULL, 1.5, false, " ns"},
    {"read-sessions", "read 64 B with 8 sessions against 1, each against its `memcpy`", "read-64-8",
     "ratios/read_over_memcpy", NULL, "read-64-1", THE_SAME, false, " x"},
    {"lease-sessions", "lease with 8 sessions against 1", "read-64-8", "ratios/lease_ns", NULL, "read-64-1", THE_SAME,
     false, " x"},
    {"poll-sessions", "poll with 8 sessions against 1", "read-64-8", "ratios/poll_ns", NULL, "read-64-1", THE_SAME,
     false, " x"},
    {"latency-spin-64", "latency of 64 B, spinning, at 10,000 and 100,000 Hz: against one way of a line",
     "latency-spin-64-10000 latency-spin-64-100000", "ratios/latency_over_oneway", NULL, NULL, 1.5, false, " x"},
    {"latency-spin-4k", "latency of 4 KiB, spinning: against the hand-off", "latency-spin-4k-*",
     "ratios/latency_over_handoff", NULL, NULL, 1.3, false, " x"},
    {"latency-spin-1M", "latency of 1 MiB, spinning: against the hand-off", "latency-spin-1M-*",
     "ratios/latency_over_handoff", NULL, NULL, 1.3, false, " x"},
    {"latency-futex", "latency of 64 B with one sleeper, at 1,000 Hz: against the bare futex", "latency-futex-64-1000",
     "ratios/latency_over_handoff", NULL, NULL, 1.15, false, " x"},
    {"adaptive-cpu", "adaptive at 10 Hz: the subscriber's CPU time against that of futex", "latency-adaptive-64-10",
     "results/subscribers_cpu_percent", NULL, "latency-futex-64-10", 1.3, false, " x"},
    {"adaptive-latency", "adaptive at 100,000 Hz: latency against that of spin, each against its one way",
     "latency-adaptive-64-100000", "ratios/latency_over_oneway", NULL, "latency-spin-64-100000", 1.3, false, " x"},
#ifdef SHMBENCH_CACHE
    {"fanout-publisher", "fan-out to 16 subscribers, 1,000 items, 10 Hz: the publisher's CPU time", "fanout-16",
     "ratios/fanout_publisher_cpu_percent", NULL, NULL, 0.15, false, " %"},
    {"fanout-subscribers", "the same: that of all subscribers together", "fanout-16",
     "ratios/fanout_subscribers_cpu_percent", NULL, NULL, 1, false, " %"},
    {"refresh", "refresh of 1,000 items, against `memcpy` of the payload", "refresh-1000", "ratios/refresh_over_memcpy",
     NULL, NULL, 7, false, " x"},
    {"refresh-unchanged", "to see that nothing has changed", "refresh-1000", "ratios/unchanged_ns", NULL, NULL, 5,
     false, " ns"},
    {"lookup", "lookup in the cache", "lookup-1000", "ratios/cached_ns", NULL, NULL, 15, false, " ns"},
    {"lookup-threads", "lookups of two threads, against one", "lookup-1000", "ratios/lookup_scaling", NULL, NULL, 1.8,
     true, " x"},
    {"lookup-in-place", "find in the region, against a lookup in the cache", "lookup-1000", "ratios/find_over_cached",
     NULL, NULL, 1.5, false, " x"},
#endif
    {"lmdb", "publications of 64 B and 4 KiB a second while a reader reads, against LMDB", "peers-64 peers-4k",
     "ratios/*/lmdb/*/publish_rate_over_peer", NULL, NULL, 5, true, " x"},
    {"peers-publish", "publications a second against each transport that does not drop them, at each size", "peers-*",
     "ratios/*/*/*/publish_rate_over_peer", "bare zeromq nng", NULL, 1, true, " x"},
    {"peers-read", "snapshots a second that a reader gets, against each other transport", "peers-*",
     "ratios/*/*/*/delivery_rate_over_peer", "bare", NULL, 1, true, " x"},
    {"peers-latency", "median latency of each other transport, against netipc's", "peers-*",
     "ratios/*/*/*/latency_peer_over_netipc", "bare", NULL, 1, true, " x"},
    {"rpc", "a call against packets on a bare socket", "rpc-1", "ratios/rpc_over_bare_socket", NULL, NULL, 1.3, false,
     " x"},
};

enum { GOALS = sizeof goals / sizeof *goals };

size_t goals_count(void)
{
    return GOALS;
}

const struct goal *goals_at(size_t number)
{
    return &goals[number];
}

const struct goal *goals_find(const char *name)
{
    for (size_t i = 0; i < GOALS; i++)
        if (strcmp(goals[i].name, name) == 0)
            return &goals[i];
    return NULL;
}

/* By what the goal's figures are divided; NaN: it was not measured. */
static double divisor_of(const struct goal *goal, const struct results *results, bool *stable)
{
    double divisor = goal->over != NULL ? NAN : 1;
    for (size_t row = 0; goal->over != NULL && row < matrix_count(); row++)
        if (strcmp(matrix_row(row)->name, goal->over) == 0) {
            divisor = experiment_figure(results_document(results, row), goal->figure);
            *stable = *stable && results_stable(results, row);
        }
    return divisor;
}

/* Whether a word is one of several, with blanks between them. */
static bool is_listed(const char *words, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = words; at != NULL && *at != '\0'; at += strspn(at, " ")) {
        size_t next = strcspn(at, " ");
        if (next == length && strncmp(at, word, length) == 0)
            return true;
        at += next;
    }
    return false;
}

static void look(const struct place *place, void *context)
{
    struct verdict *verdict = context;
    const struct goal *goal = verdict->goal;
    for (unsigned key = 0; key < place->count; key++)
        if (is_listed(goal->but, place->keys[key]))
            return;
    double figure = json_object_get_double(place->json) / verdict->divisor;
    if (!isfinite(figure)) {
        verdict->measured = false;
        return;
    }
    bool missed = goal->at_least ? figure < goal->limit : figure > goal->limit;
    if (verdict->figures++ == 0 || (goal->at_least ? figure < verdict->figure : figure > verdict->figure)) {
        verdict->figure = figure;
        verdict->row = verdict->looked_at;
        verdict->place = *place;
    }
    verdict->missed += missed;
    if (missed && verdict->visit != NULL)
        verdict->visit(verdict->looked_at, place, figure, verdict->context);
}

static void judge(const struct goal *goal, const struct results *results, struct verdict *verdict)
{
    verdict->goal = goal;
    verdict->measured = verdict->stable = true;
    verdict->divisor = divisor_of(goal, results, &verdict->stable);
    for (size_t row = 0; row < matrix_count(); row++) {
        unsigned figures = verdict->figures;
        if (!matrix_match(matrix_row(row), goal->rows))
            continue;
        verdict->looked_at = matrix_row(row);
        places_visit(results_document(results, row), goal->figure, look, verdict);
        verdict->measured = verdict->measured && verdict->figures > figures;
        verdict->stable = verdict->stable && results_stable(results, row);
    }
    verdict->measured = verdict->measured && verdict->figures > 0;
    verdict->met = verdict->measured && verdict->missed == 0;
}

struct verdict goals_judge(const struct goal *goal, const struct results *results)
{
    struct verdict verdict = {0};
    judge(goal, results, &verdict);
    return verdict;
}

void goals_visit_missed(const struct goal *goal, const struct results *results, goals_visitor visit, void *context)
{
    struct verdict verdict = {.visit = visit, .context = context};
    judge(goal, results, &verdict);
}
