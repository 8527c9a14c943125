/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/places.h"

#include "bench/document.h"

#include <json-c/linkhash.h>
#include <stdio.h>
#include <string.h>

struct walk {
    places_visitor visit;
    void *context;
};

static void go(const struct walk *walk, struct place place, const char *path);

/* On with one of several. */
static void branch(const struct walk *walk, const struct place *place, struct json_object *json, const char *key,
                   const char *rest)
{
    struct place next = *place;
    if (next.count == PLACES_KEYS_MOST)
        return;
    snprintf(next.keys[next.count], sizeof next.keys[next.count], "%s", key);
    next.count++;
    next.json = json;
    go(walk, next, rest);
}

static void branch_all(const struct walk *walk, const struct place *place, const char *rest)
{
    if (json_object_is_type(place->json, json_type_object)) {
        json_object_object_foreach(place->json, key, json) branch(walk, place, json, key, rest);
    }
    if (!json_object_is_type(place->json, json_type_array))
        return;
    for (size_t i = 0; i < json_object_array_length(place->json); i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        branch(walk, place, json_object_array_get_idx(place->json, i), key, rest);
    }
}

static void go(const struct walk *walk, struct place place, const char *path)
{
    const char *star = strchr(path, '*');
    size_t length = star != NULL ? (size_t)(star - path) : strlen(path);
    while (length > 0 && path[length - 1] == '/')
        length--;
    if (length > 0) {
        char before[PLACES_PATH_MOST];
        snprintf(before, sizeof before, "%.*s", (int)length, path);
        place.json = document_at(place.json, before);
    }
    if (place.json != NULL && star != NULL)
        branch_all(walk, &place, star + (star[1] == '/' ? 2 : 1));
    else if (place.json != NULL)
        walk->visit(&place, walk->context);
}

void places_visit(struct json_object *document, const char *path, places_visitor visit, void *context)
{
    const struct walk walk = {visit, context};
    go(&walk, (struct place){.json = document}, path);
}

struct places_path places_fill(const char *path, const struct place *place)
{
    struct places_path filled;
    size_t length = 0;
    for (; *path != '\0' && length < sizeof filled.text - 1; path++) {
        unsigned key = *path == '%' ? (unsigned)(path[1] - '1') : PLACES_KEYS_MOST;
        if (key < place->count) {
            length += (size_t)snprintf(filled.text + length, sizeof filled.text - length, "%s", place->keys[key]);
            path++;
        } else {
            filled.text[length++] = *path;
        }
        if (length > sizeof filled.text - 1)
            length = sizeof filled.text - 1;
    }
    filled.text[length] = '\0';
    return filled;
}
