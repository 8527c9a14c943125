/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/asleep.h"

#include "tests/publish/patience.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include <cmocka.h>

/* The numbers of the kernel that runs this: an emulated program's own are others. */
#ifndef TESTS_KERNEL_FUTEX
#define TESTS_KERNEL_FUTEX SYS_futex
#define TESTS_KERNEL_PPOLL SYS_ppoll
#define TESTS_KERNEL_EPOLL_PWAIT SYS_epoll_pwait
#ifdef SYS_epoll_wait
#define TESTS_KERNEL_EPOLL_WAIT SYS_epoll_wait
#else
#define TESTS_KERNEL_EPOLL_WAIT SYS_epoll_pwait
#endif
#endif

static bool is(long number, enum asleep_in where)
{
    switch (where) {
    case ASLEEP_IN_FUTEX:
        return number == TESTS_KERNEL_FUTEX;
    case ASLEEP_IN_PPOLL:
        return number == TESTS_KERNEL_PPOLL;
    case ASLEEP_IN_EPOLL:
        return number == TESTS_KERNEL_EPOLL_WAIT || number == TESTS_KERNEL_EPOLL_PWAIT;
    case ASLEEP_ANYWHERE:
        return number >= 0;
    }
    return false;
}

/* The line begins with the number of the system call that the thread is in, or says that it runs. */
bool asleep(pid_t thread, enum asleep_in where)
{
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)thread);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    char *end = line;
    bool there = fgets(line, sizeof line, stream) != NULL;
    long number = there ? strtol(line, &end, 10) : -1;
    fclose(stream);
    return end != line && is(number, where);
}

void await_asleep(const _Atomic(int) *thread, enum asleep_in where)
{
    for (uint64_t deadline = now_ns() + patience_ns(90); now_ns() < deadline; pause_ms(1)) {
        int tid = atomic_load(thread);
        if (tid != 0 && asleep(tid, where))
            return;
    }
    fail_msg("thread %d does not sleep (%d)", atomic_load(thread), (int)where);
}
