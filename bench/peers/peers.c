/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"
#include "bench/crew.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/peers/known.h"
#include "bench/peers/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/*
 * Size by size, all transports are set up, each with processes of its own, which sleep; and in each run every one of
 * them takes its turn, beginning with another one each time.
 */

enum { RATE_BYTES = 256 << 20 }; /* in a second, at a rate: more would be a flood for some */

struct comparison {
    struct experiment *experiment;
    struct crew crew;
    struct run_dir dir;
    struct turns_plan plan;
    size_t count;
    const struct peer *peers[KNOWN_MOST];
    struct turns *turns[KNOWN_MOST];
    bool ready[KNOWN_MOST], prepared[KNOWN_MOST];
};

static unsigned ways_of(const struct options *options)
{
    switch (options->ways) {
    case OPTIONS_WAYS_BLOCK:
        return 1u << PEER_BLOCK;
    case OPTIONS_WAYS_SPIN:
        return 1u << PEER_SPIN;
    default:
        return 1u << PEER_BLOCK | 1u << PEER_SPIN;
    }
}

/* --- one size --- */

static bool fail(struct comparison *comparison, int status)
{
    if (comparison->crew.failure == 0)
        comparison->crew.failure = status;
    return false;
}

/* Whether it can do this; false: it failed. */
static bool prepare(struct comparison *comparison, size_t index)
{
    const struct peer *peer = comparison->peers[index];
    struct turns *turns = turns_make(peer, &comparison->plan);
    comparison->turns[index] = turns;
    if (turns == NULL)
        return fail(comparison, NETIPC_NO_MEMORY);
    struct peer_link *link = &turns->link;
    if ((peer->ways & comparison->plan.ways) == 0) {
        peer_explain(link, PEER_UNABLE, "%s", "its readers have no way to wait but to look again");
        return true;
    }
    snprintf(link->dir, sizeof link->dir, "%s/%s", comparison->dir.path, peer->name);
    if (mkdir(link->dir, S_IRWXU) != 0) {
        notice_errno("cannot make %s", link->dir);
        return fail(comparison, NETIPC_SYSTEM);
    }
    enum peer_ready ready = peer->prepare != NULL ? peer->prepare(link) : PEER_READY;
    comparison->ready[index] = comparison->prepared[index] = ready == PEER_READY;
    if (ready == PEER_FAILED)
        notice("%s: %s", peer->name, link->why);
    return ready != PEER_FAILED || fail(comparison, NETIPC_SYSTEM);
}

static bool start(struct comparison *comparison, size_t index)
{
    struct turns *turns = comparison->turns[index];
    struct crew *crew = &comparison->crew;
    const struct cpus *cpus = &comparison->experiment->cpus;
    unsigned readers = comparison->plan.readers;
    turns->first = crew->count;
    if (!crew_add(crew, "publisher", cpus->numbers[0], turns_publish, turns) ||
        !crew_meet(crew, turns->first, 1, CREW_PATIENCE_NS))
        return false;
    if (!experiment_add_many(comparison->experiment, crew, "reader", 0, readers, turns_read, turns))
        return false;
    /* The publisher goes on as soon as they are open; its first part waits for it. */
    if (!crew_await(crew, turns->first + 1, readers, CREW_PATIENCE_NS) ||
        !crew_meet(crew, turns->first, 1, CREW_PATIENCE_NS) || !crew_await(crew, turns->first, 1, CREW_PATIENCE_NS) ||
        !crew_meet(crew, turns->first + 1, readers, CREW_PATIENCE_NS))
        return false;
    if (turns->peer->settle != NULL)
        turns->peer->settle(&turns->link);
    return true;
}

static bool set_up(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->count; i++) {
        notice_progress("peers: %zu bytes: %s gets ready", comparison->plan.size, comparison->peers[i]->name);
        if (!prepare(comparison, i) || (comparison->ready[i] && !start(comparison, i)))
            return false;
    }
    return true;
}

static bool take_turn(struct comparison *comparison, size_t index)
{
    const struct turns *turns = comparison->turns[index];
    for (unsigned part = 0; part < turns_parts(turns->peer, comparison->plan.ways); part++)
        if (!crew_meet(&comparison->crew, turns->first, 1 + comparison->plan.readers, CREW_PATIENCE_NS))
            return false;
    /* Until the last part is over: no two take their turns at the same time. */
    return crew_await(&comparison->crew, turns->first, 1 + comparison->plan.readers, CREW_PATIENCE_NS);
}

static bool take_turns(struct comparison *comparison)
{
    for (uint64_t run = 0; run < comparison->plan.runs; run++)
        for (size_t i = 0; i < comparison->count; i++) {
            size_t index = (run + i) % comparison->count;
            if (!comparison->ready[index])
                continue;
            notice_progress("peers: %zu bytes, run %llu of %llu: %s", comparison->plan.size,
                            (unsigned long long)run + 1, (unsigned long long)comparison->plan.runs,
                            comparison->peers[index]->name);
            if (!take_turn(comparison, index))
                return false;
        }
    return crew_meet(&comparison->crew, 0, comparison->crew.count, CREW_PATIENCE_NS) &&
           crew_finish(&comparison->crew, CREW_PATIENCE_NS);
}

