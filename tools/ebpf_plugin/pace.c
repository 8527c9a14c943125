/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/pace.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

static const uint64_t second_ns = UINT64_C(1000000000);

uint64_t pace_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * second_ns + (uint64_t)now.tv_nsec;
}

bool pace_open(struct pace *pace, uint64_t interval_ns)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return false;
    *pace = (struct pace){.interval_ns = interval_ns, .next_ns = pace_now_ns() + interval_ns};
    pace->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return pace->signal_fd >= 0;
}

void pace_close(struct pace *pace)
{
    close(pace->signal_fd);
}

bool pace_stopped(struct pace *pace)
{
    struct pollfd signal = {.fd = pace->signal_fd, .events = POLLIN};
    if (!pace->stopped)
        pace->stopped = poll(&signal, 1, 0) > 0;
    return pace->stopped;
}

bool pace_wait(struct pace *pace)
{
    uint64_t now = pace_now_ns();
    if (now >= pace->next_ns) /* late: to the first tick still to come */
        pace->next_ns += ((now - pace->next_ns) / pace->interval_ns + 1) * pace->interval_ns;
    while (!pace_stopped(pace) && (now = pace_now_ns()) < pace->next_ns) {
        uint64_t left = pace->next_ns - now;
        struct timespec timeout = {.tv_sec = (time_t)(left / second_ns), .tv_nsec = (long)(left % second_ns)};
        struct pollfd signal = {.fd = pace->signal_fd, .events = POLLIN};
        ppoll(&signal, 1, &timeout, NULL);
    }
    pace->next_ns += pace->interval_ns;
    return !pace->stopped;
}

bool pace_write(struct pace *pace, int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        struct pollfd ready[2] = {{.fd = fd, .events = POLLOUT}, {.fd = pace->signal_fd, .events = POLLIN}};
        if (poll(ready, 2, -1) < 0 && errno != EINTR)
            return false;
        if (!ready[0].revents) {
            errno = 0;
            if (pace_stopped(pace))
                return false;
            continue;
        }
        /* So much a pipe takes without blocking when it polls writable. */
        ssize_t wrote = write(fd, bytes, length < PIPE_BUF ? length : PIPE_BUF);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (wrote > 0) {
            bytes += wrote;
            length -= (size_t)wrote;
        }
    }
    return true;
}
