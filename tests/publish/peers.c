/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peers.h"

#include "tests/publish/asleep.h"
#include "tests/publish/patience.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_S = 90 };

static struct peer peers[PEERS_MOST];
static size_t peer_count;

int peers_setup(void **state)
{
    signal(SIGPIPE, SIG_IGN); /* a peer that died is told of by the read that follows */
    peer_count = 0;
    return service_setup(state);
}

static void close_pipes(struct peer *peer)
{
    if (peer->to >= 0)
        close(peer->to);
    close(peer->from);
}

int peers_teardown(void **state)
{
    for (size_t i = 0; i < peer_count; i++) {
        if (peers[i].pid != 0)
            peer_kill(&peers[i]);
        close_pipes(&peers[i]);
    }
    return service_teardown(state);
}

/* A new place, or when there are no more that of one that has ended. */
static struct peer *place(void)
{
    if (peer_count < PEERS_MOST)
        return &peers[peer_count++];
    for (size_t i = 0; i < PEERS_MOST; i++)
        if (peers[i].pid == 0) {
            close_pipes(&peers[i]);
            return &peers[i];
        }
    fail_msg("more than %d peers", PEERS_MOST);
    return NULL;
}

struct peer *peer_start(const char *role)
{
    return peer_start_program(PUBLISH_PEER, role);
}

struct peer *peer_start_program(const char *program, const char *role)
{
    int to[2], from[2];
    assert_return_code(pipe2(to, O_CLOEXEC), errno);
    assert_return_code(pipe2(from, O_CLOEXEC), errno);
    pid_t test = getpid();
    pid_t pid = fork();
    assert_return_code(pid, errno);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        if (getppid() == test)
            execl(program, "publish_peer", role, service_dir, SERVICE_NAME, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    struct peer *peer = place();
    *peer = (struct peer){.pid = pid, .to = to[1], .from = from[0]};
    return peer;
}

struct peer *publisher_start(uint64_t slots, uint64_t capacity, uint64_t ceiling)
{
    struct peer *publisher = peer_start("publisher");
    uint64_t status;
    peer_ask(publisher, &status, 1, "open %llu %llu %llu", (unsigned long long)slots, (unsigned long long)capacity,
             (unsigned long long)ceiling);
    assert_int_equal(status, 0);
    return publisher;
}

struct peer *subscriber_start(uint64_t grace_ms)
{
    struct peer *subscriber = peer_start("subscriber");
    uint64_t status;
    peer_ask(subscriber, &status, 1, "open %llu 10000", (unsigned long long)grace_ms);
    assert_int_equal(status, 0);
    return subscriber;
}

static void tell(struct peer *peer, const char *format, va_list arguments)
{
    char line[128];
    int length = vsnprintf(line, sizeof line - 1, format, arguments);
    assert_in_range(length, 1, sizeof line - 2);
    line[length++] = '\n';
    if (write(peer->to, line, (size_t)length) != length)
        fail_msg("peer %d does not listen", (int)peer->pid);
}

void peer_tell(struct peer *peer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(peer, format, arguments);
    va_end(arguments);
}

void peer_hear(struct peer *peer, uint64_t *numbers, size_t count)
{
    char line[512];
    size_t length = 0;
    uint64_t deadline = now_ns() + patience_ns(PATIENCE_S);
    while (length == 0 || line[length - 1] != '\n') {
        assert_true(length + 1 < sizeof line);
        struct pollfd answer = {.fd = peer->from, .events = POLLIN};
        uint64_t now = now_ns();
        int ready = now < deadline ? poll(&answer, 1, (int)((deadline - now) / 1000000) + 1) : 0;
        if (ready == 0)
            fail_msg("peer %d does not answer", (int)peer->pid);
        ssize_t got = ready > 0 ? read(peer->from, line + length, 1) : -1;
        if (got == 0)
            fail_msg("peer %d has ended", (int)peer->pid);
        if (got > 0)
            length++;
    }
    line[length] = '\0';
    char *at = line;
    for (size_t i = 0; i < count; i++) {
        char *end;
        numbers[i] = strtoull(at, &end, 10);
        if (end == at)
            fail_msg("%zu numbers are expected: %s", count, line);
        at = end;
    }
    assert_string_equal(at, "\n");
}

void peer_ask(struct peer *peer, uint64_t *numbers, size_t count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(peer, format, arguments);
    va_end(arguments);
    peer_hear(peer, numbers, count);
}

bool peer_has_answered(const struct peer *peer)
{
    struct pollfd answer = {.fd = peer->from, .events = POLLIN};
    return poll(&answer, 1, 0) > 0;
}

static int reap(struct peer *peer)
{
    int status = 0;
    while (waitpid(peer->pid, &status, 0) < 0 && errno == EINTR)
        ;
    peer->pid = 0;
    return status;
}

void peer_kill(struct peer *peer)
{
    kill(peer->pid, SIGKILL);
    reap(peer);
}

void peer_end(struct peer *peer)
{
    close(peer->to);
    peer->to = -1;
    int status = reap(peer);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg("a peer ended with wait status 0x%x", (unsigned)status);
}

/* The first line of a file of a process. */
static void read_proc(const struct peer *peer, const char *file, char *line, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)peer->pid, file);
    line[0] = '\0';
    FILE *stream = fopen(path, "r");
    assert_non_null(stream);
    if (fgets(line, (int)size, stream) == NULL)
        line[0] = '\0';
    fclose(stream);
}

