/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_SNAPSHOT_H
#define NETIPC_TOOL_SNAPSHOT_H

#include <netipc/subscriber.h>

#include <stdint.h>

/* The bytes of a snapshot, on the heap. */
struct snapshot {
    void *bytes;
    size_t capacity;
    netipc_snapshot_info info;
    uint64_t age_ns; /* since it was published */
};

/*
 * Reads the latest whole, and again when the publisher overtook it or made a longer one meanwhile, until the deadline.
 * As netipc_subscriber_read(), but never NETIPC_TOO_SMALL. snapshot_free() is to be called whatever it gives.
 */
netipc_status snapshot_read(struct snapshot *snapshot, netipc_subscriber *subscriber, uint64_t deadline_ns);
void snapshot_free(struct snapshot *snapshot);

#endif
