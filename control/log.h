/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_LOG_H
#define NETIPC_CONTROL_LOG_H

#include <netipc/log.h>

/* Where an object's events go. */
struct netipc_log {
    netipc_log_fn call; /* NULL: nowhere */
    void *context;
};

static inline void netipc_log_event(const struct netipc_log *log, netipc_log_level level, const char *event,
                                    const netipc_log_field *fields, size_t field_count)
{
    if (log->call != NULL)
        log->call(log->context, level, event, fields, field_count);
}

#endif