static void report(struct comparison *comparison)
{
    char size[24];
    struct json_object *results = json_object_new_object(), *ratios = json_object_new_object();
    snprintf(size, sizeof size, "%zu", comparison->plan.size);
    for (size_t i = 0; i < comparison->count; i++) {
        struct turns *turns = comparison->turns[i];
        struct json_object *result, *ratio = i > 0 ? json_object_new_object() : NULL;
        if (comparison->ready[i]) {
            result = results_json(turns, ratio, comparison->turns[0]);
        } else {
            result = json_object_new_object();
            document_text(result, "unable", turns->link.why);
        }
        json_object_object_add(results, comparison->peers[i]->name, result);
        if (i > 0)
            json_object_object_add(ratios, comparison->peers[i]->name, ratio);
    }
    json_object_object_add(comparison->experiment->results, size, results);
    json_object_object_add(comparison->experiment->ratios, size, ratios);
}

static void clear(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->count; i++) {
        struct turns *turns = comparison->turns[i];
        if (comparison->prepared[i] && turns->peer->clear != NULL)
            turns->peer->clear(&turns->link);
        turns_free(turns);
        comparison->turns[i] = NULL;
        comparison->ready[i] = comparison->prepared[i] = false;
    }
    run_dir_remove(&comparison->dir);
}

static bool measure_size(struct comparison *comparison)
{
    comparison->crew = (struct crew){0};
    bool good = run_dir_make_in_memory(&comparison->dir) || fail(comparison, NETIPC_SYSTEM);
    good = good && set_up(comparison) && take_turns(comparison);
    if (!good)
        comparison->experiment->failure = comparison->crew.failure;
    crew_dismiss(&comparison->crew);
    if (good)
        report(comparison);
    clear(comparison);
    return good;
}

/* --- all of them --- */

static void describe(const struct comparison *comparison)
{
    const struct options *options = &comparison->experiment->options;
    struct json_object *sizes = json_object_new_array(), *peers = json_object_new_array();
    for (size_t i = 0; i < options->sizes.count; i++)
        json_object_array_add(sizes, json_object_new_uint64(options->sizes.numbers[i]));
    for (size_t i = 0; i < comparison->count; i++)
        json_object_array_add(peers, json_object_new_string(comparison->peers[i]->name));
    json_object_object_add(comparison->experiment->params, "sizes", sizes);
    json_object_object_add(comparison->experiment->params, "peers", peers);
}

static bool measure(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    struct comparison comparison = {.experiment = experiment};
    comparison.count = known_pick(known_peers, options->peers, comparison.peers);
    comparison.plan =
        (struct turns_plan){.readers = (unsigned)options->readers, .runs = options->repeat, .ways = ways_of(options)};
    describe(&comparison);
    uint64_t parts = 0;
    for (size_t i = 0; i < comparison.count; i++)
        parts += turns_parts(comparison.peers[i], comparison.plan.ways);
    parts *= options->sizes.count * options->repeat;
    comparison.plan.part_ns = (uint64_t)(options->duration * 1e9 / (double)parts);
    for (size_t i = 0; i < options->sizes.count; i++) {
        comparison.plan.size = options->sizes.numbers[i];
        comparison.plan.hz = (double)RATE_BYTES / (double)comparison.plan.size;
        if (comparison.plan.hz > options->hz)
            comparison.plan.hz = options->hz;
        if (!measure_size(&comparison))
            return false;
    }
    return true;
}

static bool check(const struct options *options)
{
    const struct peer *picked[KNOWN_MOST];
    if (options->hz <= 0)
        notice("--hz 0: nothing would be published; try shmbench peers --help");
    return options->hz > 0 && known_pick(known_peers, options->peers, picked) > 0;
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    printf("readers: %llu; latency and CPU at %g messages a second, at most %d MiB\n"
           "netipc: how many times netipc's rate is that of the transport; peer: its latency that of netipc\n",
           (unsigned long long)experiment->options.readers, experiment->options.hz, RATE_BYTES >> 20);
    results_print(document);
}

const struct command command_peers = {
    .name = "peers",
    .summary = "the same work over other transports: sockets, pipes, queues, databases",
    .help = "Publishes flat out, and then at a fixed rate, by netipc and by other transports in turn, with readers\n"
            "that block and with such that spin. A transport delivers each message, whereby the publisher waits\n"
            "for its readers, or the latest one, or loses some. Each is configured as its users do for speed.",
    .more_help = known_print,
    .taken =
        OPTIONS_SIZES | OPTIONS_PEERS | OPTIONS_READERS | OPTIONS_HZ | OPTIONS_WAYS | OPTIONS_DURATION | OPTIONS_REPEAT,
    .defaults = {.sizes = {.count = 4, .numbers = {64, 4096, 65536, 1048576}},
                 .readers = 1,
                 .hz = 2000,
                 .duration = 60,
                 .repeat = 11},
    .others = "readers",
    .check = check,
    .measure = measure,
    .summarize = summarize,
};
