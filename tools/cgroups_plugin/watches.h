/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_WATCHES_H
#define CGROUPS_PLUGIN_WATCHES_H

#include "tools/cgroups_plugin/arena.h"
#include "tools/cgroups_plugin/failure.h"
#include "tools/cgroups_plugin/hierarchy.h"
#include "tools/cgroups_plugin/walk.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Inotify watches on the directories whose children a scan visits, so that one that is made, removed or renamed is told
 * at once. It only ever says that something has changed: what, the next scan sees for itself, and the interval
 * remains for what is not told (changes made in another cgroup namespace, directories beyond the limits).
 */

struct watch;

/* The watches below one mount. */
struct watched_mount {
    char *mount;
    struct watch *list; /* sorted by id */
    size_t count;
    struct arena texts;
};

struct watches {
    int fd; /* -1: none */
    size_t most;
    struct watched_mount mounts[HIERARCHY_WALKED_MAX];
    size_t count;   /* of all */
    size_t missing; /* directories of the last scan that could not be watched */
    size_t added;   /* by the last scan: these were looked at before they were watched */
    int error;      /* why some are missing; 0: most is reached */
    bool full;      /* no more can be added now */
};

/* most: so many directories at once; 0: none, and there is no descriptor. False: there is no inotify. */
bool watches_open(struct watches *watches, size_t most, struct failure *failure);
void watches_close(struct watches *watches);

/* Before a scan. */
void watches_begin(struct watches *watches);

/*
 * What a scan found below mount, the one with this index: count ids, sorted. Watches those that are new, and forgets
 * those that have gone or are other directories by now. What cannot be watched is counted, and tried again next
 * time. False: out of memory.
 */
bool watches_set(struct watches *watches, size_t index, const char *mount, const struct found_id *ids, size_t count,
                 struct failure *failure);

/* Takes what has been told; true when a directory came, went or was renamed, or when that is no longer known. */
bool watches_read(struct watches *watches);

#endif
