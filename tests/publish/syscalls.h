/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_SYSCALLS_H
#define TESTS_PUBLISH_SYSCALLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct syscall_counts {
    uint64_t all, futex, memory; /* memory: mmap and the like, which sanitizers call when they want to */
};

/*
 * Counts the system calls of one thread between two calls of getppid(), by tracing it. begin gets it to make them.
 * false: this process may not trace that one.
 */
bool syscalls_between_marks(pid_t thread, void (*begin)(void *context), void *context, struct syscall_counts *counts);

#endif
