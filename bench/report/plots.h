/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_PLOTS_H
#define BENCH_REPORT_PLOTS_H

/* What the pictures show: curves, each through figures of rows of the matrix. */

#include <stddef.h>

struct curve {
    const char *title;
    const char *rows;        /* patterns */
    const char *y;           /* a figure, or a series: median and quartiles; there may be several (places.h) */
    const char *only, *with; /* of these those at which these paths have these texts, blanks between them; NULL: all */
};

enum { PLOTS_CURVES_MOST = 16 };
enum plots_axis { PLOTS_AXIS_SIZE, PLOTS_AXIS_RATE, PLOTS_AXIS_COUNT, PLOTS_AXIS_BUDGET };

struct plot {
    const char *name, *command, *title;
    enum plots_axis axis;
    const char *x; /* with %1 and so on for the keys of a curve's places */
    const char *x_label, *y_label;
    struct curve curves[PLOTS_CURVES_MOST];
};

size_t plots_count(void);
const struct plot *plots_at(size_t number);

#endif
