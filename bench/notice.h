/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_NOTICE_H
#define BENCH_NOTICE_H

/* What the program says to a person: one line a call, on stderr. */

#include <netipc/status.h>

#include <stdbool.h>

/* Exit status of a wrong command line; all others are those of docs/status.md. */
enum { NOTICE_USAGE = 64 };

void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, with the name, text and detail of what the library has just answered. */
void notice_status(netipc_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same, with errno's text. */
void notice_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line that the next one overwrites; only on a terminal, and not when quiet. */
void notice_progress_start(bool quiet);
void notice_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void notice_progress_end(void);

#endif
