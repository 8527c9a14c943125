/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linker sends calls of the system here (-Wl,--wrap, see CMakeLists.txt). What is younger than Linux 5.3, or may be
 * left out of a kernel, is refused as such kernels do.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>

enum {
    SINCE_5_14_POPULATE_READ = 22,
    SINCE_5_14_POPULATE_WRITE = 23,
    SINCE_4_14_WIPEONFORK = 18, /* older still, and refused by emulators */
    SINCE_6_5_PEERPIDFD = 77,
    SINCE_6_16_PASSRIGHTS = 83
};
#define SINCE_6_3_NOEXEC_SEAL 0x8u

static int refuse(int error)
{
    errno = error;
    return -1;
}

int __real_madvise(void *address, size_t length, int advice);
int __wrap_madvise(void *address, size_t length, int advice);
int __wrap_madvise(void *address, size_t length, int advice)
{
    if (advice == SINCE_5_14_POPULATE_READ || advice == SINCE_5_14_POPULATE_WRITE || advice == SINCE_4_14_WIPEONFORK)
        return refuse(EINVAL);
    return __real_madvise(address, length, advice);
}

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags)
{
    return flags & SINCE_6_3_NOEXEC_SEAL ? refuse(EINVAL) : __real_memfd_create(name, flags);
}

int __real_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    if (level == SOL_SOCKET && option == SINCE_6_5_PEERPIDFD)
        return refuse(ENOPROTOOPT);
    return __real_getsockopt(fd, level, option, value, length);
}

int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    if (level == SOL_SOCKET && option == SINCE_6_16_PASSRIGHTS)
        return refuse(ENOPROTOOPT);
    return __real_setsockopt(fd, level, option, value, length);
}

/* Hands on six arguments, as many as a system call can have, whatever was given. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long arguments[6];
    va_list list;
    if (number == SYS_membarrier)
        return refuse(ENOSYS);
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}
