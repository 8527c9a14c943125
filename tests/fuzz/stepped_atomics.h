/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_FUZZ_STEPPED_ATOMICS_H
#define NETIPC_TESTS_FUZZ_STEPPED_ATOMICS_H

/*
 * What shm/atomics.h is in a file that is compiled for a fuzz target: the same words, and a call of fuzz_step() before
 * each access to one and behind each fence. There the target changes shared memory as a hostile peer would at that
 * moment, the same way each time that an input is run.
 */

#include <stdatomic.h>

void fuzz_step(void);

typedef _Atomic(uint64_t) netipc_atomic_u64;
typedef _Atomic(uint32_t) netipc_atomic_u32;
#define netipc_atomic_pointer(type) _Atomic(type *)

#define netipc_load(word, order) (fuzz_step(), atomic_load_explicit((word), memory_order_##order))
#define netipc_store(word, value, order) (fuzz_step(), atomic_store_explicit((word), (value), memory_order_##order))
#define netipc_fetch_or(word, bits, order) (fuzz_step(), atomic_fetch_or_explicit((word), (bits), memory_order_##order))
#define netipc_fetch_add(word, value, order)                                                                           \
    (fuzz_step(), atomic_fetch_add_explicit((word), (value), memory_order_##order))
#define netipc_exchange(word, value, order)                                                                            \
    (fuzz_step(), atomic_exchange_explicit((word), (value), memory_order_##order))
#define netipc_compiler_fence() atomic_signal_fence(memory_order_seq_cst)
#define netipc_fence(order) (atomic_thread_fence(memory_order_##order), fuzz_step())

#endif
