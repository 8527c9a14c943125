/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_RCU_H
#define NETIPC_PUBLISH_RCU_H

/*
 * The one door to liburcu: read sections of this process and grace periods, of its flavour "bp", which registers
 * threads by itself. Its functions are called, as its licence (LGPL) asks of a dynamically linked user of another
 * licence, but for the few lines that begin and end a section: these are inlined, as it allows. Its callbacks are not
 * used. Both: docs/decisions/0016.
 *
 *   reader                                  owner
 *   netipc_rcu_enter()                      pointer ← new, release
 *   p ← load pointer, acquire               netipc_rcu_await(): every section that was entered before has been left
 *   … *p …                                  free(old)
 *   netipc_rcu_leave()
 *
 * liburcu orders all of the section before the return of await. ThreadSanitizer does not see that, as liburcu is not
 * instrumented: order is any address that both sides name to it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <urcu/static/urcu-bp.h>
#include <urcu/urcu-bp.h>

#if defined(__SANITIZE_THREAD__)
#define NETIPC_RCU_TELL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NETIPC_RCU_TELL_TSAN 1
#endif
#endif

#ifdef NETIPC_RCU_TELL_TSAN
#include <sanitizer/tsan_interface.h>
#define NETIPC_RCU_SECTION_ENDS(order) __tsan_release(order)
#define NETIPC_RCU_SECTIONS_ENDED(order) __tsan_acquire(order)
#else
#define NETIPC_RCU_SECTION_ENDS(order) ((void)(order))
#define NETIPC_RCU_SECTIONS_ENDED(order) ((void)(order))
#endif

/* Nests. */
static inline void netipc_rcu_enter(void)
{
#ifdef __clang_analyzer__
    urcu_bp_read_lock(); /* in the other one it does not see that registering makes what is looked at next */
#else
    _urcu_bp_read_lock();
#endif
}

static inline void netipc_rcu_leave(void *order)
{
    NETIPC_RCU_SECTION_ENDS(order);
    _urcu_bp_read_unlock();
}

/* Whether the calling thread is in a section, of any cache. Registers no thread. */
static inline bool netipc_rcu_is_inside(void)
{
    return URCU_TLS(urcu_bp_reader) != NULL && urcu_bp_read_ongoing();
}

/* A number that no other thread has while this one lives: where liburcu's word of this thread is, which a section
 * needs anyway. Not a small one. */
static inline uint64_t netipc_rcu_thread(void)
{
    return (uint64_t)(uintptr_t)&URCU_TLS(urcu_bp_reader);
}

/* Not from within a section. */
static inline void netipc_rcu_await(void *order)
{
    urcu_bp_synchronize_rcu();
    NETIPC_RCU_SECTIONS_ENDED(order);
}

#endif
