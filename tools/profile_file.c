/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/profile_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* One byte more than a text may have, so that the library sees that it is too long. False, and errno. */
static bool read_text(const char *path, char text[NETIPC_PROFILE_TEXT_MAX + 1], size_t *length)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    *length = fread(text, 1, NETIPC_PROFILE_TEXT_MAX + 1, file);
    int code = ferror(file) != 0 ? errno : 0;
    fclose(file);
    errno = code;
    return code == 0;
}

netipc_status profile_file_read(const char *path, netipc_profile *profile, char error[PROFILE_FILE_ERROR_SIZE])
{
    char text[NETIPC_PROFILE_TEXT_MAX + 1], words[128];
    size_t length;
    netipc_profile_init(profile);
    if (!read_text(path, text, &length)) {
        int code = errno;
        snprintf(error, PROFILE_FILE_ERROR_SIZE, "%.200s: %s; shmbench sweep --profile FILE writes a profile", path,
                 strerror_r(code, words, sizeof words));
        return code == ENOENT ? NETIPC_NOT_FOUND : code == EACCES ? NETIPC_PERMISSION_DENIED : NETIPC_SYSTEM;
    }
    netipc_status status = netipc_profile_parse(text, length, profile);
    if (status != NETIPC_OK)
        snprintf(error, PROFILE_FILE_ERROR_SIZE, "%.200s: %s", path, netipc_status_detail());
    return status;
}
