/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/child.h"

#include "bench/crew.h"
#include "bench/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void become(char *const *arguments, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0 || dup2(nowhere, STDOUT_FILENO) < 0)
        _exit(NETIPC_SYSTEM);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it has ended before it could be watched */
        _exit(NETIPC_SYSTEM);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv("/proc/self/exe", arguments);
    _exit(NETIPC_SYSTEM);
}

/* Sleeps until the child has ended; a signal that ends this program goes on to it, once. */
static void await(pid_t child, int process, int signals, const struct child_watch *watch)
{
    struct pollfd events[] = {{.fd = process, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    while ((events[0].revents & POLLIN) == 0) {
        poll(events, 2, watch->tick != NULL ? 1000 : -1);
        if (events[1].fd >= 0 && crew_signal() != 0) {
            kill(child, crew_signal());
            events[1].fd = -1;
        }
        if (watch->tick != NULL)
            watch->tick(watch->context);
    }
}

static int end_of(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return NETIPC_SYSTEM;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    notice("a measurement was ended by signal %d", WTERMSIG(status));
    return NETIPC_SYSTEM;
}

int child_run(char *const *arguments, const struct child_watch *watch)
{
    sigset_t blocked; /* only these wake this program while it waits */
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    int signals = signalfd(-1, &blocked, SFD_CLOEXEC);
    pid_t self = getpid(), child = signals >= 0 ? fork() : -1;
    if (child == 0)
        become(arguments, self);
    int process = child > 0 ? pidfd_open(child, 0) : -1;
    int status = NETIPC_SYSTEM;
    if (process < 0)
        notice_errno("cannot start a measurement");
    else
        await(child, process, signals, watch);
    if (process < 0 && child > 0)
        kill(child, SIGKILL);
    if (child > 0)
        status = end_of(child);
    if (process >= 0)
        close(process);
    if (signals >= 0)
        close(signals);
    return status;
}
