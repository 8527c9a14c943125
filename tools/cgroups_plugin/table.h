/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_TABLE_H
#define CGROUPS_PLUGIN_TABLE_H

#include "tools/cgroups_plugin/arena.h"
#include "tools/cgroups_plugin/failure.h"
#include "tools/cgroups_plugin/naming.h"
#include "tools/cgroups_plugin/pattern.h"
#include "tools/cgroups_plugin/walk.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The lists of patterns; all are tried on ids. */
struct rules {
    struct pattern_list search;   /* whose children are visited */
    struct pattern_list enabled;  /* which are enabled */
    struct pattern_list services; /* which are systemd services; those are enabled whatever the list above says */
};

struct record {
    const char *id;
    const char *name;
    const char *path; /* of cgroup.procs; "" for none */
    uint64_t serial;  /* lower: known for longer */
    uint32_t hash;    /* of name */
    uint32_t options; /* NETIPC_CGROUP_... */
    uint32_t enabled;
    bool wanted; /* what the lists say */
    enum orchestrator orchestrator;
    enum engine engine; /* who may know what the container is called, by this part of id */
    size_t container_at, container_length;
    bool sandbox;       /* only holds a pod's namespaces; it stays here, but nobody else sees it */
    const char *labels; /* what the engine says of it beside its name: pairs of strings, each with its NUL; or NULL */
    size_t labels_length;
};

/* What one scan found, sorted by id. Zeroed is empty. */
struct table {
    struct record *records;
    size_t count;
    size_t left_out; /* found, but over the maximum */
    uint64_t next_serial;
    bool unified;
    struct arena texts;
};

/*
 * Fills *table from ids, which are sorted: names, hashes and what the lists say. Serials, and what depends on the
 * id alone, are carried over from previous, the table before (empty at first). max: so many are kept,
 * those known for longest; 0: all. Paths stay empty; then comes table_settle(). False: out of memory, *table is empty.
 */
bool table_build(struct table *table, const struct table *previous, const struct id_list *ids,
                 const struct rules *rules, bool unified, size_t max, struct failure *failure);

/*
 * Decides what is enabled, once the paths are there: what the lists say, but nothing without a path, and of
 * those with the same name only one: an enabled one before one that is not, else the one known for longer. The others
 * are marked as duplicates, until the first has gone. False: out of memory.
 */
bool table_settle(struct table *table, struct failure *failure);

/* The same records with texts of their own. False: out of memory, *copy is empty. */
bool table_copy(struct table *copy, const struct table *table);

/* The next record that others may see, from *at on, which begins as 0; NULL: there is none. */
const struct record *table_next(const struct table *table, size_t *at);

/* How many there are of those. */
size_t table_seen(const struct table *table);

/* Would both make the same snapshot? */
bool table_equal(const struct table *left, const struct table *right);

void table_free(struct table *table);

#endif
