/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_JSON_H
#define NETIPC_TOOL_JSON_H

#include <netipc/status.h>

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

/* Each takes value over in any case; NULL, from a constructor without memory, is a failure. */
bool json_put(struct json_object *object, const char *key, struct json_object *value);
bool json_append(struct json_object *array, struct json_object *value);

bool json_put_number(struct json_object *object, const char *key, uint64_t number);

/* Bytes that are no UTF-8 become U+FFFD. */
bool json_put_text(struct json_object *object, const char *key, const char *text);

/* "status", "code", "text" and "detail". */
bool json_put_status(struct json_object *object, netipc_status status, const char *detail);

/* One line on standard output; puts object back, which may be NULL for lack of memory. */
netipc_status json_print(struct json_object *object);

#endif
