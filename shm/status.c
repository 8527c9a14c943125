/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/detail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STATUS_TABLE(row)                                                                                              \
    row(NETIPC_OK, "success") row(NETIPC_UNCHANGED, "the snapshot equals the latest one and was not published again")  \
        row(NETIPC_EMPTY, "nothing has been published yet") row(NETIPC_TIMED_OUT, "the deadline passed") row(          \
            NETIPC_ABORTED, "the call was aborted by another thread")                                                  \
            row(NETIPC_NOT_FOUND, "no publisher serves this run directory and service") row(                           \
                NETIPC_DISCONNECTED, "there is no session with a publisher") row(NETIPC_GONE, "the publisher died")    \
                row(NETIPC_CLOSED, "the publisher closed") row(NETIPC_SUPERSEDED,                                      \
                                                               "the region was replaced by a larger one")              \
                    row(NETIPC_ADDRESS_IN_USE, "address in use: a live publisher holds this service") row(             \
                        NETIPC_AUTH_FAILED,                                                                            \
                        "authentication failed: wrong uid or token") row(NETIPC_BUSY,                                  \
                                                                         "busy: the publisher has no free session")    \
                        row(NETIPC_INCOMPATIBLE, "the other side uses another layout or protocol version") row(        \
                            NETIPC_UNSUPPORTED, "not offered by the peer or by this system")                           \
                            row(NETIPC_LIMIT_EXCEEDED, "a configured or agreed limit is exceeded") row(                \
                                NETIPC_UNSAFE_DIRECTORY,                                                               \
                                "the run directory is not safe: wrong owner, or writable by others")                   \
                                row(NETIPC_PERMISSION_DENIED, "permission denied by the operating system")             \
                                    row(NETIPC_INVALID_ARGUMENT, "an argument is outside its documented range") row(   \
                                        NETIPC_WRONG_STATE, "the call is not allowed in this state")                   \
                                        row(NETIPC_TOO_SMALL, "the buffer is too small") row(                          \
                                            NETIPC_TOO_LARGE,                                                          \
                                            "the snapshot or region is larger than the ceiling allows")                \
                                            row(NETIPC_FORKED,                                                         \
                                                "the object belongs to the parent process; open a new one after fork") \
                                                row(NETIPC_OVERRUN,                                                    \
                                                    "the publisher overtook every try of the read; read again")        \
                                                    row(NETIPC_CORRUPT, "the data is corrupt")                         \
                                                        row(NETIPC_PROTOCOL, "the peer broke the protocol")            \
                                                            row(NETIPC_NO_MEMORY, "out of memory") row(                \
                                                                NETIPC_NO_DESCRIPTORS, "out of file descriptors")      \
                                                                row(NETIPC_SYSTEM, "an operating system call failed")

const char *netipc_status_name(netipc_status status)
{
    switch (status) {
#define row(value, text)                                                                                               \
    case value:                                                                                                        \
        return #value;
        STATUS_TABLE(row)
#undef row
    }
    return "unknown status";
}

const char *netipc_status_text(netipc_status status)
{
    switch (status) {
#define row(value, text)                                                                                               \
    case value:                                                                                                        \
        return text;
        STATUS_TABLE(row)
#undef row
    }
    return "unknown status";
}

static _Thread_local char detail[256];

const char *netipc_status_detail(void)
{
    return detail;
}

static void append(size_t at, const char *format, va_list arguments)
{
    if (at < sizeof detail)
        vsnprintf(detail + at, sizeof detail - at, format, arguments);
}

netipc_status netipc_fail(netipc_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    append(0, format, arguments);
    va_end(arguments);
    return status;
}

static netipc_status status_of_errno(int error)
{
    switch (error) {
    case ENOMEM:
    case ENOSPC:
    case EDQUOT:
    case ENOBUFS:
        return NETIPC_NO_MEMORY;
    case EMFILE:
    case ENFILE:
    case ETOOMANYREFS:
        return NETIPC_NO_DESCRIPTORS;
    case EACCES:
    case EPERM:
    case EROFS:
        return NETIPC_PERMISSION_DENIED;
    case ENOENT:
    case ENOTDIR:
        return NETIPC_NOT_FOUND;
    case EFBIG:
        return NETIPC_TOO_LARGE;
    default:
        return NETIPC_SYSTEM;
    }
}

netipc_status netipc_fail_errno(int error, const char *what, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, what);
    append(0, what, arguments);
    va_end(arguments);
    size_t at = strlen(detail);
    if (at < sizeof detail)
        snprintf(detail + at, sizeof detail - at, ": %s", strerror_r(error, text, sizeof text));
    return status_of_errno(error);
}

netipc_status netipc_fail_within(netipc_status status, const char *context)
{
    char inner[sizeof detail];
    memcpy(inner, detail, sizeof inner);
    snprintf(detail, sizeof detail, "%.80s: %.170s", context, inner);
    return status;
}
