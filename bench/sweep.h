/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SWEEP_H
#define BENCH_SWEEP_H

/* What the measurement of a sweep (sweep.c) and its files (sweep_files.c) share: the names in the JSON. */

#include "bench/command.h"

extern const struct command_outputs sweep_files;

/* Under "results": an array with an object for each point, by rate, and by budget within that, the adaptive one last;
 * an array with an object for each rate; what is recommended. */
#define SWEEP_POINTS "points"
#define SWEEP_KNEES "knees"
#define SWEEP_KNEE "knee"

#endif
