/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_FOLLOW_H
#define EBPF_PLUGIN_FOLLOW_H

#include "tools/ebpf_plugin/options.h"
#include "tools/ebpf_plugin/table.h"

#include <netipc/subscriber.h>

/* Keeps a table equal to what the publisher of a service published last. */
struct follower {
    netipc_subscriber *subscriber;
    const struct options *options;
    struct snapshot spare;  /* what the next snapshot is copied to */
    netipc_status attached; /* the last refresh's result, so that each is told once */
    netipc_status readable; /* the last read's, likewise */
    uint64_t seen_incarnation[2];
    uint64_t seen_generation; /* dealt with: in the table, or not fit for it */
};

/* NETIPC_OK; else as netipc_subscriber_open. options is kept. */
netipc_status follower_open(struct follower *follower, const struct options *options);
void follower_close(struct follower *follower);

/*
 * Connects if need be and rebuilds *table when there is a new snapshot; *diff is all zero when not. What goes wrong is
 * told on stderr, once, and leaves the table as it is. Returns the word for the line's state. Blocks for a second at
 * most, and only when the publisher does not answer.
 */
const char *follower_step(struct follower *follower, struct table *table, struct table_diff *diff);

#endif
