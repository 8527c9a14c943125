/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/command.h"
#include "bench/crew.h"
#include "bench/notice.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {
    &command_calibrate, &command_publish, &command_read,   &command_latency,
    &command_rpc,       &command_history, &command_peers,  &command_sweep,
#ifdef SHMBENCH_CACHE
    &command_refresh,   &command_lookup,  &command_fanout,
#endif
    &command_report,
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void)
{
    puts("Usage: shmbench COMMAND [OPTION]...\n"
         "\n"
         "Measures netipc on this machine, against what the machine can do.\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-12s %s\n", commands[i]->name, commands[i]->summary);
    puts(
        "\n"
        "shmbench COMMAND --help has the options, --version the version. Exit status: 0; 64 for a wrong command line;\n"
        "128 and the signal's number when interrupted; else the number of a netipc status (docs/status.md): 41 when\n"
        "bytes were wrong.");
}

static uint64_t taken_by(const struct command *command)
{
    return command->run != NULL ? command->taken : command->taken | OPTIONS_JSON;
}

static void print_command_help(const struct command *command)
{
    printf("Usage: shmbench %s [OPTION]...\n\n%s\n\n", command->name, command->help);
    if (command->more_help != NULL)
        command->more_help();
    options_print_help(taken_by(command), &command->defaults);
}

/* The first files that are opened would take the places of those that are closed, and get what is printed. These give
 * the errors that closed ones give. */
static void fill_standard_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int run(int count, char **arguments)
{
    if (count >= 2 && (strcmp(arguments[1], "--help") == 0 || strcmp(arguments[1], "help") == 0)) {
        print_help();
        return 0;
    }
    if (count >= 2 && strcmp(arguments[1], "--version") == 0) {
        puts("shmbench " SHMBENCH_VERSION);
        return 0;
    }
    if (count < 2) {
        notice("no command given; try shmbench --help");
        return NOTICE_USAGE;
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct command *command = commands[i];
        if (strcmp(arguments[1], command->name) != 0)
            continue;
        struct options options = command->defaults;
        if (!options_parse(count - 1, arguments + 1, taken_by(command), &options))
            return NOTICE_USAGE;
        if (options.help) {
            print_command_help(command);
            return 0;
        }
        if (command->check != NULL && !command->check(&options))
            return NOTICE_USAGE;
        crew_watch_signals();
        return command->run != NULL ? command->run(&options) : experiment_run(command, &options);
    }
    notice("unknown command %s; try shmbench --help", arguments[1]);
    return NOTICE_USAGE;
}

int main(int count, char **arguments)
{
    fill_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* who reads no more gives an error, behind which files that were begun are removed */
    int status = run(count, arguments);
    if (status == 0 && (fflush(stdout) != 0 || ferror(stdout))) {
        notice_errno("the standard output cannot be written");
        return NETIPC_SYSTEM;
    }
    return status;
}
