/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_PEER_H
#define TESTS_PUBLISH_PEER_H

/*
 * The peer: a process that is a publisher or a subscriber, uses nothing but the public headers, and does what its
 * standard input says. A command is a line, and so is its answer, which consists of numbers. It ends with its input.
 *
 *     publish_peer publisher  RUN_DIR SERVICE
 *     publish_peer subscriber RUN_DIR SERVICE
 */

#include <stdbool.h>
#include <stdint.h>

enum { PEER_ARGUMENTS = 5 };

/* The next command and its numbers; those not given are 0. false at the end of input. */
bool peer_command(char name[32], uint64_t arguments[PEER_ARGUMENTS]);

/* Whether a further line, or the end, is there to be read. */
bool peer_is_called(void);

void peer_answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what is wrong on the standard error and ends the process. */
_Noreturn void peer_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* fork: a child that does nothing but hold all descriptors until the input ends → pid */
void peer_fork(void);

int peer_publisher(const char *run_dir, const char *service);
int peer_subscriber(const char *run_dir, const char *service);

/* A subscriber's commands about its readers; false: it is none of them. */
struct netipc_subscriber;
bool peer_reader(struct netipc_subscriber *subscriber, const char *name, const uint64_t arguments[PEER_ARGUMENTS]);
void peer_readers_close(void);

/* stream.h, and a sleep in an event loop. The same. */
bool peer_streamer(struct netipc_subscriber *subscriber, const char *name, const uint64_t arguments[PEER_ARGUMENTS]);

/* peer_items.c. items MOST: some MOST of them, flat out, until the next line comes; that is answered: → status
 * generation */
struct netipc_publisher;
void peer_items(struct netipc_publisher *publisher, uint64_t most, uint64_t *generation);
void peer_find(struct netipc_subscriber *subscriber, const uint64_t arguments[PEER_ARGUMENTS]);

#endif
