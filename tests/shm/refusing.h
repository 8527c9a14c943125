/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_SHM_REFUSING_H
#define NETIPC_TESTS_SHM_REFUSING_H

/* Makes the system refuse things to this process for the rest of its life: for children of tests. */

#include <stdbool.h>

/* Whether a limit of so much locked memory is to be had. Says so when it is not. */
bool may_lock(unsigned long long bytes);

/* Without CAP_IPC_LOCK, and with this limit for locked memory. */
bool refuse_locking_above(unsigned long long bytes);

/* No transparent huge pages. */
bool refuse_huge_pages(void);

/* This system call fails with that error; if its third argument is this one, when that is not -1. */
bool refuse_call(long call, long third, int error);

#endif
