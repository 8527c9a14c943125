/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUPS_PLUGIN_REPORT_H
#define CGROUPS_PLUGIN_REPORT_H

#include <netipc/log.h>
#include <netipc/status.h>

/* Lines on stderr. Each is one write, with control bytes made visible, since names of cgroups are in them. */

/* "cgroups.plugin: " and the text. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "cgroups.plugin: what: text of the status (detail)" */
void report_status(const char *what, netipc_status status, const char *detail);

/* A netipc_log_fn: "cgroups.plugin: event name=value ..." */
void report_event(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                  size_t field_count);

#endif
