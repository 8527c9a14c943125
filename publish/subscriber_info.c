/* SPDX-License-Identifier: Apache-2.0 */
/* What a subscriber tells of itself. */
#include "publish/subscriber_state.h"
#include "shm/sized.h"

#include <string.h>

static void sum_totals(netipc_subscriber *subscriber, struct netipc_read_totals *sum)
{
    memset(sum, 0, sizeof *sum);
    netipc_add_totals(sum, &subscriber->own.totals);
    pthread_mutex_lock(&subscriber->readers_lock);
    netipc_add_totals(sum, &subscriber->closed_totals);
    for (const netipc_reader *reader = subscriber->readers; reader != NULL; reader = reader->next)
        netipc_add_totals(sum, &reader->totals);
    pthread_mutex_unlock(&subscriber->readers_lock);
}

netipc_status netipc_subscriber_status(netipc_subscriber *subscriber, netipc_subscriber_info *info)
{
    netipc_status status = netipc_subscriber_check(subscriber);
    if (status != NETIPC_OK)
        return status;
    static const struct netipc_region_identity none;
    const struct netipc_attachment *attachment = netipc_load(&subscriber->current, relaxed);
    const struct netipc_region_identity *identity = attachment != NULL ? &attachment->view.identity : &none;
    static const struct netipc_placement unplaced;
    const struct netipc_placement *placement = attachment != NULL ? &attachment->view.placement : &unplaced;
    uint64_t hot = netipc_subscriber_hot(subscriber);
    struct netipc_read_totals totals;
    sum_totals(subscriber, &totals);
    const netipc_subscriber_info filled = {
        .size = sizeof filled,
        .state = subscriber->state,
        .publisher_state = netipc_attachment_publisher(attachment, netipc_hot_state(hot)),
        .publisher_pid = subscriber->client.peer.pid,
        .incarnation = {identity->incarnation[0], identity->incarnation[1]},
        .ordinal = identity->ordinal,
        .generation = netipc_hot_generation(hot),
        .region_size = identity->region_size,
        .capacity = identity->capacity,
        .slots = identity->slot_count,
        .schema_id = identity->schema_id,
        .schema_version = identity->schema_version,
        .last_error = subscriber->last_error,
        .checksum = netipc_checksum_told(subscriber->client.checksum),
        .leases = attachment != NULL ? attachment->lease_quota : 0,
        .connects = subscriber->connects,
        .attaches = subscriber->attaches,
        .reads = netipc_load(&totals.reads, relaxed),
        .read_retries = netipc_load(&totals.read_retries, relaxed),
        .overruns = netipc_load(&totals.overruns, relaxed),
        .sleeps = netipc_load(&totals.sleeps, relaxed),
        .spins = netipc_load(&totals.spins, relaxed),
        .publishers_gone = subscriber->publishers_gone,
        .placement_wanted = placement->wanted,
        .placement_in_force = placement->wanted & ~placement->refused,
        .placement_refused = placement->refused,
        .placement_error = placement->last_error,
    };
    return netipc_sized_out(info, &filled, sizeof filled);
}

const char *netipc_subscriber_state_name(netipc_subscriber_state state)
{
    static const char *const names[] = {"DISCONNECTED", "CONNECTING",   "READY", "NOT_FOUND",
                                        "AUTH_FAILED",  "INCOMPATIBLE", "BROKEN"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *netipc_publisher_state_name(netipc_publisher_state state)
{
    static const char *const names[] = {"NONE", "LIVE", "CLOSED", "SUPERSEDED", "GONE"};
    return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}
