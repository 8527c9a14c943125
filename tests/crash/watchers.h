/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_WATCHERS_H
#define TESTS_CRASH_WATCHERS_H

/*
 * Four subscribers that watch a publisher which is the victim: one copies, one holds a snapshot in place, one has armed
 * its descriptor, and one, a process of its own, sleeps in a wait.
 */

#include <netipc/reader.h>
#include <netipc/subscriber.h>

#include "tests/publish/peers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watcher {
    netipc_subscriber *subscriber; /* NULL for the process of its own */
    uint64_t seen;
    bool attached;
    bool left_behind; /* in the region before the last growth */
};

enum { WATCHERS = 3 };
extern struct watcher copying, holding, polling, sleeping;
extern struct watcher *const watchers[WATCHERS]; /* all but the last */
extern netipc_reader *holder;
extern const void *held; /* by holder; NULL: nothing */
extern struct peer *sleeper;
extern bool sleeper_waits; /* its answer is still to be heard */

/* What they may see. */
extern struct published {
    uint64_t floor, ceiling; /* generations published for certain, and at most */
    uint64_t floor_before_growth;
    size_t lengths[64]; /* of the generations */
} published;

/* Any subscriber. */
netipc_subscriber *watchers_subscriber(uint64_t connect_ns, uint32_t leases);

/* Without those of an earlier test. */
void watchers_forget(void);
void watchers_open(void);
void watchers_close(void);

/* Attaches all of them to the victim and brings them to where they wait for something. */
void watchers_watch(void);

/* Until it is attached to the newest region; false: the victim has died. */
bool watcher_refresh(struct watcher *watcher);

netipc_subscriber_info watcher_info(const struct watcher *watcher);

/* Its latest snapshot is whole and one of those that there may be. Returns the publisher's state. */
uint32_t watcher_expect_whole(struct watcher *watcher);

/* So is every other that can be had by its number, and the one that is held. */
void watchers_expect_history(void);
void watchers_expect_held(void);

void sleeper_waits_on(void);
void sleeper_reads(uint32_t *publisher_state);

#endif
