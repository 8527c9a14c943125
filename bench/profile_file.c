/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/profile_file.h"

#include "bench/notice.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

netipc_status profile_file_read(const char *path, netipc_profile *profile)
{
    char text[NETIPC_PROFILE_TEXT_MAX + 1];
    FILE *file = fopen(path, "re");
    size_t length = file != NULL ? fread(text, 1, sizeof text, file) : 0;
    bool good = file != NULL && ferror(file) == 0;
    if (!good)
        notice_errno("--profile %s: cannot be read; shmbench sweep --profile FILE writes one", path);
    if (file != NULL)
        fclose(file);
    if (!good)
        return NETIPC_SYSTEM;
    netipc_profile_init(profile);
    netipc_status status = netipc_profile_parse(text, length, profile);
    if (status != NETIPC_OK)
        notice_status(status, "--profile %s", path);
    return status;
}
