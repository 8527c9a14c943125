/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/roudi.h"

#include "bench/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CONFIG "/tmp/roudi.toml"
#define READY "RouDi is ready for clients"

enum { READY_MS = 20000, STOP_LOOKS = 500, LOOK_NS = 10000000, CHUNK_UNIT = 32 };

/* How the child ends when it does not become the broker. */
enum { NO_NAMESPACE = 100, NO_MOUNT, NO_CONFIG, NO_PROGRAM };

/* --- in the child --- */

static bool write_file(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool write_file(const char *path, const char *format, ...)
{
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return false;
    va_list arguments;
    va_start(arguments, format);
    bool good = vfprintf(file, format, arguments) > 0;
    va_end(arguments);
    return fclose(file) == 0 && good;
}

/* As root with all rights; or as somebody who is root there. */
static bool leave_namespaces(void)
{
    unsigned uid = geteuid(), gid = getegid();
    if (unshare(CLONE_NEWNS) == 0)
        return true;
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/setgroups", "deny") &&
           write_file("/proc/self/uid_map", "0 %u 1", uid) && write_file("/proc/self/gid_map", "0 %u 1", gid);
}

static bool mount_own(void)
{
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("shmbench", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") == 0 &&
           mount("shmbench", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") == 0;
}

static _Noreturn void become(size_t size, unsigned count, int output, pid_t supervisor)
{
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(0);
    if (!leave_namespaces())
        _exit(NO_NAMESPACE);
    if (!mount_own())
        _exit(NO_MOUNT);
    size_t chunk = (size + CHUNK_UNIT - 1) / CHUNK_UNIT * CHUNK_UNIT;
    if (!write_file(CONFIG, "[general]\nversion = 1\n[[segment]]\n[[segment.mempool]]\nsize = %zu\ncount = %u\n", chunk,
                    count))
        _exit(NO_CONFIG);
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execlp("iox-roudi", "iox-roudi", "-c", CONFIG, "-m", "off", "-l", "off", (char *)NULL);
    _exit(NO_PROGRAM);
}

/* --- the supervisor --- */

/* False: it has ended, or said nothing of it in time. */
static bool await_ready(const struct roudi *roudi)
{
    char said[4096];
    size_t length = 0;
    for (uint64_t end_ns = clock_now_ns() + READY_MS * UINT64_C(1000000); length < sizeof said - 1;) {
        uint64_t now_ns = clock_now_ns();
        struct pollfd pollfd = {.fd = roudi->output, .events = POLLIN};
        if (now_ns >= end_ns)
            return false;
        if (poll(&pollfd, 1, (int)((end_ns - now_ns) / 1000000 + 1)) <= 0)
            continue;
        ssize_t got = read(roudi->output, said + length, sizeof said - 1 - length);
        if (got <= 0)
            return false;
        length += (size_t)got;
        said[length] = '\0';
        if (strstr(said, READY) != NULL)
            return true;
    }
    return false;
}

static int open_namespace(const struct roudi *roudi, const char *kind)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/ns/%s", (long)roudi->pid, kind);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Its user namespace, unless that is ours. */
static int open_users(const struct roudi *roudi)
{
    struct stat own, its;
    int users = open_namespace(roudi, "user");
    if (users >= 0 && stat("/proc/self/ns/user", &own) == 0 && fstat(users, &its) == 0 && own.st_ino == its.st_ino) {
        close(users);
        return -1;
    }
    return users;
}

/* Waits for its end; kills it if that takes too long. */
static int wait_for_end(const struct roudi *roudi)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    int status = 0;
    for (unsigned looks = 0; waitpid(roudi->pid, &status, WNOHANG) == 0; looks++) {
        if (looks == STOP_LOOKS)
            kill(roudi->pid, SIGKILL);
        nanosleep(&pause, NULL);
    }
    return status;
}

static enum peer_ready explain(struct peer_link *link, int status)
{
    switch (WIFEXITED(status) ? WEXITSTATUS(status) : 0) {
    case NO_NAMESPACE:
    case NO_MOUNT:
        return peer_explain(link, PEER_UNABLE, "its broker would need mounts of its own, which root can make here");
    case NO_PROGRAM:
        return peer_explain(link, PEER_FAILED, "there is no iox-roudi; install the package iceoryx");
    default:
        return peer_explain(link, PEER_FAILED, "iox-roudi did not get ready (%s %d); leave iceoryx out of --peers",
                            WIFSIGNALED(status) ? "signal" : "status",
                            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
}

/* Whether a worker can, which only a process with one thread is let do: not with ThreadSanitizer. Else why not. */
static int try_to_enter(const struct roudi *roudi)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(roudi_enter(roudi) ? 0 : errno);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid < 0 ? errno : WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

enum peer_ready roudi_start(struct roudi *roudi, struct peer_link *link, size_t size, unsigned count)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return peer_explain(link, PEER_FAILED, "no pipe: %s", strerror(errno));
    pid_t supervisor = getpid();
    *roudi = (struct roudi){.pid = fork(), .output = ends[0], .users = -1, .mounts = -1};
    if (roudi->pid == 0)
        become(size, count, ends[1], supervisor);
    close(ends[1]);
    if (roudi->pid < 0) {
        close(ends[0]);
        return peer_explain(link, PEER_FAILED, "no process: %s", strerror(errno));
    }
    if (await_ready(roudi)) {
        roudi->users = open_users(roudi);
        roudi->mounts = open_namespace(roudi, "mnt");
        int error = try_to_enter(roudi);
        if (error == 0)
            return PEER_READY;
        roudi_stop(roudi);
        return peer_explain(link, PEER_UNABLE, "its broker has mounts of its own, which cannot be entered here: %s",
                            strerror(error));
    }
    kill(roudi->pid, SIGTERM);
    int status = wait_for_end(roudi);
    close(roudi->output);
    return explain(link, status);
}

void roudi_stop(struct roudi *roudi)
{
    kill(roudi->pid, SIGTERM);
    wait_for_end(roudi);
    close(roudi->output);
    close(roudi->mounts);
    if (roudi->users >= 0)
        close(roudi->users);
}

bool roudi_enter(const struct roudi *roudi)
{
    return (roudi->users < 0 || setns(roudi->users, CLONE_NEWUSER) == 0) && setns(roudi->mounts, CLONE_NEWNS) == 0;
}
