/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/engine_answer.h"

#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABELS_MAX_BYTES = 4096,    /* those that are over it are not kept */
    LABEL_NAME_MAX_BYTES = 253, /* the longest name of anything in kubernetes */
    JSON_MAX_DEPTH = 64
};

static struct json_object *member(struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value = NULL;
    if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value))
        return NULL;
    return json_object_is_type(value, type) ? value : NULL;
}

/* A part of a name in kubernetes; NULL: there is none that can be. */
static const char *label(struct json_object *labels, const char *key)
{
    struct json_object *value = member(labels, key, json_type_string);
    if (value == NULL)
        return NULL;
    int length = json_object_get_string_len(value);
    return length > 0 && length <= LABEL_NAME_MAX_BYTES ? json_object_get_string(value) : NULL;
}

static bool is_sandbox(struct json_object *labels)
{
    const char *type = label(labels, "io.kubernetes.docker.type");
    const char *name = label(labels, "io.kubernetes.container.name");
    return (type != NULL && strcmp(type, "podsandbox") == 0) || (name != NULL && strcmp(name, "POD") == 0);
}

static bool take_pod_name(struct answer *answer, struct json_object *labels, bool *taken)
{
    const char *namespace = label(labels, "io.kubernetes.pod.namespace");
    const char *pod = label(labels, "io.kubernetes.pod.name");
    const char *container = label(labels, "io.kubernetes.container.name");
    *taken = namespace != NULL && pod != NULL && container != NULL;
    if (!*taken)
        return true;
    char name[3 * (LABEL_NAME_MAX_BYTES + 1) + sizeof "k8s_cntr_"];
    int length = snprintf(name, sizeof name, "k8s_cntr_%s_%s_%s", namespace, pod, container);
    return length > 0 && name_of_container(&answer->naming, name, (size_t)length, ORCHESTRATOR_K8S);
}

static bool take_name(struct answer *answer, struct json_object *object, enum engine engine)
{
    struct json_object *value = member(object, "Name", json_type_string);
    if (value == NULL)
        return false;
    const char *name = json_object_get_string(value);
    size_t length = (size_t)json_object_get_string_len(value);
    if (length > 0 && name[0] == '/') {
        name++;
        length--;
    }
    return length > 0 && name_of_container(&answer->naming, name, length,
                                           engine == ENGINE_PODMAN ? ORCHESTRATOR_PODMAN : ORCHESTRATOR_DOCKER);
}

static bool is_kept(const char *key)
{
    static const char *const starts[] = {"com.docker.", "io.kubernetes."};
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (strncmp(key, starts[i], strlen(starts[i])) == 0)
            return true;
    }
    return false;
}

static bool take_labels(struct answer *answer, struct json_object *labels)
{
    char kept[LABELS_MAX_BYTES];
    size_t length = 0;
    if (labels == NULL)
        return true;
    json_object_object_foreach(labels, key, value)
    {
        if (!is_kept(key) || !json_object_is_type(value, json_type_string))
            continue;
        const char *text = json_object_get_string(value);
        size_t key_size = strlen(key) + 1, text_size = strlen(text) + 1;
        if (key_size > sizeof kept - length || text_size > sizeof kept - length - key_size)
            continue;
        memcpy(kept + length, key, key_size);
        memcpy(kept + length + key_size, text, text_size);
        length += key_size + text_size;
    }
    if (length == 0)
        return true;
    answer->labels = malloc(length);
    if (answer->labels == NULL)
        return false;
    memcpy(answer->labels, kept, length);
    answer->labels_length = length;
    return true;
}

static bool take(struct answer *answer, struct json_object *object, enum engine engine)
{
    bool taken;
    struct json_object *labels = member(member(object, "Config", json_type_object), "Labels", json_type_object);
    if (is_sandbox(labels))
        return answer->sandbox = true;
    return take_pod_name(answer, labels, &taken) && (taken || take_name(answer, object, engine)) &&
           take_labels(answer, labels);
}

bool answer_parse(struct answer *answer, const char *text, size_t length, enum engine engine)
{
    *answer = (struct answer){0};
    struct json_tokener *tokener = length > INT_MAX ? NULL : json_tokener_new_ex(JSON_MAX_DEPTH);
    if (tokener == NULL)
        return false;
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)length);
    bool done = json_tokener_get_error(tokener) == json_tokener_success && take(answer, object, engine);
    json_object_put(object);
    json_tokener_free(tokener);
    if (!done)
        answer_free(answer);
    return done;
}

void answer_free(struct answer *answer)
{
    free(answer->naming.text);
    free(answer->labels);
    *answer = (struct answer){0};
}
