/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/run_dir.h"

#include "bench/notice.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool run_dir_make(struct run_dir *dir)
{
    const char *parent = getenv("TMPDIR");
    if (parent == NULL || *parent == '\0')
        parent = "/tmp";
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

void run_dir_remove(struct run_dir *dir)
{
    if (dir->path[0] == '\0')
        return;
    DIR *stream = opendir(dir->path);
    const struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(stream), entry->d_name, 0);
    if (stream != NULL)
        closedir(stream);
    if (rmdir(dir->path) != 0)
        notice_errno("cannot remove %s", dir->path);
    dir->path[0] = '\0';
}
