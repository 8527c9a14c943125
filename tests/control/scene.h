/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CONTROL_SCENE_H
#define NETIPC_TESTS_CONTROL_SCENE_H

/*
 * What the tests of the control channel play in: a run directory of their own, and publishers in processes of their
 * own that obey orders. Whatever a failed test leaves behind is ended and removed by scene_close().
 */

#include <netipc/netipc.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <setjmp.h>

#include <cmocka.h>

#define SCENE_TOKEN UINT64_C(0xdeadbeefcafebabe) /* the captures' */
#define SCENE_SERVICE "tested"

struct scene {
    char run_dir[64]; /* 0700 */
    char socket_path[108];
};

/* cmocka's setup and teardown of each test; *state is the struct scene. */
int scene_open(void **state);
int scene_close(void **state);

/* The time limits of tests grow by NETIPC_TEST_SLOW. */
unsigned slow_ms(unsigned ms);
uint64_t now_ms(void);
void pause_ms(unsigned ms);

/* Defaults for SCENE_SERVICE in scene->run_dir with SCENE_TOKEN. */
netipc_publisher_config publisher_config(const struct scene *scene);
netipc_subscriber_config subscriber_config(const struct scene *scene);

/* A subscriber after one refresh, whose result goes to *status. */
netipc_subscriber *open_subscriber(const netipc_subscriber_config *config, netipc_status *status);

/* The snapshot that seed stands for: at least 8 bytes, all of them following from seed and length. */
void make_snapshot(uint64_t seed, unsigned char *bytes, size_t length);
bool snapshot_is_whole(const unsigned char *bytes, size_t length);

/* What one refresh of a new subscriber gives. */
netipc_status visit_once(const struct scene *scene);

/* --- a publisher in a process of its own --- */

struct publisher_process {
    pid_t pid;
    int orders;
};

/* What is done in the new process before its publisher is opened. */
typedef void (*before_open)(void *context);

/* The result of netipc_publisher_open() over there; when that fails, the process has ended. */
netipc_status start_publisher(const netipc_publisher_config *config, before_open before, void *context,
                              struct publisher_process *process);

/* Publishes count snapshots of length bytes with the seeds from seed on, one after another. */
netipc_status order_publish(struct publisher_process *process, uint64_t seed, uint64_t count, uint64_t length);
/* The same without waiting for the end; order_wait() does. */
void order_publish_begin(struct publisher_process *process, uint64_t seed, uint64_t count, uint64_t length);
netipc_status order_wait(struct publisher_process *process);
netipc_publisher_info order_info(struct publisher_process *process);
/* Opens files until only this many descriptors are free below the limit; at once, without an order in between. */
void order_leave_descriptors(struct publisher_process *process, unsigned free_descriptors);
void order_free_descriptors(struct publisher_process *process);
/* Forks a child that holds everything that it inherits until it is killed; its pid. */
pid_t order_fork_holder(struct publisher_process *process);
/* Whether it comes to have so many sessions, of which so many are attached. A peer can see its session end before the
 * publisher has counted that. */
bool sessions_become(struct publisher_process *process, uint64_t sessions, uint64_t attached);
/* Closes the publisher and ends the process. */
void order_close(struct publisher_process *process);

void kill_and_reap(pid_t pid);
void kill_publisher(struct publisher_process *process);

/* A child of the test that runs body and is ended by scene_close() if it is still there. Its exit status is body's
 * result. */
pid_t start_child(int (*body)(void *context), void *context);
/* The exit status; 128 + the signal that killed it; -1 when it has not ended after ms. */
int wait_child(pid_t pid, unsigned ms);

/* What /proc says of a process. */
unsigned count_descriptors(pid_t pid);

/* Until a process has so many: a session is no longer counted a little before its last descriptor is closed. */
bool descriptors_become(pid_t pid, unsigned count);
unsigned count_mappings(pid_t pid, const char *name_part);
unsigned long cpu_ms(pid_t pid);

#endif
