/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/syscalls.h"

#include "tests/publish/patience.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <linux/ptrace.h>

enum { PATIENCE_S = 60, TRACED_SYSCALL = SIGTRAP | 0x80 };

/* Goes on until the next stop, whose signal it gives. */
static int next_stop(pid_t thread, int signal_to_deliver, bool resume)
{
    if (resume)
        assert_return_code(ptrace(PTRACE_SYSCALL, thread, NULL, (void *)(intptr_t)signal_to_deliver), errno);
    int status;
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline;) {
        pid_t changed = waitpid(thread, &status, __WALL | WNOHANG);
        if (changed == thread) {
            assert_true(WIFSTOPPED(status));
            return WSTOPSIG(status) | (status >> 16 << 8);
        }
        pause_ms(0);
    }
    fail_msg("thread %d makes no system call", (int)thread);
    return 0;
}

/* The number of the call that the thread enters; -1 when it leaves one. */
static int64_t entered(pid_t thread)
{
    struct ptrace_syscall_info info;
    assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, thread, (void *)sizeof info, &info) > 0);
    return info.op == PTRACE_SYSCALL_INFO_ENTRY ? (int64_t)info.entry.nr : -1;
}

static void count(int64_t number, struct syscall_counts *counts)
{
    counts->all++;
    counts->futex += number == SYS_futex;
    counts->memory += number == SYS_mmap || number == SYS_munmap || number == SYS_madvise || number == SYS_mprotect;
}

bool syscalls_between_marks(pid_t thread, void (*begin)(void *context), void *context, struct syscall_counts *counts)
{
    *counts = (struct syscall_counts){0};
    if (ptrace(PTRACE_SEIZE, thread, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0)
        return false;
    assert_return_code(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), errno);
    next_stop(thread, 0, false);
    begin(context);
    int marks = 0, deliver = 0;
    while (marks < 2) {
        int stop = next_stop(thread, deliver, true);
        deliver = 0;
        if (stop == TRACED_SYSCALL) {
            int64_t number = entered(thread);
            if (number == SYS_getppid)
                marks++;
            else if (number >= 0 && marks == 1)
                count(number, counts);
        } else if (stop < 256) {
            deliver = stop;
        }
    }
    assert_return_code(ptrace(PTRACE_DETACH, thread, NULL, NULL), errno);
    return true;
}