static void await_line(const struct peer *peer, const char *file, const char *wanted)
{
    char line[256] = "";
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline; pause_ms(1)) {
        read_proc(peer, file, line, sizeof line);
        if (strstr(line, wanted) != NULL)
            return;
    }
    fail_msg("/proc/%d/%s should have \"%s\": %s", (int)peer->pid, file, wanted, line);
}

static void await(const struct peer *peer, enum asleep_in where)
{
    _Atomic(int) thread = (int)peer->pid;
    await_asleep(&thread, where);
}

void peer_await_sleep(const struct peer *peer)
{
    await(peer, ASLEEP_IN_FUTEX);
}

void peer_await_epoll(const struct peer *peer)
{
    await(peer, ASLEEP_IN_EPOLL);
}

static DIR *threads_of(const struct peer *peer)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", (int)peer->pid);
    DIR *threads = opendir(path);
    assert_non_null(threads);
    return threads;
}

static bool at_rest(const struct peer *peer)
{
    bool rest = true;
    DIR *threads = threads_of(peer);
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;)
        rest = rest && (thread->d_name[0] == '.' || asleep((pid_t)strtol(thread->d_name, NULL, 10), ASLEEP_ANYWHERE));
    closedir(threads);
    return rest;
}

void peer_await_rest(const struct peer *peer)
{
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline; pause_ms(1))
        if (at_rest(peer))
            return;
    fail_msg("process %d does not come to rest", (int)peer->pid);
}

void peer_await_stop(const struct peer *peer)
{
    await_line(peer, "stat", ") T ");
}

static uint64_t number_after(const char *line, const char *label)
{
    return strncmp(line, label, strlen(label)) == 0 ? strtoull(line + strlen(label), NULL, 10) : 0;
}

static void add_switches(const struct peer *peer, const char *thread, struct peer_switches *sum)
{
    char path[320], line[128];
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)peer->pid, thread);
    FILE *stream = fopen(path, "r");
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        sum->voluntary += number_after(line, "voluntary_ctxt_switches:");
        sum->involuntary += number_after(line, "nonvoluntary_ctxt_switches:");
    }
    if (stream != NULL)
        fclose(stream);
}

struct peer_switches peer_switches(const struct peer *peer)
{
    struct peer_switches sum = {0};
    DIR *threads = threads_of(peer);
    for (struct dirent *thread; (thread = readdir(threads)) != NULL;) {
        bool main_thread = strtol(thread->d_name, NULL, 10) == peer->pid;
        if (thread->d_name[0] != '.' && (main_thread || !SANITIZER_HAS_A_THREAD))
            add_switches(peer, thread->d_name, &sum);
    }
    closedir(threads);
    return sum;
}
