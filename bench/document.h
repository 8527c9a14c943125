/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_DOCUMENT_H
#define BENCH_DOCUMENT_H

/* The JSON that a measurement ends in (docs/shmbench.md), and the file that it is written to. */

#include "bench/distribution.h"
#include "bench/series.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

void document_number(struct json_object *object, const char *name, double value);
void document_count(struct json_object *object, const char *name, uint64_t value);
void document_text(struct json_object *object, const char *name, const char *text);

/* {"median", "q1", "q3", "runs": […]} */
void document_series(struct json_object *object, const char *name, const struct series *series);

/* {"p50", "p95", "p99", "p999", "max", "n"} */
void document_distribution(struct json_object *object, const char *name, const struct distribution *distribution);

/* The same, in a unit that is 1,000 times as large as the one that was counted in. */
void document_distribution_thousandths(struct json_object *object, const char *name,
                                       const struct distribution *distribution);

/* What is in an object by path, "results/latency_ns/p50" or "results/points/3/hz"; NULL: it is not there, or null. */
struct json_object *document_at(struct json_object *object, const char *path);

/* Where a document is going to: a file beside the final one, which it replaces when it is whole. */
struct document_file {
    const char *option; /* that names it */
    char *path;         /* NULL: nowhere; "-": the standard output */
    char *temporary;
    int fd;
};

/* Of a path as options have it; NULL is no path. */
bool document_is_stdout(const char *path);

/* Before anything is measured, so that a place that cannot be written is known then. False, and a notice. */
bool document_open(struct document_file *file, const char *option, const char *path);
bool document_write(struct document_file *file, struct json_object *document);

/* The same in two steps, so that of several files all or none are replaced: what was filled is kept, or closed.
 * file->fd may be written to otherwise, but for the standard output. */
bool document_fill(struct document_file *file, const char *text);
bool document_keep(struct document_file *file);

/* Removes what was not written. */
void document_close(struct document_file *file);

#endif
