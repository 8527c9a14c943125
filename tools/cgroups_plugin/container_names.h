/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_CONTAINER_NAMES_H
#define CGROUPS_PLUGIN_CONTAINER_NAMES_H

#include "tools/cgroups_plugin/failure.h"
#include "tools/cgroups_plugin/options.h"
#include "tools/cgroups_plugin/table.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Names of containers, as docker and podman tell them. Nothing here blocks but container_names_wait(): a table gets the
 * names that are known, and the others are asked for meanwhile. Without libcurl this does nothing.
 */
struct container_names;

/* *names is NULL when there is nobody to ask; all below take that. */
bool container_names_open(struct container_names **names, const struct options *options, struct failure *failure);
void container_names_close(struct container_names *names);

/*
 * Gives the containers in a table the names that are known by now, and marks those that only hold a pod's namespaces.
 * What is known of containers that are not in the table is forgotten. True: something has changed, and table_settle()
 * is due. What cannot be had for want of memory is had the next time.
 */
bool container_names_apply(struct container_names *names, struct table *table);

/* When the descriptor is readable (-1 never is), container_names_handle() is due. True: a table that is there may want
 * other names now. */
int container_names_descriptor(const struct container_names *names);
bool container_names_handle(struct container_names *names);

/* Waits until all that are asked for have their names or will not get them soon, for at most so long. */
void container_names_wait(struct container_names *names, uint64_t timeout_ns);

#endif
