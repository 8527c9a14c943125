/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_PICTURES_H
#define BENCH_REPORT_PICTURES_H

/* The pictures of the document, drawn by gnuplot: each as SVG and PNG. */

#include "bench/report/results.h"
#include "bench/report/staging.h"

#include <stdio.h>

/* Draws all that there are figures for. False, and a notice. */
bool pictures_draw(const struct results *results, const struct staging *staging);

/* The links to those of a sub-command's table. */
void pictures_print(const char *command, const struct results *results, const char *stamp, FILE *out);

#endif
