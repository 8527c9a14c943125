/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/watches.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static const uint32_t told = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW;

/*
 * The kernel does not always say that a watched directory of a hierarchy has gone, and keeps its inode for the watch.
 * Another one of the same name is known by its inode.
 */
struct watch {
    const char *id;
    ino_t inode;
    int descriptor;
};

bool watches_open(struct watches *watches, size_t most, struct failure *failure)
{
    *watches = (struct watches){.fd = -1, .most = most};
    if (most > 0)
        watches->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return most == 0 || watches->fd >= 0 || fail_errno(failure, errno, "inotify");
}

static void forget_mount(struct watched_mount *mount)
{
    free(mount->mount);
    free(mount->list);
    arena_free(&mount->texts);
    *mount = (struct watched_mount){0};
}

void watches_close(struct watches *watches)
{
    for (size_t i = 0; i < HIERARCHY_WALKED_MAX; i++)
        forget_mount(&watches->mounts[i]);
    if (watches->fd >= 0)
        close(watches->fd);
    *watches = (struct watches){.fd = -1};
}

void watches_begin(struct watches *watches)
{
    watches->added = 0;
    watches->missing = 0;
    watches->full = false;
}

/* It may be gone by itself: then there is nothing to remove. */
static void unwatch(struct watches *watches, const struct watch *watch)
{
    inotify_rm_watch(watches->fd, watch->descriptor);
    watches->count--;
}

static void unwatch_mount(struct watches *watches, struct watched_mount *mount)
{
    for (size_t i = 0; i < mount->count; i++)
        unwatch(watches, &mount->list[i]);
    forget_mount(mount);
}

static void miss(struct watches *watches, int error)
{
    if (watches->missing++ == 0)
        watches->error = error;
}

static void add_watch(struct watches *watches, struct watched_mount *new, const struct found_id *found)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s%s", new->mount, found->id);
    if (length < 0 || (size_t)length >= sizeof path) {
        miss(watches, ENAMETOOLONG);
    } else if (watches->full || watches->count >= watches->most) {
        miss(watches, 0);
    } else {
        int descriptor = inotify_add_watch(watches->fd, path, told);
        if (descriptor >= 0) {
            new->list[new->count++] = (struct watch){found->id, found->inode, descriptor};
            watches->count++;
            watches->added++;
        } else if (errno != ENOENT && errno != ENOTDIR) {
            watches->full = errno == ENOSPC || errno == ENOMEM;
            miss(watches, errno);
        }
    }
}

/* Drops the watches of directories that have gone, before others are added: a renamed one keeps its descriptor. */
static void keep_same(struct watches *watches, struct watched_mount *mount, const struct found_id *ids, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0, k = 0; i < mount->count; i++) {
        int order = 1;
        while (k < count && (order = strcmp(ids[k].id, mount->list[i].id)) < 0)
            k++;
        if (k < count && order == 0 && ids[k].visited && ids[k].inode == mount->list[i].inode)
            mount->list[kept++] = mount->list[i];
        else
            unwatch(watches, &mount->list[i]);
    }
    mount->count = kept;
}

static void add_new(struct watches *watches, const struct watched_mount *old, struct watched_mount *new,
                    const struct found_id *ids, size_t count)
{
    for (size_t i = 0, k = 0; i < count; i++) {
        if (!ids[i].visited)
            continue;
        int order = k < old->count ? strcmp(old->list[k].id, ids[i].id) : 1;
        if (order == 0) {
            new->list[new->count] = old->list[k++];
            new->list[new->count++].id = ids[i].id;
        } else {
            add_watch(watches, new, &ids[i]);
        }
    }
}

/* The ids are those of a scan, which has an end. */
static bool keep_texts(struct watched_mount *mount)
{
    for (size_t i = 0; i < mount->count; i++) {
        const char *id = mount->list[i].id;
        mount->list[i].id = arena_text(&mount->texts, id, strlen(id));
        if (mount->list[i].id == NULL)
            return false;
    }
    return true;
}

static bool out_of_memory(struct watches *watches, struct watched_mount *mount, struct failure *failure)
{
    fail_errno(failure, ENOMEM, "%zu watches", mount->count);
    unwatch_mount(watches, mount);
    return false;
}

bool watches_set(struct watches *watches, size_t index, const char *mount, const struct found_id *ids, size_t count,
                 struct failure *failure)
{
    struct watched_mount *old = &watches->mounts[index];
    if (watches->fd < 0)
        return true;
    if (old->mount != NULL && strcmp(old->mount, mount) != 0)
        unwatch_mount(watches, old);
    struct watched_mount new = {.mount = strdup(mount), .list = calloc(count + 1, sizeof *new.list)};
    keep_same(watches, old, ids, count);
    if (new.mount == NULL || new.list == NULL) {
        forget_mount(&new);
        return out_of_memory(watches, old, failure);
    }
    add_new(watches, old, &new, ids, count);
    forget_mount(old);
    *old = new;
    return keep_texts(old) || out_of_memory(watches, old, failure);
}

bool watches_read(struct watches *watches)
{
    union {
        struct inotify_event event;
        char bytes[16384];
    } buffer;
    bool changed = false;
    for (;;) {
        ssize_t got = read(watches->fd, buffer.bytes, sizeof buffer.bytes);
        if (got <= 0)
            return changed;
        for (size_t at = 0; at < (size_t)got;) {
            struct inotify_event event;
            memcpy(&event, buffer.bytes + at, sizeof event);
            if (event.mask & IN_UNMOUNT) {
                for (size_t i = 0; i < HIERARCHY_WALKED_MAX; i++)
                    unwatch_mount(watches, &watches->mounts[i]);
            }
            if (event.mask & (IN_ISDIR | IN_Q_OVERFLOW | IN_UNMOUNT))
                changed = true;
            at += sizeof event + event.len;
        }
    }
}
