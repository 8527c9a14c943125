/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_ATOMICS_H
#define NETIPC_SHM_ATOMICS_H

/*
 * The one door to atomics, so that the protocol files (ring_*.c, session_table.c, wait.c) can also be compiled against
 * a model checker's, and the library with crash points around each store. Words shared between processes must be
 * lock-free: a lock would live in one process only.
 *
 * A netipc_fence(seq_cst) is the only StoreLoad barrier that the protocol uses; each names its partner.
 */

#include <assert.h>
#include <stdint.h>

#ifdef NETIPC_MODEL

/* A header that defines all of the below over other atomics: docs/verification.md. */
#include NETIPC_MODEL

#else

#include <stdatomic.h>

typedef _Atomic(uint64_t) netipc_atomic_u64;
typedef _Atomic(uint32_t) netipc_atomic_u32;
#define netipc_atomic_pointer(type) _Atomic(type *)

static_assert(sizeof(netipc_atomic_u64) == 8, "shared words have fixed widths");
static_assert(sizeof(netipc_atomic_u32) == 4, "shared words have fixed widths");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "shared words must be lock-free");

#define netipc_load(word, order) atomic_load_explicit((word), memory_order_##order)
#define netipc_store(word, value, order) atomic_store_explicit((word), (value), memory_order_##order)
#define netipc_fetch_or(word, bits, order) atomic_fetch_or_explicit((word), (bits), memory_order_##order)
#define netipc_fetch_add(word, value, order) atomic_fetch_add_explicit((word), (value), memory_order_##order)
#define netipc_exchange(word, value, order) atomic_exchange_explicit((word), (value), memory_order_##order)
#define netipc_compiler_fence() atomic_signal_fence(memory_order_seq_cst)
#define netipc_fence(order) atomic_thread_fence(memory_order_##order)

#endif /* NETIPC_MODEL */

#endif
