/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/crowd.h"

#include "bench/clock.h"
#include "bench/crew.h"
#include "bench/document.h"
#include "bench/notice.h"

#include <netipc/client.h>
#include <netipc/increment.h>
#include <netipc/server.h>
#include <netipc/session.h>

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>

#define SERVICE "crowd"
enum { SERVER, FLOODING, STOPPED, FIRST_POLITE, PAUSE_NS = 1000000 };
enum { ALONE, BESIDE, PARTS };

struct guest {
    uint64_t calls;
    struct distribution part_ns;
};

struct shared {
    const char *run_dir;
    struct options options;
    uint64_t part_ns;
    atomic_bool flood;
    atomic_ullong handled;              /* by the server's handler */
    uint64_t flooded, unread;           /* requests of the two */
    struct distribution ns[PARTS], one; /* of all runs; of a part of one */
    struct series p99_ns[PARTS];
    struct guest guests[];
};

/* --- the server --- */

static netipc_status on_increment(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct shared *shared = context;
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    uint64_t value;
    size_t length;
    netipc_status status = netipc_increment_decode(request->payload, request->length, &value);
    if (status == NETIPC_OK)
        status = netipc_increment_encode(value + 1, bytes, sizeof bytes, &length);
    atomic_fetch_add_explicit(&shared->handled, 1, memory_order_relaxed);
    return status == NETIPC_OK ? netipc_answer_write(answer, bytes, length) : status;
}

static netipc_server *start_server(const struct station *station, struct shared *shared)
{
    netipc_server_config config;
    netipc_service_config service;
    netipc_server *server;
    netipc_server_config_init(&config);
    config.run_dir = shared->run_dir;
    config.workers = (uint32_t)shared->options.workers;
    netipc_service_config_init(&service);
    service.service = SERVICE;
    service.method = NETIPC_METHOD_INCREMENT;
    service.handler = on_increment;
    service.context = shared;
    service.max_sessions = (uint32_t)shared->options.polite + 2;
    service.write_timeout_ns += shared->part_ns; /* the stopped one is to come through */
    netipc_status status = netipc_server_open(&config, &server);
    if (status == NETIPC_OK)
        status = netipc_server_add(server, &service);
    if (status == NETIPC_OK)
        status = netipc_server_start(server);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot serve");
    return server;
}

static void work_as_server(struct station *station, void *context)
{
    struct shared *shared = context;
    netipc_server *server = start_server(station, shared);
    netipc_service_info info = {.size = sizeof info};
    station_meet(station);
    station_meet(station); /* all others have counted */
    uint64_t requests = shared->flooded + shared->unread;
    for (uint64_t i = 0; i < shared->options.polite; i++)
        requests += shared->guests[i].calls;
    netipc_status status = netipc_server_stats(server, SERVICE, &info);
    if (status != NETIPC_OK || info.requests != requests || info.answers != requests || info.failures != 0 ||
        atomic_load(&shared->handled) != requests || info.timed_out != 0 || info.broken != 0 ||
        info.sessions_total != shared->options.polite + 2)
        station_fail(station, NETIPC_CORRUPT,
                     "the server counts %llu requests and %llu answers in %llu sessions, not %llu",
                     (unsigned long long)info.requests, (unsigned long long)info.answers,
                     (unsigned long long)info.sessions_total, (unsigned long long)requests);
    netipc_server_close(server);
}

/* --- a polite client: a call, and a pause --- */

static void call_part(const struct station *station, struct shared *shared, netipc_client *client, struct guest *guest)
{
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    netipc_client_request request = {
        .size = sizeof request, .method = NETIPC_METHOD_INCREMENT, .payload = bytes, .item_count = 1};
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    uint64_t now = clock_now_ns(), end = now + shared->part_ns, answer;
    memset(&guest->part_ns, 0, sizeof guest->part_ns);
    do {
        netipc_status status = netipc_increment_encode(guest->calls, bytes, sizeof bytes, &request.length);
        uint64_t start = clock_now_ns();
        if (status == NETIPC_OK)
            status = netipc_client_call(client, &request);
        now = clock_now_ns();
        if (status == NETIPC_OK)
            status = netipc_increment_decode(request.answer, request.answer_length, &answer);
        if (status != NETIPC_OK)
            station_fail_status(station, status, "cannot call");
        if (answer != ++guest->calls)
            station_fail(station, NETIPC_CORRUPT, "the answer to call %llu is wrong", (unsigned long long)guest->calls);
        distribution_add(&guest->part_ns, now - start);
        nanosleep(&pause, NULL);
    } while (now < end);
}

