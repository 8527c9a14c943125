/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/clock.h"
#include "bench/command.h"
#include "bench/crew.h"
#include "bench/crowd.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/usage.h"

#include <netipc/batch.h>
#include <netipc/client.h>
#include <netipc/server.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Each run has two parts, in turn: all clients call the server, one call after the other, for a while; then the
 * server's process and the first client's send each other a packet of the length that a request had, back and forth, on
 * a pair of sockets of the same kind, with recv() and send() that block, for as long.
 */
#define SERVICE "rpc"
enum { ENVELOPE = 32, MESSAGE_MOST = 128 << 10 };

struct calling {
    struct distribution rpc_ns, run_ns; /* of all runs, and of the one at hand */
    uint64_t calls, next, cpu_ns;
};

struct shared {
    const char *run_dir;
    struct options options;
    size_t item_stride, payload; /* bytes from item to item, and of a request */
    uint64_t part_ns;            /* how long a part lasts */
    int bare[2];
    atomic_ullong handled; /* items, by the server */
    netipc_service_info served;
    struct distribution bare_ns, bare_run_ns;
    struct series rpc_p50_ns, bare_p50_ns; /* of the first client, a run each */
    uint64_t server_cpu_ns, wall_ns;
    struct usage_memory server_memory, client_memory;
    struct calling callings[];
};

static void *buffer_of(const struct station *station, size_t size)
{
    void *buffer = calloc(1, size);
    if (buffer == NULL)
        station_fail(station, NETIPC_NO_MEMORY, "no memory for %zu bytes", size);
    return buffer;
}

/* The only thing that is done to the bytes, on both ways. */
static void increment_word(void *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof value);
    value++;
    memcpy(bytes, &value, sizeof value);
}

/* --- the server --- */

static netipc_status on_increment(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct shared *shared = context;
    void *data;
    size_t capacity;
    if (request->length != shared->options.size)
        return NETIPC_CORRUPT;
    netipc_status status = netipc_answer_room(answer, request->length, &data, &capacity);
    if (status != NETIPC_OK)
        return status;
    memcpy(data, request->payload, request->length);
    increment_word(data);
    atomic_fetch_add_explicit(&shared->handled, 1, memory_order_relaxed);
    return netipc_answer_set_length(answer, request->length);
}

static netipc_server *start_server(const struct station *station, struct shared *shared)
{
    const struct options *options = &shared->options;
    netipc_server_config config;
    netipc_service_config service;
    netipc_server *server;
    netipc_server_config_init(&config);
    config.run_dir = shared->run_dir;
    config.workers = (uint32_t)options->workers;
    netipc_service_config_init(&service);
    service.service = SERVICE;
    service.method = NETIPC_METHOD_INCREMENT;
    service.handler = on_increment;
    service.context = shared;
    service.max_sessions = (uint32_t)options->clients;
    service.response_payload = service.max_response_payload = (uint32_t)shared->payload;
    netipc_status status = netipc_server_open(&config, &server);
    if (status == NETIPC_OK)
        status = netipc_server_add(server, &service);
    if (status == NETIPC_OK)
        status = netipc_server_start(server);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot serve");
    return server;
}

/* Sends back what comes, until something shorter than a packet does. */
static void echo(const struct station *station, int socket, void *packet, size_t size)
{
    for (;;) {
        ssize_t got = recv(socket, packet, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got != (ssize_t)size)
            return;
        increment_word((unsigned char *)packet + ENVELOPE);
        if (send(socket, packet, size, MSG_NOSIGNAL) != got)
            station_fail(station, NETIPC_SYSTEM, "cannot send a bare packet: %s", strerror(errno));
    }
}

