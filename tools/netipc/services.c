/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/services.h"

#include "tools/report.h"

#include <netipc/publisher.h>

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".sock";

/* The length of the service's name in that of a file; 0: it is no endpoint's. */
static size_t name_length(const char *file)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t whole = strlen(file), end = sizeof suffix - 1;
    if (whole <= end || strcmp(file + whole - end, suffix) != 0)
        return 0;
    size_t length = whole - end;
    return file[0] != '.' && length <= NETIPC_SERVICE_NAME_MAX && strspn(file, allowed) == whole ? length : 0;
}

static bool add(struct services *services, const char *name, size_t length)
{
    if (services->count == services->capacity) {
        size_t capacity = services->capacity == 0 ? 16 : services->capacity * 2;
        char **names = reallocarray(services->names, capacity, sizeof *names);
        if (names == NULL)
            return false;
        services->names = names;
        services->capacity = capacity;
    }
    services->names[services->count] = strndup(name, length);
    return services->names[services->count] != NULL && ++services->count > 0;
}

static int by_name(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

/* 0, or an errno value. */
static int read_directory(struct services *services, DIR *directory)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(directory);
        if (entry == NULL)
            return errno;
        size_t length = name_length(entry->d_name);
        if (length > 0 && !add(services, entry->d_name, length))
            return ENOMEM;
    }
}

netipc_status services_list(struct services *services, const char *run_dir)
{
    *services = (struct services){0};
    DIR *directory = opendir(run_dir);
    if (directory == NULL)
        return report_errno(run_dir, errno);
    int error = read_directory(services, directory);
    closedir(directory);
    if (error != 0)
        return report_errno(run_dir, error);
    if (services->count == 0) {
        report("%s: no service has an endpoint here; start one, or correct --run-dir", run_dir);
        return NETIPC_NOT_FOUND;
    }
    qsort(services->names, services->count, sizeof services->names[0], by_name);
    return NETIPC_OK;
}

void services_free(struct services *services)
{
    for (size_t i = 0; i < services->count; i++)
        free(services->names[i]);
    free(services->names);
    *services = (struct services){0};
}
