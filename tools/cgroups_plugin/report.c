/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void write_line(char *line, size_t capacity)
{
    size_t length = strnlen(line, capacity - 2);
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)line[i];
        if (byte < 0x20 || byte == 0x7f)
            line[i] = '?';
    }
    line[length++] = '\n';
    /* Nobody is left to tell that stderr cannot be written. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void report(const char *format, ...)
{
    char line[1024] = "cgroups.plugin: ";
    size_t at = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + at, sizeof line - at, format, arguments);
    va_end(arguments);
    write_line(line, sizeof line);
}

void report_status(const char *what, netipc_status status, const char *detail)
{
    if (detail[0] == '\0')
        report("%s: %s", what, netipc_status_text(status));
    else
        report("%s: %s (%s)", what, netipc_status_text(status), detail);
}

static const char *level_text(netipc_log_level level)
{
    switch (level) {
    case NETIPC_LOG_DEBUG:
        return "debug";
    case NETIPC_LOG_INFO:
        return "info";
    case NETIPC_LOG_WARNING:
        return "warning";
    case NETIPC_LOG_ERROR:
        return "error";
    }
    return "log";
}

void report_event(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                  size_t field_count)
{
    (void)context;
    char text[768];
    size_t at = (size_t)snprintf(text, sizeof text, "%s: %.200s", level_text(level), event);
    for (size_t i = 0; i < field_count && at < sizeof text; i++) {
        int more = fields[i].text != NULL
                       ? snprintf(text + at, sizeof text - at, " %s=%s", fields[i].name, fields[i].text)
                       : snprintf(text + at, sizeof text - at, " %s=%" PRIu64, fields[i].name, fields[i].number);
        at += more < 0 ? 0 : (size_t)more;
    }
    report("%s", text);
}