static void check_server(const struct station *station, struct shared *shared, const netipc_server *server)
{
    uint64_t calls = 0, items;
    netipc_service_info *served = &shared->served;
    for (uint64_t i = 0; i < shared->options.clients; i++)
        calls += shared->callings[i].calls;
    items = calls * shared->options.batch;
    served->size = sizeof *served;
    netipc_status status = netipc_server_stats(server, SERVICE, served);
    if (status != NETIPC_OK || served->requests != calls || served->answers != calls || served->failures != 0 ||
        served->items != items || atomic_load(&shared->handled) != items ||
        served->sessions_total != shared->options.clients)
        station_fail(
            station, NETIPC_CORRUPT,
            "the server counts %llu requests of %llu items and %llu answers in %llu sessions, not %llu of %llu",
            (unsigned long long)served->requests, (unsigned long long)served->items,
            (unsigned long long)served->answers, (unsigned long long)served->sessions_total, (unsigned long long)calls,
            (unsigned long long)items);
}

static void work_as_server(struct station *station, void *context)
{
    struct shared *shared = context;
    size_t size = ENVELOPE + shared->payload;
    void *packet = buffer_of(station, size);
    netipc_server *server = start_server(station, shared);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station); /* the clients begin */
        uint64_t cpu_ns = usage_process_ns(), start_ns = clock_now_ns();
        station_meet(station); /* they have ended */
        shared->server_cpu_ns += usage_process_ns() - cpu_ns;
        shared->wall_ns += clock_now_ns() - start_ns;
        echo(station, shared->bare[0], packet, size);
    }
    station_meet(station); /* all clients have counted */
    check_server(station, shared, server);
    shared->server_memory = usage_memory();
    netipc_server_close(server);
    free(packet);
}

/* --- a client --- */

struct bench {
    struct station *station;
    struct shared *shared;
    struct calling *calling;
    netipc_client *client;
    unsigned char *packet; /* an envelope's room, and a payload */
};

static uint64_t value_of(const struct bench *bench, uint64_t call, uint64_t item)
{
    return ((uint64_t)bench->station->number << 48) + call * bench->shared->options.batch + item;
}

/* The request with this number. */
static void fill(const struct bench *bench, uint64_t call)
{
    const struct shared *shared = bench->shared;
    unsigned char *payload = bench->packet + ENVELOPE;
    uint64_t directory = shared->options.batch > 1 ? shared->options.batch * 8 : 0;
    for (uint64_t item = 0; item < shared->options.batch; item++) {
        uint64_t value = value_of(bench, call, item);
        memcpy(payload + directory + item * shared->item_stride, &value, sizeof value);
    }
}

/* Lays the items of a batch out, once: their places do not change. */
static void lay_out(const struct bench *bench)
{
    const struct shared *shared = bench->shared;
    const struct options *options = &shared->options;
    netipc_batch_builder builder;
    void *item;
    size_t room, length;
    if (options->batch == 1)
        return;
    netipc_status status =
        netipc_batch_builder_init(&builder, (uint32_t)options->batch, bench->packet + ENVELOPE, shared->payload);
    for (uint64_t i = 0; status == NETIPC_OK && i < options->batch; i++) {
        status = netipc_batch_builder_next(&builder, &item, &room);
        if (status == NETIPC_OK)
            status = netipc_batch_builder_add(&builder, NULL, options->size);
    }
    if (status == NETIPC_OK)
        status = netipc_batch_builder_finish(&builder, &length);
    if (status != NETIPC_OK || length != shared->payload)
        station_fail_status(bench->station, status, "cannot build a batch");
}

static bool is_incremented(const struct bench *bench, const void *bytes, size_t length, uint64_t value)
{
    uint64_t answer;
    if (length != bench->shared->options.size)
        return false;
    memcpy(&answer, bytes, sizeof answer);
    return answer == value + 1;
}

static bool answers(const struct bench *bench, const netipc_client_request *request, uint64_t call)
{
    const struct options *options = &bench->shared->options;
    netipc_batch_view view;
    const void *item;
    size_t length;
    if (options->batch == 1)
        return is_incremented(bench, request->answer, request->answer_length, value_of(bench, call, 0));
    bool good = netipc_batch_decode(request->answer, request->answer_length, request->item_count, &view) == NETIPC_OK;
    for (uint32_t i = 0; good && i < options->batch; i++)
        good = netipc_batch_item(&view, i, &item, &length) == NETIPC_OK &&
               is_incremented(bench, item, length, value_of(bench, call, i));
    return good;
}

