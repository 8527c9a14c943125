/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REPORT_MEASURING_H
#define BENCH_REPORT_MEASURING_H

/* Measures the rows of the matrix, one after the other, each by this program as a process of its own. */

#include "bench/options.h"
#include "bench/report/results.h"
#include "bench/report/state.h"

/*
 * Fills in the results: rows that the state directory keeps are taken over if --resume is given and program, machine
 * and arguments are those of now. A row that is not stable is measured again when all others have been, at most twice,
 * and only as long as the whole is within 12 minutes. The exit status; not 0, and a notice: a row has failed, or a
 * signal came.
 */
int measuring_run(const struct options *options, const struct state *state, struct results *results);

#endif