static void work_politely(struct station *station, void *context)
{
    struct shared *shared = context;
    struct guest *guest = &shared->guests[station->number - FIRST_POLITE];
    netipc_client_config config;
    netipc_client *client;
    netipc_client_info info = {.size = sizeof info};
    netipc_client_config_init(&config);
    config.run_dir = shared->run_dir;
    config.service = SERVICE;
    netipc_status status = netipc_client_open(&config, &client);
    if (status == NETIPC_OK)
        status = netipc_client_refresh(client);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot connect");
    station_meet(station);
    for (uint64_t part = 0; part < PARTS * shared->options.repeat; part++) {
        station_meet(station);
        call_part(station, shared, client, guest);
    }
    status = netipc_client_status(client, &info);
    if (status != NETIPC_OK || info.answers != guest->calls || info.calls != guest->calls || info.resends != 0 ||
        info.sessions != 1)
        station_fail(station, NETIPC_CORRUPT, "%llu calls, of which the client counts %llu and %llu answers",
                     (unsigned long long)guest->calls, (unsigned long long)info.calls,
                     (unsigned long long)info.answers);
    station_meet(station);
    netipc_client_close(client);
}

/* --- the two others, each with a session by hand --- */

struct rude {
    const struct station *station;
    netipc_session *session;
    uint64_t sent, received;
};

static void await_news(const struct rude *rude)
{
    struct pollfd polled = {.fd = netipc_session_fd(rude->session), .events = POLLIN};
    poll(&polled, 1, 10);
}

static void connect_rudely(struct rude *rude, const struct shared *shared)
{
    netipc_session_config config;
    netipc_session_config_init(&config);
    config.run_dir = shared->run_dir;
    config.service = SERVICE;
    netipc_status status = netipc_session_connect(&config, &rude->session);
    for (; status == NETIPC_WOULD_BLOCK; status = netipc_session_advance(rude->session))
        await_news(rude);
    if (status != NETIPC_OK)
        station_fail_status(rude->station, status, "cannot connect");
}

/* As many requests as are taken now. */
static void send_all(struct rude *rude)
{
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    netipc_message message = {.size = sizeof message,
                              .kind = NETIPC_MESSAGE_REQUEST,
                              .method = NETIPC_METHOD_INCREMENT,
                              .item_count = 1,
                              .payload = bytes};
    for (;; rude->sent++) {
        message.id = rude->sent;
        netipc_status status = netipc_increment_encode(rude->sent, bytes, sizeof bytes, &message.length);
        if (status == NETIPC_OK)
            status = netipc_session_send(rude->session, &message);
        if (status == NETIPC_WOULD_BLOCK)
            return;
        if (status != NETIPC_OK)
            station_fail_status(rude->station, status, "cannot send");
    }
}

/* Sends what waits, and reads the answers that have come. */
static void go_on(struct rude *rude)
{
    netipc_message message = {.size = sizeof message};
    uint64_t value;
    netipc_status status = netipc_session_advance(rude->session);
    if (status != NETIPC_OK && status != NETIPC_WOULD_BLOCK)
        station_fail_status(rude->station, status, "cannot go on");
    for (;; rude->received++) {
        status = netipc_session_receive(rude->session, &message);
        if (status == NETIPC_WOULD_BLOCK)
            return;
        if (status == NETIPC_OK)
            status = netipc_increment_decode(message.payload, message.length, &value);
        if (status != NETIPC_OK)
            station_fail_status(rude->station, status, "cannot receive");
        if (message.outcome != NETIPC_OUTCOME_OK || value != message.id + 1)
            station_fail(rude->station, NETIPC_CORRUPT, "the answer to request %llu is wrong",
                         (unsigned long long)message.id);
    }
}

static void receive_all(struct rude *rude)
{
    const uint64_t deadline_ns = clock_now_ns() + CREW_PATIENCE_NS;
    for (go_on(rude); rude->received < rude->sent; go_on(rude)) {
        if (clock_now_ns() > deadline_ns)
            station_fail(rude->station, NETIPC_TIMED_OUT, "%llu answers to %llu requests",
                         (unsigned long long)rude->received, (unsigned long long)rude->sent);
        await_news(rude);
    }
}

static void work_flooding(struct station *station, void *context)
{
    struct shared *shared = context;
    struct rude rude = {.station = station};
    connect_rudely(&rude, shared);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        while (atomic_load_explicit(&shared->flood, memory_order_relaxed)) {
            send_all(&rude);
            await_news(&rude);
            go_on(&rude);
        }
        receive_all(&rude);
    }
    shared->flooded = rude.sent;
    station_meet(station);
    netipc_session_close(rude.session);
}

