/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/clock.h"
#include "tools/netipc/commands.h"
#include "tools/netipc/json.h"
#include "tools/netipc/round_trips.h"
#include "tools/report.h"

#include <netipc/batch.h>
#include <netipc/client.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_ENTRY = 8, ITEM_ALIGNMENT = 8 };

struct trial {
    const struct options *options;
    netipc_client *client;
    unsigned char *request;
    size_t capacity;
    struct round_trips trips; /* of calls that were answered */
    uint64_t calls;
    uint64_t failures; /* of these, answers that were wrong included */
    netipc_status worst;
    char detail[256]; /* of the first with that status */
};

static void note(struct trial *trial, netipc_status status, const char *detail)
{
    if (status <= trial->worst)
        return;
    trial->worst = status;
    snprintf(trial->detail, sizeof trial->detail, "%s", detail);
}

/* The payload of the call of that number, whose items are numbered through all calls. */
static netipc_status write_request(struct trial *trial, uint64_t call, size_t *length)
{
    const struct method *method = trial->options->method;
    uint32_t items = trial->options->batch;
    netipc_batch_builder builder;
    if (items == 1)
        return method->ask(call, trial->request, trial->capacity, length);
    netipc_status status = netipc_batch_builder_init(&builder, items, trial->request, trial->capacity);
    for (uint32_t i = 0; i < items && status == NETIPC_OK; i++) {
        void *item;
        size_t room, item_length = 0;
        status = netipc_batch_builder_next(&builder, &item, &room);
        if (status == NETIPC_OK)
            status = method->ask(call * items + i, item, room, &item_length);
        if (status == NETIPC_OK)
            status = netipc_batch_builder_add(&builder, NULL, item_length);
    }
    return status == NETIPC_OK ? netipc_batch_builder_finish(&builder, length) : status;
}

static bool is_right(const struct options *options, uint64_t call, const netipc_client_request *request)
{
    netipc_batch_view view;
    if (options->batch == 1)
        return options->method->is_right(call, request->answer, request->answer_length);
    if (netipc_batch_decode(request->answer, request->answer_length, options->batch, &view) != NETIPC_OK)
        return false;
    for (uint32_t i = 0; i < options->batch; i++) {
        const void *item;
        size_t length;
        if (netipc_batch_item(&view, i, &item, &length) != NETIPC_OK ||
            !options->method->is_right(call * options->batch + i, item, length))
            return false;
    }
    return true;
}

static void call_once(struct trial *trial, uint64_t call)
{
    const struct options *options = trial->options;
    netipc_client_request request = {.size = sizeof request,
                                     .method = options->method->number,
                                     .payload = trial->request,
                                     .item_count = options->batch,
                                     .timeout_ns = options->timeout_ns};
    netipc_status status = write_request(trial, call, &request.length);
    uint64_t began = now_ns();
    if (status == NETIPC_OK)
        status = netipc_client_call(trial->client, &request);
    uint64_t took = now_ns() - began;
    trial->calls++;
    if (status != NETIPC_OK) {
        trial->failures++;
        note(trial, status, netipc_status_detail());
        return;
    }
    round_trips_add(&trial->trips, took);
    if (!is_right(options, call, &request)) {
        char detail[96];
        snprintf(detail, sizeof detail, "call %" PRIu64 " got a wrong answer of %zu bytes", call + 1,
                 request.answer_length);
        trial->failures++;
        note(trial, NETIPC_CORRUPT, detail);
    }
}

/* Until all calls are made, or one has failed and there is no way to connect again. */
static void make_calls(struct trial *trial)
{
    for (uint64_t call = 0; call < trial->options->count; call++) {
        netipc_status status = netipc_client_refresh(trial->client);
        if (status != NETIPC_OK) {
            note(trial, status, netipc_status_detail());
            return;
        }
        call_once(trial, call);
    }
}

