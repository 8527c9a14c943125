/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show_control_bytes(char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte < 0x20 || byte == 0x7f)
            text[i] = '?';
    }
}

void report(const char *format, ...)
{
    char line[5120] = REPORT_PROGRAM ": "; /* room for a path */
    size_t at = strlen(line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + at, sizeof line - at, format, arguments);
    va_end(arguments);
    size_t length = strnlen(line, sizeof line - 2);
    show_control_bytes(line, length);
    line[length++] = '\n';
    /* Nobody is left to tell that stderr cannot be written. */
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}

void status_words(char words[STATUS_WORDS], netipc_status status, const char *detail)
{
    const char *text = netipc_status_text(status);
    if (detail[0] == '\0')
        snprintf(words, STATUS_WORDS, "%s", text);
    else
        snprintf(words, STATUS_WORDS, "%s (%s)", text, detail);
    show_control_bytes(words, strlen(words));
}

void report_status(const char *what, netipc_status status, const char *detail)
{
    if (detail[0] == '\0')
        report("%s: %s", what, netipc_status_text(status));
    else
        report("%s: %s (%s)", what, netipc_status_text(status), detail);
}

static netipc_status status_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return NETIPC_NOT_FOUND;
    case ENOMEM:
        return NETIPC_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return NETIPC_NO_DESCRIPTORS;
    case EACCES:
    case EPERM:
        return NETIPC_PERMISSION_DENIED;
    default:
        return NETIPC_SYSTEM;
    }
}

netipc_status report_errno(const char *what, int error)
{
    char text[64];
    report("%s: %s", what, strerror_r(error, text, sizeof text));
    return status_of(error);
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
    char text[1024];
    size_t at = (size_t)snprintf(text, sizeof text, "%s: %.200s", level_text(level), event);
    for (size_t i = 0; i < field_count && at < sizeof text; i++) {
        int more = fields[i].text != NULL
                       ? snprintf(text + at, sizeof text - at, " %s=%s", fields[i].name, fields[i].text)
                       : snprintf(text + at, sizeof text - at, " %s=%" PRIu64, fields[i].name, fields[i].number);
        at += more < 0 ? 0 : (size_t)more;
    }
    report("%s", text);
}
