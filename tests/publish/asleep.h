/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_ASLEEP_H
#define TESTS_PUBLISH_ASLEEP_H

#include <stdbool.h>
#include <sys/types.h>

enum asleep_in { ASLEEP_IN_FUTEX, ASLEEP_IN_PPOLL, ASLEEP_IN_EPOLL, ASLEEP_ANYWHERE };

/* Whether a thread, of any process, sleeps in this system call; ANYWHERE: in any. */
bool asleep(pid_t thread, enum asleep_in where);

/* Until it does; with tid 0 nothing is asked yet. */
void await_asleep(const _Atomic(int) *thread, enum asleep_in where);

#endif
