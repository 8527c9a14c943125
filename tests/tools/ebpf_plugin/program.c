/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/ebpf_plugin/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const double patience = 30; /* seconds for one line or one end, at a slowness of 1 */

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long deadline_after(double seconds)
{
    const char *slow = getenv("NETIPC_TEST_SLOW");
    double factor = slow ? strtod(slow, NULL) : 1;
    return now_ms() + (long)(seconds * 1000 * (factor > 0 ? factor : 1));
}

long milliseconds_left(long deadline)
{
    long left = deadline - now_ms();
    return left > 0 ? left : 0;
}

/* systemd gives INVOCATION_ID, which makes a token, to whoever runs the tests. */
static void become(const char *errors, int in, int out, const char *const *arguments)
{
    int error = open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (error < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(error, STDERR_FILENO) < 0)
        _exit(126);
    unsetenv("INVOCATION_ID");
    execv(arguments[0], (char *const *)(uintptr_t)arguments);
    _exit(127);
}

static void start(struct program *program, const char *errors, int out, const char *const *arguments)
{
    int in[2];
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    program->in = in[1];
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0)
        become(errors, in[0], out, arguments);
    close(in[0]);
    close(out);
}

void program_start(struct program *program, const char *errors, const char *const *arguments)
{
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    *program = (struct program){.out = out[0]};
    start(program, errors, out[1], arguments);
}

void program_start_to(struct program *program, const char *errors, const char *output, const char *const *arguments)
{
    int out = open(output, O_WRONLY | O_CLOEXEC);
    assert_true(out >= 0);
    *program = (struct program){.out = -1};
    start(program, errors, out, arguments);
}

static char *take_line(struct program *program)
{
    char *newline = program->length ? memchr(program->text, '\n', program->length) : NULL;
    if (!newline)
        return NULL;
    size_t length = (size_t)(newline - program->text);
    char *line = malloc(length + 1);
    assert_non_null(line);
    memcpy(line, program->text, length);
    line[length] = '\0';
    program->length -= length + 1;
    memmove(program->text, newline + 1, program->length);
    return line;
}

static void read_more(struct program *program)
{
    if (program->length == program->capacity) {
        program->capacity = program->capacity ? 2 * program->capacity : 65536;
        program->text = realloc(program->text, program->capacity);
        assert_non_null(program->text);
    }
    ssize_t got = read(program->out, program->text + program->length, program->capacity - program->length);
    if (got == 0)
        fail_msg("the program ended where a line was expected");
    assert_true(got > 0 || errno == EINTR);
    program->length += got > 0 ? (size_t)got : 0;
}

char *program_line(struct program *program)
{
    long deadline = deadline_after(patience);
    char *line;
    while (!(line = take_line(program))) {
        struct pollfd ready = {.fd = program->out, .events = POLLIN};
        if (poll(&ready, 1, (int)milliseconds_left(deadline)) == 0)
            fail_msg("no line within %g seconds", patience);
        read_more(program);
    }
    return line;
}

void program_tell(struct program *program, const char *text)
{
    size_t length = strlen(text);
    assert_int_equal(write(program->in, text, length), length);
    assert_int_equal(write(program->in, "\n", 1), 1);
}

void program_signal(struct program *program, int signal)
{
    assert_true(program->pid > 0);
    assert_int_equal(kill(program->pid, signal), 0);
}

int program_wait(struct program *program)
{
    long deadline = deadline_after(patience);
    int status;
    pid_t ended;
    while ((ended = waitpid(program->pid, &status, WNOHANG)) == 0) {
        if (milliseconds_left(deadline) == 0)
            fail_msg("the program did not end within %g seconds", patience);
        struct timespec pause = {.tv_nsec = 2000000};
        nanosleep(&pause, NULL);
    }
    assert_int_equal(ended, program->pid);
    program->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void program_end(struct program *program)
{
    if (program->in >= 0)
        close(program->in);
    if (program->out >= 0)
        close(program->out);
    if (program->pid > 0) {
        kill(program->pid, SIGKILL);
        waitpid(program->pid, NULL, 0);
    }
    free(program->text);
    *program = (struct program){.in = -1, .out = -1};
}
