/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/finding_report.h"

#include "tools/report.h"

#include <inttypes.h>
#include <stdio.h>

enum { INCARNATION_TEXT = 33 };

static const char *kind_text(enum service_kind kind)
{
    switch (kind) {
    case KIND_PUBLICATION:
        return "publication";
    case KIND_REQUESTS:
        return "requests";
    default:
        return "unknown";
    }
}

static void write_incarnation(const netipc_subscriber_info *info, char text[INCARNATION_TEXT])
{
    snprintf(text, INCARNATION_TEXT, "%016" PRIx64 "%016" PRIx64, info->incarnation[0], info->incarnation[1]);
}

static void print_publication(const struct finding *finding)
{
    const netipc_subscriber_info *info = &finding->publication;
    printf("publication %s, generation %" PRIu64, netipc_publisher_state_name(info->publisher_state), info->generation);
    if (finding->has_snapshot)
        printf(" of %" PRIu64 " bytes, %.3f s old", finding->snapshot.length, (double)finding->age_ns / 1e9);
    printf(", region of %" PRIu64 " bytes, %s", info->region_size, info->leases > 0 ? "a lease" : "no lease");
}

static void print_requests(const struct finding *finding)
{
    const netipc_client_info *info = &finding->session;
    printf("requests of at most %" PRIu32 " bytes and %" PRIu32 " items, answers of %" PRIu32 " bytes",
           info->max_request_payload, info->max_batch_items, info->max_response_payload);
}

static void print_more(const struct finding *finding)
{
    if (finding->kind == KIND_PUBLICATION) {
        const netipc_subscriber_info *info = &finding->publication;
        char incarnation[INCARNATION_TEXT];
        write_incarnation(info, incarnation);
        printf("  publisher: pid %" PRIu32 ", incarnation %s\n", info->publisher_pid, incarnation);
        printf("  region: number %" PRIu64 ", %" PRIu32 " slots of %" PRIu64 " bytes, schema %" PRIu32
               " version %" PRIu32 "\n",
               info->ordinal, info->slots, info->capacity, info->schema_id, info->schema_version);
        if (finding->has_snapshot)
            printf("  snapshot: generation %" PRIu64 "\n", finding->snapshot.generation);
    } else if (finding->kind == KIND_REQUESTS) {
        printf("  server: pid %" PRIu32 ", session %" PRIu64 ", packets of %" PRIu32 " bytes\n",
               finding->session.server_pid, finding->session.session, finding->session.packet_size);
    }
}

void finding_print(const struct finding *finding, bool verbose)
{
    if (finding->status == NETIPC_OK) {
        printf("%s: healthy", finding->service);
    } else {
        char words[STATUS_WORDS];
        status_words(words, finding->status, finding->detail);
        printf("%s: %s: %s", finding->service, netipc_status_name(finding->status), words);
    }
    if (finding->kind != KIND_UNKNOWN) {
        printf("; ");
        (finding->kind == KIND_PUBLICATION ? print_publication : print_requests)(finding);
        printf("; connected in %.0f us", (double)finding->connect_ns / 1e3);
    }
    putchar('\n');
    if (verbose)
        print_more(finding);
}

static struct json_object *new_snapshot(const struct finding *finding)
{
    struct json_object *object = json_object_new_object();
    if (object != NULL && json_put_number(object, "generation", finding->snapshot.generation) &&
        json_put_number(object, "length", finding->snapshot.length) &&
        json_put_number(object, "age_ns", finding->age_ns))
        return object;
    json_object_put(object);
    return NULL;
}

static bool put_publication(struct json_object *object, const struct finding *finding)
{
    const netipc_subscriber_info *info = &finding->publication;
    char incarnation[INCARNATION_TEXT];
    write_incarnation(info, incarnation);
    return json_put_text(object, "state", netipc_publisher_state_name(info->publisher_state)) &&
           json_put_number(object, "pid", info->publisher_pid) && json_put_text(object, "incarnation", incarnation) &&
           json_put_number(object, "generation", info->generation) &&
           json_put_number(object, "region", info->ordinal) &&
           json_put_number(object, "region_size", info->region_size) && json_put_number(object, "slots", info->slots) &&
           json_put_number(object, "capacity", info->capacity) &&
           json_put_number(object, "schema_id", info->schema_id) &&
           json_put_number(object, "schema_version", info->schema_version) &&
           json_put_number(object, "leases", info->leases) &&
           (!finding->has_snapshot || json_put(object, "snapshot", new_snapshot(finding)));
}

static bool put_requests(struct json_object *object, const struct finding *finding)
{
    const netipc_client_info *info = &finding->session;
    return json_put_number(object, "pid", info->server_pid) && json_put_number(object, "session", info->session) &&
           json_put_number(object, "packet_size", info->packet_size) &&
           json_put_number(object, "max_request_payload", info->max_request_payload) &&
           json_put_number(object, "max_response_payload", info->max_response_payload) &&
           json_put_number(object, "max_batch_items", info->max_batch_items);
}

struct json_object *finding_json(const struct finding *finding)
{
    struct json_object *object = json_object_new_object();
    if (object != NULL && json_put_text(object, "service", finding->service) &&
        json_put_status(object, finding->status, finding->detail) &&
        json_put_text(object, "kind", kind_text(finding->kind)) &&
        (finding->kind == KIND_UNKNOWN || json_put_number(object, "connect_ns", finding->connect_ns)) &&
        (finding->kind != KIND_PUBLICATION || put_publication(object, finding)) &&
        (finding->kind != KIND_REQUESTS || put_requests(object, finding)))
        return object;
    json_object_put(object);
    return NULL;
}
