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

static void write_incarnation(const netipc_cache_info *cache, char text[INCARNATION_TEXT])
{
    snprintf(text, INCARNATION_TEXT, "%016" PRIx64 "%016" PRIx64, cache->incarnation[0], cache->incarnation[1]);
}

static const char *source_word(const netipc_cache_info *cache)
{
    return cache->source == NETIPC_CACHE_REGION ? "region" : cache->source == NETIPC_CACHE_REQUEST ? "request" : "none";
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
    enum { ENOUGH = 512 }; /* two words and nine numbers */
    if (!reserve(line, ENOUGH))
        return false;
    const struct standing *standing = report->standing;
    char incarnation[INCARNATION_TEXT];
    write_incarnation(&standing->cache, incarnation);
    line->length =
        (size_t)snprintf(line->text, ENOUGH,
                         "state=%s source=%s incarnation=%s generation=%" PRIu64
                         " items=%u pids=%zu added=%zu changed=%zu removed=%zu started=%zu ended=%zu\n",
                         standing->state, source_word(&standing->cache), incarnation, standing->cache.generation,
                         standing->cache.count, report->census->now.count, standing->diff.added, standing->diff.changed,
                         standing->diff.removed, report->census->started, report->census->ended);
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
    for (size_t i = 0; array && procs && i < procs->count; i++) {
        if (!append(array, json_object_new_int64(procs->list[i].pid))) {
            json_object_put(array);
            return NULL;
        }
    }
    return array;
}

static struct json_object *new_cgroup(const struct cgroup *cgroup)
{
    const netipc_cgroup_view *view = &cgroup->view;
    struct json_object *object = json_object_new_object();
    if (object && put(object, "hash", json_object_new_int64(view->hash)) &&
        put(object, "name", new_text(view->name, view->name_length)) &&
        put(object, "path", new_text(view->path, view->path_length)) &&
        put(object, "options", json_object_new_int64(view->options)) &&
        put(object, "enabled", json_object_new_boolean(view->enabled != 0)) &&
        put(object, "pids", new_pids(cgroup->procs)))
        return object;
    json_object_put(object);
    return NULL;
}

static struct json_object *new_cgroups(const struct listing *listing)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; array && i < listing->count; i++) {
        if (!append(array, new_cgroup(&listing->cgroups[i]))) {
            json_object_put(array);
            return NULL;
        }
    }
    return array;
}

static struct json_object *new_report(const struct report *report, const struct listing *listing)
{
    const struct standing *standing = report->standing;
    char incarnation[INCARNATION_TEXT];
    write_incarnation(&standing->cache, incarnation);
    struct json_object *object = json_object_new_object();
    if (object && put(object, "state", json_object_new_string(standing->state)) &&
        put(object, "source", json_object_new_string(source_word(&standing->cache))) &&
        put(object, "incarnation", json_object_new_string(incarnation)) &&
        put(object, "generation", json_object_new_uint64(standing->cache.generation)) &&
        put(object, "items", json_object_new_uint64(standing->cache.count)) &&
        put(object, "pids", json_object_new_uint64(report->census->now.count)) &&
        put(object, "added", json_object_new_uint64(standing->diff.added)) &&
        put(object, "changed", json_object_new_uint64(standing->diff.changed)) &&
        put(object, "removed", json_object_new_uint64(standing->diff.removed)) &&
        put(object, "started", json_object_new_uint64(report->census->started)) &&
        put(object, "ended", json_object_new_uint64(report->census->ended)) &&
        put(object, "cgroups", new_cgroups(listing)))
        return object;
    json_object_put(object);
    return NULL;
}

bool report_json(const struct report *report, const struct listing *listing, struct line_buffer *line)
{
    struct json_object *object = new_report(report, listing);
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
