/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/crew.h"

#include "bench/clock.h"
#include "bench/cpus.h"
#include "bench/notice.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- signals --- */

static const int end_signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t caught;
static sigset_t waiting_mask; /* the only time at which they are let in */

static void note_signal(int number)
{
    if (caught == 0)
        caught = number;
}

void crew_watch_signals(void)
{
    sigset_t blocked;
    struct sigaction action = {.sa_handler = note_signal};
    sigemptyset(&blocked);
    for (size_t i = 0; i < sizeof end_signals / sizeof *end_signals; i++) {
        struct sigaction before;
        sigaction(end_signals[i], NULL, &before);
        if (before.sa_handler == SIG_IGN) /* as nohup wants it */
            continue;
        sigaction(end_signals[i], &action, NULL);
        sigaddset(&blocked, end_signals[i]);
    }
    sigprocmask(SIG_BLOCK, &blocked, &waiting_mask);
}

int crew_signal(void)
{
    struct timespec none = {0};
    ppoll(NULL, 0, &none, &waiting_mask);
    return caught;
}

/* --- memory --- */

void *crew_shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        notice_errno("cannot share %zu bytes between processes", bytes);
        return NULL;
    }
    return memory;
}

void crew_shared_free(void *memory, size_t bytes)
{
    if (memory != NULL)
        munmap(memory, bytes);
}

/* --- the supervisor's side --- */

static bool fail(struct crew *crew, int status)
{
    if (crew->failure == 0)
        crew->failure = status;
    return false;
}

/* Never returns. What the supervisor holds for other workers is closed: each channel has two ends. */
static void work(const struct crew *crew, struct station *station, unsigned cpu, pid_t supervisor,
                 worker_function function, void *context)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(NETIPC_GONE);
    for (size_t i = 0; i < sizeof end_signals / sizeof *end_signals; i++)
        signal(end_signals[i], SIG_IGN); /* the supervisor ends its workers */
    for (size_t i = 0; i < crew->count; i++)
        if (crew->workers[i].channel >= 0)
            close(crew->workers[i].channel);
    if (!cpus_pin(cpu))
        station_fail(station, NETIPC_SYSTEM, "cannot be pinned to CPU %u: %s", cpu, strerror(errno));
    function(station, context);
    _exit(0);
}

uint64_t crew_patience_ns(uint64_t work_ns)
{
    return work_ns * 10 + CREW_PATIENCE_NS;
}

bool crew_add(struct crew *crew, const char *role, unsigned cpu, worker_function function, void *context)
{
    int ends[2];
    struct worker *workers = realloc(crew->workers, (crew->count + 1) * sizeof *workers);
    if (workers != NULL)
        crew->workers = workers;
    if (workers == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        notice_errno("cannot start process %zu (%s)", crew->count + 1, role);
        return fail(crew, NETIPC_SYSTEM);
    }
    pid_t supervisor = getpid(), pid = fork();
    if (pid == 0) {
        close(ends[0]);
        struct station station = {.role = role, .number = (unsigned)crew->count, .channel = ends[1]};
        work(crew, &station, cpu, supervisor, function, context);
    }
    close(ends[1]);
    if (pid < 0) {
        notice_errno("cannot start process %zu (%s)", crew->count + 1, role);
        close(ends[0]);
        return fail(crew, NETIPC_SYSTEM);
    }
    crew->workers[crew->count++] = (struct worker){.role = role, .pid = pid, .channel = ends[0]};
    return true;
}

/* The worker has hung up: it is at its end. */
static bool take_end(struct crew *crew, struct worker *worker)
{
    int status;
    while (waitpid(worker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    worker->pid = 0;
    close(worker->channel);
    worker->channel = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status))
        return fail(crew, WEXITSTATUS(status)); /* it has said why */
    notice("the %s was ended by signal %d", worker->role, WTERMSIG(status));
    return fail(crew, NETIPC_SYSTEM);
}

/* Takes what one worker has said: that it is ready, or its end. */
static bool take(struct crew *crew, struct worker *worker)
{
    char byte;
    ssize_t got = recv(worker->channel, &byte, 1, MSG_DONTWAIT);
    if (got == 1)
        worker->ready = true;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        return take_end(crew, worker);
    return true;
}

/* Sleeps until some worker says something. */
static bool listen_once(struct crew *crew, uint64_t deadline_ns, const char *for_what)
{
    struct pollfd *fds = calloc(crew->count + 1, sizeof *fds);
    if (fds == NULL)
        return fail(crew, NETIPC_NO_MEMORY);
    for (size_t i = 0; i < crew->count; i++)
        fds[i] = (struct pollfd){.fd = crew->workers[i].channel, .events = POLLIN};
    uint64_t now = clock_now_ns(), left = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
    int count = ppoll(fds, crew->count, &timeout, &waiting_mask);
    bool good = true;
    if (caught != 0) {
        good = fail(crew, 128 + caught);
    } else if (count == 0) {
        notice("gave up waiting for %s", for_what);
        good = fail(crew, NETIPC_TIMED_OUT);
    }
    for (size_t i = 0; good && count > 0 && i < crew->count; i++)
        if (fds[i].revents != 0)
            good = take(crew, &crew->workers[i]);
    free(fds);
    return good;
}

