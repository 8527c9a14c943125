/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

unsigned patience_s(void)
{
    const char *slow = getenv("NETIPC_TEST_SLOW");
    double factor = slow == NULL ? 1 : strtod(slow, NULL);
    return (unsigned)(20 * (factor > 0 ? factor : 1));
}

void sleep_ms(unsigned milliseconds)
{
    struct timespec time = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        continue;
}

static uint64_t now_ms(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void become_program(const char *const *arguments, int output)
{
    enum { MOST = 32 };
    static char copies[MOST][256];
    char *argv[MOST + 2] = {strcpy(copies[0], "cgroups.plugin")};
    for (int i = 0; arguments[i] != NULL && i + 1 < MOST; i++) {
        snprintf(copies[i + 1], sizeof copies[0], "%s", arguments[i]);
        argv[i + 1] = copies[i + 1];
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* systemd gives it to whoever runs the tests. */
    unsetenv("INVOCATION_ID");
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
    execv(CGROUPS_PLUGIN, argv);
    _exit(127);
}

void program_start(struct program *program, const char *const *arguments)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    program->length = 0;
    program->text[0] = '\0';
    program->output = ends[0];
    program->pid = fork();
    assert_true(program->pid >= 0);
    if (program->pid == 0)
        become_program(arguments, ends[1]);
    close(ends[1]);
}

/* False: the end, or nothing within the time. */
static bool read_more(struct program *program, uint64_t deadline)
{
    struct pollfd polled = {.fd = program->output, .events = POLLIN};
    uint64_t now = now_ms();
    if (now >= deadline || poll(&polled, 1, (int)(deadline - now)) <= 0)
        return false;
    size_t room = sizeof program->text - 1 - program->length;
    assert_true(room > 0);
    ssize_t got = read(program->output, program->text + program->length, room);
    if (got <= 0)
        return false;
    program->length += (size_t)got;
    program->text[program->length] = '\0';
    return true;
}

size_t program_count_text(const struct program *program, const char *text)
{
    size_t count = 0;
    for (const char *at = program->text; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

void program_expect_times(struct program *program, const char *text, size_t times)
{
    uint64_t deadline = now_ms() + patience_s() * 1000u;
    while (program_count_text(program, text) < times) {
        if (!read_more(program, deadline))
            fail_msg("'%s' was not written %zu times, but: %s", text, times, program->text);
    }
}

void program_expect_text(struct program *program, const char *text)
{
    program_expect_times(program, text, 1);
}

int program_end(struct program *program, int signal)
{
    uint64_t deadline = now_ms() + patience_s() * 1000u;
    int status;
    if (signal != 0)
        assert_int_equal(kill(program->pid, signal), 0);
    while (read_more(program, deadline))
        continue;
    close(program->output);
    pid_t ended;
    while ((ended = waitpid(program->pid, &status, WNOHANG)) == 0 && now_ms() < deadline)
        sleep_ms(5);
    if (ended == 0) {
        kill(program->pid, SIGKILL);
        waitpid(program->pid, &status, 0);
        fail_msg("the program did not end: %s", program->text);
    }
    if (!WIFEXITED(status))
        fail_msg("the program was ended by signal %d: %s", WTERMSIG(status), program->text);
    return WEXITSTATUS(status);
}

unsigned program_descriptors(const struct program *program)
{
    char path[64];
    unsigned count = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)program->pid);
    DIR *stream = opendir(path);
    assert_non_null(stream);
    while (readdir(stream) != NULL)
        count++;
    closedir(stream);
    return count;
}

void follower_open(struct follower *follower, const char *run_dir, const char *service, uint64_t token)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = run_dir;
    config.service = service;
    config.token = token;
    config.reconnect_ns = 20000000;
    *follower = (struct follower){.info.size = sizeof follower->info};
    assert_int_equal(netipc_subscriber_open(&config, &follower->subscriber), NETIPC_OK);
}

void follower_close(struct follower *follower)
{
    netipc_subscriber_close(follower->subscriber);
    free(follower->bytes);
}

static void read_latest(struct follower *follower)
{
    netipc_status status;
    while ((status = netipc_subscriber_read(follower->subscriber, follower->bytes, follower->capacity,
                                            &follower->info)) == NETIPC_TOO_SMALL) {
        follower->capacity = follower->info.length + 1000;
        follower->bytes = realloc(follower->bytes, follower->capacity);
        assert_non_null(follower->bytes);
    }
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(netipc_cgroups_snapshot_decode(follower->bytes, follower->info.length, &follower->view),
                     NETIPC_OK);
    assert_int_equal(follower->view.generation, follower->info.generation);
}

void follower_read_above(struct follower *follower, uint64_t generation)
{
    uint64_t deadline = now_ms() + patience_s() * 1000u;
    for (;;) {
        netipc_status status = netipc_subscriber_refresh(follower->subscriber, NULL);
        if (status == NETIPC_OK && netipc_subscriber_generation(follower->subscriber) > generation)
            break;
        if (now_ms() >= deadline)
            fail_msg("no generation above %llu: %s (%s)", (unsigned long long)generation, netipc_status_text(status),
                     netipc_status_detail());
        netipc_subscriber_wait(follower->subscriber, generation, 100000000);
    }
    read_latest(follower);
}

bool follower_find(const struct follower *follower, const char *name, netipc_cgroup_view *item)
{
    for (uint32_t i = 0; i < follower->view.item_count; i++) {
        assert_int_equal(netipc_cgroups_snapshot_item(&follower->view, i, item), NETIPC_OK);
        if (strcmp(item->name, name) == 0)
            return true;
    }
    return false;
}