static netipc_status open_trial(struct trial *trial)
{
    const struct options *options = trial->options;
    netipc_client_config config;
    netipc_client_config_init(&config);
    config.run_dir = options->run_dir;
    config.service = options->service;
    config.token = options->token;
    config.allowed_uids = options->allowed_uids;
    config.allowed_uid_count = options->allowed_uid_count;
    config.checksum = options->checksum;
    config.connect_timeout_ns = config.call_timeout_ns = options->timeout_ns;
    config.backoff_first_ns = 0; /* who waits for this program wants to know now */
    config.breaker_failures = 0;
    config.max_batch_items = options->batch;
    trial->capacity = (size_t)options->batch * (BATCH_ENTRY + METHOD_PAYLOAD_MOST + ITEM_ALIGNMENT);
    size_t length;
    trial->request = malloc(trial->capacity);
    if (trial->request == NULL || !round_trips_open(&trial->trips, options->count))
        return NETIPC_NO_MEMORY;
    /* All requests are of one length, and so are their answers. A server refuses whoever wants to send more than it
     * takes. */
    netipc_status status = write_request(trial, 0, &length);
    if (status != NETIPC_OK)
        return status;
    config.max_request_payload = config.response_payload = (uint32_t)length;
    return netipc_client_open(&config, &trial->client);
}

static void print_text(struct trial *trial)
{
    const struct options *options = trial->options;
    printf("%s: %s: %" PRIu64 " of %" PRIu64 " calls of %" PRIu32 " item%s, %" PRIu64 " failures", options->service,
           options->method->name, trial->calls, options->count, options->batch, options->batch == 1 ? "" : "s",
           trial->failures);
    if (trial->trips.count > 0)
        printf("; round trip p50 %.1f us, p95 %.1f us, p99 %.1f us, max %.1f us",
               (double)round_trips_percentile(&trial->trips, 50) / 1e3,
               (double)round_trips_percentile(&trial->trips, 95) / 1e3,
               (double)round_trips_percentile(&trial->trips, 99) / 1e3,
               (double)round_trips_percentile(&trial->trips, 100) / 1e3);
    putchar('\n');
}

static bool put_round_trips(struct json_object *object, struct round_trips *trips)
{
    struct json_object *times = json_object_new_object();
    if (times != NULL && json_put_number(times, "p50", round_trips_percentile(trips, 50)) &&
        json_put_number(times, "p95", round_trips_percentile(trips, 95)) &&
        json_put_number(times, "p99", round_trips_percentile(trips, 99)) &&
        json_put_number(times, "max", round_trips_percentile(trips, 100)))
        return json_put(object, "round_trip_ns", times);
    json_object_put(times);
    return false;
}

static netipc_status print_json(struct trial *trial)
{
    const struct options *options = trial->options;
    struct json_object *object = json_object_new_object();
    if (object != NULL && json_put_text(object, "run_dir", options->run_dir) &&
        json_put_text(object, "service", options->service) && json_put_text(object, "method", options->method->name) &&
        json_put_status(object, trial->worst, trial->detail) && json_put_number(object, "count", options->count) &&
        json_put_number(object, "batch", options->batch) && json_put_number(object, "calls", trial->calls) &&
        json_put_number(object, "failures", trial->failures) &&
        (trial->trips.count == 0 || put_round_trips(object, &trial->trips)))
        return json_print(object);
    json_object_put(object);
    return json_print(NULL);
}

netipc_status ipc_test(const struct options *options)
{
    struct trial trial = {.options = options};
    netipc_status status = open_trial(&trial);
    if (status == NETIPC_OK)
        make_calls(&trial);
    else
        note(&trial, status, netipc_status_detail());
    netipc_client_close(trial.client);
    status = options->json ? print_json(&trial) : NETIPC_OK;
    if (!options->json)
        print_text(&trial);
    if (trial.worst != NETIPC_OK)
        report_status(options->service, trial.worst, trial.detail);
    round_trips_free(&trial.trips);
    free(trial.request);
    return status == NETIPC_OK ? trial.worst : status;
}
