/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/latest_answer.h"

#include <netipc/cgroups_snapshot.h>

#include "control/range.h"
#include "control/subscription.h"
#include "shm/detail.h"
#include "shm/payload_copy.h"
#include "shm/ring_reader.h"
#include "shm/sized.h"

#include <stddef.h>

enum { ANSWER_TRIES = 64 };

/* --- configuration --- */

void netipc_publisher_requests_init_sized(netipc_service_config *requests, size_t size)
{
    netipc_service_config defaults;
    netipc_service_config_init(&defaults);
    defaults.max_response_payload = NETIPC_PAYLOAD_MAX;
    netipc_sized_defaults(requests, size, &defaults, sizeof defaults);
}

static netipc_status check(const netipc_service_config *requests)
{
    if (requests->service != NULL || requests->token != 0 || requests->checksum != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "requests have the service, token and checksum of the publisher: "
                                                    "leave those of their own at NULL and 0");
    netipc_status status = netipc_check_range("method of requests", requests->method, 1, UINT16_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_sessions of requests", requests->max_sessions, 1, NETIPC_SESSIONS_MAX);
    if (status == NETIPC_OK)
        status = netipc_check_range("max_request_payload of requests", requests->max_request_payload,
                                    NETIPC_SUBSCRIPTION_OFFERS, NETIPC_PAYLOAD_MAX);
    if (status == NETIPC_OK && requests->handler == NULL && requests->method != NETIPC_METHOD_CGROUPS_SNAPSHOT &&
        requests->method < NETIPC_METHOD_OWN)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "method %u is not answered with a snapshot: it needs a handler",
                           requests->method);
    return status;
}

netipc_status netipc_latest_config(const netipc_service_config *given, netipc_service_config *requests)
{
    netipc_publisher_requests_init(requests);
    if (given == NULL)
        return NETIPC_OK;
    netipc_status status = netipc_sized_in(requests, sizeof *requests, given);
    return status == NETIPC_OK ? check(requests) : status;
}

/* --- the publishing thread's side --- */

void netipc_latest_open(struct netipc_latest_answer *latest, uint32_t method, struct netipc_session_table *table)
{
    *latest = (struct netipc_latest_answer){.method = method, .table = table};
}

static struct netipc_latest_region *place(struct netipc_latest_answer *latest, uint32_t which)
{
    return &latest->regions[which - 1];
}

void netipc_latest_show(struct netipc_latest_answer *latest, const struct netipc_region *region, uint64_t ordinal)
{
    uint32_t before = netipc_load(&latest->shown, relaxed), which = 1;
    while (which == before || which == latest->kept)
        which++;
    struct netipc_latest_region *shown = place(latest, which);
    shown->region = *region;
    shown->view = (struct netipc_region_view){.geometry = region->geometry,
                                              .identity = {.ordinal = ordinal},
                                              .header = region->header,
                                              .slots = region->slots,
                                              .data = region->data};
    latest->replaced = before;
    netipc_store(&latest->shown, which, release); /* G2 */
}

static void unmap(struct netipc_latest_answer *latest, uint32_t *which)
{
    if (*which != 0)
        netipc_region_destroy(&place(latest, *which)->region, false);
    *which = 0;
}

void netipc_latest_reclaim(struct netipc_latest_answer *latest)
{
    if (netipc_load(&latest->reading, acquire) != latest->kept) /* G4, pairs with A6 */
        unmap(latest, &latest->kept);
}

void netipc_latest_retire(struct netipc_latest_answer *latest)
{
    netipc_fence(seq_cst); /* G3, pairs with A3 */
    /* G4. One load for both: of two it could be another one that is being read each time. */
    uint32_t reading = netipc_load(&latest->reading, acquire);
    if (reading != latest->kept)
        unmap(latest, &latest->kept);
    if (reading != latest->replaced)
        unmap(latest, &latest->replaced);
    else
        latest->kept = latest->replaced;
    latest->replaced = 0;
}

void netipc_latest_close(struct netipc_latest_answer *latest, bool forked)
{
    if (latest->kept != 0)
        netipc_region_destroy(&place(latest, latest->kept)->region, forked);
    latest->kept = 0;
}

/* --- the control thread's side --- */

static const struct netipc_region_view *begin_reading(struct netipc_latest_answer *latest)
{
    uint32_t which = netipc_load(&latest->shown, relaxed); /* A1 */
    for (;;) {
        netipc_store(&latest->reading, which, relaxed);        /* A2 */
        netipc_fence(seq_cst);                                 /* A3, pairs with G3 */
        uint32_t again = netipc_load(&latest->shown, acquire); /* A4, pairs with G2 */
        if (again == which)
            return &place(latest, which)->view;
        which = again; /* one more growth for each further round */
    }
}

static void end_reading(struct netipc_latest_answer *latest)
{
    netipc_store(&latest->reading, 0, release); /* A6, pairs with G4 */
}

static netipc_status copy(const unsigned char *data, uint64_t length, netipc_answer *answer)
{
    void *room;
    size_t capacity;
    netipc_status status = netipc_answer_room(answer, length, &room, &capacity);
    if (status != NETIPC_OK)
        return status;
    netipc_payload_copy_out(room, data, length);
    return netipc_answer_set_length(answer, length);
}

/* A5 */
static netipc_status copy_leased(struct netipc_latest_answer *latest, const struct netipc_region_view *view,
                                 netipc_answer *answer)
{
    netipc_atomic_u64 *lease = netipc_line_lease(&latest->line, 0);
    struct netipc_ring_snapshot snapshot;
    const unsigned char *data;
    netipc_status status = NETIPC_OVERRUN;
    netipc_session_table_grant(latest->table, NETIPC_LATEST_PLACE, view->identity.ordinal, NETIPC_LATEST_LEASES);
    netipc_session_table_insert(latest->table, NETIPC_LATEST_PLACE, &latest->line);
    for (unsigned tries = 0; status == NETIPC_OVERRUN && tries < ANSWER_TRIES; tries++)
        status = netipc_ring_acquire(view, lease, NETIPC_LATEST, &data, &snapshot);
    if (status == NETIPC_OK) {
        status = copy(data, snapshot.length, answer);
        netipc_ring_release(lease);
    }
    netipc_session_table_remove(latest->table, NETIPC_LATEST_PLACE);
    return status == NETIPC_EMPTY ? netipc_fail(NETIPC_EMPTY, "nothing has been published yet") : status;
}

/* A batch would be the same snapshot again and again. */
static netipc_status check_request(const struct netipc_latest_answer *latest, const netipc_request *request)
{
    if (request->item_count != 1)
        return netipc_fail(NETIPC_CORRUPT, "%u snapshots asked for at a time", request->item_count);
    if (latest->method == NETIPC_METHOD_CGROUPS_SNAPSHOT)
        return netipc_cgroups_snapshot_request_decode(request->payload, request->length);
    if (request->length != 0)
        return netipc_fail(NETIPC_CORRUPT, "a request for a snapshot has no payload, %zu bytes came", request->length);
    return NETIPC_OK;
}

netipc_status netipc_latest_handle(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct netipc_latest_answer *latest = context;
    netipc_status status = check_request(latest, request);
    if (status != NETIPC_OK)
        return status;
    status = copy_leased(latest, begin_reading(latest), answer);
    end_reading(latest);
    return status;
}
