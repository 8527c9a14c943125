/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TOOLS_EBPF_PLUGIN_PROGRAM_H
#define TESTS_TOOLS_EBPF_PLUGIN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A program that a test started: its stdin and stdout are pipes, its stderr a file. Failures fail the test. */
struct program {
    pid_t pid;  /* 0 when it has been waited for */
    int in;     /* to its stdin; -1 when closed */
    int out;    /* from its stdout */
    char *text; /* read and not handed out */
    size_t length;
    size_t capacity;
};

/* errors is the file that its stderr is added to. arguments ends with NULL and begins with the program. */
void program_start(struct program *program, const char *errors, const char *const *arguments);

/* As program_start, with stdout at the file output. */
void program_start_to(struct program *program, const char *errors, const char *output, const char *const *arguments);

/* The next line, without its newline, to be freed. Fails the test after the deadline and at the end of the output. */
char *program_line(struct program *program);

/* Writes text and a newline. */
void program_tell(struct program *program, const char *text);

void program_signal(struct program *program, int signal);

/* The exit status, or -1 when a signal ended it. Fails the test after the deadline. */
int program_wait(struct program *program);

/* Kills what still runs, and frees. */
void program_end(struct program *program);

/* NETIPC_TEST_SLOW times seconds from now, on the monotonic clock, in milliseconds. */
long deadline_after(double seconds);
long milliseconds_left(long deadline);

#endif