static void work_stopped(struct station *station, void *context)
{
    struct shared *shared = context;
    struct rude rude = {.station = station};
    connect_rudely(&rude, shared);
    station_meet(station);
    for (uint64_t run = 0; run < shared->options.repeat; run++) {
        station_meet(station);
        send_all(&rude);
        raise(SIGSTOP);
        receive_all(&rude);
    }
    shared->unread = rude.sent;
    station_meet(station);
    netipc_session_close(rude.session);
}

/* --- the supervisor --- */

static bool polite_part(struct shared *shared, struct crew *crew, unsigned part)
{
    const uint64_t count = shared->options.polite, patience_ns = crew_patience_ns(shared->part_ns);
    if (!crew_meet(crew, FIRST_POLITE, count, patience_ns) || !crew_await(crew, FIRST_POLITE, count, patience_ns))
        return false;
    memset(&shared->one, 0, sizeof shared->one);
    for (uint64_t i = 0; i < count; i++)
        distribution_merge(&shared->one, &shared->guests[i].part_ns);
    distribution_merge(&shared->ns[part], &shared->one);
    series_add(&shared->p99_ns[part], distribution_quantile(&shared->one, 0.99));
    return true;
}

static bool run(struct shared *shared, struct crew *crew)
{
    if (!polite_part(shared, crew, ALONE))
        return false;
    atomic_store(&shared->flood, true);
    bool good = crew_meet(crew, FLOODING, 2, CREW_PATIENCE_NS) && crew_await_stopped(crew, STOPPED, CREW_PATIENCE_NS) &&
                polite_part(shared, crew, BESIDE);
    atomic_store(&shared->flood, false);
    return good && crew_continue(crew, STOPPED) && crew_await(crew, FLOODING, 2, CREW_PATIENCE_NS);
}

static bool supervise(struct experiment *experiment, void *context, struct crew *crew)
{
    struct shared *shared = context;
    const struct options *options = &shared->options;
    const struct cpus *cpus = &experiment->cpus;
    const size_t all = FIRST_POLITE + options->polite;
    if (!crew_add(crew, "server", cpus->numbers[0], work_as_server, shared) ||
        !crew_meet(crew, SERVER, 1, CREW_PATIENCE_NS) ||
        !crew_add(crew, "flooding client", cpus_of_subscriber(cpus, 0), work_flooding, shared) ||
        !crew_add(crew, "stopped client", cpus_of_subscriber(cpus, 1), work_stopped, shared))
        return false;
    if (!experiment_add_many(experiment, crew, "polite client", 0, options->polite, work_politely, shared))
        return false;
    bool good = crew_meet(crew, FLOODING, all - FLOODING, CREW_PATIENCE_NS);
    for (uint64_t i = 0; good && i < options->repeat; i++) {
        notice_progress("rpc: polite clients, run %llu of %llu", (unsigned long long)i + 1,
                        (unsigned long long)options->repeat);
        good = run(shared, crew);
    }
    return good && crew_meet(crew, FLOODING, all - FLOODING, CREW_PATIENCE_NS) &&
           crew_meet(crew, SERVER, 1, CREW_PATIENCE_NS) && crew_finish(crew, CREW_PATIENCE_NS);
}

static void report(struct experiment *experiment, const struct shared *shared)
{
    struct json_object *results = experiment->results;
    struct series over_alone;
    uint64_t calls = 0;
    for (uint64_t i = 0; i < shared->options.polite; i++)
        calls += shared->guests[i].calls;
    series_quotient(&shared->p99_ns[BESIDE], &shared->p99_ns[ALONE], &over_alone);
    document_distribution(results, "polite_alone_ns", &shared->ns[ALONE]);
    document_distribution(results, "polite_beside_ns", &shared->ns[BESIDE]);
    document_series(results, "polite_alone_p99_ns", &shared->p99_ns[ALONE]);
    document_series(results, "polite_beside_p99_ns", &shared->p99_ns[BESIDE]);
    document_count(results, "polite_calls", calls);
    document_count(results, "flood_requests", shared->flooded);
    document_count(results, "unread_requests", shared->unread);
    document_number(experiment->ratios, "polite_p99_over_alone", series_quartile(&over_alone, 2));
}

bool crowd_measure(struct experiment *experiment)
{
    const struct options *options = &experiment->options;
    size_t bytes = sizeof(struct shared) + options->polite * sizeof(struct guest);
    struct shared *shared = crew_shared(bytes);
    if (shared == NULL)
        return false;
    shared->options = *options;
    shared->run_dir = experiment->run_dir.path;
    shared->part_ns = (uint64_t)(options->duration * 1e9 / (double)options->repeat / PARTS);
    bool good = experiment_supervise(experiment, supervise, shared);
    if (good)
        report(experiment, shared);
    crew_shared_free(shared, bytes);
    return good;
}
