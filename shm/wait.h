/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_WAIT_H
#define NETIPC_SHM_WAIT_H

/*
 * Waiting for the hot word to change: a spin, then a sleep on the session's own wake word.
 *
 *     waiter                                           publisher
 *     W1  w ← fetch_or(wake, 1) | 1      release       P4  latest ← new            release
 *     W2  fence                          seq_cst       P6  fence                   seq_cst
 *     W3  latest changed? leave          acquire       P7  wake has bit 0?         relaxed
 *     W4  sleep while wake = w                             wake ← wake + 1, wake one
 *
 * W2 or P6 comes first. P6 first: W3 sees the change. W2 first: P7 sees the bit; its sum makes W4 fail, or its wake-up
 * ends it. The word only ever grows, so it does not take a value again that somebody may be about to sleep on. Several
 * threads of a session may wait: the publisher wakes one, since a peer that parks thousands of threads on its word must
 * not make it wait for them, and the first of the process to be up wakes the others, once for each sum. W1 is a release
 * for them alone: who is woken and acquires the word knows how many others there are.
 *
 * Interrupts: news ← news + 1, fence, wake ← wake + 2, wake all; a waiter looks at news between W2 and W4. The sum
 * keeps bit 0, so that the publisher's wake-up of other waiters is not lost. What the news is (an abort, another region
 * to wait for) is the caller's affair.
 *
 * If the publisher is killed before its wake-up, W4 ends after sleep_ns (the grace) and the caller looks after it.
 * If the waiter is killed: its bit costs the publisher one wake-up call.
 */

#include "shm/layout.h"

#include <stdbool.h>

enum netipc_wait_end {
    NETIPC_WAIT_CHANGED,     /* another generation (but 0, which is nothing), or CLOSED or SUPERSEDED */
    NETIPC_WAIT_INTERRUPTED, /* the news word has moved on */
    NETIPC_WAIT_ELAPSED      /* spin_ns, then sleep_ns; or woken for no reason that still holds */
};

struct netipc_wait {
    const netipc_atomic_u64 *latest;  /* the hot word */
    uint64_t generation;              /* what has been seen of it */
    struct netipc_session_line *line; /* the session's, writable */
    const netipc_atomic_u32 *news;    /* ends the wait when it is not expected_news */
    uint32_t expected_news;
    const netipc_atomic_u32 *others; /* how many further threads may wait on this line; it changes */
    netipc_atomic_u32 *passed_on;    /* the process's own, one for each line, 0 at first: which wake-up was passed on */
    uint64_t spin_ns, sleep_ns;      /* sleep_ns of 0: spin only */
};

/* What a wait took. */
struct netipc_wait_effort {
    bool spun, slept;
    uint64_t looked_ns; /* if it spun: the clock as last seen, a few looks before the spin's end */
};

enum netipc_wait_end netipc_wait_for_change(const struct netipc_wait *wait, struct netipc_wait_effort *effort);

/* Ends the sleep of every thread that waits on line. Async-signal-safe. */
void netipc_wait_interrupt(struct netipc_session_line *line);

#endif
