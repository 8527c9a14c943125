/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/seed_file.h"

#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *seed_corpus;

static unsigned char seed[1 << 16];
static size_t seed_length;

void put(const void *bytes, size_t length)
{
    fuzz_check(length <= sizeof seed - seed_length);
    memcpy(seed + seed_length, bytes, length);
    seed_length += length;
}

void put_u8(unsigned value)
{
    put(&(uint8_t){(uint8_t)value}, 1);
}

void put_u16(unsigned value)
{
    put(&(uint16_t){(uint16_t)value}, 2);
}

void put_u64(uint64_t value)
{
    put(&value, sizeof value);
}

void save(const char *target, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", seed_corpus, target);
    fuzz_check(mkdir(path, 0777) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/%s/%s", seed_corpus, target, name);
    FILE *stream = fopen(path, "we");
    fuzz_check(stream != NULL && fwrite(seed, 1, seed_length, stream) == seed_length && fclose(stream) == 0);
    seed_length = 0;
}
