/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/failing_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cmocka.h>

static _Thread_local bool armed;
static _Thread_local long calls, failing;
static _Thread_local const char *failed_name;
static atomic_long live;

void calls_arm(long number)
{
    calls = 0;
    failing = number;
    failed_name = NULL;
    armed = true;
}

bool calls_disarm(const char **failed)
{
    armed = false;
    *failed = failed_name;
    return failed_name != NULL;
}

void calls_expect_told(netipc_status status, const char *failed)
{
    if (netipc_status_detail()[0] == '\0')
        fail_msg("%s failed, and %s has no detail", failed, netipc_status_name(status));
}

long calls_live_blocks(void)
{
    return atomic_load(&live);
}

static bool fails(const char *name, int error)
{
    if (!armed || calls++ != failing)
        return false;
    failed_name = name;
    errno = error;
    return true;
}

/* name(parameters) fails with result and errno error, or goes on to the real one. */
#define wrap(type, name, parameters, arguments, result, error)                                                         \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        if (fails(#name, error))                                                                                       \
            return result;                                                                                             \
        return __real_##name arguments;                                                                                \
    }

wrap(int, memfd_create, (const char *name, unsigned flags), (name, flags), -1,
     EMFILE) wrap(int, ftruncate, (int fd, off_t length), (fd, length), -1, ENOSPC)
    wrap(int, fallocate, (int fd, int mode, off_t offset, off_t length), (fd, mode, offset, length), -1,
         ENOSPC) wrap(void *, mmap, (void *address, size_t length, int protection, int flags, int fd, off_t offset),
                      (address, length, protection, flags, fd, offset), MAP_FAILED,
                      ENOMEM) wrap(int, madvise, (void *address, size_t length, int advice), (address, length, advice),
                                   -1, ENOMEM) wrap(int, socket, (int domain, int type, int protocol),
                                                    (domain, type, protocol), -1, EMFILE)
        wrap(int, bind, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length), -1,
             EACCES) wrap(int, listen, (int fd, int backlog), (fd, backlog), -1, ENOBUFS)
            wrap(int, connect, (int fd, const struct sockaddr *address, socklen_t length), (fd, address, length), -1,
                 EACCES) wrap(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags),
                              (fd, address, length, flags), -1, EMFILE)
                wrap(int, getsockopt, (int fd, int level, int option, void *value, socklen_t *length),
                     (fd, level, option, value, length), -1,
                     ENOMEM) wrap(int, setsockopt, (int fd, int level, int option, const void *value, socklen_t length),
                                  (fd, level, option, value, length), -1,
                                  ENOPROTOOPT) wrap(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags),
                                                    (fd, message, flags), -1, EIO)
                    wrap(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), -1, EIO)
                        wrap(int, poll, (struct pollfd * polled, nfds_t count, int timeout), (polled, count, timeout),
                             -1, ENOMEM) wrap(int, ppoll,
                                              (struct pollfd * polled, nfds_t count, const struct timespec *timeout,
                                               const sigset_t *mask),
                                              (polled, count, timeout, mask), -1,
                                              ENOMEM) wrap(int, epoll_create1, (int flags), (flags), -1, EMFILE)
                            wrap(int, epoll_ctl, (int epoll, int operation, int fd, struct epoll_event *event),
                                 (epoll, operation, fd, event), -1,
                                 ENOMEM) wrap(int, epoll_wait,
                                              (int epoll, struct epoll_event *events, int most, int timeout),
                                              (epoll, events, most, timeout), -1,
                                              EINTR) wrap(int, eventfd, (unsigned value, int flags), (value, flags), -1,
                                                          EMFILE)
                                wrap(int, timerfd_create, (clockid_t clock, int flags), (clock, flags), -1,
                                     EMFILE) wrap(ssize_t, getrandom, (void *bytes, size_t length, unsigned flags),
                                                  (bytes, length, flags),
                                                  -1,
                                                  ENOSYS) wrap(int, pthread_create,
                                                               (pthread_t * thread, const pthread_attr_t *attributes,
                                                                void *(*run)(void *), void *argument),
                                                               (thread, attributes, run, argument), EAGAIN, EAGAIN)
                                    wrap(int, stat, (const char *path, struct stat *status), (path, status), -1,
                                         EACCES) wrap(int, fstat, (int fd, struct stat *status), (fd, status), -1, EIO)
                                        wrap(int, fstatat, (int fd, const char *path, struct stat *status, int flags),
                                             (fd, path, status, flags), -1, EIO)
                                            wrap(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)
                                                wrap(int, fchmodat, (int fd, const char *path, mode_t mode, int flags),
                                                     (fd, path, mode, flags), -1, EPERM)
                                                    wrap(int, mkdir, (const char *path, mode_t mode), (path, mode), -1,
                                                         EACCES) wrap(int, flock, (int fd, int operation),
                                                                      (fd, operation), -1, ENOLCK)
                                                        wrap(int, unlinkat, (int fd, const char *path, int flags),
                                                             (fd, path, flags), -1, EROFS)
                                                            wrap(int, mlock2,
                                                                 (const void *address, size_t length, unsigned flags),
                                                                 (address, length, flags), -1, ENOMEM)

    /* Those with optional arguments. */

    int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    return fails("open", EMFILE) ? -1 : __real_open(path, flags);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...)
{
    return fails("openat", EMFILE) ? -1 : __real_openat(fd, path, flags);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    if (fails("fcntl", EPERM))
        return -1;
    if (command != F_ADD_SEALS)
        return __real_fcntl(fd, command);
    va_list arguments;
    va_start(arguments, command);
    int seals = va_arg(arguments, int);
    va_end(arguments);
    return __real_fcntl(fd, command, seals);
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return fails("ioctl", EIO) ? -1 : __real_ioctl(fd, request, argument);
}

void *__real_mremap(void *old, size_t old_size, size_t new_size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t new_size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t new_size, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    void *target = va_arg(arguments, void *);
    va_end(arguments);
    return fails("mremap", ENOMEM) ? MAP_FAILED : __real_mremap(old, old_size, new_size, flags, target);
}

/* Of the calls that have no function of their own only those that place memory. */
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    long given[6];
    va_list arguments;
    va_start(arguments, number);
    for (size_t i = 0; i < 6; i++)
        given[i] = va_arg(arguments, long);
    va_end(arguments);
    if ((number == SYS_mbind && fails("mbind", EPERM)) || (number == SYS_move_pages && fails("move_pages", EPERM)))
        return -1;
    return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

/* The heap, whose blocks are counted too. */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);

static void *made(void *block)
{
    atomic_fetch_add(&live, block != NULL);
    return block;
}

void *__wrap_malloc(size_t size)
{
    return fails("malloc", ENOMEM) ? NULL : made(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails("calloc", ENOMEM) ? NULL : made(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (fails("realloc", ENOMEM))
        return NULL;
    return block == NULL ? made(__real_realloc(NULL, size)) : __real_realloc(block, size);
}

char *__wrap_strdup(const char *text)
{
    return fails("strdup", ENOMEM) ? NULL : made(__real_strdup(text));
}

void __wrap_free(void *block)
{
    atomic_fetch_sub(&live, block != NULL);
    __real_free(block);
}
