/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_GNUPLOT_H
#define BENCH_GNUPLOT_H

#include <stdbool.h>

/* Whether gnuplot is there, and draws SVG and PNG. False, and a notice that says what to install. */
bool gnuplot_check(void);

/* Has gnuplot draw a script to a descriptor, on one of these or the like. False, and a notice. */
#define GNUPLOT_SVG "svg size 1200,500 noenhanced"
#define GNUPLOT_PNG "pngcairo size 1200,500 noenhanced"
bool gnuplot_draw(const char *terminal, const char *script, int fd);

#endif
