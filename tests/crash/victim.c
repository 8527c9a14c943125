/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/victim.h"

#include "tests/publish/patience.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_S = 60, REST_NS = 2000000 };

struct peer *victim;
struct crash_board *board;
static void (*stopped)(void);
static bool was_struck; /* and it is known here */
static bool dead;       /* then its place among the peers may be another's */

enum event { ANSWERED, DIED, STOPPED, BUSY };

void victim_make_board(void)
{
    char text[16];
    int fd = memfd_create("crash-board", 0); /* inherited by victims */
    assert_return_code(fd, errno);
    assert_return_code(ftruncate(fd, sizeof *board), errno);
    board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(board, MAP_FAILED);
    snprintf(text, sizeof text, "%d", fd);
    assert_return_code(setenv(CRASH_BOARD_VARIABLE, text, 1), errno);
}

void victim_start(const char *role, void (*on_stop)(void))
{
    stopped = on_stop;
    atomic_store(&board->state, CRASH_OFF);
    was_struck = dead = false;
    victim = peer_start_program(CRASH_VICTIM, role);
}

void victim_arm(uint32_t point, uint32_t hit, uint32_t signal)
{
    board->point = point;
    board->hit = hit;
    board->signal = signal;
    for (uint32_t i = 0; i < board->site_count; i++) {
        atomic_store(&board->sites[i].hits[0], 0);
        atomic_store(&board->sites[i].hits[1], 0);
    }
    atomic_store(&board->passes, 0);
    atomic_store(&board->state, CRASH_ARMED);
}

bool victim_taken(void)
{
    return atomic_load(&board->state) == CRASH_TAKEN;
}

/* What becomes of the victim within a millisecond or so. */
static enum event look(void)
{
    struct pollfd answer = {.fd = victim->from, .events = POLLIN};
    int status, ready = poll(&answer, 1, 0);
    if (ready > 0 && (answer.revents & POLLIN))
        return ANSWERED;
    pid_t changed = waitpid(victim->pid, &status, WUNTRACED | (ready > 0 ? 0 : WNOHANG));
    if (changed == victim->pid && WIFSTOPPED(status))
        return STOPPED;
    if (changed == victim->pid) {
        victim->pid = 0;
        was_struck = dead = true;
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL || !victim_taken())
            fail_msg("the victim ended by itself with wait status 0x%x", (unsigned)status);
        return DIED;
    }
    return BUSY;
}

static bool go_on_after(enum event event)
{
    if (event == DIED)
        return false;
    if (event == STOPPED) {
        if (!victim_taken())
            fail_msg("the victim was stopped by somebody else");
        was_struck = true;
        stopped();
        assert_return_code(kill(victim->pid, SIGCONT), errno);
    }
    return true;
}

bool victim_lives(void)
{
    return !dead && go_on_after(look());
}

bool victim_hear(uint64_t *numbers, size_t count)
{
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline;) {
        if (dead)
            return false;
        enum event event = look();
        if (event == ANSWERED) {
            peer_hear(victim, numbers, count);
            return true;
        }
        if (!go_on_after(event))
            return false;
        struct pollfd answer = {.fd = victim->from, .events = POLLIN};
        if (event == BUSY)
            poll(&answer, 1, 1);
    }
    fail_msg("the victim does not answer");
    return false;
}

/* A victim that died just then does not listen: that is found out when it is to be heard. */
static void tell(const char *format, va_list arguments)
{
    if (dead)
        return;
    vdprintf(victim->to, format, arguments);
    ssize_t ignored = write(victim->to, "\n", 1);
    (void)ignored;
}

void victim_tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(format, arguments);
    va_end(arguments);
}

bool victim_ask(uint64_t *numbers, size_t count, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tell(format, arguments);
    va_end(arguments);
    return victim_hear(numbers, count);
}

static bool in_futex(const char *task)
{
    char path[96], line[64] = "";
    snprintf(path, sizeof path, "/proc/%d/task/%.20s/syscall", (int)victim->pid, task);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return false;
    bool sleeps = fgets(line, sizeof line, stream) != NULL && strtol(line, NULL, 10) == SYS_futex;
    fclose(stream);
    return sleeps && strncmp(line, "running", 7) != 0;
}

static size_t threads_in_futex(void)
{
    char path[64];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)victim->pid);
    DIR *tasks = opendir(path);
    if (tasks == NULL)
        return 0;
    for (struct dirent *task; (task = readdir(tasks)) != NULL;)
        count += task->d_name[0] != '.' && in_futex(task->d_name);
    closedir(tasks);
    return count;
}

bool victim_falls_asleep(size_t threads)
{
    for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); now_ns() < deadline;) {
        if (dead)
            return false;
        enum event event = look();
        if (!go_on_after(event))
            return false;
        if (event == ANSWERED || (event == BUSY && threads_in_futex() >= threads))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    fail_msg("the victim does not fall asleep");
    return false;
}

bool victim_settles(void)
{
    uint64_t passes = 0, since = now_ns();
    while (now_ns() - since < REST_NS) {
        if (!victim_lives())
            return false;
        uint64_t now = atomic_load(&board->passes);
        if (now != passes)
            since = now_ns();
        passes = now;
        nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
    }
    return victim_lives();
}

bool victim_comes_through(void)
{
    uint32_t expected = CRASH_ARMED;
    if (!atomic_compare_exchange_strong(&board->state, &expected, CRASH_OFF))
        for (uint64_t deadline = now_ns() + patience_ns(PATIENCE_S); !was_struck;) {
            (void)victim_lives();
            if (now_ns() >= deadline)
                fail_msg("the victim survived a signal");
        }
    return !dead;
}
