/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool fail(struct failure *failure, netipc_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->detail, sizeof failure->detail, format, arguments);
    va_end(arguments);
    failure->status = status;
    return false;
}

static netipc_status status_of(int error)
{
    switch (error) {
    case ENOMEM:
        return NETIPC_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return NETIPC_NO_DESCRIPTORS;
    case EACCES:
    case EPERM:
        return NETIPC_PERMISSION_DENIED;
    default:
        return NETIPC_SYSTEM;
    }
}

bool fail_errno(struct failure *failure, int error, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(failure->detail, sizeof failure->detail, format, arguments);
    va_end(arguments);
    size_t at = strlen(failure->detail);
    snprintf(failure->detail + at, sizeof failure->detail - at, ": %s", strerror_r(error, text, sizeof text));
    failure->status = status_of(error);
    return false;
}
