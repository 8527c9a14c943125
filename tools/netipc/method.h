/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TOOL_METHOD_H
#define NETIPC_TOOL_METHOD_H

#include <netipc/server.h>
#include <netipc/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { METHOD_PAYLOAD_MOST = 64 }; /* bytes of what _ask writes */

/* A method that is there to try a connection out. Requests are numbered, and what is asked depends on the number. */
struct method {
    const char *name;
    uint32_t number; /* NETIPC_METHOD_… */
    netipc_status (*ask)(uint64_t number, void *buffer, size_t capacity, size_t *length);
    /* Whether this answer is right for the request of that number. */
    bool (*is_right)(uint64_t number, const void *answer, size_t length);
    netipc_handler handler;
};

/* NULL: there is none of this name. */
const struct method *method_find(const char *name);

#endif
