/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_EVENT_LOOP_H
#define NETIPC_CONTROL_EVENT_LOOP_H

/*
 * One thread's loop over anything that can be polled: listeners, sessions, processes, timers, signal and netlink
 * descriptors. Each is a source with a function of its own. A source may be removed at any time in the loop's thread,
 * but freed only where turn() is not under way in a caller above: events of one turn may still name it.
 */

#include <netipc/status.h>

#include <stdbool.h>
#include <stdint.h>

enum {
    NETIPC_READABLE = 1,
    NETIPC_WRITABLE = 2,
    NETIPC_HUNG_UP = 4, /* hung up or in error; comes unasked */
    NETIPC_PRIORITY = 8
};

struct netipc_source {
    void (*happened)(struct netipc_source *source, uint32_t events);
};

/* The object that has a source as its member. */
#define netipc_source_owner(source, type, member) ((type *)(void *)((unsigned char *)(source)-offsetof(type, member)))

struct netipc_event_loop {
    int epoll;
    int wake_fd, timer_fd;
    uint64_t timer_at_ns; /* monotonic; 0: off */
};

/* woken and timer are the sources of wake and set_timer; they empty their descriptors themselves, by _take(). */
netipc_status netipc_event_loop_open(struct netipc_event_loop *loop, struct netipc_source *woken,
                                     struct netipc_source *timer);
void netipc_event_loop_close(struct netipc_event_loop *loop);

/* events: what to be told of. false: the system has no room for it. */
bool netipc_event_loop_add(struct netipc_event_loop *loop, int fd, uint32_t events, struct netipc_source *source);
bool netipc_event_loop_change(struct netipc_event_loop *loop, int fd, uint32_t events, struct netipc_source *source);

/* By hand, before close(): a forked child may hold the same description open, and it would go on to be reported. */
void netipc_event_loop_remove(struct netipc_event_loop *loop, int fd);

/* Any thread. Has woken happen. */
void netipc_event_loop_wake(struct netipc_event_loop *loop);

/* Has timer happen at this time of the monotonic clock; 0: not. */
void netipc_event_loop_set_timer(struct netipc_event_loop *loop, uint64_t at_ns);

/* Empty what wake or the timer has filled. */
void netipc_event_loop_take_wake(struct netipc_event_loop *loop);
void netipc_event_loop_take_timer(struct netipc_event_loop *loop);

/* Waits up to timeout_ms (-1: for ever) and handles what has happened. *count: how much that was. */
netipc_status netipc_event_loop_turn(struct netipc_event_loop *loop, int timeout_ms, int *count);

#endif
