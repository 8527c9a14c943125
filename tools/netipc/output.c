/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/netipc/output.h"

#include "tools/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, or an errno value, as below. */
static int write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written < 0 && errno != EINTR)
            return errno;
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
    return 0;
}

static int close_written(int fd, int error)
{
    return close(fd) != 0 && error == 0 ? errno : error;
}

static int write_through(const char *path, const void *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
    if (fd < 0)
        return errno;
    return close_written(fd, write_all(fd, bytes, length));
}

static int write_beside(char *beside, const char *path, mode_t mode, const void *bytes, size_t length)
{
    int fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write_all(fd, bytes, length);
    if (error == 0 && fchmod(fd, mode) != 0)
        error = errno;
    error = close_written(fd, error);
    if (error == 0 && rename(beside, path) != 0)
        error = errno;
    if (error != 0)
        unlink(beside);
    return error;
}

static int replace(const char *path, mode_t mode, const void *bytes, size_t length)
{
    char *beside;
    if (asprintf(&beside, "%s.XXXXXX", path) < 0)
        return ENOMEM;
    int error = write_beside(beside, path, mode, bytes, length);
    free(beside);
    return error;
}

/* It can only be asked for by setting it. */
static mode_t current_umask(void)
{
    mode_t mask = umask(077);
    umask(mask);
    return mask;
}

netipc_status output_write(const char *path, const void *bytes, size_t length)
{
    int error;
    struct stat old;
    if (path == NULL) {
        error = write_all(STDOUT_FILENO, bytes, length);
    } else if (lstat(path, &old) != 0) {
        error = errno == ENOENT ? replace(path, 0666 & ~current_umask(), bytes, length) : errno;
    } else if (S_ISREG(old.st_mode)) {
        error = replace(path, old.st_mode & 0777, bytes, length);
    } else {
        error = write_through(path, bytes, length);
    }
    return error == 0 ? NETIPC_OK : report_errno(path != NULL ? path : "standard output", error);
}
