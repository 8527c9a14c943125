/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_HOT_H
#define NETIPC_SHM_HOT_H

/*
 * For paths that take hardly longer than a few calls. What is HOT becomes part of its caller, so that the structs it
 * fills in stay in registers; what is COLD stays out of the way, and is told by value what it needs, or those registers
 * would need memory; and along what is LIKELY no branch is taken.
 */
#define HOT __attribute__((always_inline)) static inline
#define COLD __attribute__((cold, noinline)) static
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

#endif
