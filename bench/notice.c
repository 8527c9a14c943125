/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/notice.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool progress_wanted, progress_shown;

/* One write a line, so that lines of several processes on one stderr do not mix. */
static void print_line(const char *format, va_list arguments, const char *tail)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    notice_progress_end();
    fprintf(stderr, "shmbench: %s%s\n", text, tail);
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

void notice_errno(const char *format, ...)
{
    char tail[256];
    snprintf(tail, sizeof tail, ": %s", strerror(errno));
    va_list arguments;
    va_start(arguments, format);
    print_line(format, arguments, tail);
    va_end(arguments);
}

void notice_progress_start(bool quiet)
{
    progress_wanted = !quiet && isatty(STDERR_FILENO);
}

void notice_progress(const char *format, ...)
{
    if (!progress_wanted)
        return;
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\r%s\033[K", text);
    fflush(stderr);
    progress_shown = true;
}

void notice_progress_end(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}
