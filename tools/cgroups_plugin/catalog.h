/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_CATALOG_H
#define CGROUPS_PLUGIN_CATALOG_H

#include "tools/cgroups_plugin/arena.h"
#include "tools/cgroups_plugin/table.h"

#include <netipc/lookup.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What lookups are answered from: a copy of the table that was published last, in versions that never change. Who
 * answers holds a version for as long as he reads it, without a lock; the scanning thread puts the next one in its
 * place meanwhile.
 */

struct catalog_entry {
    const char *id;
    const char *name; /* without its prefix */
    const netipc_label *labels;
    uint32_t label_count;
    enum orchestrator orchestrator;
    bool excluded;
};

struct catalog_version {
    struct catalog_entry *entries; /* sorted by id */
    size_t count;
    netipc_label *labels; /* of all of them */
    size_t label_count;
    uint64_t generation; /* of the snapshot with the same content */
    unsigned holders;    /* under the catalog's lock */
    struct arena texts;
};

struct catalog {
    pthread_mutex_t lock; /* held for the two members and a counter, never while anything is read or waited for */
    struct catalog_version *current;
};

void catalog_init(struct catalog *catalog);

/* Nobody holds a version any more. */
void catalog_free(struct catalog *catalog);

/* False: out of memory, and the version before stays. */
bool catalog_put(struct catalog *catalog, const struct table *table, uint64_t generation);

/* NULL: none was put yet. */
struct catalog_version *catalog_hold(struct catalog *catalog);
void catalog_release(struct catalog *catalog, struct catalog_version *version);

/* NULL: no cgroup has this id. */
const struct catalog_entry *catalog_find(const struct catalog_version *version, const char *id);

#endif
