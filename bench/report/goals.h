/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_GOALS_H
#define BENCH_REPORT_GOALS_H

/* What the engine is to reach, each in a figure that was measured against a baseline of the same run. */

#include "bench/report/places.h"
#include "bench/report/results.h"

#include <stdbool.h>
#include <stddef.h>

struct goal {
    const char *name; /* of its section in the notes, too */
    const char *text;
    const char *rows;   /* patterns: each of these has to reach it */
    const char *figure; /* where it is in a row's document; there may be several (places.h) */
    const char *but;    /* keys of such places that do not count, with blanks between them; NULL: all do */
    const char *over;   /* the row by whose figure it is divided; NULL: none */
    double limit;
    bool at_least; /* else at most */
    const char *unit;
};

typedef void (*goals_visitor)(const struct row *row, const struct place *place, double figure, void *context);

struct verdict {
    bool measured, met, stable;
    unsigned figures, missed; /* those that there are, and those that do not reach it */
    double figure;            /* the farthest; of which row, and where in it */
    const struct row *row;
    struct place place;

    /* While it is found. */
    const struct goal *goal;
    const struct row *looked_at;
    double divisor;
    goals_visitor visit;
    void *context;
};

size_t goals_count(void);
const struct goal *goals_at(size_t number);
const struct goal *goals_find(const char *name);

/* Not measured unless all of its rows were. */
struct verdict goals_judge(const struct goal *goal, const struct results *results);

/* All figures that do not reach it. */
void goals_visit_missed(const struct goal *goal, const struct results *results, goals_visitor visit, void *context);

#endif