static void call_run(struct bench *bench)
{
    struct calling *calling = bench->calling;
    netipc_client_request request = {
        .size = sizeof request,
        .method = NETIPC_METHOD_INCREMENT,
        .payload = bench->packet + ENVELOPE,
        .length = bench->shared->payload,
        .item_count = (uint32_t)bench->shared->options.batch,
    };
    memset(&calling->run_ns, 0, sizeof calling->run_ns);
    uint64_t now = clock_now_ns(), end = now + bench->shared->part_ns;
    do {
        fill(bench, calling->calls);
        uint64_t start = clock_now_ns();
        netipc_status status = netipc_client_call(bench->client, &request);
        now = clock_now_ns();
        if (status != NETIPC_OK)
            station_fail_status(bench->station, status, "cannot call");
        if (!answers(bench, &request, calling->calls))
            station_fail(bench->station, NETIPC_CORRUPT, "the answer to call %llu is wrong",
                         (unsigned long long)calling->calls);
        calling->calls++;
        distribution_add(&calling->run_ns, now - start);
    } while (now < end);
    distribution_merge(&calling->rpc_ns, &calling->run_ns);
}

static void bare_run(struct bench *bench)
{
    struct shared *shared = bench->shared;
    size_t size = ENVELOPE + shared->payload;
    int socket = shared->bare[1];
    uint64_t now = clock_now_ns(), end = now + shared->part_ns, value = 0, got;
    memset(&shared->bare_run_ns, 0, sizeof shared->bare_run_ns);
    do {
        memcpy(bench->packet + ENVELOPE, &value, sizeof value);
        uint64_t start = clock_now_ns();
        if (send(socket, bench->packet, size, MSG_NOSIGNAL) != (ssize_t)size ||
            recv(socket, bench->packet, size, 0) != (ssize_t)size)
            station_fail(bench->station, NETIPC_SYSTEM, "cannot send or receive a bare packet: %s", strerror(errno));
        now = clock_now_ns();
        memcpy(&got, bench->packet + ENVELOPE, sizeof got);
        if (got != ++value)
            station_fail(bench->station, NETIPC_CORRUPT, "a bare packet is wrong");
        distribution_add(&shared->bare_run_ns, now - start);
    } while (now < end);
    if (send(socket, bench->packet, 1, MSG_NOSIGNAL) != 1)
        station_fail(bench->station, NETIPC_SYSTEM, "cannot end the bare packets: %s", strerror(errno));
    distribution_merge(&shared->bare_ns, &shared->bare_run_ns);
    lay_out(bench);
}

static void connect_client(struct bench *bench)
{
    netipc_client_config config;
    netipc_client_config_init(&config);
    config.run_dir = bench->shared->run_dir;
    config.service = SERVICE;
    config.max_request_payload = (uint32_t)bench->shared->payload;
    config.response_payload = (uint32_t)bench->shared->payload;
    netipc_status status = netipc_client_open(&config, &bench->client);
    if (status == NETIPC_OK)
        status = netipc_client_refresh(bench->client);
    if (status != NETIPC_OK)
        station_fail_status(bench->station, status, "cannot connect");
}

static void check_client(const struct bench *bench)
{
    netipc_client_info info = {.size = sizeof info};
    uint64_t calls = bench->calling->calls;
    netipc_status status = netipc_client_status(bench->client, &info);
    if (status != NETIPC_OK || info.calls != calls || info.answers != calls || info.failures != 0 ||
        info.resends != 0 || info.sessions != 1 || bench->calling->rpc_ns.n != calls)
        station_fail(bench->station, NETIPC_CORRUPT, "%llu calls, of which the client counts %llu and %llu answers",
                     (unsigned long long)calls, (unsigned long long)info.calls, (unsigned long long)info.answers);
}

