/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_RECONNECT_H
#define NETIPC_CONTROL_RECONNECT_H

/*
 * When to connect again: exponential backoff with jitter, and a circuit breaker.
 *
 *             failed, n < breaker_failures: wait first × 2ⁿ, at most `most`, a random half of it taken off
 *   CLOSED ◄──────────────────────────────┐
 *      └── breaker_failures in a row ──► OPEN: wait breaker_ns ──► one attempt: success closes it, failure opens it
 * again
 *
 * Pure: the caller has the clock and the random number.
 */

#include <stdbool.h>
#include <stdint.h>

struct netipc_reconnect {
    uint64_t first_ns, most_ns, breaker_ns; /* the caller's */
    uint32_t breaker_failures;              /* 0: there is no breaker */
    uint32_t failures;                      /* in a row */
    uint64_t next_ns;                       /* 0: at once */
};

void netipc_reconnect_succeeded(struct netipc_reconnect *reconnect);

/* fatal: only a change of configuration can help. Returns whether the breaker has opened with this failure. */
bool netipc_reconnect_failed(struct netipc_reconnect *reconnect, bool fatal, uint64_t now_ns, uint64_t random);

/* How long to wait, in ns; 0: it is time. */
uint64_t netipc_reconnect_in(const struct netipc_reconnect *reconnect, uint64_t now_ns);

#endif
