/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TOOLS_REPORT_H
#define TOOLS_REPORT_H

#include <netipc/log.h>
#include <netipc/status.h>

#include <stdbool.h>
#include <stddef.h>

/* Lines on stderr, behind the program's name, which it is compiled with as REPORT_PROGRAM. Each is one write, with
 * control bytes made visible, since names of files and cgroups are in them. */

/* "program: " and the text. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "program: what: text of the status (detail)" */
void report_status(const char *what, netipc_status status, const char *detail);

/* The same with the text of an errno value. Gives the status that fits it. */
netipc_status report_errno(const char *what, int error);

/* A netipc_log_fn: "program: level: event name=value ..." */
void report_event(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                  size_t field_count);

enum { STATUS_WORDS = 384 };

/* "text of the status (detail)", with control bytes made visible. */
void status_words(char words[STATUS_WORDS], netipc_status status, const char *detail);

#endif
