/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_HIERARCHY_H
#define CGROUPS_PLUGIN_HIERARCHY_H

#include "tools/cgroups_plugin/arena.h"
#include "tools/cgroups_plugin/failure.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Where the cgroups of this host are. On a hybrid host both kinds are; AUTO takes v1 there, because that is
 * where its controllers are.
 *
 * v2: the kernel says so (statfs), or there is a file cgroup.controllers at the top of <root>/sys/fs/cgroup,
 * which is how a tree that is only a copy in a directory is recognised. v1: everything else. The v1 mounts are
 * found by controller in mountinfo; when there is no mountinfo, or none of its lines is about cgroups,
 * directories of <root>/sys/fs/cgroup that are named like the controllers are taken.
 */
enum hierarchy_choice { HIERARCHY_AUTO, HIERARCHY_V1, HIERARCHY_V2 };

enum { HIERARCHY_WALKED_MAX = 3 };

struct hierarchy {
    bool unified;
    /* Directories to walk; the cgroups are what is found in any of them. */
    const char *walked[HIERARCHY_WALKED_MAX];
    size_t walked_count;
    /* Directories to look for a cgroup's cgroup.procs in; the first that has it is right. */
    const char *located[4];
    size_t located_count;
    struct arena texts;
};

/* root is "/" or an absolute path without a slash at its end. False: *hierarchy is empty. */
bool hierarchy_find(struct hierarchy *hierarchy, const char *root, enum hierarchy_choice choice,
                    struct failure *failure);
void hierarchy_free(struct hierarchy *hierarchy);

#endif
