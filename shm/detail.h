/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_DETAIL_H
#define NETIPC_SHM_DETAIL_H

#include <netipc/status.h>

/*
 * Sets this thread's detail text and returns status, so that a failing rung is one line:
 *     return netipc_fail(NETIPC_TOO_LARGE, "snapshot needs %zu bytes, the ceiling allows %zu", …);
 */
netipc_status netipc_fail(netipc_status status, const char *format, ...) __attribute__((cold, format(printf, 2, 3)));

/* As netipc_fail with the status that fits error (an errno value), and its text behind what. */
netipc_status netipc_fail_errno(int error, const char *what, ...) __attribute__((cold, format(printf, 2, 3)));

/* Puts "context: " in front of this thread's detail and returns status. */
netipc_status netipc_fail_within(netipc_status status, const char *context);

#endif
