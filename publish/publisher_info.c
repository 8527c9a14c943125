/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/publisher_state.h"
#include "shm/sized.h"

netipc_status netipc_publisher_stats(netipc_publisher *publisher, netipc_publisher_info *info)
{
    netipc_status status = netipc_publisher_check(publisher);
    if (status != NETIPC_OK)
        return status;
    struct netipc_service_totals sessions;
    netipc_service_totals(publisher->endpoint, &sessions);
    const struct netipc_ring_totals *totals = &publisher->ring.totals;
    const struct netipc_placement *placement = &publisher->region.placement;
    const netipc_publisher_info filled = {
        .size = sizeof filled,
        .slots = publisher->region.geometry.slot_count,
        .generation = publisher->ring.generation,
        .incarnation = {publisher->label.incarnation[0], publisher->label.incarnation[1]},
        .ordinal = publisher->label.ordinal,
        .capacity = publisher->region.geometry.capacity,
        .region_size = publisher->region.geometry.region_size,
        .publications = totals->publications,
        .unchanged = totals->unchanged,
        .bytes = totals->bytes,
        .wakes_sent = totals->wakes_sent,
        .wakes_saved = totals->wakes_saved,
        .sessions = sessions.info.sessions,
        .attached = sessions.attached,
        .sessions_total = sessions.info.sessions_total,
        .refused_auth = sessions.info.refused_auth,
        .refused_busy = sessions.info.refused_busy,
        .refused_other = sessions.info.refused_other,
        .timed_out = sessions.info.timed_out,
        .placement_wanted = placement->wanted,
        .placement_in_force = placement->wanted & ~placement->refused,
        .placement_refused = placement->refused,
        .placement_error = placement->last_error,
        .request_sessions = sessions.requesting,
        .requests = sessions.info.requests,
        .answers = sessions.info.answers,
        .failures = sessions.info.failures,
        .bytes_in = sessions.info.bytes_in,
        .bytes_out = sessions.info.bytes_out,
        .streamed = publisher->streamed,
    };
    return netipc_sized_out(info, &filled, sizeof filled);
}
