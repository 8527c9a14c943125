/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_TABLES_H
#define BENCH_REPORT_TABLES_H

/* The tables of the document, one a sub-command, in Markdown. */

#include "bench/report/results.h"

#include <stdio.h>

/* Those of a sub-command: heading, how to read them, and what was measured. Nothing, if nothing was. */
void tables_print(const char *command, const struct results *results, FILE *out);

/* A number as people read it: three digits at least, thousands apart. "–": it is not there. */
void tables_print_number(double value, FILE *out);

/* The same of bytes, with their unit. */
void tables_print_size(double bytes, FILE *out);

#endif
