/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/scan.h"

#include "tools/cgroups_plugin/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char PROCS[] = "cgroup.procs";

/* For paths that are too long for one call: goes down component by component. */
static bool has_procs_far_below(int mount, const char *id)
{
    char name[NAME_MAX + 1];
    int at = mount;
    bool found = false;
    for (const char *component = id; at >= 0; component += strcspn(component, "/")) {
        component += strspn(component, "/");
        size_t length = strcspn(component, "/");
        if (length == 0) {
            found = faccessat(at, PROCS, F_OK, 0) == 0;
            break;
        }
        int below = -1;
        if (length < sizeof name) {
            memcpy(name, component, length);
            name[length] = '\0';
            below = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        }
        if (at != mount)
            close(at);
        at = below;
    }
    if (at >= 0 && at != mount)
        close(at);
    return found;
}

static bool has_procs(int mount, const char *id)
{
    char path[PATH_MAX];
    const char *below = id + 1;
    size_t length = strlen(below);
    if (length + 1 + sizeof PROCS > sizeof path)
        return has_procs_far_below(mount, id);
    memcpy(path, below, length);
    if (length > 0)
        path[length++] = '/';
    memcpy(path + length, PROCS, sizeof PROCS);
    return faccessat(mount, path, F_OK, 0) == 0;
}

static bool set_path(struct table *table, struct record *record, const char *mount)
{
    char path[PATH_MAX + WALK_ID_MAX + sizeof PROCS + 1];
    const char *id = strcmp(record->id, "/") == 0 ? "" : record->id;
    int length = snprintf(path, sizeof path, "%s%s/%s", mount, id, PROCS);
    if (length < 0 || (size_t)length >= sizeof path)
        return true; /* no kernel mounts anything at such a path */
    const char *copy = arena_text(&table->texts, path, (size_t)length);
    if (copy != NULL)
        record->path = copy;
    return copy != NULL;
}

/* Gives a path to all records that have none yet and have a cgroup.procs below this mount. */
static bool locate_in(struct table *table, const char *mount, struct failure *failure)
{
    int fd = open(mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(failure, errno, "%s", mount);
    bool done = true;
    for (size_t i = 0; done && i < table->count; i++) {
        struct record *record = &table->records[i];
        if (record->path[0] == '\0' && has_procs(fd, record->id))
            done = set_path(table, record, mount);
    }
    close(fd);
    return done || fail_errno(failure, ENOMEM, "%s", mount);
}

static bool locate(struct table *table, const struct hierarchy *hierarchy, struct failure *failure)
{
    for (size_t i = 0; i < hierarchy->located_count; i++) {
        if (!locate_in(table, hierarchy->located[i], failure))
            return false;
    }
    return true;
}

static bool walk_one(struct id_list *ids, size_t index, const char *mount, const struct scan_settings *settings,
                     struct failure *failure)
{
    size_t first = ids->count;
    if (!walk(ids, mount, &settings->rules.search, failure))
        return false;
    if (settings->watches == NULL)
        return true;
    id_list_sort_from(ids, first);
    return watches_set(settings->watches, index, mount, ids->ids + first, ids->count - first, failure);
}

static bool walk_all(struct id_list *ids, const struct hierarchy *hierarchy, const struct scan_settings *settings,
                     struct failure *failure)
{
    if (settings->watches != NULL)
        watches_begin(settings->watches);
    for (size_t i = 0; i < hierarchy->walked_count; i++) {
        if (!walk_one(ids, i, hierarchy->walked[i], settings, failure))
            return false;
    }
    id_list_sort(ids);
    return true;
}

bool scan(struct table *table, const struct table *previous, const struct scan_settings *settings,
          struct scan_notes *notes, struct failure *failure)
{
    struct hierarchy hierarchy;
    struct id_list ids = {0};
    uint64_t begun = clock_now_ns();
    *table = (struct table){0};
    *notes = (struct scan_notes){0};
    if (!hierarchy_find(&hierarchy, settings->root, settings->hierarchy, failure))
        return false;
    bool done = walk_all(&ids, &hierarchy, settings, failure) &&
                table_build(table, previous, &ids, &settings->rules, hierarchy.unified, settings->max, failure) &&
                locate(table, &hierarchy, failure) && table_settle(table, failure);
    notes->unreadable = ids.unreadable;
    notes->too_deep = ids.too_deep;
    notes->cost_ns = clock_now_ns() - begun;
    if (!done)
        table_free(table);
    id_list_free(&ids);
    hierarchy_free(&hierarchy);
    return done;
}
