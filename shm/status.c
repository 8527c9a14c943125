/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/detail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ROW(status, text)                                                                                              \
    {                                                                                                                  \
        status, #status, text                                                                                          \
    }

static const struct {
    netipc_status status;
    const char *name, *text;
} table[] = {
    ROW(NETIPC_OK, "success"),
    ROW(NETIPC_UNCHANGED, "the snapshot equals the latest one and was not published again"),
    ROW(NETIPC_EMPTY, "nothing has been published yet"),
    ROW(NETIPC_TIMED_OUT, "the deadline passed"),
    ROW(NETIPC_ABORTED, "the call was aborted by another thread"),
    ROW(NETIPC_WOULD_BLOCK, "nothing can be done now; poll and call again"),
    ROW(NETIPC_NOT_FOUND, "nobody serves this run directory and service, or no item has this key"),
    ROW(NETIPC_DISCONNECTED, "there is no session with the other side"),
    ROW(NETIPC_GONE, "the publisher or server died"),
    ROW(NETIPC_CLOSED, "the publisher or server closed"),
    ROW(NETIPC_SUPERSEDED, "the region was replaced by a larger one"),
    ROW(NETIPC_NOT_READY, "the client is not connected; the call was not tried"),
    ROW(NETIPC_REQUEST_FAILED, "the server could not carry out the request"),
    ROW(NETIPC_ADDRESS_IN_USE, "address in use: a live process serves this service"),
    ROW(NETIPC_AUTH_FAILED, "authentication failed: wrong uid or token"),
    ROW(NETIPC_BUSY, "busy: no free session, or a smaller limit, on the other side"),
    ROW(NETIPC_INCOMPATIBLE, "the other side uses another layout or protocol version"),
    ROW(NETIPC_UNSUPPORTED, "not offered by the peer or by this system"),
    ROW(NETIPC_LIMIT_EXCEEDED, "a configured or agreed limit is exceeded"),
    ROW(NETIPC_UNSAFE_DIRECTORY, "the run directory is not safe: wrong owner, or writable by others"),
    ROW(NETIPC_PERMISSION_DENIED, "permission denied by the operating system"),
    ROW(NETIPC_NO_LEASE, "no lease was granted to this reader; read by copy"),
    ROW(NETIPC_INVALID_ARGUMENT, "an argument is outside its documented range"),
    ROW(NETIPC_WRONG_STATE, "the call is not allowed in this state"),
    ROW(NETIPC_TOO_SMALL, "the buffer is too small"),
    ROW(NETIPC_TOO_LARGE, "the snapshot or region is larger than the ceiling allows"),
    ROW(NETIPC_FORKED, "the object belongs to the parent process; open a new one after fork"),
    ROW(NETIPC_OVERRUN, "the publisher overtook every try of the read; read again"),
    ROW(NETIPC_CORRUPT, "the data is corrupt"),
    ROW(NETIPC_PROTOCOL, "the peer broke the protocol"),
    ROW(NETIPC_EXPIRED, "this generation has left the ring"),
    ROW(NETIPC_CHECKSUM_MISMATCH, "the checksum of a packet is wrong"),
    ROW(NETIPC_NO_MEMORY, "out of memory"),
    ROW(NETIPC_NO_DESCRIPTORS, "out of file descriptors"),
    ROW(NETIPC_SYSTEM, "an operating system call failed"),
};

const char *netipc_status_name(netipc_status status)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return table[i].name;
    return "unknown status";
}

const char *netipc_status_text(netipc_status status)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return table[i].text;
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
