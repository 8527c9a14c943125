/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t fuzz_reached[FUZZ_GOALS_MOST];

void fuzz_bytes(struct fuzz_input *input, void *bytes, size_t length)
{
    size_t there = length < input->left ? length : input->left;
    memset(bytes, 0, length);
    if (there > 0)
        memcpy(bytes, input->at, there);
    input->at += there;
    input->left -= there;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
    uint8_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
    uint16_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

uint64_t fuzz_u64(struct fuzz_input *input)
{
    uint64_t value;
    fuzz_bytes(input, &value, sizeof value);
    return value;
}

void fuzz_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "%s:%d: does not hold: %s\nthe last detail was: %s\n", file, line, what, netipc_status_detail());
    abort();
}

void fuzz_check_status(netipc_status status, uint64_t allowed, const char *call)
{
    if ((unsigned)status < 64 && (allowed & FUZZ_STATUS(status)) != 0)
        return;
    fprintf(stderr, "%s gave %s: %s\n", call, netipc_status_name(status), netipc_status_detail());
    abort();
}

unsigned fuzz_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    fuzz_check(directory != NULL);
    unsigned count = 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

unsigned fuzz_mappings(void)
{
    static char maps[1 << 20];
    size_t length = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    fuzz_check(fd >= 0);
    for (ssize_t got = 1; got > 0 && length < sizeof maps; length += (size_t)got) {
        got = read(fd, maps + length, sizeof maps - length);
        fuzz_check(got >= 0);
    }
    close(fd);
    unsigned count = 0;
    const char *end = maps + length;
    for (const char *at = maps; (at = memmem(at, (size_t)(end - at), "/memfd:", 7)) != NULL; at++)
        count++;
    return count;
}
