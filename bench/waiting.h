/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_WAITING_H
#define BENCH_WAITING_H

/* How subscribers wait for publications at a rate: what --hz, --wait, --spin-ns and --profile come to. */

#include "bench/baseline.h"
#include "bench/options.h"

#include <netipc/subscriber.h>

/* False, and a notice: these do not fit together, for the sub-command of that name. */
bool waiting_fits(const struct options *options, const char *command);

/* Fills in a config, with the defaults for all else. */
void waiting_configure(const struct options *options, netipc_subscriber_config *config);

/* How the baseline waits for the same. Its descriptor wakes one process only: `one` is all that there is. */
enum baseline_wait waiting_of_baseline(const struct options *options, bool one);

#endif
