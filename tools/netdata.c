/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netdata.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { UUID_BYTES = 16, UUID_DASHES = 4 };

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* A link is nobody's run directory: in /tmp anybody can make one that leads anywhere. */
static bool is_usable(const char *path, int wanted)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && access(path, wanted) == 0;
}

static bool can_be_made(const char *path)
{
    struct stat status;
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (lstat(path, &status) == 0 || slash == NULL || (size_t)(slash - path) >= sizeof parent)
        return false;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    return is_directory(parent) && access(parent, W_OK | X_OK) == 0;
}

const char *netdata_choose_run_dir(const char *const *candidates, size_t count, bool to_serve)
{
    int wanted = to_serve ? W_OK | X_OK : R_OK | X_OK;
    const char *possible = NULL;
    for (size_t i = 0; i < count; i++) {
        if (is_usable(candidates[i], wanted))
            return candidates[i];
        if (possible == NULL && can_be_made(candidates[i])) {
            possible = candidates[i];
            if (to_serve)
                break;
        }
    }
    return possible != NULL ? possible : candidates[0];
}

bool netdata_run_dir(bool to_serve, const char **run_dir, char error[NETDATA_ERROR_SIZE])
{
    static const char *const candidates[] = {"/run/netdata", "/var/run/netdata", "/tmp/netdata"};
    const char *value = variable("NETDATA_RUN_DIR");
    if (value == NULL) {
        *run_dir = netdata_choose_run_dir(candidates, sizeof candidates / sizeof candidates[0], to_serve);
        return true;
    }
    if (value[0] != '/') {
        snprintf(error, NETDATA_ERROR_SIZE,
                 "NETDATA_RUN_DIR in the environment is not an absolute path: correct it, or give --run-dir");
        return false;
    }
    *run_dir = value;
    return true;
}

static int digit_value(int digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static bool parse_uuid(const char *text, unsigned char uuid[UUID_BYTES])
{
    bool dashed = strlen(text) == 2 * UUID_BYTES + UUID_DASHES;
    for (int i = 0; i < UUID_BYTES; i++) {
        bool part_begins = i == 4 || i == 6 || i == 8 || i == 10;
        if (dashed && part_begins && *text++ != '-')
            return false;
        int high = digit_value(text[0]), low = high < 0 ? -1 : digit_value(text[1]);
        if (low < 0)
            return false;
        uuid[i] = (unsigned char)(high * 16 + low);
        text += 2;
    }
    return *text == '\0';
}

bool netdata_token(uint64_t *token, char error[NETDATA_ERROR_SIZE])
{
    const char *name = "NETDATA_INVOCATION_ID", *value = variable(name);
    if (value == NULL)
        value = variable(name = "INVOCATION_ID");
    unsigned char uuid[UUID_BYTES];
    if (value != NULL && !parse_uuid(value, uuid)) {
        snprintf(error, NETDATA_ERROR_SIZE,
                 "%s in the environment is no UUID of 32 hexadecimal digits: correct it, or give --token", name);
        return false;
    }
    *token = value == NULL ? 0 : XXH3_64bits(uuid, sizeof uuid);
    return true;
}

bool netdata_take_seconds(int *argc, char ***argv, uint64_t *seconds)
{
    const char *first = *argc > 1 ? (*argv)[1] : "";
    size_t digits = strspn(first, "0123456789");
    if (digits == 0 || digits > 5 || first[digits] != '\0')
        return false;
    uint64_t value = strtoul(first, NULL, 10);
    if (value < 1 || value > 86400)
        return false;
    *seconds = value;
    (*argc)--;
    (*argv)++; /* what is the program's name now is nobody's business */
    return true;
}
