/* SPDX-License-Identifier: Apache-2.0 */
/* Linked with a fallocate() of its own: signals come faster than the kernel allocates more than a little. */
#include "shm/os.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 9 << 20, INTERRUPTIONS = 1000 };

static off_t uninterrupted;
static int interruptions;

int __real_fallocate(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate(int fd, int mode, off_t offset, off_t length);

int __wrap_fallocate(int fd, int mode, off_t offset, off_t length)
{
    if (length <= uninterrupted)
        return __real_fallocate(fd, mode, offset, length);
    errno = ++interruptions < INTERRUPTIONS ? EINTR : EIO; /* so that nothing loops for ever */
    return -1;
}

static void reserve_all(off_t most)
{
    uninterrupted = most;
    interruptions = 0;
    int fd;
    assert_int_equal(netipc_os_memory_create("netipc:reserve", SIZE, &fd), NETIPC_OK);
    netipc_status status = netipc_os_memory_reserve(fd, SIZE);
    struct stat found = {0};
    fstat(fd, &found);
    close(fd);
    assert_int_equal(status, NETIPC_OK);
    assert_true(found.st_blocks >= SIZE / 512);
}

static void memory_is_reserved_however_fast_signals_come(void **state)
{
    (void)state;
    reserve_all(SIZE);
    assert_int_equal(interruptions, 0);
    reserve_all(100000);
    reserve_all((off_t)netipc_os_page_size());
    assert_in_range(interruptions, 1, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_reserved_however_fast_signals_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
