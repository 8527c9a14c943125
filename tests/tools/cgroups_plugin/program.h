/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CGROUPS_PLUGIN_PROGRAM_H
#define TESTS_CGROUPS_PLUGIN_PROGRAM_H

#include <netipc/netipc.h>

#include <stdbool.h>
#include <sys/types.h>

/* cgroups.plugin as a process, and somebody who follows it. All of these fail the test that calls them. */

struct program {
    pid_t pid;
    int output; /* what it writes on stdout and stderr */
    char text[16384];
    size_t length;
};

/* Seconds that anything may take, times NETIPC_TEST_SLOW. */
unsigned patience_s(void);
void sleep_ms(unsigned milliseconds);

/* arguments end with NULL and do not hold the program's name. */
void program_start(struct program *program, const char *const *arguments);

/* Waits until it has written this, and so often. */
void program_expect_text(struct program *program, const char *text);
void program_expect_times(struct program *program, const char *text, size_t times);

/* How often it has written this, as far as was read. */
size_t program_count_text(const struct program *program, const char *text);

/* Waits until it ends, after a signal unless that is 0, and reads what is left of its output. Gives its exit code. */
int program_end(struct program *program, int signal);

/* Descriptors that it has open. */
unsigned program_descriptors(const struct program *program);

struct follower {
    netipc_subscriber *subscriber;
    unsigned char *bytes;
    size_t capacity;
    netipc_snapshot_info info;
    netipc_cgroups_snapshot_view view; /* of the last snapshot read */
};

void follower_open(struct follower *follower, const char *run_dir, const char *service, uint64_t token);
void follower_close(struct follower *follower);

/* Waits for a snapshot with a generation above this one, and reads it. */
void follower_read_above(struct follower *follower, uint64_t generation);

/* The item with this name in the snapshot at hand; false: there is none. */
bool follower_find(const struct follower *follower, const char *name, netipc_cgroup_view *item);

#endif
