/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_PROFILE_FILE_H
#define BENCH_PROFILE_FILE_H

#include <netipc/profile.h>
#include <netipc/status.h>

/* Takes a profile out of a file. What is not NETIPC_OK has been told in a notice. */
netipc_status profile_file_read(const char *path, netipc_profile *profile);

#endif
