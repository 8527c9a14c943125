/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_VICTIM_H
#define TESTS_CRASH_VICTIM_H

/* The peer that is struck, seen from the test. Where these calls wait for it, a stop is looked into by the function
 * that was set for it, and then the victim goes on; a death ends them with false. */

#include "tests/crash/board.h"
#include "tests/publish/peers.h"

#include <stdbool.h>

extern struct peer *victim;
extern struct crash_board *board;

/* Before the first victim. */
void victim_make_board(void);

void victim_start(const char *role, void (*on_stop)(void));

/* From now on its points are counted, and at this one (2 x site + 1 for after), passed for the hit-th time, it gets
 * signal; 0: only count. */
void victim_arm(uint32_t point, uint32_t hit, uint32_t signal);

/* Whether it got to that point. */
bool victim_taken(void);

/* As those of peers.h. */
void victim_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool victim_ask(uint64_t *numbers, size_t count, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool victim_hear(uint64_t *numbers, size_t count);

/* Looks at it once. */
bool victim_lives(void);

/* Until so many of its threads sleep in futex(), or it has answered. */
bool victim_falls_asleep(size_t threads);

/* Until its threads pass no more points. */
bool victim_settles(void);

/* Disarms. A victim that was about to be struck is waited for. */
bool victim_comes_through(void);

#endif