static bool all_ready(struct crew *crew, size_t first, size_t count, bool *ready)
{
    *ready = true;
    for (size_t i = first; i < first + count; i++) {
        if (crew->workers[i].pid == 0) {
            notice("the %s ended too early", crew->workers[i].role);
            return fail(crew, NETIPC_SYSTEM);
        }
        *ready = *ready && crew->workers[i].ready;
    }
    return true;
}

bool crew_await(struct crew *crew, size_t first, size_t count, uint64_t timeout_ns)
{
    uint64_t deadline_ns = clock_now_ns() + timeout_ns;
    bool ready;
    if (crew->failure != 0)
        return false;
    for (;;) {
        if (!all_ready(crew, first, count, &ready))
            return false;
        if (ready)
            return true;
        if (!listen_once(crew, deadline_ns, crew->workers[first].role))
            return false;
    }
}

bool crew_meet(struct crew *crew, size_t first, size_t count, uint64_t timeout_ns)
{
    if (!crew_await(crew, first, count, timeout_ns))
        return false;
    for (size_t i = first; i < first + count; i++) {
        crew->workers[i].ready = false;
        if (send(crew->workers[i].channel, "g", 1, MSG_NOSIGNAL) != 1)
            return take_end(crew, &crew->workers[i]) && fail(crew, NETIPC_SYSTEM);
    }
    return true;
}

bool crew_await_stopped(struct crew *crew, size_t number, uint64_t timeout_ns)
{
    const struct timespec while_asleep = {.tv_nsec = 200000};
    struct worker *worker = &crew->workers[number];
    uint64_t deadline_ns = clock_now_ns() + timeout_ns;
    for (;;) {
        siginfo_t info = {0};
        int result = waitid(P_PID, (id_t)worker->pid, &info, WSTOPPED | WEXITED | WNOHANG | WNOWAIT);
        if (result == 0 && info.si_pid != 0 && info.si_code == CLD_STOPPED)
            return true;
        if (result == 0 && info.si_pid != 0)
            return take_end(crew, worker) && fail(crew, NETIPC_SYSTEM);
        if (crew_signal() != 0)
            return fail(crew, 128 + caught);
        if (clock_now_ns() >= deadline_ns) {
            notice("gave up waiting for the %s to stop", worker->role);
            return fail(crew, NETIPC_TIMED_OUT);
        }
        nanosleep(&while_asleep, NULL);
    }
}

bool crew_continue(struct crew *crew, size_t number)
{
    if (kill(crew->workers[number].pid, SIGCONT) == 0)
        return true;
    notice_errno("cannot continue the %s", crew->workers[number].role);
    return fail(crew, NETIPC_SYSTEM);
}

bool crew_finish(struct crew *crew, uint64_t timeout_ns)
{
    uint64_t deadline_ns = clock_now_ns() + timeout_ns;
    if (crew->failure != 0)
        return false;
    for (;;) {
        size_t running = 0;
        for (size_t i = 0; i < crew->count; i++)
            running += crew->workers[i].pid != 0;
        if (running == 0)
            return true;
        if (!listen_once(crew, deadline_ns, "the processes to end"))
            return false;
    }
}

void crew_dismiss(struct crew *crew)
{
    for (size_t i = 0; i < crew->count; i++)
        if (crew->workers[i].pid != 0)
            kill(crew->workers[i].pid, SIGKILL);
    for (size_t i = 0; i < crew->count; i++) {
        if (crew->workers[i].pid != 0)
            while (waitpid(crew->workers[i].pid, NULL, 0) < 0 && errno == EINTR)
                ;
        if (crew->workers[i].channel >= 0)
            close(crew->workers[i].channel);
    }
    free(crew->workers);
    crew->workers = NULL;
    crew->count = 0;
}

/* --- a worker's side --- */

void station_meet(struct station *station)
{
    char byte;
    ssize_t got = -1;
    if (send(station->channel, "r", 1, MSG_NOSIGNAL) == 1)
        do
            got = recv(station->channel, &byte, 1, 0);
        while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(NETIPC_GONE); /* the supervisor is not there any more */
}

void station_fail(const struct station *station, int exit_status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    notice("%s: %s", station->role, text);
    _exit(exit_status);
}

void station_fail_status(const struct station *station, netipc_status status, const char *what)
{
    notice_status(status, "%s: %s", station->role, what);
    _exit(status == NETIPC_OK ? NETIPC_SYSTEM : (int)status);
}
