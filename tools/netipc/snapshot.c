/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/snapshot.h"

#include "tools/netipc/clock.h"

#include <stdlib.h>

static netipc_status make_room(struct snapshot *snapshot)
{
    free(snapshot->bytes);
    snapshot->capacity = snapshot->info.length;
    snapshot->bytes = malloc(snapshot->capacity);
    return snapshot->bytes != NULL ? NETIPC_OK : NETIPC_NO_MEMORY;
}

netipc_status snapshot_read(struct snapshot *snapshot, netipc_subscriber *subscriber, uint64_t deadline_ns)
{
    *snapshot = (struct snapshot){.info.size = sizeof snapshot->info};
    netipc_status status;
    for (;;) {
        status = netipc_subscriber_read(subscriber, snapshot->bytes, snapshot->capacity, &snapshot->info);
        if (status != NETIPC_TOO_SMALL && status != NETIPC_OVERRUN)
            break;
        if (now_ns() >= deadline_ns)
            return NETIPC_TIMED_OUT;
        if (status == NETIPC_TOO_SMALL && (status = make_room(snapshot)) != NETIPC_OK)
            return status;
    }
    /* The coarse clock, as the publisher's: never behind what was published before. */
    uint64_t now = read_clock(CLOCK_MONOTONIC_COARSE);
    snapshot->age_ns = now > snapshot->info.publish_time_ns ? now - snapshot->info.publish_time_ns : 0;
    return status;
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot->bytes);
    *snapshot = (struct snapshot){0};
}
