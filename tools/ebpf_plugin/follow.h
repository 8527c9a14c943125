/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_FOLLOW_H
#define EBPF_PLUGIN_FOLLOW_H

#include "tools/ebpf_plugin/diff.h"
#include "tools/ebpf_plugin/lists.h"
#include "tools/ebpf_plugin/options.h"

#include <netipc/cache.h>

/* Follows a service with a cache of its cgroups, and keeps the lists of their processes those of the cache. */
struct follower {
    netipc_cache *cache;
    const struct options *options;
    bool lists_due;           /* for want of memory: the lists are not those of the cache */
    netipc_status attached;   /* what was told of the attachment, so that each change is told once */
    bool by_request;          /* likewise */
    netipc_status readable;   /* what was told of the snapshot, likewise */
    uint64_t told_generation; /* … and of which */
    uint64_t told_incarnation[2];
};

/* How it stands after a step. */
struct standing {
    const char *state;
    netipc_cache_info cache;
    struct diff diff; /* all zero when the cache has not changed */
};

/* NETIPC_OK; else as netipc_cache_open. options is kept. */
netipc_status follower_open(struct follower *follower, const struct options *options);
void follower_close(struct follower *follower);

/*
 * Connects if need be and brings the cache up to date, and *lists with it. What goes wrong is told on stderr, once, and
 * leaves both as they are. Blocks only when the publisher does not answer, for a second at most; for three when it is
 * to be asked by request.
 */
void follower_step(struct follower *follower, struct lists *lists, struct standing *standing);

#endif
