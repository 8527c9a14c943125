/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/hierarchy.h"

#include "tools/cgroups_plugin/mountinfo.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char TOP[] = "/sys/fs/cgroup";
static const char CONTROLLERS_FILE[] = "cgroup.controllers"; /* only v2 has it */

enum { CPUACCT, BLKIO, MEMORY, CPUSET, DEVICES, CONTROLLERS };

static const char *const controllers[CONTROLLERS] = {"cpuacct", "blkio", "memory", "cpuset", "devices"};

/* What mountinfo knows: mount points with the root in front, NULL for none. */
struct mounts {
    const char *unified;
    const char *v1[CONTROLLERS];
    bool any;
};

struct search {
    const char *prefix; /* the root, empty for "/" */
    const char *top;
    bool top_is_v2;
    struct mounts mounts;
    struct arena *texts;
};

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_file(const char *directory, const char *file)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, file);
    return length > 0 && (size_t)length < sizeof path && access(path, F_OK) == 0;
}

static bool below_top(const char *point)
{
    size_t length = strlen(TOP);
    return strncmp(point, TOP, length) == 0 && (point[length] == '/' || point[length] == '\0');
}

/* The first mount wins, but one below /sys/fs/cgroup wins over copies elsewhere (those of containers, say). */
static bool keep_mount(const struct search *search, const char **kept, const char *point)
{
    if (*kept != NULL && (below_top(*kept + strlen(search->prefix)) || !below_top(point)))
        return true;
    char *path = arena_join(search->texts, search->prefix, point);
    if (path == NULL)
        return false;
    if (is_directory(path))
        *kept = path;
    return true;
}

static bool keep_if_cgroup(struct search *search, const struct mount *mount)
{
    struct mounts *mounts = &search->mounts;
    if (strcmp(mount->type, "cgroup2") == 0) {
        mounts->any = true;
        return keep_mount(search, &mounts->unified, mount->point);
    }
    if (strcmp(mount->type, "cgroup") != 0)
        return true;
    mounts->any = true;
    for (int i = 0; i < CONTROLLERS; i++) {
        if (mount_has_option(mount->super_options, controllers[i]) && !keep_mount(search, &mounts->v1[i], mount->point))
            return false;
    }
    return true;
}

/*
 * Below another root, process 1 comes first: that root's /proc/self leads to this process, whose own mount
 * namespace it shows, not that of the host behind the root.
 */
static bool read_mountinfo(const struct search *search, struct mountinfo *info, struct failure *failure)
{
    static const char *const files[] = {"/proc/1/mountinfo", "/proc/self/mountinfo"};
    size_t first = search->prefix[0] == '\0' ? 1 : 0;
    for (size_t i = first; i < sizeof files / sizeof files[0]; i++) {
        char *path = arena_join(search->texts, search->prefix, files[i]);
        if (path == NULL)
            return fail_errno(failure, ENOMEM, "%s", files[i]);
        if (mountinfo_read(info, path, failure))
            return true;
        if (failure->status == NETIPC_NO_MEMORY || failure->status == NETIPC_NO_DESCRIPTORS)
            return false;
    }
    return true;
}

/* Keeps <top>/<name> as *kept when it is a directory, with this file in it unless file is NULL. */
static bool keep_directory(const struct search *search, const char **kept, const char *name, const char *file)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", search->top, name);
    if (length < 0 || (size_t)length >= sizeof path || !is_directory(path) || (file != NULL && !has_file(path, file)))
        return true;
    *kept = arena_text(search->texts, path, (size_t)length);
    return *kept != NULL;
}

static bool keep_directories(struct search *search)
{
    for (int i = 0; i < CONTROLLERS; i++) {
        if (!keep_directory(search, &search->mounts.v1[i], controllers[i], NULL))
            return false;
    }
    return keep_directory(search, &search->mounts.unified, "unified", CONTROLLERS_FILE);
}

