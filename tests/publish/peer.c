/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peer.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool peer_command(char name[32], uint64_t arguments[PEER_ARGUMENTS])
{
    char line[128];
    size_t length = 0;
    /* Byte by byte: nothing may be left in a buffer where poll() does not see it. */
    for (;;) {
        char byte;
        if (read(STDIN_FILENO, &byte, 1) != 1)
            return false;
        if (byte == '\n')
            break;
        if (length + 1 == sizeof line)
            peer_fail("a command of more than %zu bytes", sizeof line);
        line[length++] = byte;
    }
    line[length] = '\0';
    memset(arguments, 0, PEER_ARGUMENTS * sizeof *arguments);
    char *rest;
    char *word = strtok_r(line, " ", &rest);
    snprintf(name, 32, "%s", word != NULL ? word : "");
    for (size_t i = 0; i < PEER_ARGUMENTS && (word = strtok_r(NULL, " ", &rest)) != NULL; i++)
        arguments[i] = strtoull(word, NULL, 10);
    return true;
}

bool peer_is_called(void)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

void peer_answer(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

void peer_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "peer %d: ", (int)getpid());
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(1);
}

void peer_fork(void)
{
    pid_t child = fork();
    if (child == 0) {
        struct pollfd input = {.fd = STDIN_FILENO};
        while ((input.revents & POLLHUP) == 0)
            poll(&input, 1, -1);
        _exit(0);
    }
    peer_answer("%d", (int)child);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "publisher") == 0)
        return peer_publisher(argv[2], argv[3]);
    if (argc == 4 && strcmp(argv[1], "subscriber") == 0)
        return peer_subscriber(argv[2], argv[3]);
    peer_fail("usage: publish_peer publisher|subscriber RUN_DIR SERVICE");
}
