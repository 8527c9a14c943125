/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/report.h"

#include "tools/utf8.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INCARNATION_TEXT = 33 };

static void write_incarnation(const struct table *table, char text[INCARNATION_TEXT])
{
    snprintf(text, INCARNATION_TEXT, "%016" PRIx64 "%016" PRIx64, table->incarnation[0], table->incarnation[1]);
}

/* The old content goes. */
static bool reserve(struct line_buffer *line, size_t capacity)
{
    if (capacity <= line->capacity)
        return true;
    free(line->text);
    line->text = malloc(capacity);
    line->capacity = line->text ? capacity : 0;
    return line->text != NULL;
}

bool report_text(const struct report *report, struct line_buffer *line)
{
    enum { ENOUGH = 512 }; /* the state's word and nine numbers */
    if (!reserve(line, ENOUGH))
        return false;
    char incarnation[INCARNATION_TEXT];
    write_incarnation(report->table, incarnation);
    line->length = (size_t)snprintf(line->text, ENOUGH,
                                    "state=%s incarnation=%s generation=%" PRIu64
                                    " items=%zu pids=%zu added=%zu changed=%zu removed=%zu started=%zu ended=%zu\n",
                                    report->state, incarnation, report->table->generation, report->table->count,
                                    report->census->now.count, report->diff->added, report->diff->changed,
                                    report->diff->removed, report->census->started, report->census->ended);
    return true;
}

/* Takes value over in any case; NULL, from a constructor without memory, is a failure. */
static bool put(struct json_object *object, const char *key, struct json_object *value)
{
    if (value && json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static bool append(struct json_object *array, struct json_object *value)
{
    if (value && json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

static struct json_object *new_text(const char *bytes, size_t length)
{
    if (length > INT_MAX / UTF8_GROWTH)
        return NULL;
    char *clean = malloc(length * UTF8_GROWTH + 1);
    if (!clean)
        return NULL;
    size_t clean_length = utf8_clean(bytes, length, clean);
    struct json_object *text = json_object_new_string_len(clean, (int)clean_length);
    free(clean);
    return text;
}

static struct json_object *new_pids(const struct procs *procs)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; array && i < procs->count; i++) {
        if (!append(array, json_object_new_int64(procs->list[i].pid))) {
            json_object_put(array);
            return NULL;
        }
    }
    return array;
}

static struct json_object *new_cgroup(const struct cgroup *cgroup)
{
    struct json_object *object = json_object_new_object();
    if (object && put(object, "hash", json_object_new_int64(cgroup->hash)) &&
        put(object, "name", new_text(cgroup->name, cgroup->name_length)) &&
        put(object, "path", new_text(cgroup->path, cgroup->path_length)) &&
        put(object, "options", json_object_new_int64(cgroup->options)) &&
        put(object, "enabled", json_object_new_boolean(cgroup->enabled)) &&
        put(object, "pids", new_pids(&cgroup->procs)))
        return object;
    json_object_put(object);
    return NULL;
}

static struct json_object *new_cgroups(const struct table *table)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; array && i < table->count; i++) {
        if (!append(array, new_cgroup(&table->cgroups[i]))) {
            json_object_put(array);
            return NULL;
        }
    }
    return array;
}

static struct json_object *new_report(const struct report *report)
{
    char incarnation[INCARNATION_TEXT];
    write_incarnation(report->table, incarnation);
    struct json_object *object = json_object_new_object();
    if (object && put(object, "state", json_object_new_string(report->state)) &&
        put(object, "incarnation", json_object_new_string(incarnation)) &&
        put(object, "generation", json_object_new_uint64(report->table->generation)) &&
        put(object, "items", json_object_new_uint64(report->table->count)) &&
        put(object, "pids", json_object_new_uint64(report->census->now.count)) &&
        put(object, "added", json_object_new_uint64(report->diff->added)) &&
        put(object, "changed", json_object_new_uint64(report->diff->changed)) &&
        put(object, "removed", json_object_new_uint64(report->diff->removed)) &&
        put(object, "started", json_object_new_uint64(report->census->started)) &&
        put(object, "ended", json_object_new_uint64(report->census->ended)) &&
        put(object, "cgroups", new_cgroups(report->table)))
        return object;
    json_object_put(object);
    return NULL;
}

bool report_json(const struct report *report, struct line_buffer *line)
{
    struct json_object *object = new_report(report);
    if (!object)
        return false;
    size_t length;
    const char *text =
        json_object_to_json_string_length(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
    bool made = text && reserve(line, length + 1);
    if (made) {
        memcpy(line->text, text, length);
        line->text[length] = '\n';
        line->length = length + 1;
    }
    json_object_put(object);
    return made;
}

void line_buffer_free(struct line_buffer *line)
{
    free(line->text);
    *line = (struct line_buffer){0};
}
