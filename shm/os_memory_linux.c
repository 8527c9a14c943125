/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/os.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 /* Linux 5.1 */
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22 /* Linux 5.14 */
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#ifndef TMPFS_MAGIC
#define TMPFS_MAGIC 0x01021994
#endif

#define SIZE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW)
#define ALL_SEALS (SIZE_SEALS | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL)

uint64_t netipc_os_page_size(void)
{
    return (uint64_t)sysconf(_SC_PAGESIZE);
}

static netipc_status check_addressable(uint64_t size)
{
    size_t ignored;
    if (!netipc_to_size(size, &ignored) || size > INT64_MAX)
        return netipc_fail(NETIPC_TOO_LARGE, "%llu bytes of shared memory are more than this system can address",
                           (unsigned long long)size);
    return NETIPC_OK;
}

static netipc_status check_size(uint64_t size)
{
    struct rlimit limit;
    /* Above RLIMIT_FSIZE ftruncate would send SIGXFSZ, which kills by default. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur)
        return netipc_fail(NETIPC_TOO_LARGE, "%llu bytes of shared memory wanted, RLIMIT_FSIZE allows %llu",
                           (unsigned long long)size, (unsigned long long)limit.rlim_cur);
    return check_addressable(size);
}

netipc_status netipc_os_memory_create(const char *name, uint64_t size, int *fd)
{
    netipc_status status = check_size(size);
    if (status != NETIPC_OK)
        return status;
    int memory = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (memory < 0 && errno == EINVAL)
        memory = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0)
        return netipc_fail_errno(errno, "memfd_create");
    if (ftruncate(memory, (off_t)size) < 0) {
        status = netipc_fail_errno(errno, "reserve %llu bytes of shared memory", (unsigned long long)size);
        close(memory);
        return status;
    }
    *fd = memory;
    return NETIPC_OK;
}

/* In steps: a signal makes the kernel undo the step that it interrupts, and signals may come faster than a step takes.
 * So each of them makes the next one smaller, down to a page, which nothing interrupts halfway. */
netipc_status netipc_os_memory_reserve(int fd, uint64_t size)
{
    uint64_t step = UINT64_C(4) << 20, page = netipc_os_page_size();
    for (uint64_t at = 0; at < size;) {
        uint64_t length = size - at < step ? size - at : step;
        if (fallocate(fd, 0, (off_t)at, (off_t)length) == 0)
            at += length;
        else if (errno != EINTR)
            return netipc_fail_errno(errno, "allocate %llu bytes of shared memory", (unsigned long long)size);
        else if (step > page)
            step /= 2;
    }
    return NETIPC_OK;
}

static void touch_pages(volatile unsigned char *base, uint64_t size)
{
    for (uint64_t at = 0; at < size; at += 4096)
        base[at] = base[at];
}

/* An address that is a multiple of alignment, in the midst of a range that is larger by that much. */
static void *map_aligned(int fd, uint64_t size, uint64_t alignment, int protection)
{
    uint64_t range;
    if (netipc_add_overflows(size, alignment, &range))
        return MAP_FAILED;
    unsigned char *reserved = mmap(NULL, range, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return MAP_FAILED;
    uint64_t before = (alignment - (uintptr_t)reserved % alignment) % alignment;
    void *mapped = mmap(reserved + before, size, protection, MAP_SHARED | MAP_FIXED, fd, 0);
    if (mapped == MAP_FAILED) {
        munmap(reserved, range);
        return MAP_FAILED;
    }
    if (before > 0)
        munmap(reserved, before);
    munmap(reserved + before + size, alignment - before);
    return mapped;
}

static netipc_status map(int fd, uint64_t size, uint64_t alignment, int protection, void **base)
{
    void *mapped = MAP_FAILED;
    if (alignment > netipc_os_page_size())
        mapped = map_aligned(fd, size, alignment, protection);
    if (mapped == MAP_FAILED)
        mapped = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return netipc_fail_errno(errno, "map %llu bytes of shared memory for %s", (unsigned long long)size,
                                 (protection & PROT_WRITE) != 0 ? "writing" : "reading");
    if (madvise(mapped, size, MADV_DONTFORK) < 0) {
        netipc_status status = netipc_fail_errno(errno, "keep shared memory out of forked children");
        munmap(mapped, size);
        return status;
    }
    *base = mapped;
    return NETIPC_OK;
}

netipc_status netipc_os_memory_map_writable(int fd, uint64_t size, uint64_t alignment, void **base)
{
    return map(fd, size, alignment, PROT_READ | PROT_WRITE, base);
}

netipc_status netipc_os_memory_populate(int fd, void *base, uint64_t size)
{
    bool advised = madvise(base, size, MADV_POPULATE_WRITE) == 0;
    if (!advised && errno != EINVAL)
        return netipc_fail_errno(errno, "populate %llu bytes of shared memory", (unsigned long long)size);
    /* Emulators say yes to any advice, and do nothing. */
    if (!advised || lseek(fd, 0, SEEK_HOLE) != (off_t)size)
        touch_pages(base, size); /* allocated already, so no touch can fail */
    return NETIPC_OK;
}

netipc_status netipc_os_memory_map_readable(int fd, uint64_t size, uint64_t alignment, const void **base)
{
    netipc_status status = check_addressable(size);
    if (status != NETIPC_OK)
        return status;
    void *mapped = NULL;
    status = map(fd, size, alignment, PROT_READ, &mapped);
    if (status != NETIPC_OK)
        return status;
    madvise(mapped, size, MADV_POPULATE_READ); /* only saves faults later, so a refusal changes nothing */
    *base = mapped;
    return NETIPC_OK;
}

void netipc_os_memory_unmap(const void *base, uint64_t size)
{
    munmap((void *)(uintptr_t)base, size);
}

static netipc_status add_seals(int fd, int seals)
{
    if (fcntl(fd, F_ADD_SEALS, seals) < 0)
        return netipc_fail_errno(errno, "seal shared memory (Linux 5.1 or later is needed)");
    return NETIPC_OK;
}

netipc_status netipc_os_memory_seal_size(int fd)
{
    return add_seals(fd, SIZE_SEALS);
}

netipc_status netipc_os_memory_seal(int fd)
{
    return add_seals(fd, ALL_SEALS);
}

static netipc_status verify(int fd, uint64_t size, int wanted)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return netipc_fail(NETIPC_CORRUPT, "the descriptor received is not sealable memory");
    if ((seals & wanted) != wanted)
        return netipc_fail(NETIPC_CORRUPT, "seals 0x%x wanted, 0x%x found", wanted, seals);
    struct statfs filesystem;
    struct stat status;
    if (fstatfs(fd, &filesystem) < 0 || fstat(fd, &status) < 0)
        return netipc_fail_errno(errno, "look at shared memory");
    if ((unsigned long)filesystem.f_type != TMPFS_MAGIC)
        return netipc_fail(NETIPC_CORRUPT, "the descriptor received is of file system type 0x%lx, not ordinary memory",
                           (unsigned long)filesystem.f_type);
    if (status.st_size < 0 || (uint64_t)status.st_size != size)
        return netipc_fail(NETIPC_CORRUPT, "shared memory of %llu bytes announced, %lld found",
                           (unsigned long long)size, (long long)status.st_size);
    if ((uint64_t)status.st_blocks < size / 512)
        return netipc_fail(NETIPC_CORRUPT, "shared memory is sparse: %llu bytes, %lld blocks of 512 allocated",
                           (unsigned long long)size, (long long)status.st_blocks);
    return NETIPC_OK;
}

/* Blocks may have been allocated beyond the end, in the place of some before it. The pages of an honest peer have been
 * written; only then do they count as data here. */
static netipc_status verify_no_holes(int fd, uint64_t size)
{
    off_t hole = lseek(fd, 0, SEEK_HOLE);
    if (hole < 0)
        return netipc_fail_errno(errno, "look for holes in shared memory");
    if ((uint64_t)hole != size)
        return netipc_fail(NETIPC_CORRUPT, "shared memory of %llu bytes has a hole at %lld", (unsigned long long)size,
                           (long long)hole);
    return NETIPC_OK;
}

netipc_status netipc_os_memory_verify(int fd, uint64_t size)
{
    netipc_status status = verify(fd, size, ALL_SEALS);
    return status == NETIPC_OK ? verify_no_holes(fd, size) : status;
}

netipc_status netipc_os_memory_verify_size(int fd, uint64_t size)
{
    netipc_status status = verify(fd, size, SIZE_SEALS);
    return status == NETIPC_OK ? verify_no_holes(fd, size) : status;
}

netipc_status netipc_os_memory_verify_own(int fd, uint64_t size)
{
    return verify(fd, size, ALL_SEALS);
}

netipc_status netipc_os_window_open(bool writable, void **window)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *page = mmap(NULL, netipc_os_page_size(), protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return netipc_fail_errno(errno, "map a page");
    *window = page;
    return NETIPC_OK;
}

netipc_status netipc_os_window_show(void *window, int fd)
{
    void *page = mmap(NULL, netipc_os_page_size(), PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return netipc_fail_errno(errno, "map a page of shared memory");
    return netipc_os_window_move(window, page);
}

netipc_status netipc_os_window_move(void *window, const void *page)
{
    /* Moved, not mapped in place: that could fail with the old page gone already. */
    size_t size = netipc_os_page_size();
    void *source = (void *)(uintptr_t)page;
    if (mremap(source, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, window) == MAP_FAILED) {
        netipc_status status = netipc_fail_errno(errno, "move a page of shared memory");
        munmap(source, size);
        return status;
    }
    return NETIPC_OK;
}

void netipc_os_window_close(void *window)
{
    munmap(window, netipc_os_page_size());
}
