/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_NOTICE_H
#define EBPF_PLUGIN_NOTICE_H

#include <netipc/status.h>

/* One line on stderr, behind the program's name. */
void notice(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * As notice, with the name, the text and this thread's detail of status behind it: call it before anything
 * else of the library.
 */
void notice_status(netipc_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
