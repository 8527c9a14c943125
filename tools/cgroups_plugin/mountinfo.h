/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_MOUNTINFO_H
#define CGROUPS_PLUGIN_MOUNTINFO_H

#include "tools/cgroups_plugin/failure.h"

#include <stdbool.h>
#include <stddef.h>

/* What a line of mountinfo (see proc_pid_mountinfo(5)) says of a mount; escapes are undone. */
struct mount {
    const char *point;
    const char *type;
    const char *super_options;
};

/* The text of a mountinfo file; zeroed is empty. */
struct mountinfo {
    char *text;
    size_t length;
};

/* False: the file cannot be read, or is larger than any that a kernel makes. */
bool mountinfo_read(struct mountinfo *info, const char *path, struct failure *failure);
void mountinfo_free(struct mountinfo *info);

/*
 * Fills in *mount from the next line that is well-formed, from *at (0 at first) on, and moves *at behind it.
 * False at the end. Lines that are not well-formed are skipped. Works in place: each line can be
 * taken once, and what mount points to lives as long as info.
 */
bool mountinfo_next(struct mountinfo *info, size_t *at, struct mount *mount);

/* Is option one of the comma-separated words of options? */
bool mount_has_option(const char *options, const char *option);

#endif
