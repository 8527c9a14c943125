/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_LOG_H
#define NETIPC_LOG_H

#include <netipc/export.h>

#include <stddef.h>
#include <stdint.h>

NETIPC_BEGIN_DECLS

typedef enum netipc_log_level {
    NETIPC_LOG_DEBUG = 0,
    NETIPC_LOG_INFO = 1,
    NETIPC_LOG_WARNING = 2,
    NETIPC_LOG_ERROR = 3
} netipc_log_level;

/* One named value of an event: text when it is not NULL, else the number. */
typedef struct netipc_log_field {
    const char *name;
    const char *text;
    uint64_t number;
} netipc_log_field;

/*
 * Called by the library for events worth a line in a log; the library itself prints nothing.
 * event is a short constant such as "session-refused". Everything is valid for the call only.
 * May be called from the library's own thread and from inside any call of the object it was
 * configured for; it must not call back into that object and should not block.
 */
typedef void (*netipc_log_fn)(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                              size_t field_count);

NETIPC_END_DECLS

#endif
