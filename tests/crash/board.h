/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_BOARD_H
#define TESTS_CRASH_BOARD_H

/*
 * What a victim and its test share: a page where the victim lists its crash sites and counts how often it passes them,
 * and where the test says at which one it is to be struck.
 *
 * A site is one place in the source that stores to an atomic word, calls the system, or copies payload. It has two
 * points: before and after.
 */

#include <stdatomic.h>
#include <stdint.h>

enum { CRASH_SITES_MOST = 1024, CRASH_NAME_SIZE = 48 };

/* Names the descriptor of the board in the victim's environment. */
#define CRASH_BOARD_VARIABLE "NETIPC_CRASH_BOARD"

/* Points are counted while it is armed. The test puts it on and off; the victim takes it at its point, just before it
 * is struck. */
enum crash_state { CRASH_OFF, CRASH_ARMED, CRASH_TAKEN };

struct crash_board {
    _Atomic(uint32_t) state; /* enum crash_state */
    _Atomic(uint64_t) passes;
    /* set by the test before it arms */
    uint32_t point;  /* 2 x site + 1 for the one after */
    uint32_t hit;    /* counted from 1 */
    uint32_t signal; /* 0: only count */
    uint32_t site_count;
    struct crash_listed_site {
        char file[CRASH_NAME_SIZE], function[CRASH_NAME_SIZE], operation[CRASH_NAME_SIZE];
        uint32_t line, is_store;
        _Atomic(uint32_t) hits[2];
    } sites[CRASH_SITES_MOST];
};

#endif
