/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_OS_H
#define NETIPC_SHM_OS_H

/*
 * What the shared-memory layer needs of the operating system. One implementation a system: os_*_linux.c.
 * Descriptors are int; -1 is none. All of them are close-on-exec.
 */

#include <netipc/status.h>

#include "shm/atomics.h"
#include "shm/hot.h"
#include "shm/placement.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* --- memory --- */

/*
 * Makes an anonymous shared object of size bytes, a multiple of the page size, with nothing of it allocated, and
 * not yet sealed. name shows in /proc/PID/maps. NETIPC_TOO_LARGE (RLIMIT_FSIZE), NETIPC_NO_MEMORY, …
 */
netipc_status netipc_os_memory_create(const char *name, uint64_t size, int *fd);

/* Allocates what is not, of a new object or of a sealed one (a peer could punch holes before the seal). */
netipc_status netipc_os_memory_reserve(int fd, uint64_t size);

/* Maps it for reading and writing, not inherited by fork. alignment: as below. */
netipc_status netipc_os_memory_map_writable(int fd, uint64_t size, uint64_t alignment, void **base);

/* Makes a writable mapping of all of a reserved object resident. */
netipc_status netipc_os_memory_populate(int fd, void *base, uint64_t size);

/*
 * Maps size bytes read-only, not inherited by fork. alignment of the address, a power of two: more than a page is a
 * wish that may come to nothing.
 */
netipc_status netipc_os_memory_map_readable(int fd, uint64_t size, uint64_t alignment, const void **base);

void netipc_os_memory_unmap(const void *base, uint64_t size);

/* Forbids shrinking and growing. */
netipc_status netipc_os_memory_seal_size(int fd);

/* Forbids shrinking, growing, new writable mappings, writes, hole punching, and further seals. */
netipc_status netipc_os_memory_seal(int fd);

/*
 * Proves of an object from outside: sealed as by netipc_os_memory_seal(), of exactly size bytes, all of them
 * allocated. So no access can fault, charge the reader, or see the size change. NETIPC_CORRUPT otherwise.
 */
netipc_status netipc_os_memory_verify(int fd, uint64_t size);

/* The same, but only shrinking and growing need be forbidden yet. */
netipc_status netipc_os_memory_verify_size(int fd, uint64_t size);

/* Of an object of our own, whose size was sealed before anybody else had it: whether what was sealed and reserved is
 * so. */
netipc_status netipc_os_memory_verify_own(int fd, uint64_t size);

uint64_t netipc_os_page_size(void);

/*
 * A window is one page at a fixed address that can always be read (and written, if writable): zeros at first, then the
 * page that was last moved into it. A thread or signal handler that uses it while it is changed sees the old page or
 * the new one and never faults.
 */
netipc_status netipc_os_window_open(bool writable, void **window);

/* Shows the first page of an object, read-only. In a forked child it goes on to be shown. On failure the window is as
 * it was. */
netipc_status netipc_os_window_show(void *window, int fd);

/* Takes over page, one page mapped by the caller, even when it fails: then the window is as it was. */
netipc_status netipc_os_window_move(void *window, const void *page);

void netipc_os_window_close(void *window);

/* --- placement: the wishes of placement.h --- */

/* What a mapping is to be aligned to for huge pages. */
uint64_t netipc_os_huge_page_size(void);

/* In this order, of a writable mapping: with nothing reserved yet, and when it has been populated. */
void netipc_os_place_empty(void *base, uint64_t size, struct netipc_placement *placement);
void netipc_os_place_populated(void *base, uint64_t size, struct netipc_placement *placement);

/* Of a mapping made by netipc_os_memory_map_readable(). */
void netipc_os_place_readable(const void *base, uint64_t size, struct netipc_placement *placement);

/* --- waiting: on words in shared memory, across processes --- */

/* Sleeps while *word is expected, at most timeout_ns. May return early for no reason. */
void netipc_os_wait(netipc_atomic_u32 *word, uint32_t expected, uint64_t timeout_ns);

/* Wakes one that sleeps on word; all that do. The kernel's work is proportional to how many are woken. */
void netipc_os_wake_one(netipc_atomic_u32 *word);
void netipc_os_wake_all(netipc_atomic_u32 *word);

/* --- time --- */

uint64_t netipc_os_monotonic_ns(void);
uint64_t netipc_os_monotonic_coarse_ns(void); /* some ms coarse, and cheaper */
uint64_t netipc_os_realtime_ns(void);
uint64_t netipc_os_thread_cpu_ns(void); /* that this thread has had; a system call */

/* Tells the CPU that this is a spin loop. */
void netipc_os_pause(void);

/* --- barriers --- */

/*
 * Makes the calling thread's netipc_os_heavy_barrier() a StoreLoad fence in every running thread of this process, so
 * that the others get by with a compiler barrier in their hot path. false where the system cannot: then they must fence
 * themselves.
 */
bool netipc_os_heavy_barrier_ready(void);
bool netipc_os_heavy_barrier(void); /* false: it failed this time */

/* --- process --- */

netipc_status netipc_os_random(void *bytes, size_t length);

uint32_t netipc_os_pid(void);

/* Starts a thread that has all signals blocked. */
netipc_status netipc_os_thread_start(void *(*run)(void *context), void *context, pthread_t *thread);

/* Knows whether this process is the one that armed it, for the price of a load. */
struct netipc_fork_guard {
    const volatile uint32_t *word; /* in a page that fork wipes; NULL: not to be had, ask for the pid */
    uint32_t pid;
};

netipc_status netipc_fork_guard_arm(struct netipc_fork_guard *guard);
void netipc_fork_guard_disarm(struct netipc_fork_guard *guard);

/* Inline, as what a reader of a cache costs is near the cost of a call. */
static inline bool netipc_fork_guard_forked(const struct netipc_fork_guard *guard)
{
    return LIKELY(guard->word != NULL) ? *guard->word == 0 : netipc_os_pid() != guard->pid;
}

#endif
