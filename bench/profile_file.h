/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PROFILE_FILE_H
#define BENCH_PROFILE_FILE_H

/* The option --profile of what is measured with one: instead of --wait and --spin-ns. */

#include "bench/command.h"

#include <netipc/profile.h>

/*
 * Takes the profile out of the file that was named, and the experiment's options from it, for baselines that have to do
 * as it says, and for the params. *given: the profile, or NULL when no file was named. False: notice and failure have
 * been given.
 */
bool profile_file_take(struct experiment *experiment, netipc_profile *profile, const netipc_profile **given);

#endif
