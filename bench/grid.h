/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_GRID_H
#define BENCH_GRID_H

/* Values to be measured one after the other, as an option lists them. */

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stddef.h>

enum { GRID_MOST = 64 };

struct grid {
    size_t count;
    double values[GRID_MOST]; /* ascending, each once */
};

/*
 * "0,500,FROM:TO:xFACTOR,FROM:TO:+STEP": numbers and ranges, whose last value is TO at most. False: something else, a
 * value that is not from least to most, or more than GRID_MOST.
 */
bool grid_parse(const char *text, double least, double most, struct grid *grid);

/* As grid_parse() takes it, without ranges; what does not fit is left out. */
void grid_print(const struct grid *grid, char *text, size_t size);

/* A JSON array. */
struct json_object *grid_json(const struct grid *grid);

#endif
