/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* So many directories of the path to the current one stay open; those above are opened again on the way back. */
enum { OPEN_MAX_FRAMES = 32 };

/* A directory whose children are being visited. */
struct frame {
    DIR *stream; /* NULL: closed for the sake of OPEN_MAX_FRAMES */
    dev_t device;
    ino_t inode;
    size_t names_start; /* in struct walk: its children that are still to visit are from here to names_used */
    size_t id_length;
};

struct walk {
    struct id_list *list;
    const struct pattern_list *search;
    struct failure *failure;
    const char *mount;
    bool links_count_children;
    struct frame *frames;
    size_t depth, frames_capacity;
    char *names; /* each with its NUL */
    size_t names_used, names_capacity;
    char id[WALK_ID_MAX + 1];
};

static bool out_of_memory(struct walk *walk)
{
    return fail_errno(walk->failure, ENOMEM, "%s", walk->mount);
}

static bool cannot_read(struct walk *walk, int error)
{
    return fail_errno(walk->failure, error, "%s%.300s", walk->mount, walk->id);
}

/* Room for one more element of size bytes, or for more when the elements are bytes. */
static void *grown(void *items, size_t *capacity, size_t wanted, size_t size)
{
    size_t larger = *capacity < 64 ? 64 : *capacity * 2;
    if (larger < wanted)
        larger = wanted;
    void *moved = reallocarray(items, larger, size);
    if (moved != NULL)
        *capacity = larger;
    return moved;
}

static bool add_id(struct walk *walk, ino_t inode, bool visited)
{
    struct id_list *list = walk->list;
    if (list->count == list->capacity) {
        struct found_id *ids = grown(list->ids, &list->capacity, list->count + 1, sizeof *ids);
        if (ids == NULL)
            return out_of_memory(walk);
        list->ids = ids;
    }
    const char *id = arena_text(&list->texts, walk->id, strlen(walk->id));
    if (id == NULL)
        return out_of_memory(walk);
    list->ids[list->count++] = (struct found_id){id, inode, visited};
    return true;
}

static bool add_name(struct walk *walk, const char *name)
{
    size_t length = strlen(name) + 1;
    if (walk->names_capacity - walk->names_used < length) {
        char *names = grown(walk->names, &walk->names_capacity, walk->names_used + length, 1);
        if (names == NULL)
            return out_of_memory(walk);
        walk->names = names;
    }
    memcpy(walk->names + walk->names_used, name, length);
    walk->names_used += length;
    return true;
}

static bool has_gone(int error)
{
    return error == ENOENT || error == ENODEV || error == ENOTDIR || error == ELOOP || error == ESTALE;
}

static bool list_children(struct walk *walk, DIR *stream)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL)
            return errno == 0 || has_gone(errno) || cannot_read(walk, errno);
        if (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)
            continue;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!add_name(walk, entry->d_name))
            return false;
    }
}

/* Makes the directory of stream, which it takes over, the current one. */
static bool push(struct walk *walk, DIR *stream, const struct stat *status)
{
    if (walk->depth == walk->frames_capacity) {
        struct frame *frames = grown(walk->frames, &walk->frames_capacity, walk->depth + 1, sizeof *frames);
        if (frames == NULL) {
            closedir(stream);
            return out_of_memory(walk);
        }
        walk->frames = frames;
    }
    walk->frames[walk->depth++] = (struct frame){.stream = stream,
                                                 .device = status->st_dev,
                                                 .inode = status->st_ino,
                                                 .names_start = walk->names_used,
                                                 .id_length = strcmp(walk->id, "/") == 0 ? 0 : strlen(walk->id)};
    if (walk->depth > OPEN_MAX_FRAMES) {
        struct frame *far = &walk->frames[walk->depth - 1 - OPEN_MAX_FRAMES];
        closedir(far->stream);
        far->stream = NULL;
    }
    return list_children(walk, stream);
}