static bool find_mounts(struct search *search, struct failure *failure)
{
    struct mountinfo info = {0};
    if (!read_mountinfo(search, &info, failure))
        return false;
    struct mount mount;
    bool done = true;
    for (size_t at = 0; done && mountinfo_next(&info, &at, &mount);)
        done = keep_if_cgroup(search, &mount);
    mountinfo_free(&info);
    if (done && !search->mounts.any)
        done = keep_directories(search);
    return done || fail_errno(failure, ENOMEM, "%s", search->top);
}

static bool take_v1(struct hierarchy *hierarchy, const struct search *search)
{
    const char *const *v1 = search->mounts.v1;
    for (int i = CPUACCT; i <= MEMORY; i++) {
        if (v1[i] == NULL)
            continue;
        bool walked = false; /* controllers can share a mount */
        for (size_t k = 0; k < hierarchy->walked_count; k++)
            walked = walked || strcmp(hierarchy->walked[k], v1[i]) == 0;
        if (!walked)
            hierarchy->walked[hierarchy->walked_count++] = v1[i];
    }
    if (hierarchy->walked_count == 0)
        return false;
    static const int order[] = {CPUSET, BLKIO, MEMORY, DEVICES};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (v1[order[i]] != NULL)
            hierarchy->located[hierarchy->located_count++] = v1[order[i]];
    }
    return true;
}

static bool take_v2(struct hierarchy *hierarchy, const struct search *search)
{
    const char *mount = search->top_is_v2 ? search->top : search->mounts.unified;
    if (mount == NULL)
        return false;
    hierarchy->unified = true;
    hierarchy->walked[hierarchy->walked_count++] = mount;
    hierarchy->located[hierarchy->located_count++] = mount;
    return true;
}

static bool take_chosen(struct hierarchy *hierarchy, const struct search *search, enum hierarchy_choice choice,
                        struct failure *failure)
{
    switch (choice) {
    case HIERARCHY_V1:
        return (!search->top_is_v2 && take_v1(hierarchy, search)) ||
               fail(failure, NETIPC_UNSUPPORTED,
                    "no cgroup v1 controller cpuacct, blkio or memory is mounted below %s; try --hierarchy auto",
                    search->top);
    case HIERARCHY_V2:
        return take_v2(hierarchy, search) || fail(failure, NETIPC_UNSUPPORTED,
                                                  "no cgroup v2 hierarchy is mounted at %s or below it; try "
                                                  "--hierarchy auto",
                                                  search->top);
    case HIERARCHY_AUTO:
        break;
    }
    return (!search->top_is_v2 && take_v1(hierarchy, search)) || take_v2(hierarchy, search) ||
           fail(failure, NETIPC_UNSUPPORTED, "no cgroup hierarchy is mounted at %s or below it", search->top);
}

bool hierarchy_find(struct hierarchy *hierarchy, const char *root, enum hierarchy_choice choice,
                    struct failure *failure)
{
    *hierarchy = (struct hierarchy){0};
    struct search search = {.prefix = strcmp(root, "/") == 0 ? "" : root, .texts = &hierarchy->texts};
    struct statfs fs;
    bool found = false;
    search.top = arena_join(search.texts, search.prefix, TOP);
    if (search.top == NULL) {
        fail_errno(failure, ENOMEM, "%s", TOP);
    } else if (statfs(search.top, &fs) != 0) {
        fail_errno(failure, errno, "mount the cgroup file system or give another --host-prefix; %s", search.top);
    } else {
        search.top_is_v2 = fs.f_type == CGROUP2_SUPER_MAGIC || has_file(search.top, CONTROLLERS_FILE);
        found = find_mounts(&search, failure) && take_chosen(hierarchy, &search, choice, failure);
    }
    if (!found)
        hierarchy_free(hierarchy);
    return found;
}

void hierarchy_free(struct hierarchy *hierarchy)
{
    arena_free(&hierarchy->texts);
    *hierarchy = (struct hierarchy){0};
}
