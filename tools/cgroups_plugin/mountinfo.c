/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIRST_BYTES = 64 * 1024, MOST_BYTES = 256 * 1024 * 1024 };

/* Doubles the buffer. A file in /proc has no size to ask for. */
static bool grow(struct mountinfo *info, size_t *capacity, const char *path, struct failure *failure)
{
    size_t wanted = *capacity == 0 ? FIRST_BYTES : *capacity * 2;
    if (wanted > MOST_BYTES)
        return fail(failure, NETIPC_LIMIT_EXCEEDED, "%s is larger than %d bytes", path, MOST_BYTES);
    char *text = realloc(info->text, wanted);
    if (text == NULL)
        return fail_errno(failure, ENOMEM, "%s", path);
    info->text = text;
    *capacity = wanted;
    return true;
}

static bool read_all(int fd, struct mountinfo *info, const char *path, struct failure *failure)
{
    size_t capacity = 0;
    for (;;) {
        if (info->length + 1 >= capacity && !grow(info, &capacity, path, failure))
            return false;
        ssize_t got = read(fd, info->text + info->length, capacity - 1 - info->length);
        if (got == 0) {
            info->text[info->length] = '\0';
            return true;
        }
        if (got > 0)
            info->length += (size_t)got;
        else if (errno != EINTR)
            return fail_errno(failure, errno, "%s", path);
    }
}

bool mountinfo_read(struct mountinfo *info, const char *path, struct failure *failure)
{
    *info = (struct mountinfo){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail_errno(failure, errno, "%s", path);
    bool done = read_all(fd, info, path, failure);
    close(fd);
    if (!done)
        mountinfo_free(info);
    return done;
}

void mountinfo_free(struct mountinfo *info)
{
    free(info->text);
    *info = (struct mountinfo){0};
}

static bool is_octal(char digit)
{
    return digit >= '0' && digit <= '7';
}

/* The kernel writes blank, tab, newline and backslash as three octal digits behind a backslash. */
static void undo_escapes(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        if (from[0] == '\\' && from[1] <= '3' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
            int byte = (from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0');
            if (byte != 0) {
                *to++ = (char)byte;
                from += 4;
                continue;
            }
        }
        *to++ = *from++;
    }
    *to = '\0';
}

/* id parent major:minor root point options optional… - type source super_options */
static bool parse(char *line, struct mount *mount)
{
    enum { POINT = 4, OPTIONS = 5 };
    char *rest = NULL, *point = NULL;
    char *field = strtok_r(line, " ", &rest);
    for (int i = 0; i <= OPTIONS; i++, field = strtok_r(NULL, " ", &rest)) {
        if (field == NULL)
            return false;
        if (i == POINT)
            point = field;
    }
    while (field != NULL && strcmp(field, "-") != 0)
        field = strtok_r(NULL, " ", &rest);
    if (field == NULL)
        return false;

    char *type = strtok_r(NULL, " ", &rest);
    char *source = strtok_r(NULL, " ", &rest);
    char *super_options = strtok_r(NULL, " ", &rest);
    if (super_options == NULL) {
        /* A source may be empty; then there is one field less. */
        super_options = source;
    }
    if (super_options == NULL)
        return false;
    undo_escapes(point);
    undo_escapes(super_options);
    if (point[0] != '/')
        return false;
    *mount = (struct mount){point, type, super_options};
    return true;
}

bool mountinfo_next(struct mountinfo *info, size_t *at, struct mount *mount)
{
    while (*at < info->length) {
        char *line = info->text + *at;
        char *end = memchr(line, '\n', info->length - *at);
        size_t length = end == NULL ? info->length - *at : (size_t)(end - line);
        bool whole = memchr(line, '\0', length) == NULL;
        line[length] = '\0';
        *at += length + 1;
        if (whole && parse(line, mount))
            return true;
    }
    return false;
}

bool mount_has_option(const char *options, const char *option)
{
    size_t length = strlen(option);
    while (*options != '\0') {
        size_t word = strcspn(options, ",");
        if (word == length && memcmp(options, option, length) == 0)
            return true;
        options += word;
        options += *options == ',';
    }
    return false;
}
