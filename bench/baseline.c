/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baseline.h"

#include "bench/clock.h"
#include "bench/crew.h"
#include "bench/notice.h"
#include "bench/series.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <netipc/publisher.h>
#include <poll.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Two lines each, as in a region. */
struct baseline_lines {
    alignas(BASELINE_ALIGNMENT) _Atomic uint64_t latest;
    alignas(BASELINE_ALIGNMENT) _Atomic uint32_t futex;
    alignas(BASELINE_ALIGNMENT) _Atomic uint32_t nobodys;
    alignas(BASELINE_ALIGNMENT) _Atomic uint64_t ping;
    alignas(BASELINE_ALIGNMENT) _Atomic uint64_t pong;
};

enum { CLOCK_BATCHES = 32, CLOCK_READINGS = 64 };

/* Read at each call, so that the compiler cannot know what it calls. */
static void *(*volatile libc_memcpy)(void *, const void *, size_t) = memcpy;

static size_t aligned(uint64_t size)
{
    return (size + BASELINE_ALIGNMENT - 1) / BASELINE_ALIGNMENT * BASELINE_ALIGNMENT;
}

static bool open_with(struct baseline *baseline, size_t size, size_t stride, uint64_t buffers)
{
    *baseline = (struct baseline){.size = size, .stride = stride, .count = buffers, .descriptors = {-1, -1}};
    baseline->bytes = 4096 + buffers * stride;
    unsigned char *memory = crew_shared(baseline->bytes);
    if (memory == NULL)
        return false;
    baseline->lines = (struct baseline_lines *)(void *)memory;
    baseline->buffers = memory + 4096;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, baseline->descriptors) != 0) {
        notice_errno("no descriptors for the baseline");
        baseline_close(baseline);
        return false;
    }
    return true;
}

bool baseline_open(struct baseline *baseline, size_t size)
{
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    return open_with(baseline, size, aligned(size > config.capacity ? size : config.capacity), BASELINE_BUFFERS);
}

bool baseline_open_buffers(struct baseline *baseline, size_t size, uint64_t buffers)
{
    return open_with(baseline, size, aligned(size), buffers);
}

void baseline_enter(const struct baseline *baseline)
{
    const volatile unsigned char *memory = (const volatile unsigned char *)baseline->lines;
    for (size_t at = 0; at < baseline->bytes; at += 4096)
        (void)memory[at];
}

void baseline_close(struct baseline *baseline)
{
    for (int i = 0; i < 2; i++)
        if (baseline->descriptors[i] >= 0)
            close(baseline->descriptors[i]);
    crew_shared_free(baseline->lines, baseline->bytes);
    *baseline = (struct baseline){.descriptors = {-1, -1}};
}

void baseline_copy(void *to, const void *from, size_t size)
{
    libc_memcpy(to, from, size);
}

unsigned char *baseline_buffer(const struct baseline *baseline, uint64_t number)
{
    return baseline->buffers + number % baseline->count * baseline->stride;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value)
{
    return syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
}

void baseline_send(const struct baseline *baseline, enum baseline_wait wait, const void *bytes, uint64_t number)
{
    baseline_copy(baseline_buffer(baseline, number), bytes, baseline->size);
    atomic_store_explicit(&baseline->lines->latest, number, memory_order_release);
    if (wait == BASELINE_FUTEX) {
        atomic_store_explicit(&baseline->lines->futex, (uint32_t)number, memory_order_release);
        futex(&baseline->lines->futex, FUTEX_WAKE, INT_MAX); /* with several receivers all of them */
    } else if (wait == BASELINE_DESCRIPTOR) {
        /* A full queue has a wake-up in it. */
        (void)!send(baseline->descriptors[0], "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

static void wait_once(const struct baseline *baseline, enum baseline_wait wait, uint64_t seen)
{
    if (wait == BASELINE_SPIN) {
        clock_relax();
    } else if (wait == BASELINE_FUTEX) {
        futex(&baseline->lines->futex, FUTEX_WAIT, (uint32_t)seen);
    } else {
        struct pollfd fd = {.fd = baseline->descriptors[1], .events = POLLIN};
        char byte;
        if (poll(&fd, 1, -1) == 1)
            (void)!recv(fd.fd, &byte, 1, MSG_DONTWAIT);
    }
}

uint64_t baseline_latest(const struct baseline *baseline)
{
    return atomic_load_explicit(&baseline->lines->latest, memory_order_acquire);
}

uint64_t baseline_receive(const struct baseline *baseline, enum baseline_wait wait, uint64_t seen, void *bytes)
{
    uint64_t number;
    while ((number = baseline_latest(baseline)) == seen)
        wait_once(baseline, wait, seen);
    baseline_copy(bytes, baseline_buffer(baseline, number), baseline->size);
    return number;
}

void baseline_ping(const struct baseline *baseline, uint64_t first, uint64_t batches, double *ns)
{
    uint64_t trip = first * BASELINE_ROUND_TRIPS;
    for (uint64_t batch = 0; batch < batches; batch++) {
        uint64_t start = clock_now_ns();
        for (int i = 0; i < BASELINE_ROUND_TRIPS; i++) {
            atomic_store_explicit(&baseline->lines->ping, ++trip, memory_order_release);
            while (atomic_load_explicit(&baseline->lines->pong, memory_order_acquire) != trip)
                clock_relax();
        }
        ns[batch] = (double)(clock_now_ns() - start) / (2.0 * BASELINE_ROUND_TRIPS);
    }
}

void baseline_pong(const struct baseline *baseline, uint64_t first, uint64_t batches)
{
    uint64_t trip = first * BASELINE_ROUND_TRIPS, end = trip + batches * BASELINE_ROUND_TRIPS;
    while (trip++ < end) {
        while (atomic_load_explicit(&baseline->lines->ping, memory_order_acquire) != trip)
            clock_relax();
        atomic_store_explicit(&baseline->lines->pong, trip, memory_order_release);
    }
}

double baseline_clock(void)
{
    double batches[CLOCK_BATCHES];
    for (int batch = 0; batch < CLOCK_BATCHES; batch++) {
        uint64_t start = clock_now_ns();
        for (int i = 1; i < CLOCK_READINGS; i++)
            (void)clock_now_ns();
        batches[batch] = (double)(clock_now_ns() - start) / CLOCK_READINGS;
    }
    return series_median_of(batches, CLOCK_BATCHES);
}

void baseline_wake_nobody(const struct baseline *baseline)
{
    futex(&baseline->lines->nobodys, FUTEX_WAKE, 1);
}
