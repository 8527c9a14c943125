/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/gnuplot.h"

#include "bench/notice.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Starts it with these as its standard input and output. 0, or an errno value. */
static int start(int input, int output, bool quiet, pid_t *pid)
{
    char name[] = "gnuplot";
    char *arguments[] = {name, NULL};
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (quiet)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    error = posix_spawnp(pid, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* A file without a name with the script. -1, and a notice. */
static int script_file(const char *terminal, const char *script)
{
    int fd = memfd_create("gnuplot", MFD_CLOEXEC);
    if (fd >= 0 && dprintf(fd, "set terminal %s\n%s", terminal, script) >= 0 && lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    notice_errno("cannot write a script for gnuplot");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* -1, and a notice: it could not be run; else how it ended. */
static int run(const char *terminal, const char *script, int output, bool quiet)
{
    pid_t pid;
    int ended = -1, input = script_file(terminal, script);
    if (input < 0)
        return -1;
    int error = start(input, output, quiet, &pid);
    close(input);
    if (error == 0) {
        while (waitpid(pid, &ended, 0) < 0 && errno == EINTR)
            ;
        return ended;
    }
    if (error == ENOENT)
        notice("gnuplot, which draws the pictures, is not there: install the package gnuplot-nox");
    else
        notice("gnuplot cannot be started: %s", strerror(error));
    return -1;
}

bool gnuplot_check(void)
{
    static const char *const terminals[] = {GNUPLOT_SVG, GNUPLOT_PNG};
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int ended = nowhere >= 0 ? 0 : -1;
    if (nowhere < 0)
        notice_errno("/dev/null cannot be opened");
    for (size_t i = 0; ended == 0 && i < 2; i++) {
        ended = run(terminals[i], "", nowhere, true);
        if (ended > 0)
            notice("gnuplot cannot draw on '%s': install the package gnuplot-nox", terminals[i]);
    }
    if (nowhere >= 0)
        close(nowhere);
    return ended == 0;
}

bool gnuplot_draw(const char *terminal, const char *script, int fd)
{
    int ended = run(terminal, script, fd, false);
    if (ended > 0)
        notice("gnuplot has failed, with status %d", WIFEXITED(ended) ? WEXITSTATUS(ended) : 128);
    return ended == 0;
}
