/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_CALLS_H
#define TESTS_CRASH_CALLS_H

/*
 * Put in front of every source file of the library (-include): a crash point before and after each system call.
 * calls.sh checks that none is missing here.
 */

#include "tests/crash/point.h"

/* Declared before the names become macros. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define accept4(...) CRASH_GET("accept4", 0, accept4(__VA_ARGS__))
#define bind(...) CRASH_GET("bind", 0, bind(__VA_ARGS__))
#define close(...) CRASH_GET("close", 0, close(__VA_ARGS__))
#define connect(...) CRASH_GET("connect", 0, connect(__VA_ARGS__))
#define epoll_create1(...) CRASH_GET("epoll_create1", 0, epoll_create1(__VA_ARGS__))
#define epoll_ctl(...) CRASH_GET("epoll_ctl", 0, epoll_ctl(__VA_ARGS__))
#define epoll_wait(...) CRASH_GET("epoll_wait", 0, epoll_wait(__VA_ARGS__))
#define eventfd(...) CRASH_GET("eventfd", 0, eventfd(__VA_ARGS__))
#define fallocate(...) CRASH_GET("fallocate", 0, fallocate(__VA_ARGS__))
#define fchmod(...) CRASH_GET("fchmod", 0, fchmod(__VA_ARGS__))
#define fchmodat(...) CRASH_GET("fchmodat", 0, fchmodat(__VA_ARGS__))
#define fchown(...) CRASH_GET("fchown", 0, fchown(__VA_ARGS__))
#define fcntl(...) CRASH_GET("fcntl", 0, fcntl(__VA_ARGS__))
#define flock(...) CRASH_GET("flock", 0, flock(__VA_ARGS__))
#define fstat(...) CRASH_GET("fstat", 0, fstat(__VA_ARGS__))
#define fstatat(...) CRASH_GET("fstatat", 0, fstatat(__VA_ARGS__))
#define fstatfs(...) CRASH_GET("fstatfs", 0, fstatfs(__VA_ARGS__))
#define ftruncate(...) CRASH_GET("ftruncate", 0, ftruncate(__VA_ARGS__))
#define getrandom(...) CRASH_GET("getrandom", 0, getrandom(__VA_ARGS__))
#define getsockopt(...) CRASH_GET("getsockopt", 0, getsockopt(__VA_ARGS__))
#define ioctl(...) CRASH_GET("ioctl", 0, ioctl(__VA_ARGS__))
#define listen(...) CRASH_GET("listen", 0, listen(__VA_ARGS__))
#define lseek(...) CRASH_GET("lseek", 0, lseek(__VA_ARGS__))
#define madvise(...) CRASH_GET("madvise", 0, madvise(__VA_ARGS__))
#define memfd_create(...) CRASH_GET("memfd_create", 0, memfd_create(__VA_ARGS__))
#define mkdir(...) CRASH_GET("mkdir", 0, mkdir(__VA_ARGS__))
#define mlock2(...) CRASH_GET("mlock2", 0, mlock2(__VA_ARGS__))
#define mmap(...) CRASH_GET("mmap", 0, mmap(__VA_ARGS__))
#define mremap(...) CRASH_GET("mremap", 0, mremap(__VA_ARGS__))
#define munlock(...) CRASH_GET("munlock", 0, munlock(__VA_ARGS__))
#define munmap(...) CRASH_GET("munmap", 0, munmap(__VA_ARGS__))
#define nanosleep(...) CRASH_GET("nanosleep", 0, nanosleep(__VA_ARGS__))
#define open(...) CRASH_GET("open", 0, open(__VA_ARGS__))
#define openat(...) CRASH_GET("openat", 0, openat(__VA_ARGS__))
#define poll(...) CRASH_GET("poll", 0, poll(__VA_ARGS__))
#define ppoll(...) CRASH_GET("ppoll", 0, ppoll(__VA_ARGS__))
#define pthread_create(...) CRASH_GET("pthread_create", 0, pthread_create(__VA_ARGS__))
#define pthread_join(...) CRASH_GET("pthread_join", 0, pthread_join(__VA_ARGS__))
#define read(...) CRASH_GET("read", 0, read(__VA_ARGS__))
#define recv(...) CRASH_GET("recv", 0, recv(__VA_ARGS__))
#define recvmsg(...) CRASH_GET("recvmsg", 0, recvmsg(__VA_ARGS__))
#define sendmsg(...) CRASH_GET("sendmsg", 0, sendmsg(__VA_ARGS__))
#define setsockopt(...) CRASH_GET("setsockopt", 0, setsockopt(__VA_ARGS__))
#define shutdown(...) CRASH_GET("shutdown", 0, shutdown(__VA_ARGS__))
#define socket(...) CRASH_GET("socket", 0, socket(__VA_ARGS__))
#define stat(...) CRASH_GET("stat", 0, stat(__VA_ARGS__))
#define syscall(...) CRASH_GET("syscall", 0, syscall(__VA_ARGS__))
#define timerfd_create(...) CRASH_GET("timerfd_create", 0, timerfd_create(__VA_ARGS__))
#define timerfd_settime(...) CRASH_GET("timerfd_settime", 0, timerfd_settime(__VA_ARGS__))
#define unlinkat(...) CRASH_GET("unlinkat", 0, unlinkat(__VA_ARGS__))
#define write(...) CRASH_GET("write", 0, write(__VA_ARGS__))

/* Of shm/payload_copy.c alone. */
#ifdef CRASH_IN_COPY
#define memcpy(to, from, length)                                                                                       \
    __extension__({                                                                                                    \
        CRASH_SITE("memcpy", 1);                                                                                       \
        crash_copy((to), (from), (length), &crash_site_here);                                                          \
    })
#endif

#endif
