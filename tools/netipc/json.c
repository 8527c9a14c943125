/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/json.h"

#include "tools/report.h"
#include "tools/utf8.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool json_put(struct json_object *object, const char *key, struct json_object *value)
{
    if (value != NULL && json_object_object_add(object, key, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

bool json_append(struct json_object *array, struct json_object *value)
{
    if (value != NULL && json_object_array_add(array, value) == 0)
        return true;
    json_object_put(value);
    return false;
}

bool json_put_number(struct json_object *object, const char *key, uint64_t number)
{
    return json_put(object, key, json_object_new_uint64(number));
}

bool json_put_text(struct json_object *object, const char *key, const char *text)
{
    size_t length = strlen(text);
    if (length > INT_MAX / UTF8_GROWTH)
        return false;
    char *clean = malloc(length * UTF8_GROWTH + 1);
    if (clean == NULL)
        return false;
    size_t clean_length = utf8_clean(text, length, clean);
    bool put = json_put(object, key, json_object_new_string_len(clean, (int)clean_length));
    free(clean);
    return put;
}

bool json_put_status(struct json_object *object, netipc_status status, const char *detail)
{
    return json_put_text(object, "status", netipc_status_name(status)) && json_put_number(object, "code", status) &&
           json_put_text(object, "text", netipc_status_text(status)) && json_put_text(object, "detail", detail);
}

netipc_status json_print(struct json_object *object)
{
    const char *text =
        object != NULL ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                       : NULL;
    if (text != NULL)
        puts(text);
    else
        report_status("JSON", NETIPC_NO_MEMORY, "");
    json_object_put(object);
    return text != NULL ? NETIPC_OK : NETIPC_NO_MEMORY;
}
