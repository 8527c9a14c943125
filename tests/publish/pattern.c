/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/pattern.h"

#include <string.h>

static uint64_t scramble(uint64_t value)
{
    value ^= value >> 30;
    value *= UINT64_C(0xbf58476d1ce4e5b9);
    value ^= value >> 27;
    value *= UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uint64_t seed_of(uint64_t generation, uint64_t length)
{
    return scramble(scramble(generation) + length);
}

static const uint64_t step = UINT64_C(0x9e3779b97f4a7c15);

void pattern_fill(void *bytes, uint64_t length, uint64_t generation)
{
    uint64_t word = seed_of(generation, length);
    unsigned char *at = bytes;
    for (uint64_t i = 0; i < length / 8; i++, word += step)
        memcpy(at + 8 * i, &word, 8);
    if (length % 8 != 0)
        memcpy(at + length / 8 * 8, &word, length % 8);
}

bool pattern_ok(const void *bytes, uint64_t length, uint64_t generation)
{
    uint64_t word = seed_of(generation, length), different = 0, found;
    const unsigned char *at = bytes;
    for (uint64_t i = 0; i < length / 8; i++, word += step) {
        memcpy(&found, at + 8 * i, 8);
        different |= found ^ word;
    }
    return different == 0 && (length % 8 == 0 || memcmp(at + length / 8 * 8, &word, length % 8) == 0);
}

uint64_t pattern_varied_length(uint64_t generation, uint64_t most)
{
    uint64_t length = scramble(generation) % 512;
    if (generation % 1024 == 0)
        length = most;
    else if (generation % 64 == 0)
        length = 4096;
    else if (generation % 16 == 0)
        length = 0;
    return length < most ? length : most;
}

uint64_t pattern_key(const uint64_t incarnation[2], uint64_t generation)
{
    return scramble(incarnation[0] + scramble(incarnation[1])) + generation;
}

uint64_t pattern_run_length(const uint64_t incarnation[2], uint64_t generation, uint64_t most)
{
    uint64_t run = generation / 16, longest = 256;
    if (run % 512 == 40)
        longest = most;
    else if (run % 64 == 9)
        longest = most / 32;
    else if (run % 8 == 1)
        longest = 4096;
    if (generation % 16 == 5)
        return longest;
    return generation % 16 == 11 ? 0 : scramble(pattern_key(incarnation, generation)) % (longest + 1);
}
