/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/detail.h"
#include "shm/os.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

static bool wanted(const struct netipc_placement *placement, uint32_t option)
{
    return (placement->wanted & option) != 0 && (placement->refused & option) == 0;
}

/* --- huge pages --- */

uint64_t netipc_os_huge_page_size(void)
{
    /* What one page of the page table maps, with entries of 8 bytes. */
    uint64_t page = netipc_os_page_size();
    return page / 8 * page;
}

static bool huge_pages_fit(const void *base, uint64_t size, struct netipc_placement *placement)
{
    uint64_t huge = netipc_os_huge_page_size();
    netipc_status status = NETIPC_OK;
    if (size < huge)
        status = netipc_fail(NETIPC_UNSUPPORTED, "%llu bytes are less than a huge page, %llu", (unsigned long long)size,
                             (unsigned long long)huge);
    else if ((uintptr_t)base % huge != 0)
        status = netipc_fail(NETIPC_NO_MEMORY, "%llu bytes of addresses are not to be had at a multiple of %llu",
                             (unsigned long long)size, (unsigned long long)huge);
    if (status != NETIPC_OK)
        netipc_placement_refuse(placement, NETIPC_PLACE_HUGE_PAGES, status);
    return status == NETIPC_OK;
}

/*
 * The range has to have a page before the kernel makes it one huge page, and no more than one, or there would be that
 * much to copy. (Made of a region that is populated already, huge pages take ten times as long.) That page comes from
 * the node that was chosen, and so does the huge one.
 */
static bool make_huge_page(unsigned char *at, uint64_t huge)
{
    if (madvise(at, netipc_os_page_size(), MADV_POPULATE_WRITE) < 0)
        return false;
    if (madvise(at, huge, MADV_COLLAPSE) == 0)
        return true;
    /* Only that it was busy just then. */
    return errno == EAGAIN && madvise(at, huge, MADV_COLLAPSE) == 0;
}

static void make_huge_pages(unsigned char *base, uint64_t size, struct netipc_placement *placement)
{
    if (!huge_pages_fit(base, size, placement))
        return;
    uint64_t huge = netipc_os_huge_page_size(), count = size / huge;
    /* Before Linux 6.1 it is this, and the setting shmem_enabled, that lets the kernel choose them. */
    (void)madvise(base, size, MADV_HUGEPAGE);
    for (uint64_t i = 0; i < count; i++) {
        if (make_huge_page(base + i * huge, huge))
            continue;
        int error = errno;
        netipc_status status =
            netipc_fail_errno(error, "make huge page %llu of %llu%s", (unsigned long long)i + 1,
                              (unsigned long long)count, error == EINVAL ? " (before Linux 6.1, or disabled)" : "");
        netipc_placement_refuse(placement, NETIPC_PLACE_HUGE_PAGES, status);
        return; /* the next ones would be as hard to find, and each search takes its time */
    }
}

/* --- NUMA --- */

/* Of shared memory the policy belongs to the object, whoever faults. */
static void choose_node(void *base, uint64_t size, struct netipc_placement *placement)
{
    enum { WORD_BITS = 8 * sizeof(unsigned long) };
    unsigned long nodes[(NETIPC_NUMA_NODE_MAX + WORD_BITS) / WORD_BITS] = {0};
    nodes[placement->numa_node / WORD_BITS] = 1UL << placement->numa_node % WORD_BITS;
    /* Preferred: with MPOL_BIND a full node ends in the OOM killer. The kernel looks at one bit less than it is told.
     */
    if (syscall(SYS_mbind, base, size, MPOL_PREFERRED, nodes, NETIPC_NUMA_NODE_MAX + 2UL, 0U) < 0)
        netipc_placement_refuse(placement, NETIPC_PLACE_NUMA_NODE,
                                netipc_fail_errno(errno, "prefer NUMA node %d", placement->numa_node));
}

static void check_node(unsigned char *base, uint64_t size, struct netipc_placement *placement)
{
    enum { AT_ONCE = 64 };
    void *pages[AT_ONCE];
    int nodes[AT_ONCE];
    uint64_t page = netipc_os_page_size(), count = size / page, elsewhere = 0;
    for (uint64_t i = 0; i < count;) {
        unsigned long some = 0;
        for (; some < AT_ONCE && i < count; some++, i++)
            pages[some] = base + i * page;
        /* Without nodes to move to, it only tells where they are. */
        if (syscall(SYS_move_pages, 0, some, pages, NULL, nodes, 0) < 0) {
            netipc_status status = netipc_fail_errno(errno, "ask for the NUMA node of pages");
            netipc_placement_refuse(placement, NETIPC_PLACE_NUMA_NODE, status);
            return;
        }
        for (unsigned long k = 0; k < some; k++)
            elsewhere += nodes[k] != placement->numa_node;
    }
    if (elsewhere > 0)
        netipc_placement_refuse(placement, NETIPC_PLACE_NUMA_NODE,
                                netipc_fail(NETIPC_NO_MEMORY, "%llu of %llu pages are not on NUMA node %d",
                                            (unsigned long long)elsewhere, (unsigned long long)count,
                                            placement->numa_node));
}

/* --- locking --- */

static void lock(const void *base, uint64_t size, struct netipc_placement *placement)
{
    /* mlock() with another name: sanitizers have that one do nothing. */
    if (mlock2(base, size, 0) == 0)
        return;
    int error = errno;
    munlock(base, size); /* some of it may be */
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};
    char allowed[32] = "unlimited";
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(allowed, sizeof allowed, "%llu bytes", (unsigned long long)limit.rlim_cur);
    netipc_placement_refuse(placement, NETIPC_PLACE_LOCK,
                            netipc_fail_errno(error, "lock %llu bytes into memory (RLIMIT_MEMLOCK: %s)",
                                              (unsigned long long)size, allowed));
}

/* --- all of it --- */

void netipc_os_place_empty(void *base, uint64_t size, struct netipc_placement *placement)
{
    if (wanted(placement, NETIPC_PLACE_NUMA_NODE))
        choose_node(base, size, placement);
    if (wanted(placement, NETIPC_PLACE_HUGE_PAGES))
        make_huge_pages(base, size, placement);
}

void netipc_os_place_populated(void *base, uint64_t size, struct netipc_placement *placement)
{
    if (wanted(placement, NETIPC_PLACE_NUMA_NODE))
        check_node(base, size, placement);
    if (wanted(placement, NETIPC_PLACE_LOCK))
        lock(base, size, placement);
}

static void prefault(const void *base, uint64_t size, struct netipc_placement *placement)
{
    if (madvise((void *)(uintptr_t)base, size, MADV_POPULATE_READ) == 0)
        return;
    if (errno != EINVAL) {
        netipc_status status = netipc_fail_errno(errno, "populate %llu bytes", (unsigned long long)size);
        netipc_placement_refuse(placement, NETIPC_PLACE_PREFAULT, status);
        return;
    }
    const volatile unsigned char *bytes = base;
    for (uint64_t at = 0; at < size; at += 4096)
        (void)bytes[at];
}

void netipc_os_place_readable(const void *base, uint64_t size, struct netipc_placement *placement)
{
    if (wanted(placement, NETIPC_PLACE_HUGE_PAGES))
        (void)huge_pages_fit(base, size, placement);
    if (wanted(placement, NETIPC_PLACE_PREFAULT))
        prefault(base, size, placement);
    if (wanted(placement, NETIPC_PLACE_LOCK))
        lock(base, size, placement);
}
