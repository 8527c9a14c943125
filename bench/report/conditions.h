/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_CONDITIONS_H
#define BENCH_REPORT_CONDITIONS_H

/* Under which conditions the document's figures were measured. */

#include "bench/report/results.h"

#include <stdio.h>

/* The machine, the dates, and the parts of a report that was interrupted. */
void conditions_print(const struct results *results, FILE *out);

/* What the machine could do meanwhile. */
void conditions_print_calibration(const struct results *results, FILE *out);

#endif
