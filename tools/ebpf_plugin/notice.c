/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/notice.h"

#include <stdarg.h>
#include <stdio.h>

/* One write a line, so that lines of several processes on one stderr do not mix. */
static void print_line(const char *format, va_list arguments, const char *tail)
{
    char text[2048];
    vsnprintf(text, sizeof text, format, arguments);
    fprintf(stderr, "ebpf.plugin: %s%s\n", text, tail);
}

void notice(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments, "");
    va_end(arguments);
}

void notice_status(netipc_status status, const char *format, ...)
{
    const char *detail = netipc_status_detail();
    char tail[768];
    snprintf(tail, sizeof tail, ": %s: %s%s%s%s", netipc_status_name(status), netipc_status_text(status),
             *detail ? " (" : "", detail, *detail ? ")" : "");
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments, tail);
    va_end(arguments);
}
