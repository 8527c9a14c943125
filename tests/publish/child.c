/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/child.h"

#include <netipc/status.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

void child_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: in a child: %s (%s)\n", file, line, condition, netipc_status_detail());
    _exit(1);
}

void in_a_child(void (*run)(void))
{
    pid_t child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        run();
        _exit(0);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("the child ended with wait status 0x%x", (unsigned)status);
}
