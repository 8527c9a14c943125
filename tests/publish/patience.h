/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_PATIENCE_H
#define TESTS_PUBLISH_PATIENCE_H

#include <stdint.h>

/* Monotonic clock. */
uint64_t now_ns(void);

/* seconds times NETIPC_TEST_SLOW, in nanoseconds. */
uint64_t patience_ns(uint64_t seconds);

void pause_ms(uint64_t milliseconds);

#endif
