/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/payload.h"

#include <string.h>

enum { GENERATION, STAMP, SEAL, FIRST };

static uint64_t start_of(uint64_t generation)
{
    uint64_t mixed = (generation + 1) * UINT64_C(0xff51afd7ed558ccd);
    return (mixed ^ mixed >> 29) * UINT64_C(0xc4ceb9fe1a85ec53);
}

static uint64_t word_of(uint64_t start, size_t place)
{
    return start + place * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t seal_of(uint64_t generation, uint64_t stamp)
{
    return word_of(start_of(generation) ^ stamp * UINT64_C(0x2545f4914f6cdd1d), SEAL);
}

void payload_fill(void *bytes, size_t size, uint64_t generation)
{
    uint64_t *words = bytes;
    uint64_t start = start_of(generation);
    size_t whole = size / 8;
    for (size_t place = FIRST; place < whole; place++)
        words[place] = word_of(start, place);
    uint64_t last = word_of(start, whole);
    memcpy(words + whole, &last, size % 8);
    payload_stamp(bytes, generation, 0);
}

void payload_stamp(void *bytes, uint64_t generation, uint64_t stamp)
{
    uint64_t *words = bytes;
    words[GENERATION] = generation;
    words[STAMP] = stamp;
    words[SEAL] = seal_of(generation, stamp);
}

void payload_front(const void *bytes, uint64_t *generation, uint64_t *stamp)
{
    const uint64_t *words = bytes;
    *generation = words[GENERATION];
    *stamp = words[STAMP];
}

/* Words from one place to another, both at most `whole`, and the bytes behind the last word. */
static bool check_words(const void *bytes, size_t size, uint64_t generation, size_t from, size_t to)
{
    const uint64_t *words = bytes;
    uint64_t start = start_of(generation), wrong = 0;
    size_t whole = size / 8;
    for (size_t place = from; place < to; place++)
        wrong |= words[place] ^ word_of(start, place);
    uint64_t last = word_of(start, whole);
    return wrong == 0 && words[GENERATION] == generation && words[SEAL] == seal_of(generation, words[STAMP]) &&
           memcmp(words + whole, &last, size % 8) == 0;
}

bool payload_check(const void *bytes, size_t size, uint64_t generation, uint64_t *stamp)
{
    const uint64_t *words = bytes;
    if (stamp != NULL)
        *stamp = words[STAMP];
    return check_words(bytes, size, generation, FIRST, size / 8);
}

bool payload_check_piece(const void *bytes, size_t size, uint64_t generation, uint64_t turn)
{
    const size_t piece = PAYLOAD_PIECE / 8, whole = size / 8, pieces = (whole + piece - 1) / piece;
    size_t from = turn % pieces * piece, to = from + piece;
    return check_words(bytes, size, generation, from < FIRST ? FIRST : from, to > whole ? whole : to);
}
