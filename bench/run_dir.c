/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run_dir.h"

#include "bench/notice.h"

#include <ftw.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

static const char *temporary(void)
{
    const char *parent = getenv("TMPDIR");
    return parent == NULL || *parent == '\0' ? "/tmp" : parent;
}

static bool make_below(struct run_dir *dir, const char *parent)
{
    if (snprintf(dir->path, sizeof dir->path, "%s/shmbench-XXXXXX", parent) >= (int)sizeof dir->path) {
        notice("the path in TMPDIR is too long for a socket below it: %s", parent);
    } else if (mkdtemp(dir->path) == NULL) {
        notice_errno("cannot make a directory in %s; set TMPDIR to one that is writable", parent);
    } else {
        return true;
    }
    dir->path[0] = '\0';
    return false;
}

bool run_dir_make(struct run_dir *dir)
{
    return make_below(dir, temporary());
}

static bool is_in_memory(const char *path)
{
    struct statfs file_system;
    return statfs(path, &file_system) == 0 && file_system.f_type == TMPFS_MAGIC;
}

bool run_dir_make_in_memory(struct run_dir *dir)
{
    const char *const parents[] = {temporary(), "/dev/shm"};
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
        if (is_in_memory(parents[i]))
            return make_below(dir, parents[i]);
    dir->path[0] = '\0';
    notice("neither %s nor /dev/shm is in memory; set TMPDIR to a directory in a tmpfs", parents[0]);
    return false;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status, (void)kind, (void)where;
    if (remove(path) != 0)
        notice_errno("cannot remove %s", path);
    return 0;
}

void run_dir_remove(struct run_dir *dir)
{
    enum { DESCRIPTORS = 8 };
    if (dir->path[0] == '\0')
        return;
    if (nftw(dir->path, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS) != 0)
        notice_errno("cannot look through %s to remove it", dir->path);
    dir->path[0] = '\0';
}
