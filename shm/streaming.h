/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_STREAMING_H
#define NETIPC_SHM_STREAMING_H

/*
 * Whether a payload is copied into its slot through the caches or past them (netipc_payload_stream_in()), found out by
 * trying.
 *
 * A reader that takes every snapshot leaves the lines of all slots in its own cache. The publisher then has to get each
 * line back before it can store to it, which takes as long as a hand-over; stores past the caches do without. With
 * nobody reading the lines are the publisher's own, and stores past the caches are the slow ones. Which it is, the
 * publisher does not know, and what subscribers say of themselves is not to be trusted; but it can look at the clock.
 *
 * So now and then a trial: the time of a few publications as they are; then the other way, first once round the ring,
 * since what was done before decides where the lines of a slot are, then a few with their time. Medians are compared by
 * the byte. The other way has to be clearly better to stay, and then the next trial is soon; where it is not, trials
 * become rarer by the factor of two, down to one in TRIAL_RAREST publications. Snapshots of another order of magnitude
 * begin anew, through the caches.
 *
 * Owned by the publishing thread; nothing here is shared.
 */

#include <stdbool.h>
#include <stdint.h>

enum {
    NETIPC_STREAMING_LEAST = 4096, /* bytes of a payload: below, a trial costs more than could be won */
    NETIPC_STREAMING_SAMPLES = 7,
    NETIPC_STREAMING_ROUND_MOST = 64, /* publications before the other way is measured: the slots, at most so many */
    NETIPC_STREAMING_TRIAL_SOONEST = 64,
    NETIPC_STREAMING_TRIAL_RAREST = 8192
};

struct netipc_streaming {
    bool on;       /* how payloads are copied, but for trials */
    bool trial;    /* of the other way */
    uint8_t order; /* of magnitude of the payloads: the number of their length's bits; 0: none yet */
    uint32_t period;
    uint32_t left;    /* publications until the next sample, or trial */
    uint32_t samples; /* that have been taken, of the way at hand */
    uint64_t costs[NETIPC_STREAMING_SAMPLES];
    uint64_t usual_cost; /* the median of the way that is not on trial */
};

/* What is done with the publication at hand. */
struct netipc_streaming_plan {
    bool past; /* copy past the caches */
    bool timed;
};

/* Before the copy of length bytes. */
struct netipc_streaming_plan netipc_streaming_plan(struct netipc_streaming *streaming, uint64_t length);

/* After a publication that was to be timed, into one of slots, with the time that all of it took. */
void netipc_streaming_learn(struct netipc_streaming *streaming, uint64_t length, uint32_t slots, uint64_t taken_ns);

#endif
