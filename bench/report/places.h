/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_PLACES_H
#define BENCH_REPORT_PLACES_H

/*
 * Figures that a document has several of, side by side: "results/ * /latency_ns" leads through every member of results,
 * and every element if that is an array (without the blanks). What stood for the first * is key 1, and so on.
 */

#include <json-c/json_object.h>

enum { PLACES_KEYS_MOST = 4, PLACES_PATH_MOST = 160 };

struct place {
    struct json_object *json; /* what is there */
    unsigned count;           /* of keys */
    char keys[PLACES_KEYS_MOST][32];
};

typedef void (*places_visitor)(const struct place *place, void *context);

/* In the order of the document. What is not there, or null, is not visited. */
void places_visit(struct json_object *document, const char *path, places_visitor visit, void *context);

/* A path in which %1 stands for the first key, and so on. */
struct places_path {
    char text[PLACES_PATH_MOST];
} places_fill(const char *path, const struct place *place);

#endif
