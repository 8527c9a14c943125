/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/events.h"

#include "tools/cgroups_plugin/clock.h"
#include "tools/report.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* The signals are blocked before the library starts its thread, which blocks all of them anyway. */
static int open_signals(void)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    signal(SIGPIPE, SIG_IGN); /* a closed stderr is no reason to end */
    return sigprocmask(SIG_BLOCK, &signals, NULL) == 0 ? signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

/*
 * Nothing is written to stdout, but who started the program with a pipe there may end without a word, as the agent does
 * when it is killed: what stayed behind would keep the services from its successor. No socket counts: it may be one of
 * a log, which is started anew.
 */
static int open_reader(void)
{
    struct stat status;
    return fstat(STDOUT_FILENO, &status) == 0 && S_ISFIFO(status.st_mode) ? STDOUT_FILENO : -1;
}

bool events_open(struct events *events, bool once, size_t watches_max, struct failure *failure)
{
    *events = (struct events){.signals = -1, .misses = -1, .names = -1, .once = once, .reader = open_reader()};
    if (!watches_open(&events->watches, once ? 0 : watches_max, failure))
        report("scan: changes are seen at the interval only: %s", failure->detail);
    events->signals = open_signals();
    if (events->signals < 0) {
        fail_errno(failure, errno, "signals");
    } else {
        events->misses = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (events->misses >= 0)
            return true;
        fail_errno(failure, errno, "eventfd");
    }
    events_close(events);
    return false;
}

void events_close(struct events *events)
{
    watches_close(&events->watches);
    if (events->signals >= 0)
        close(events->signals);
    if (events->misses >= 0)
        close(events->misses);
    events->signals = events->misses = -1;
}

void events_tell_miss(struct events *events)
{
    uint64_t one = 1;
    if (atomic_exchange_explicit(&events->miss_told, true, memory_order_relaxed))
        return;
    ssize_t wrote = write(events->misses, &one, sizeof one);
    (void)wrote; /* it has room for more than that one */
}

/* Who tells between the two is read at once, or the next time. */
static bool read_misses(struct events *events)
{
    uint64_t count;
    atomic_store_explicit(&events->miss_told, false, memory_order_relaxed);
    return read(events->misses, &count, sizeof count) > 0;
}

void events_drain(struct events *events)
{
    watches_read(&events->watches);
    read_misses(events);
}

/* False: none that was asked for. */
static bool take_signals(const struct events *events, enum wish *wish)
{
    struct signalfd_siginfo signal_info;
    bool any = false;
    while (read(events->signals, &signal_info, sizeof signal_info) == (ssize_t)sizeof signal_info) {
        any = true;
        *wish = signal_info.ssi_signo == SIGHUP ? WISH_SCAN : WISH_END;
        if (*wish == WISH_END)
            break;
    }
    return any;
}

/* What cannot bring the next scan forward is left where it is until then. */
static void take_changes(struct events *events, const struct pollfd *watches, const struct pollfd *misses)
{
    if (watches->revents != 0 && watches_read(&events->watches))
        schedule_want(&events->schedule, clock_now_ns());
    if (misses->revents != 0 && read_misses(events))
        schedule_want_for_miss(&events->schedule, clock_now_ns());
}

enum wish events_wait(struct events *events, struct failure *failure)
{
    for (;;) {
        const struct schedule *schedule = &events->schedule;
        uint64_t now = clock_now_ns(), due = schedule_due(schedule);
        if (!events->once && now >= due)
            return WISH_SCAN;
        uint64_t left = events->once ? 0 : due - now;
        struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000), .tv_nsec = (long)(left % 1000000000)};
        bool wanted = schedule->wanted_ns != 0;
        struct pollfd polled[] = {
            {.fd = events->signals, .events = POLLIN},
            {.fd = wanted && !schedule->for_miss ? -1 : events->watches.fd, .events = POLLIN},
            {.fd = wanted || events->once ? -1 : events->misses, .events = POLLIN},
            {.fd = events->names, .events = POLLIN},
            {.fd = events->reader},
        };
        if (ppoll(polled, sizeof polled / sizeof polled[0], events->once ? NULL : &timeout, NULL) < 0) {
            if (errno == EINTR)
                continue;
            fail_errno(failure, errno, "poll");
            return WISH_END;
        }
        enum wish wish;
        if (take_signals(events, &wish))
            return wish;
        if (polled[4].revents != 0) {
            report("nobody reads our standard output any more: ending");
            return WISH_END;
        }
        take_changes(events, &polled[1], &polled[2]);
        if (polled[3].revents != 0)
            return WISH_NAMES;
    }
}
