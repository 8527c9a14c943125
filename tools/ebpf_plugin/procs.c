/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/procs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel's own limit; it bounds what one file can make us keep. */
enum { PIDS_MAX = 4 * 1024 * 1024 };

int process_compare(const void *left, const void *right)
{
    const struct process *a = left;
    const struct process *b = right;
    if (a->pid != b->pid)
        return a->pid < b->pid ? -1 : 1;
    return (a->start > b->start) - (a->start < b->start);
}

void procs_free(struct procs *procs)
{
    free(procs->list);
    *procs = (struct procs){0};
}

bool procs_reader_open(struct procs_reader *reader, const char *root)
{
    *reader = (struct procs_reader){.root = root, .proc_fd = -1};
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/proc", root);
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return false;
    }
    reader->proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return reader->proc_fd >= 0;
}

void procs_reader_close(struct procs_reader *reader)
{
    procs_free(&reader->scratch);
    if (reader->proc_fd >= 0)
        close(reader->proc_fd);
    reader->proc_fd = -1;
}

bool procs_parse_stat(const char *text, size_t length, uint64_t *start)
{
    enum { FIELDS_BETWEEN = 20 }; /* from the command, field 2, to the start time, field 22 */
    const char *end = text + length;
    const char *at = memrchr(text, ')', length);
    if (!at)
        return false;
    at++;
    for (int field = 0; field < FIELDS_BETWEEN; field++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (!at)
            return false;
        at++;
    }
    uint64_t value = 0;
    const char *digit = at;
    for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value))
            return false;
    }
    if (digit == at || digit == end || (*digit != ' ' && *digit != '\n'))
        return false;
    *start = value;
    return true;
}

/* Any but EINTR; -1 with errno. */
static ssize_t read_some(int fd, void *buffer, size_t capacity)
{
    ssize_t got;
    do
        got = read(fd, buffer, capacity);
    while (got < 0 && errno == EINTR);
    return got;
}

/* False when the process has ended. One that cannot be looked at is there, with the start time 0. */
static bool read_start(const struct procs_reader *reader, uint32_t pid, uint64_t *start)
{
    char path[32];
    snprintf(path, sizeof path, "%u/stat", pid);
    *start = 0;
    int fd = openat(reader->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno != ENOENT && errno != ESRCH;
    /* Field 22 ends below 600 bytes: 64 bytes of command and 21 numbers of at most 20 digits. */
    char text[1024];
    ssize_t got = read_some(fd, text, sizeof text);
    int error = errno;
    close(fd);
    if (got < 0)
        return error != ESRCH;
    if (!procs_parse_stat(text, (size_t)got, start))
        *start = 0;
    return true;
}

static bool append(struct procs *procs, uint32_t pid)
{
    if (procs->count == PIDS_MAX)
        return false;
    if (procs->count == procs->capacity) {
        size_t capacity = procs->capacity ? 2 * procs->capacity : 16;
        struct process *list = realloc(procs->list, capacity * sizeof *list);
        if (!list)
            return false;
        procs->list = list;
        procs->capacity = capacity;
    }
    procs->list[procs->count++] = (struct process){.pid = pid};
    return true;
}

/* A number of a line that arrives in pieces. */
struct line {
    uint64_t value;
    bool digits;
};

static bool take_byte(struct procs *procs, struct line *line, char byte)
{
    if (byte >= '0' && byte <= '9') {
        line->value = 10 * line->value + (uint64_t)(byte - '0');
        line->digits = true;
        return line->value <= UINT32_MAX;
    }
    if (byte != '\n')
        return false;
    bool good = !line->digits || line->value == 0 || append(procs, (uint32_t)line->value);
    *line = (struct line){0};
    return good;
}

/* False when fd cannot be read to its end, or is no list of numbers. */
static bool read_pids(int fd, struct procs *procs)
{
    char text[16384];
    struct line line = {0};
    ssize_t got;
    procs->count = 0;
    while ((got = read_some(fd, text, sizeof text)) > 0) {
        for (ssize_t at = 0; at < got; at++) {
            if (!take_byte(procs, &line, text[at]))
                return false;
        }
    }
    return got == 0 && (!line.digits || take_byte(procs, &line, '\n'));
}

static int open_list(const char *root, const char *path)
{
    char whole[PATH_MAX];
    int length = snprintf(whole, sizeof whole, "%s%s", root, path);
    if (path[0] != '/' || length < 0 || (size_t)length >= sizeof whole)
        return -1;
    int fd = open(whole, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    if (fd >= 0 && (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Sorts, and drops what is listed twice or has ended. */
static void settle(const struct procs_reader *reader, struct procs *procs)
{
    if (procs->count > 1)
        qsort(procs->list, procs->count, sizeof *procs->list, process_compare);
    size_t kept = 0;
    for (size_t i = 0; i < procs->count; i++) {
        struct process process = procs->list[i];
        if (kept && procs->list[kept - 1].pid == process.pid)
            continue;
        if (read_start(reader, process.pid, &process.start))
            procs->list[kept++] = process;
    }
    procs->count = kept;
}

static enum procs_result keep_once(struct procs *procs)
{
    bool keep = procs->read && !procs->stale;
    procs->read = true;
    procs->stale = true;
    if (keep)
        return PROCS_KEPT;
    procs->count = 0;
    return PROCS_LOST;
}

/* Into memory of about the right size: lists are many, and one that was long must not stay so. */
static bool copy_list(struct procs *to, const struct procs *from)
{
    if (from->count > to->capacity || from->count < to->capacity / 4) {
        struct process *list = malloc((from->count ? from->count : 1) * sizeof *list);
        if (!list)
            return false;
        free(to->list);
        to->list = list;
        to->capacity = from->count;
    }
    if (from->count)
        memcpy(to->list, from->list, from->count * sizeof *from->list);
    to->count = from->count;
    return true;
}

enum procs_result procs_refresh(struct procs_reader *reader, struct procs *procs, const char *path)
{
    int fd = open_list(reader->root, path);
    if (fd < 0)
        return keep_once(procs);
    bool whole = read_pids(fd, &reader->scratch);
    close(fd);
    if (!whole)
        return keep_once(procs);
    settle(reader, &reader->scratch);
    if (!copy_list(procs, &reader->scratch))
        return keep_once(procs);
    procs->read = true;
    procs->stale = false;
    return PROCS_READ;
}
