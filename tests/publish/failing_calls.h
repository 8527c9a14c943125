/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_FAILING_CALLS_H
#define TESTS_PUBLISH_FAILING_CALLS_H

/*
 * The linker sends the calls that the library makes of malloc and of the system here (-Wl,--wrap, see CMakeLists.txt).
 * Those of the thread that armed it are counted, and one of them fails.
 */

#include <netipc/status.h>

#include <stdbool.h>

/* From now on the call of that number, from 0, fails. */
void calls_arm(long number);

/* Whether it came to that, and the name of the function that failed then, or NULL. */
bool calls_disarm(const char **failed);

/* A failure must be told with its reason; failed is from calls_disarm(). */
void calls_expect_told(netipc_status status, const char *failed);

/* Heap blocks that the wrapped calls have made and not freed, in all threads. */
long calls_live_blocks(void);

#endif
