/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

/*
 * How much polite clients notice of two that are not: a flooding one, which asks without waiting for answers, and one
 * that asks as much as the server takes and is stopped (SIGSTOP) before it has read an answer. In each run the polite
 * ones call with these two idle, and then beside them. All are processes; both sides' counters have to agree.
 */

#include "bench/command.h"

/* With options.polite clients, for options.duration. False: a notice and experiment->failure have been given. */
bool crowd_measure(struct experiment *experiment);

#endif
