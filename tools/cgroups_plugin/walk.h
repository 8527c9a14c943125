/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_WALK_H
#define CGROUPS_PLUGIN_WALK_H

#include "tools/cgroups_plugin/arena.h"
#include "tools/cgroups_plugin/failure.h"
#include "tools/cgroups_plugin/pattern.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The longest id that is kept: it bounds the memory that a chain of nested directories can take. */
enum { WALK_ID_MAX = 16 * 1024 };

struct found_id {
    const char *id; /* the path below a mount, "/" for the mount itself */
    ino_t inode;
    bool visited; /* its children are looked for */
};

/* Cgroups. Zeroed is empty. */
struct id_list {
    struct found_id *ids;
    size_t count;
    size_t capacity;
    size_t unreadable; /* directories whose children could not be listed for want of permission */
    size_t too_deep;   /* directories left out because of WALK_ID_MAX */
    struct arena texts;
};

/*
 * Adds every directory below mount, in no order; children are visited only of those that search matches.
 *
 * Directories may come and go meanwhile: one that has gone is left out. Symbolic links and other file systems
 * are not followed. A bounded number of descriptors is open at any depth. False: not everything could be
 * read, and the list is not to be used but for id_list_free().
 */
bool walk(struct id_list *list, const char *mount, const struct pattern_list *search, struct failure *failure);

/* Sorts those from first on by the bytes of their ids. */
void id_list_sort_from(struct id_list *list, size_t first);

/* Sorts all, and drops what is there twice. */
void id_list_sort(struct id_list *list);
void id_list_free(struct id_list *list);

#endif
