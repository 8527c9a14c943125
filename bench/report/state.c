/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/state.h"

#include "bench/notice.h"
#include "bench/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json_util.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static const char finished_name[] = "finished";
static const char incoming_name[] = ".incoming";

struct file_name {
    char text[64];
};

static struct file_name file_of(const struct row *row)
{
    struct file_name name;
    snprintf(name.text, sizeof name.text, "%s.json", row->name);
    return name;
}

static bool kept(const struct state *state, const char *name)
{
    return faccessat(state->directory, name, F_OK, 0) == 0;
}

static bool removed(const struct state *state, const char *name)
{
    if (unlinkat(state->directory, name, 0) == 0 || errno == ENOENT)
        return true;
    notice_errno("cannot remove %s/%s", state->path, name);
    return false;
}

bool state_open(struct state *state, const char *path, bool must_exist)
{
    if ((size_t)snprintf(state->path, sizeof state->path, "%s", path) >= sizeof state->path) {
        notice("the path of the state directory is too long: %s", path);
        return false;
    }
    snprintf(state->incoming, sizeof state->incoming, "%s/%s", path, incoming_name);
    if (!must_exist && mkdir(path, 0777) != 0 && errno != EEXIST) {
        notice_errno("cannot make the state directory %s; name another one with --state", path);
        return false;
    }
    state->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state->directory < 0) {
        notice_errno("cannot open the state directory %s", path);
        return false;
    }
    if (flock(state->directory, LOCK_EX | LOCK_NB) != 0) {
        notice("another report uses the state directory %s; wait for its end, or name another one with --state", path);
        close(state->directory);
        return false;
    }
    return must_exist || removed(state, incoming_name);
}

void state_close(struct state *state)
{
    close(state->directory);
}

size_t state_rows(const struct state *state)
{
    size_t rows = 0;
    for (size_t i = 0; i < matrix_count(); i++)
        rows += kept(state, file_of(matrix_row(i)).text);
    return rows;
}

bool state_clear(const struct state *state)
{
    bool good = true;
    for (size_t i = 0; i < matrix_count(); i++)
        good = removed(state, file_of(matrix_row(i)).text) && good;
    return good;
}

bool state_finished(const struct state *state)
{
    return kept(state, finished_name);
}

bool state_mark_finished(const struct state *state, bool finished)
{
    if (!finished)
        return removed(state, finished_name);
    return whole_file_write(state->directory, finished_name, "");
}

static struct json_object *read_json(const struct state *state, const char *name)
{
    int file = openat(state->directory, name, O_RDONLY | O_CLOEXEC);
    struct json_object *json = file >= 0 ? json_object_from_fd(file) : NULL;
    if (file >= 0)
        close(file);
    if (json != NULL && json_object_is_type(json, json_type_object))
        return json;
    notice("%s/%s is not what a report keeps, or cannot be read", state->path, name);
    json_object_put(json);
    return NULL;
}

struct json_object *state_load(const struct state *state, const struct row *row)
{
    struct file_name name = file_of(row);
    return kept(state, name.text) ? read_json(state, name.text) : NULL;
}

bool state_save(const struct state *state, const struct row *row, struct json_object *kept)
{
    const char *text = json_object_to_json_string_ext(kept, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);
    return whole_file_write(state->directory, file_of(row).text, text);
}

struct json_object *state_take_incoming(const struct state *state)
{
    struct json_object *json = read_json(state, incoming_name);
    removed(state, incoming_name);
    return json;
}
