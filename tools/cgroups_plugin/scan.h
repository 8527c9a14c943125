/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_SCAN_H
#define CGROUPS_PLUGIN_SCAN_H

#include "tools/cgroups_plugin/hierarchy.h"
#include "tools/cgroups_plugin/table.h"
#include "tools/cgroups_plugin/watches.h"

/* What does not change between two scans. */
struct scan_settings {
    const char *root;
    enum hierarchy_choice hierarchy;
    struct rules rules;
    size_t max;              /* 0: no maximum */
    struct watches *watches; /* NULL: nothing is watched */
};

/* What an operator may want to know of a scan beside its table. */
struct scan_notes {
    size_t unreadable;
    size_t too_deep;
    uint64_t cost_ns;
};

/*
 * Finds the hierarchy anew, walks it and fills *table; previous is the table of the scan before, or empty.
 * False: the scan is worth nothing, *table is empty and previous as good as it was.
 */
bool scan(struct table *table, const struct table *previous, const struct scan_settings *settings,
          struct scan_notes *notes, struct failure *failure);

#endif
