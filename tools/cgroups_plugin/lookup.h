/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_LOOKUP_H
#define CGROUPS_PLUGIN_LOOKUP_H

#include "tools/cgroups_plugin/catalog.h"
#include "tools/cgroups_plugin/events.h"
#include "tools/cgroups_plugin/options.h"
#include "tools/cgroups_plugin/table.h"

#include <netipc/netipc.h>

#include <stdatomic.h>

/*
 * The service cgroups-lookup, answered by a thread of its own from the catalog, so that a scan holds nobody up. A path
 * is
 *   known, if it is in the table and the patterns do not exclude it;
 *   unknown for good, if the patterns exclude it or no scan can come upon it;
 *   unknown for now else, and then an early scan is asked for, unless that is sure to find it no more than the last
 * one.
 */
struct lookup {
    netipc_server *server; /* NULL: there is no such service */
    netipc_cgroups_lookup_service service;
    struct catalog catalog;
    const struct rules *rules;
    struct events *events;
    atomic_bool truncated; /* what is missing may have been left out, and would be again */
};

/* rules and events are kept. On failure *failure says why and *lookup is empty. */
bool lookup_open(struct lookup *lookup, const struct options *options, const struct rules *rules, struct events *events,
                 struct failure *failure);
void lookup_close(struct lookup *lookup);

/* Answers from this table from now on, which was published with this generation. False: out of memory. */
bool lookup_put(struct lookup *lookup, const struct table *table, uint64_t generation);

/* Whether --max has left something out. */
void lookup_set_truncated(struct lookup *lookup, bool truncated);

#endif
