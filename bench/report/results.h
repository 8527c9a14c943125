/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_RESULTS_H
#define BENCH_REPORT_RESULTS_H

/* What the document is made of: of each row of the matrix what is kept (state.h), or nothing. */

#include "bench/report/matrix.h"

#include <json-c/json_object.h>
#include <stdbool.h>

struct results {
    struct json_object *kept[MATRIX_MOST]; /* NULL: not measured */
};

void results_free(struct results *results);

/* Replaces what there is; takes over the object. */
void results_put(struct results *results, size_t row, struct json_object *kept);

/* The document of a row; NULL: not measured. */
struct json_object *results_document(const struct results *results, size_t row);

/* A text of an object by path, "machine/kernel"; "": it is not there. */
const char *results_text(struct json_object *object, const char *path);

bool results_stable(const struct results *results, size_t row);
size_t results_count(const struct results *results);

/* Whether two descriptions of a machine (machine.h) are of the same one, its kernel, and the same build. */
bool results_same_machine(struct json_object *a, struct json_object *b);

#endif
