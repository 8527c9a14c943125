/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/results.h"

#include "bench/document.h"

#include <string.h>

void results_free(struct results *results)
{
    for (size_t row = 0; row < MATRIX_MOST; row++)
        results_put(results, row, NULL);
}

void results_put(struct results *results, size_t row, struct json_object *kept)
{
    json_object_put(results->kept[row]);
    results->kept[row] = kept;
}

const char *results_text(struct json_object *object, const char *path)
{
    struct json_object *text = document_at(object, path);
    return text != NULL ? json_object_get_string(text) : "";
}

struct json_object *results_document(const struct results *results, size_t row)
{
    return document_at(results->kept[row], "document");
}

bool results_stable(const struct results *results, size_t row)
{
    struct json_object *stable = document_at(results->kept[row], "document/stable");
    return stable != NULL && json_object_get_boolean(stable);
}

size_t results_count(const struct results *results)
{
    size_t count = 0;
    for (size_t row = 0; row < MATRIX_MOST; row++)
        count += results->kept[row] != NULL;
    return count;
}

bool results_same_machine(struct json_object *a, struct json_object *b)
{
    static const char *const names[] = {"cpu_model",    "hypervisor", "cpus_online", "memory_bytes", "kernel",
                                        "architecture", "version",    "build",       "compiler"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(results_text(a, names[i]), results_text(b, names[i])) != 0)
            return false;
    return true;
}