/* A closed parent is opened again through its child's "..", and must be the directory that it was. */
static bool reopen_parent(struct walk *walk)
{
    struct frame *child = &walk->frames[walk->depth - 1], *parent = child - 1;
    struct stat status;
    int fd = openat(dirfd(child->stream), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return cannot_read(walk, errno);
    if (fstat(fd, &status) != 0 || status.st_dev != parent->device || status.st_ino != parent->inode) {
        close(fd);
        return fail(walk->failure, NETIPC_SYSTEM, "%s%.300s moved while it was read", walk->mount, walk->id);
    }
    parent->stream = fdopendir(fd);
    if (parent->stream == NULL) {
        close(fd);
        return out_of_memory(walk);
    }
    return true;
}

static bool pop(struct walk *walk)
{
    struct frame *frame = &walk->frames[walk->depth - 1];
    if (walk->depth > 1 && frame[-1].stream == NULL && !reopen_parent(walk))
        return false;
    closedir(frame->stream);
    walk->depth--;
    return true;
}

/* Opens the child called name and goes into it. */
static bool enter(struct walk *walk, int parent, const char *name, const struct stat *status)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        if (has_gone(errno))
            return true;
        if (errno != EACCES && errno != EPERM)
            return cannot_read(walk, errno);
        walk->list->unreadable++;
        return add_id(walk, status->st_ino, false);
    }
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        close(fd);
        return out_of_memory(walk);
    }
    struct stat opened;
    if (fstat(fd, &opened) != 0 || opened.st_dev != status->st_dev || opened.st_ino != status->st_ino) {
        closedir(stream); /* replaced in between: the next scan sees the other one */
        return true;
    }
    if (!add_id(walk, status->st_ino, true)) {
        closedir(stream);
        return false;
    }
    return push(walk, stream, status);
}

static bool set_id(struct walk *walk, size_t parent_length, const char *name)
{
    size_t length = strlen(name);
    if (length + 1 > WALK_ID_MAX - parent_length)
        return false;
    walk->id[parent_length] = '/';
    memcpy(walk->id + parent_length + 1, name, length + 1);
    return true;
}

/* Takes the last name of the current directory's children and visits it. name stays valid: nothing is added yet. */
static bool visit_next(struct walk *walk)
{
    const struct frame *frame = &walk->frames[walk->depth - 1];
    size_t start = walk->names_used - 1;
    while (start > frame->names_start && walk->names[start - 1] != '\0')
        start--;
    walk->names_used = start;
    const char *name = walk->names + start;

    struct stat status;
    int parent = dirfd(frame->stream);
    if (!set_id(walk, frame->id_length, name)) {
        walk->list->too_deep++;
        return true;
    }
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        walk->list->unreadable += errno == EACCES;
        return has_gone(errno) || errno == EACCES || cannot_read(walk, errno);
    }
    if (!S_ISDIR(status.st_mode) || status.st_dev != frame->device)
        return true;
    bool leaf = walk->links_count_children && status.st_nlink == 2;
    bool visited = pattern_list_matches(walk->search, walk->id);
    if (leaf || !visited)
        return add_id(walk, status.st_ino, visited);
    return enter(walk, parent, name, &status);
}

/* There a directory has a link for each subdirectory, so that leaves need not be opened. */
static bool links_count(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 &&
           (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC || fs.f_type == TMPFS_MAGIC);
}

static bool start(struct walk *walk)
{
    struct stat status;
    DIR *stream = opendir(walk->mount);
    if (stream == NULL)
        return fail_errno(walk->failure, errno, "%s", walk->mount);
    if (fstat(dirfd(stream), &status) != 0) {
        fail_errno(walk->failure, errno, "%s", walk->mount);
        closedir(stream);
        return false;
    }
    walk->links_count_children = links_count(dirfd(stream));
    bool visited = pattern_list_matches(walk->search, walk->id);
    if (!add_id(walk, status.st_ino, visited)) {
        closedir(stream);
        return false;
    }
    if (visited)
        return push(walk, stream, &status);
    closedir(stream);
    return true;
}

bool walk(struct id_list *list, const char *mount, const struct pattern_list *search, struct failure *failure)
{
    struct walk *walk = calloc(1, sizeof *walk);
    if (walk == NULL)
        return fail_errno(failure, ENOMEM, "%s", mount);
    *walk = (struct walk){.list = list, .search = search, .failure = failure, .mount = mount, .id = "/"};

    bool done = start(walk);
    while (done && walk->depth > 0) {
        bool more = walk->names_used > walk->frames[walk->depth - 1].names_start;
        done = more ? visit_next(walk) : pop(walk);
    }
    for (size_t i = 0; i < walk->depth; i++) {
        if (walk->frames[i].stream != NULL)
            closedir(walk->frames[i].stream);
    }
    free(walk->frames);
    free(walk->names);
    free(walk);
    return done;
}

static int by_bytes(const void *left, const void *right)
{
    const struct found_id *a = left, *b = right;
    return strcmp(a->id, b->id);
}

void id_list_sort_from(struct id_list *list, size_t first)
{
    if (list->count > first)
        qsort(list->ids + first, list->count - first, sizeof *list->ids, by_bytes);
}

void id_list_sort(struct id_list *list)
{
    if (list->count == 0)
        return;
    id_list_sort_from(list, 0);
    size_t kept = 1;
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(list->ids[i].id, list->ids[kept - 1].id) != 0)
            list->ids[kept++] = list->ids[i];
    }
    list->count = kept;
}

void id_list_free(struct id_list *list)
{
    free(list->ids);
    arena_free(&list->texts);
    *list = (struct id_list){0};
}
