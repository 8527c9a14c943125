/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/detail.h"
#include "shm/os.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum { NO_ADVICE = -1 };

netipc_status netipc_os_random(void *bytes, size_t length)
{
    unsigned char *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        if (got < 0 && errno != EINTR)
            return netipc_fail_errno(errno, "getrandom");
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
    return NETIPC_OK;
}

uint32_t netipc_os_pid(void)
{
    return (uint32_t)getpid();
}

netipc_status netipc_os_thread_start(void *(*run)(void *context), void *context, pthread_t *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0 ? NETIPC_OK : netipc_fail_errno(error, "start a thread");
}

netipc_status netipc_fork_guard_arm(struct netipc_fork_guard *guard)
{
    guard->pid = netipc_os_pid();
    guard->word = NULL;
    size_t page = netipc_os_page_size();
    uint32_t *word = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (word == MAP_FAILED)
        return netipc_fail_errno(errno, "map a page");
    /* Before Linux 4.14, and on emulators, the pid tells, at the price of a system call. Some emulators say yes to any
     * advice, also to one that does not exist, and do nothing. */
    if (madvise(word, page, NO_ADVICE) == 0 || madvise(word, page, MADV_WIPEONFORK) < 0) {
        munmap(word, page);
        return NETIPC_OK;
    }
    *word = 1;
    guard->word = word;
    return NETIPC_OK;
}

void netipc_fork_guard_disarm(struct netipc_fork_guard *guard)
{
    if (guard->word != NULL)
        munmap((void *)(uintptr_t)guard->word, netipc_os_page_size());
    guard->word = NULL;
}
