/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/agreement/own_cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const v1_mounts[] = {"/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/memory"};
static const char *const v2_hybrid[] = {"/sys/fs/cgroup/unified"};
static const char *const v2_alone[] = {"/sys/fs/cgroup"};

static void path_of(char path[PATH_MAX], const char *mount, const struct own_cgroups *own, const char *below)
{
    int length = snprintf(path, PATH_MAX, "%s%s%s", mount, own->id, below);
    assert_in_range(length, 1, PATH_MAX - 1);
}

static void choose(struct own_cgroups *own, bool v2)
{
    bool alone = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
    own->mounts = !v2 ? v1_mounts : alone ? v2_alone : v2_hybrid;
    own->mount_count = v2 ? 1 : OWN_MOUNTS_MAX;
    own->listed = v2 ? own->mounts[0] : v1_mounts[1]; /* cpuset comes first, but none of our directories is there */
}

bool own_cgroups_make(struct own_cgroups *own, bool v2)
{
    *own = (struct own_cgroups){0};
    snprintf(own->id, sizeof own->id, "/netipc-agree-%d", (int)getpid());
    choose(own, v2);
    for (size_t i = 0; i < own->mount_count; i++) {
        char path[PATH_MAX];
        path_of(path, own->mounts[i], own, "/cgroup.procs");
        char *last = strrchr(path, '/');
        *last = '\0';
        if (mkdir(path, 0755) != 0)
            return false;
        *last = '/';
        if (access(path, W_OK) != 0) /* a directory, but not one of a hierarchy */
            return false;
    }
    return true;
}

static void nap(void)
{
    struct timespec time = {0, 5000000};
    nanosleep(&time, NULL);
}

/* A cgroup is free a moment after its last process has been waited for. */
static bool remove_directory(const char *path)
{
    for (int i = 0; rmdir(path) != 0; i++) {
        if (errno == ENOENT)
            return true;
        if (errno != EBUSY || i == 2000)
            return false;
        nap();
    }
    return true;
}

static void remove_all_below(const char *path)
{
    DIR *stream = opendir(path);
    struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        char child[PATH_MAX];
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < (int)sizeof child)
            remove_all_below(child);
    }
    if (stream != NULL)
        closedir(stream);
    remove_directory(path);
}

void own_cgroups_remove(struct own_cgroups *own)
{
    for (size_t i = 0; i < own->sleeper_count; i++) {
        kill(own->sleepers[i], SIGKILL);
        waitpid(own->sleepers[i], NULL, 0);
    }
    own->sleeper_count = 0;
    for (size_t i = 0; i < own->mount_count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s", own->mounts[i], own->id);
        remove_all_below(path);
    }
}

void own_make(const struct own_cgroups *own, const char *below)
{
    for (size_t i = 0; i < own->mount_count; i++) {
        char path[PATH_MAX];
        path_of(path, own->mounts[i], own, below);
        assert_int_equal(mkdir(path, 0755), 0);
    }
}

void own_delete(const struct own_cgroups *own, const char *below)
{
    for (size_t i = 0; i < own->mount_count; i++) {
        char path[PATH_MAX];
        path_of(path, own->mounts[i], own, below);
        assert_true(remove_directory(path));
    }
}

void own_rename(const struct own_cgroups *own, const char *from, const char *to)
{
    for (size_t i = 0; i < own->mount_count; i++) {
        char old[PATH_MAX], new[PATH_MAX];
        path_of(old, own->mounts[i], own, from);
        path_of(new, own->mounts[i], own, to);
        assert_int_equal(rename(old, new), 0);
    }
}

void own_move(const struct own_cgroups *own, pid_t pid, const char *below)
{
    for (size_t i = 0; i < own->mount_count; i++) {
        char path[PATH_MAX], file[64];
        snprintf(file, sizeof file, "%.40s/cgroup.procs", below);
        path_of(path, own->mounts[i], own, file);
        FILE *procs = fopen(path, "we");
        assert_non_null(procs);
        fprintf(procs, "%d\n", (int)pid);
        assert_int_equal(fclose(procs), 0);
    }
}

pid_t own_start(struct own_cgroups *own, const char *below)
{
    assert_in_range(own->sleeper_count, 0, OWN_SLEEPERS_MAX - 1);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;)
            pause();
    }
    own->sleepers[own->sleeper_count++] = pid;
    own_move(own, pid, below);
    return pid;
}

void own_end(struct own_cgroups *own, pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    size_t kept = 0;
    for (size_t i = 0; i < own->sleeper_count; i++) {
        if (own->sleepers[i] != pid)
            own->sleepers[kept++] = own->sleepers[i];
    }
    own->sleeper_count = kept;
}

static int by_number(const void *left, const void *right)
{
    long a = *(const long *)left, b = *(const long *)right;
    return (a > b) - (a < b);
}

static void write_list(FILE *out, const char *path)
{
    long pids[64];
    size_t count = 0;
    FILE *list = fopen(path, "re");
    fprintf(out, "%s:", path);
    while (list != NULL && count < sizeof pids / sizeof pids[0] && fscanf(list, "%ld", &pids[count]) == 1)
        count++;
    if (list != NULL)
        fclose(list);
    qsort(pids, count, sizeof pids[0], by_number);
    for (size_t i = 0; i < count; i++)
        fprintf(out, " %ld", pids[i]);
    fputc('\n', out);
}

static void walk_below(FILE *out, const char *path)
{
    char child[PATH_MAX];
    DIR *stream = opendir(path);
    struct dirent *entry;
    if (snprintf(child, sizeof child, "%s/cgroup.procs", path) < (int)sizeof child)
        write_list(out, child);
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            snprintf(child, sizeof child, "%s/%s", path, entry->d_name) < (int)sizeof child)
            walk_below(out, child);
    }
    if (stream != NULL)
        closedir(stream);
}

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

void sort_lines(char *lines)
{
    size_t length = strlen(lines), count = 0;
    char *copy = strdup(lines);
    char **starts = calloc(length + 1, sizeof *starts);
    assert_non_null(copy);
    assert_non_null(starts);
    char *rest = NULL;
    for (char *line = strtok_r(copy, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        starts[count++] = line;
    if (count > 0)
        qsort(starts, count, sizeof *starts, by_text);
    for (size_t i = 0; i < count; i++) {
        lines = stpcpy(lines, starts[i]);
        *lines++ = '\n';
    }
    free(starts);
    free(copy);
}

char *own_view(const struct own_cgroups *own)
{
    char *view = NULL, path[PATH_MAX];
    size_t length;
    FILE *out = open_memstream(&view, &length);
    assert_non_null(out);
    path_of(path, own->listed, own, "");
    walk_below(out, path);
    assert_int_equal(fclose(out), 0);
    sort_lines(view);
    return view;
}