static void work_as_client(struct station *station, void *context)
{
    struct shared *shared = context;
    struct bench bench = {.station = station, .shared = shared, .calling = &shared->callings[station->number - 1]};
    bool first = station->number == 1;
    bench.packet = buffer_of(station, ENVELOPE + shared->payload);
    lay_out(&bench);
    connect_client(&bench);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        uint64_t cpu_ns = usage_process_ns();
        call_run(&bench);
        bench.calling->cpu_ns += usage_process_ns() - cpu_ns;
        station_meet(station);
        if (!first)
            continue;
        bare_run(&bench);
        series_add(&shared->rpc_p50_ns, distribution_quantile(&bench.calling->run_ns, 0.5));
        series_add(&shared->bare_p50_ns, distribution_quantile(&shared->bare_run_ns, 0.5));
    }
    check_client(&bench);
    if (first)
        shared->client_memory = usage_memory();
    station_meet(station);
    netipc_client_close(bench.client);
    free(bench.packet);
}

/* --- the supervisor --- */

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
    const struct options *options = &shared->options;
    const uint64_t patience_ns = crew_patience_ns((uint64_t)(options->duration * 1e9));
    size_t all = 1 + options->clients;
    if (!crew_add(crew, "server", experiment->cpus.numbers[0], work_as_server, shared) ||
        !crew_meet(crew, 0, 1, patience_ns))
        return false;
    if (!experiment_add_many(experiment, crew, "client", 0, options->clients, work_as_client, shared))
        return false;
    bool good = crew_meet(crew, 1, options->clients, patience_ns);
    for (uint64_t run = 0; good && run < options->repeat; run++) {
        notice_progress("rpc: run %llu of %llu", (unsigned long long)run + 1, (unsigned long long)options->repeat);
        /* Together they begin; and nobody measures the bare packets while another still calls. */
        good = crew_meet(crew, 0, all, patience_ns) && crew_await(crew, 1, options->clients, patience_ns) &&
               crew_meet(crew, 0, all, patience_ns);
    }
    return good && crew_meet(crew, 0, all, patience_ns) && crew_finish(crew, patience_ns);
}

static void report(struct experiment *experiment, struct shared *shared)
{
    struct calling *all = &shared->callings[0]; /* and the others are added */
    struct json_object *results = experiment->results;
    struct series over_bare;
    double wall_ns = (double)shared->wall_ns;
    for (uint64_t i = 1; i < shared->options.clients; i++) {
        distribution_merge(&all->rpc_ns, &shared->callings[i].rpc_ns);
        all->calls += shared->callings[i].calls;
        all->cpu_ns += shared->callings[i].cpu_ns;
    }
    series_quotient(&shared->rpc_p50_ns, &shared->bare_p50_ns, &over_bare);
    document_distribution(results, "rpc_ns", &all->rpc_ns);
    document_distribution(results, "bare_ns", &shared->bare_ns);
    document_series(results, "rpc_p50_ns", &shared->rpc_p50_ns);
    document_series(results, "bare_p50_ns", &shared->bare_p50_ns);
    document_count(results, "calls", all->calls);
    document_count(results, "items", shared->served.items);
    document_count(results, "server_rss_bytes", shared->server_memory.rss_bytes);
    document_count(results, "client_rss_bytes", shared->client_memory.rss_bytes);
    document_count(results, "message_bytes", ENVELOPE + shared->payload);
    document_number(results, "calls_per_second", wall_ns > 0 ? (double)all->calls * 1e9 / wall_ns : 0);
    document_number(results, "server_cpu_percent", usage_percent(shared->server_cpu_ns, shared->wall_ns));
    document_number(results, "clients_cpu_percent", usage_percent(all->cpu_ns, shared->wall_ns));
    document_number(experiment->ratios, "rpc_over_bare_socket", series_quartile(&over_bare, 2));
}

static size_t stride_of(const struct options *options)
{
    return options->batch > 1 ? (options->size + 7) & ~(size_t)7 : options->size;
}

static size_t payload_of(const struct options *options)
{
    if (options->batch == 1)
        return options->size;
    return options->batch * 8 + (options->batch - 1) * stride_of(options) + options->size;
}

