/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_EVENTS_H
#define CGROUPS_PLUGIN_EVENTS_H

#include "tools/cgroups_plugin/failure.h"
#include "tools/cgroups_plugin/schedule.h"
#include "tools/cgroups_plugin/watches.h"

#include <stdatomic.h>
#include <stdbool.h>

/* What the program waits for. */
struct events {
    int signals;
    int reader;            /* of our stdout, which is a pipe; -1 when it is something else */
    int misses;            /* an eventfd, written to by whoever looked for a cgroup in vain ... */
    atomic_bool miss_told; /* ... once until it is read */
    bool once;             /* scans when it is told to by a signal, and else not */
    int names;             /* set by the user: readable when names of containers may have come; -1 for none */
    struct watches watches;
    struct schedule schedule;
};

/* watches_max: as watches_open(). False: *events is empty. Without inotify it says so on stderr and goes by the clock.
 */
bool events_open(struct events *events, bool once, size_t watches_max, struct failure *failure);
void events_close(struct events *events);

enum wish { WISH_SCAN, WISH_NAMES, WISH_END };

/* WISH_END also when it cannot go on; *failure says why then, and is untouched else. */
enum wish events_wait(struct events *events, struct failure *failure);

/* What has happened so far is what the next scan sees. */
void events_drain(struct events *events);

/* Any thread, and never blocks. */
void events_tell_miss(struct events *events);

#endif
