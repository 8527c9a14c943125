/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EBPF_PLUGIN_PACE_H
#define EBPF_PLUGIN_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * When the program goes on: at fixed distances on the monotonic clock, and until it is told to stop. SIGTERM and
 * SIGINT are blocked and read from a descriptor, so that one that comes at any moment ends the next wait.
 */
struct pace {
    int signal_fd;
    bool stopped; /* for good */
    uint64_t interval_ns;
    uint64_t next_ns; /* the coming tick */
};

/* Blocks the signals. False with errno set. */
bool pace_open(struct pace *pace, uint64_t interval_ns);
void pace_close(struct pace *pace);

/* Whether one of the signals has come; one system call. */
bool pace_stopped(struct pace *pace);

/* Sleeps until the next tick; ticks that went by during work are left out. False: stopped. */
bool pace_wait(struct pace *pace);

/*
 * Writes all of bytes to fd, and gives up when stopped while a reader does not read. False with errno set; 0 when
 * stopped.
 */
bool pace_write(struct pace *pace, int fd, const char *bytes, size_t length);

uint64_t pace_now_ns(void);

#endif
