/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_PUBLICATION_H
#define CGROUPS_PLUGIN_PUBLICATION_H

#include "tools/cgroups_plugin/options.h"
#include "tools/cgroups_plugin/table.h"

#include <netipc/netipc.h>

struct publication {
    netipc_publisher *publisher;
    netipc_cgroups_snapshot_builder *builder;
    bool services; /* services are told from other cgroups */
};

/* On failure *failure says why and *publication is empty. */
bool publication_open(struct publication *publication, const struct options *options, struct failure *failure);

/* Publishes the table; *generation becomes that of the snapshot. On failure the previous one stays published. */
bool publication_publish(struct publication *publication, const struct table *table, uint64_t *generation,
                         struct failure *failure);
void publication_close(struct publication *publication);

#endif
