/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_PEERS_H
#define TESTS_PUBLISH_PEERS_H

/* The test's side of peer.h: starts peers, tells them what to do, and reads what they answer, within the patience of
 * the test. What is left of them ends with the test. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEERS_MOST = 80 };

struct peer {
    pid_t pid; /* 0: ended */
    int to, from;
};

/* For cmocka_unit_test_setup_teardown: the service of service.h. */
int peers_setup(void **state);
int peers_teardown(void **state);

struct peer *peer_start(const char *role);

/* The same of another program that consists of the sources of the peer. */
struct peer *peer_start_program(const char *program, const char *role);

/* Started, opened, and status OK. */
struct peer *publisher_start(uint64_t slots, uint64_t capacity, uint64_t ceiling);
struct peer *subscriber_start(uint64_t grace_ms);

void peer_tell(struct peer *peer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The answer must have exactly count numbers. */
void peer_hear(struct peer *peer, uint64_t *numbers, size_t count);
void peer_ask(struct peer *peer, uint64_t *numbers, size_t count, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether there is something to hear. */
bool peer_has_answered(const struct peer *peer);

/* SIGKILL, and gone when it returns. Its input stays open for children that it had. */
void peer_kill(struct peer *peer);

/* Ends its input; it must exit with 0. */
void peer_end(struct peer *peer);

/* Until the process sleeps in futex(), or in epoll_wait(), or all its threads sleep in whatever call, or it is stopped.
 */
void peer_await_sleep(const struct peer *peer);
void peer_await_epoll(const struct peer *peer);
void peer_await_rest(const struct peer *peer);
void peer_await_stop(const struct peer *peer);

/* Context switches of the threads of the process: those that they made of their own will, and the others. Of the main
 * thread alone where the sanitizer has a thread of its own. */
struct peer_switches {
    uint64_t voluntary, involuntary;
};
struct peer_switches peer_switches(const struct peer *peer);

#endif
