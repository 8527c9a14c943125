/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CRASH_ATOMICS_H
#define TESTS_CRASH_ATOMICS_H

/* What is behind the door shm/atomics.h here: the same atomics, with a crash point before and after each store. */

#include "tests/crash/point.h"

#include <stdatomic.h>

typedef _Atomic(uint64_t) netipc_atomic_u64;
typedef _Atomic(uint32_t) netipc_atomic_u32;
#define netipc_atomic_pointer(type) _Atomic(type *)

#define netipc_load(word, order) atomic_load_explicit((word), memory_order_##order)
#define netipc_store(word, value, order)                                                                               \
    CRASH_DO("netipc_store", atomic_store_explicit((word), (value), memory_order_##order))
#define netipc_fetch_or(word, bits, order)                                                                             \
    CRASH_GET("netipc_fetch_or", 1, atomic_fetch_or_explicit((word), (bits), memory_order_##order))
#define netipc_fetch_add(word, value, order)                                                                           \
    CRASH_GET("netipc_fetch_add", 1, atomic_fetch_add_explicit((word), (value), memory_order_##order))
#define netipc_exchange(word, value, order)                                                                            \
    CRASH_GET("netipc_exchange", 1, atomic_exchange_explicit((word), (value), memory_order_##order))
#define netipc_compiler_fence() atomic_signal_fence(memory_order_seq_cst)
#define netipc_fence(order) atomic_thread_fence(memory_order_##order)

#endif
