/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/point.h"

#include "tests/crash/board.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern struct crash_site __start_crash_sites[], __stop_crash_sites[];

static struct crash_board *board; /* NULL: nobody watches */

/* Before main(), since the program knows nothing of this. */
__attribute__((constructor)) static void list_sites(void)
{
    const char *descriptor = getenv(CRASH_BOARD_VARIABLE);
    if (descriptor == NULL)
        return;
    struct crash_board *mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(descriptor), 0);
    size_t count = (size_t)(__stop_crash_sites - __start_crash_sites);
    if (mapped == MAP_FAILED || count > CRASH_SITES_MOST) {
        fprintf(stderr, "crash points: %zu sites cannot be listed\n", count);
        _exit(1);
    }
    close(atoi(descriptor));
    for (size_t i = 0; i < count; i++) {
        struct crash_listed_site *listed = &mapped->sites[i];
        snprintf(listed->file, sizeof listed->file, "%s", __start_crash_sites[i].file);
        snprintf(listed->function, sizeof listed->function, "%s", __start_crash_sites[i].function);
        snprintf(listed->operation, sizeof listed->operation, "%s", __start_crash_sites[i].operation);
        listed->line = (uint32_t)__start_crash_sites[i].line;
        listed->is_store = __start_crash_sites[i].is_store != 0;
    }
    mapped->site_count = (uint32_t)count;
    board = mapped;
}

void crash_point(const struct crash_site *site, int after)
{
    if (board == NULL || atomic_load(&board->state) != CRASH_ARMED)
        return;
    uint32_t index = (uint32_t)(site - __start_crash_sites);
    struct crash_listed_site *listed = &board->sites[index];
    uint32_t hit = atomic_fetch_add(&listed->hits[after], 1) + 1;
    atomic_fetch_add(&board->passes, 1);
    if (board->signal == 0 || index * 2 + (uint32_t)after != board->point || hit != board->hit)
        return;
    uint32_t expected = CRASH_ARMED;
    if (!atomic_compare_exchange_strong(&board->state, &expected, CRASH_TAKEN))
        return;
    int error = errno;
    /* At this thread: it does not execute another instruction of the program before the signal has its effect. */
    syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), (int)board->signal);
    errno = error;
}

void *crash_copy(void *to, const void *from, size_t length, const struct crash_site *site)
{
    size_t half = length / 2;
    memcpy(to, from, half);
    crash_point(site, 0);
    memcpy((char *)to + half, (const char *)from + half, length - half);
    crash_point(site, 1);
    return to;
}
