/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_AGREEMENT_OWN_CGROUPS_H
#define TESTS_AGREEMENT_OWN_CGROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Real cgroups below one of our own, and what is in them according to a plain walk of the directories. All of these
 * fail the test that calls them when they cannot, but own_cgroups_remove().
 */

enum { OWN_MOUNTS_MAX = 3, OWN_SLEEPERS_MAX = 16 };

struct own_cgroups {
    const char *const *mounts; /* each holds the same directories */
    size_t mount_count;
    const char *listed; /* the mount in which the plugin looks for lists of processes */
    char id[64];        /* of our own cgroup */
    pid_t sleepers[OWN_SLEEPERS_MAX];
    size_t sleeper_count;
};

/* v2: the unified hierarchy, else those of v1. False: there is none, or we may not make cgroups in it. */
bool own_cgroups_make(struct own_cgroups *own, bool v2);

/* Ends the sleepers and removes every directory, whatever is there. */
void own_cgroups_remove(struct own_cgroups *own);

/* below: a path below our own cgroup, such as "/a/b". */
void own_make(const struct own_cgroups *own, const char *below);
void own_delete(const struct own_cgroups *own, const char *below);
void own_rename(const struct own_cgroups *own, const char *from, const char *to);

/* Starts a process there. */
pid_t own_start(struct own_cgroups *own, const char *below);
void own_move(const struct own_cgroups *own, pid_t pid, const char *below);
void own_end(struct own_cgroups *own, pid_t pid);

/* A line "path of cgroup.procs: pid pid ...\n" for each of our cgroups, sorted; the caller's to free. */
char *own_view(const struct own_cgroups *own);

/* Such lines out of any order, sorted in place. */
void sort_lines(char *lines);

#endif
