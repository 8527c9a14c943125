/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void fake_tree_make(struct fake_tree *tree)
{
    const char *place = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(tree->path, sizeof tree->path, "%s/cgroups-test-XXXXXX", place);
    assert_non_null(mkdtemp(tree->path));
}

/* rm copes with trees that are deeper than a path can be long. */
void fake_tree_remove(struct fake_tree *tree)
{
    char program[] = "rm", recursive[] = "-rf", end[] = "--";
    char *arguments[] = {program, recursive, end, tree->path, NULL};
    char *environment[] = {NULL};
    pid_t pid;
    int status;
    assert_int_equal(posix_spawnp(&pid, "rm", NULL, NULL, arguments, environment), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void absolute(char *path, const struct fake_tree *tree, const char *relative, const char *file)
{
    int length = snprintf(path, PATH_MAX, "%s/%s%s", tree->path, relative, file);
    assert_in_range(length, 1, PATH_MAX - 1);
}

void fake_tree_directory(const struct fake_tree *tree, const char *directory)
{
    char path[PATH_MAX];
    absolute(path, tree, directory, "");
    for (char *slash = path + strlen(tree->path) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = '\0';
        assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
}

void fake_tree_file(const struct fake_tree *tree, const char *file, const char *content)
{
    char path[PATH_MAX];
    absolute(path, tree, file, "");
    FILE *stream = fopen(path, "we");
    assert_non_null(stream);
    assert_true(fputs(content, stream) >= 0);
    assert_int_equal(fclose(stream), 0);
}

void fake_tree_cgroup(const struct fake_tree *tree, const char *directory)
{
    char procs[PATH_MAX];
    fake_tree_directory(tree, directory);
    snprintf(procs, sizeof procs, "%s/cgroup.procs", directory);
    fake_tree_file(tree, procs, "");
}

void fake_tree_remove_cgroup(const struct fake_tree *tree, const char *directory)
{
    char path[PATH_MAX];
    absolute(path, tree, directory, "/cgroup.procs");
    assert_int_equal(unlink(path), 0);
    absolute(path, tree, directory, "");
    assert_int_equal(rmdir(path), 0);
}

void fake_tree_v2(const struct fake_tree *tree)
{
    fake_tree_cgroup(tree, "sys/fs/cgroup");
    fake_tree_file(tree, "sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
}

unsigned open_descriptors(void)
{
    DIR *stream = opendir("/proc/self/fd");
    unsigned count = 0;
    assert_non_null(stream);
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}
