/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_FAILURE_H
#define CGROUPS_PLUGIN_FAILURE_H

#include <netipc/status.h>

#include <stdbool.h>

/* Why a step failed: the number for the exit code and the words for the log line. */
struct failure {
    netipc_status status;
    char detail[512];
};

/* Fills in *failure and returns false, so that a failing step is one line. */
bool fail(struct failure *failure, netipc_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same with the status that fits error (an errno value) and its text at the end. */
bool fail_errno(struct failure *failure, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
