/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/whole_file.h"

#include "bench/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool whole_file_fill(int file, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t written = write(file, text, left);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            text += written;
            left -= (size_t)written;
        }
    }
    return true;
}

bool whole_file_write(int directory, const char *name, const char *text)
{
    char temporary[80];
    snprintf(temporary, sizeof temporary, ".%s.new", name);
    int file = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    bool good = file >= 0 && whole_file_fill(file, text) && fsync(file) == 0;
    if (file >= 0)
        good = close(file) == 0 && good;
    good = good && renameat(directory, temporary, directory, name) == 0;
    if (!good) {
        notice_errno("cannot write %s", name);
        unlinkat(directory, temporary, 0);
        return false;
    }
    return whole_file_sync(directory, ".");
}

bool whole_file_sync(int directory, const char *name)
{
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    bool good = file >= 0 && fsync(file) == 0;
    if (!good)
        notice_errno("cannot write %s to the disk", name);
    if (file >= 0)
        close(file);
    return good;
}