static bool check(const struct options *options)
{
    if (ENVELOPE + payload_of(options) <= MESSAGE_MOST)
        return true;
    notice("--size %llu --batch %llu: a message of %zu bytes, %d are possible; try shmbench rpc --help",
           (unsigned long long)options->size, (unsigned long long)options->batch, ENVELOPE + payload_of(options),
           MESSAGE_MOST);
    return false;
}

static bool measure(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    size_t bytes = sizeof(struct shared) + options->clients * sizeof(struct calling);
    struct shared *shared = crew_shared(bytes);
    if (shared == NULL)
        return false;
    shared->options = *options;
    shared->run_dir = experiment->run_dir.path;
    shared->item_stride = stride_of(options);
    shared->payload = payload_of(options);
    shared->part_ns = (uint64_t)(options->duration * 1e9 / (double)options->repeat / 2);
    bool good = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, shared->bare) == 0;
    if (!good)
        notice_errno("cannot make a pair of sockets");
    if (good) {
        good = experiment_supervise(experiment, supervise, shared);
        close(shared->bare[0]);
        close(shared->bare[1]);
    }
    if (good)
        report(experiment, shared);
    crew_shared_free(shared, bytes);
    return good && (options->polite == 0 || crowd_measure(experiment));
}

static void summarize(const struct experiment *experiment, struct json_object *document)
{
    const struct options *options = &experiment->options;
    printf("rpc %llu bytes, batches of %llu, clients: %llu, workers: %llu\n", (unsigned long long)options->size,
           (unsigned long long)options->batch, (unsigned long long)options->clients,
           (unsigned long long)options->workers);
    printf("  call and answer  p50 %.0f ns, p95 %.0f, p99 %.0f, p99.9 %.0f, max %.0f; %.0f a second\n",
           experiment_figure(document, "results/rpc_ns/p50"), experiment_figure(document, "results/rpc_ns/p95"),
           experiment_figure(document, "results/rpc_ns/p99"), experiment_figure(document, "results/rpc_ns/p999"),
           experiment_figure(document, "results/rpc_ns/max"), experiment_figure(document, "results/calls_per_second"));
    printf("  bare socket      p50 %.0f ns, p99 %.0f; x %.2f\n", experiment_figure(document, "results/bare_ns/p50"),
           experiment_figure(document, "results/bare_ns/p99"),
           experiment_figure(document, "ratios/rpc_over_bare_socket"));
    printf("  CPU              server %.2f %%, clients %.2f %%\n",
           experiment_figure(document, "results/server_cpu_percent"),
           experiment_figure(document, "results/clients_cpu_percent"));
    if (options->polite > 0)
        printf("  %3llu polite       p99 %.0f ns alone, %.0f beside a flooding and a stopped client; x %.2f\n",
               (unsigned long long)options->polite, experiment_figure(document, "results/polite_alone_ns/p99"),
               experiment_figure(document, "results/polite_beside_ns/p99"),
               experiment_figure(document, "ratios/polite_p99_over_alone"));
}

const struct command command_rpc = {
    .name = "rpc",
    .summary = "a call and its answer, against bare packets on a socket of the same kind",
    .help = "Clients call increment, each one call after the other; every answer is checked, and the counters of\n"
            "both sides have to agree. In turn with bare packets of a request's length, sent back and forth by the\n"
            "server's process and the first client's. With --polite, then: clients that pause between calls, in\n"
            "turn alone and beside one that floods the server and one that is stopped.",
    .taken = OPTIONS_ITEM_SIZE | OPTIONS_CLIENTS | OPTIONS_WORKERS | OPTIONS_BATCH | OPTIONS_POLITE | OPTIONS_DURATION |
             OPTIONS_REPEAT,
    .defaults = {.size = 8, .clients = 1, .workers = 0, .batch = 1, .polite = 0, .duration = 2, .repeat = 21},
    .check = check,
    .first = "server",
    .others = "clients",
    .measure = measure,
    .summarize = summarize,
};
