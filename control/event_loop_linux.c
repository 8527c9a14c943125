/* SPDX-License-Identifier: Apache-2.0 */
#include "control/event_loop.h"

#include "shm/detail.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 64 };

static uint32_t to_epoll(uint32_t events)
{
    return ((events & NETIPC_READABLE) ? EPOLLIN : 0u) | ((events & NETIPC_WRITABLE) ? EPOLLOUT : 0u) |
           ((events & NETIPC_PRIORITY) ? EPOLLPRI : 0u);
}

static uint32_t from_epoll(uint32_t events)
{
    return ((events & EPOLLIN) ? NETIPC_READABLE : 0u) | ((events & EPOLLOUT) ? NETIPC_WRITABLE : 0u) |
           ((events & (EPOLLHUP | EPOLLERR)) ? NETIPC_HUNG_UP : 0u) | ((events & EPOLLPRI) ? NETIPC_PRIORITY : 0u);
}

static bool control(struct netipc_event_loop *loop, int operation, int fd, uint32_t events,
                    struct netipc_source *source)
{
    struct epoll_event event = {.events = to_epoll(events), .data.ptr = source};
    return epoll_ctl(loop->epoll, operation, fd, &event) == 0;
}

netipc_status netipc_event_loop_open(struct netipc_event_loop *loop, struct netipc_source *woken,
                                     struct netipc_source *timer)
{
    *loop = (struct netipc_event_loop){.epoll = -1, .wake_fd = -1, .timer_fd = -1};
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0)
        return netipc_fail_errno(errno, "make an epoll descriptor");
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->wake_fd < 0)
        return netipc_fail_errno(errno, "make an eventfd");
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer_fd < 0)
        return netipc_fail_errno(errno, "make a timerfd");
    if (!netipc_event_loop_add(loop, loop->wake_fd, NETIPC_READABLE, woken) ||
        !netipc_event_loop_add(loop, loop->timer_fd, NETIPC_READABLE, timer))
        return netipc_fail_errno(errno, "watch descriptors");
    return NETIPC_OK;
}

void netipc_event_loop_close(struct netipc_event_loop *loop)
{
    const int fds[] = {loop->epoll, loop->wake_fd, loop->timer_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    loop->epoll = loop->wake_fd = loop->timer_fd = -1;
}

bool netipc_event_loop_add(struct netipc_event_loop *loop, int fd, uint32_t events, struct netipc_source *source)
{
    return control(loop, EPOLL_CTL_ADD, fd, events, source);
}

bool netipc_event_loop_change(struct netipc_event_loop *loop, int fd, uint32_t events, struct netipc_source *source)
{
    return control(loop, EPOLL_CTL_MOD, fd, events, source);
}

void netipc_event_loop_remove(struct netipc_event_loop *loop, int fd)
{
    control(loop, EPOLL_CTL_DEL, fd, 0, NULL);
}

void netipc_event_loop_wake(struct netipc_event_loop *loop)
{
    uint64_t one = 1;
    ssize_t ignored = write(loop->wake_fd, &one, sizeof one); /* full means that the loop is awake anyway */
    (void)ignored;
}

void netipc_event_loop_set_timer(struct netipc_event_loop *loop, uint64_t at_ns)
{
    if (at_ns == loop->timer_at_ns)
        return;
    loop->timer_at_ns = at_ns;
    struct itimerspec setting = {
        .it_value = {.tv_sec = (time_t)(at_ns / 1000000000u), .tv_nsec = (long)(at_ns % 1000000000u)}};
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &setting, NULL);
}

static void drain(int fd)
{
    uint64_t value;
    ssize_t ignored = read(fd, &value, sizeof value);
    (void)ignored;
}

void netipc_event_loop_take_wake(struct netipc_event_loop *loop)
{
    drain(loop->wake_fd);
}

void netipc_event_loop_take_timer(struct netipc_event_loop *loop)
{
    drain(loop->timer_fd);
    loop->timer_at_ns = 0;
}

netipc_status netipc_event_loop_turn(struct netipc_event_loop *loop, int timeout_ms, int *count)
{
    struct epoll_event events[EVENTS_A_TURN];
    *count = epoll_wait(loop->epoll, events, EVENTS_A_TURN, timeout_ms);
    if (*count < 0 && errno != EINTR)
        return netipc_fail_errno(errno, "wait for events");
    for (int i = 0; i < *count; i++) {
        struct netipc_source *source = events[i].data.ptr;
        source->happened(source, from_epoll(events[i].events));
    }
    return NETIPC_OK;
}
