/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_PROFILE_FILE_H
#define TOOLS_PROFILE_FILE_H

#include <netipc/profile.h>
#include <netipc/status.h>

enum { PROFILE_FILE_ERROR_SIZE = 512 };

/* Takes a profile (docs/profile.md) out of a file. What is not NETIPC_OK is told in error, with the file and the line.
 */
netipc_status profile_file_read(const char *path, netipc_profile *profile, char error[PROFILE_FILE_ERROR_SIZE]);

#endif
