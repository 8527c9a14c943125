/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/calibration.h"

#include "bench/baseline.h"
#include "bench/clock.h"
#include "bench/crew.h"
#include "bench/distribution.h"
#include "bench/document.h"
#include "bench/notice.h"
#include "bench/payload.h"
#include "bench/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const uint64_t full_sizes[CALIBRATION_SIZES] = {32, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 8388608};
static const uint64_t short_sizes[] = {64, 4096, 65536, 1048576};

enum { SIZE_MOST = 8388608, BATCHES = 31, PINGS_MOST = 2048 };

/* What the two processes of a calibration share. */
struct shared {
    bool full;
    struct baseline baseline;
    struct calibration calibration;
    struct distribution pings;
};

/* Batches of round trips. */
static uint64_t pings(const struct shared *shared)
{
    return shared->full ? PINGS_MOST : 256;
}

static uint64_t futex_pings(const struct shared *shared)
{
    return shared->full ? 1000 : 100;
}

/* --- one process --- */

typedef void (*work_function)(const struct shared *shared, uint64_t times);

static void read_clock(const struct shared *shared, uint64_t times)
{
    (void)shared;
    while (times-- > 0)
        clock_now_ns();
}

static void call_system(const struct shared *shared, uint64_t times)
{
    (void)shared;
    while (times-- > 0)
        syscall(SYS_getppid);
}

static void relax(const struct shared *shared, uint64_t times)
{
    (void)shared;
    while (times-- > 0)
        clock_relax();
}

static void wake_nobody(const struct shared *shared, uint64_t times)
{
    while (times-- > 0)
        baseline_wake_nobody(&shared->baseline);
}

/* The median of batches. */
static double cost_of(work_function operation, const struct shared *shared, uint64_t times)
{
    double batches[BATCHES];
    operation(shared, times);
    for (int i = 0; i < BATCHES; i++) {
        uint64_t start = clock_now_ns();
        operation(shared, times);
        batches[i] = (double)(clock_now_ns() - start) / (double)times;
    }
    return series_median_of(batches, BATCHES);
}

static double cost_of_memcpy(unsigned char *to, const unsigned char *from, uint64_t size)
{
    double batches[BATCHES];
    uint64_t times = size >= 65536 ? 1 : 65536 / size;
    for (int i = -1; i < BATCHES; i++) { /* the first one warms up */
        uint64_t start = clock_now_ns();
        for (uint64_t n = 0; n < times; n++)
            baseline_copy(to, from, size);
        if (i >= 0)
            batches[i] = (double)(clock_now_ns() - start) / (double)times;
    }
    return series_median_of(batches, BATCHES);
}

static void measure_memcpy(const struct station *station, struct calibration *calibration, bool full)
{
    const uint64_t *sizes = full ? full_sizes : short_sizes;
    calibration->sizes = full ? CALIBRATION_SIZES : sizeof short_sizes / sizeof *short_sizes;
    /* Not at the same place of a page: processors take loads there for loads of what was just stored. */
    const size_t source = SIZE_MOST + 2048, bytes = source + SIZE_MOST + 2048;
    unsigned char *memory = aligned_alloc(4096, bytes);
    if (memory == NULL)
        station_fail(station, NETIPC_NO_MEMORY, "no memory for the measurement of memcpy");
    memset(memory, 1, bytes);
    for (uint32_t i = 0; i < calibration->sizes; i++) {
        calibration->memcpy_of[i].size = sizes[i];
        calibration->memcpy_of[i].ns = cost_of_memcpy(memory, memory + source, sizes[i]);
    }
    free(memory);
}

/* --- two processes --- */

static void measure_oneway(struct shared *shared)
{
    double batches[PINGS_MOST];
    uint64_t count = pings(shared);
    baseline_ping(&shared->baseline, 0, count, batches);
    shared->calibration.oneway_p50_ns = series_median_of(batches, count); /* and sorts them */
    shared->calibration.oneway_p99_ns = batches[(count * 99 + 99) / 100 - 1];
}

static void measure(struct station *station, void *context)
{
    struct shared *shared = context;
    struct calibration *calibration = &shared->calibration;
    uint64_t payload[PAYLOAD_LEAST / 8];
    station_meet(station);
    measure_oneway(shared);
    for (uint64_t number = 1; number <= futex_pings(shared); number++) {
        struct timespec pause = {.tv_nsec = 200000}; /* the other side falls asleep */
        payload_fill(payload, sizeof payload, number);
        nanosleep(&pause, NULL);
        payload_stamp(payload, number, clock_now_ns());
        baseline_send(&shared->baseline, BASELINE_FUTEX, payload, number);
    }
    station_meet(station);
    calibration->clock_ns = cost_of(read_clock, shared, 1000);
    calibration->syscall_ns = cost_of(call_system, shared, 200);
    calibration->pause_ns = cost_of(relax, shared, 1000);
    calibration->futex_wake_ns = cost_of(wake_nobody, shared, 200);
    measure_memcpy(station, calibration, shared->full);
}

static void answer(struct station *station, void *context)
{
    struct shared *shared = context;
    uint64_t payload[PAYLOAD_LEAST / 8], stamp;
    station_meet(station);
    baseline_pong(&shared->baseline, 0, pings(shared));
    for (uint64_t number = 0; number < futex_pings(shared);) {
        number = baseline_receive(&shared->baseline, BASELINE_FUTEX, number, payload);
        uint64_t now = clock_now_ns();
        /* Nothing guards a ping from being overtaken: one that was, by a whole round, is no sample. */
        if (payload_check(payload, sizeof payload, number, &stamp))
            distribution_add(&shared->pings, now - stamp);
        else if (baseline_latest(&shared->baseline) < number + BASELINE_BUFFERS - 1)
            station_fail(station, NETIPC_CORRUPT, "the bytes of futex ping %llu are wrong", (unsigned long long)number);
    }
    shared->calibration.futex_ping_p50_ns = distribution_quantile(&shared->pings, 0.5);
    shared->calibration.futex_ping_p99_ns = distribution_quantile(&shared->pings, 0.99);
    shared->calibration.futex_pings = shared->pings.n;
    station_meet(station);
}

/* Stolen and all ticks of all CPUs since the machine was started. */
static bool read_steal(uint64_t *stolen, uint64_t *all)
{
    char line[512], *rest = line;
    FILE *stat = fopen("/proc/stat", "re");
    bool good = stat != NULL && fgets(line, sizeof line, stat) != NULL && strncmp(line, "cpu ", 4) == 0;
    if (stat != NULL)
        fclose(stat);
    *stolen = *all = 0;
    rest += 4;
    for (int column = 0; good && column < 8; column++) {
        char *end;
        unsigned long long ticks = strtoull(rest, &end, 10);
        good = end != rest;
        rest = end;
        *all += ticks;
        if (column == 7)
            *stolen = ticks;
    }
    return good;
}

static bool run(const struct cpus *cpus, struct shared *shared, int *failure)
{
    struct crew crew = {0};
    uint64_t stolen[2], all[2];
    bool known = read_steal(&stolen[0], &all[0]);
    bool good = crew_add(&crew, "calibrating process", cpus->numbers[0], measure, shared) &&
                crew_add(&crew, "answering process", cpus->numbers[1], answer, shared) &&
                crew_meet(&crew, 0, 2, CREW_PATIENCE_NS) && crew_meet(&crew, 0, 2, CREW_PATIENCE_NS) &&
                crew_finish(&crew, CREW_PATIENCE_NS);
    known = known && read_steal(&stolen[1], &all[1]) && all[1] > all[0];
    shared->calibration.steal_percent =
        known ? 100.0 * (double)(stolen[1] - stolen[0]) / (double)(all[1] - all[0]) : -1;
    if (!good)
        *failure = crew.failure;
    crew_dismiss(&crew);
    return good;
}

bool calibration_run(const struct cpus *cpus, bool full, struct calibration *calibration, int *failure)
{
    struct shared *shared = crew_shared(sizeof *shared);
    if (shared == NULL) {
        *failure = NETIPC_NO_MEMORY;
        return false;
    }
    shared->full = full;
    bool good = baseline_open(&shared->baseline, PAYLOAD_LEAST);
    if (good) {
        good = run(cpus, shared, failure);
        *calibration = shared->calibration;
        baseline_close(&shared->baseline);
    }
    crew_shared_free(shared, sizeof *shared);
    return good;
}

struct json_object *calibration_json(const struct calibration *calibration)
{
    struct json_object *json = json_object_new_object(), *oneway = json_object_new_object(),
                       *ping = json_object_new_object(), *copies = json_object_new_array();
    document_number(oneway, "p50", calibration->oneway_p50_ns);
    document_number(oneway, "p99", calibration->oneway_p99_ns);
    json_object_object_add(json, "oneway_ns", oneway);
    for (uint32_t i = 0; i < calibration->sizes; i++) {
        struct json_object *copy = json_object_new_object();
        document_count(copy, "size", calibration->memcpy_of[i].size);
        document_number(copy, "ns", calibration->memcpy_of[i].ns);
        json_object_array_add(copies, copy);
    }
    json_object_object_add(json, "memcpy", copies);
    document_number(json, "clock_ns", calibration->clock_ns);
    document_number(json, "syscall_ns", calibration->syscall_ns);
    document_number(json, "pause_ns", calibration->pause_ns);
    document_number(json, "futex_wake_ns", calibration->futex_wake_ns);
    document_number(ping, "p50", calibration->futex_ping_p50_ns);
    document_number(ping, "p99", calibration->futex_ping_p99_ns);
    document_count(ping, "n", calibration->futex_pings);
    json_object_object_add(json, "futex_ping_ns", ping);
    if (calibration->steal_percent >= 0)
        document_number(json, "steal_percent", calibration->steal_percent);
    else
        json_object_object_add(json, "steal_percent", NULL);
    return json;
}

static bool agree(const char *name, double before, double after, struct json_object *unstable)
{
    if (before <= after * 1.3 && after <= before * 1.3)
        return true;
    json_object_array_add(unstable, json_object_new_string(name));
    return false;
}

bool calibration_stable(const struct calibration *before, const struct calibration *after, struct json_object *unstable)
{
    bool stable = agree("oneway_ns", before->oneway_p50_ns, after->oneway_p50_ns, unstable);
    stable &= agree("clock_ns", before->clock_ns, after->clock_ns, unstable);
    stable &= agree("syscall_ns", before->syscall_ns, after->syscall_ns, unstable);
    stable &= agree("pause_ns", before->pause_ns, after->pause_ns, unstable);
    stable &= agree("futex_wake_ns", before->futex_wake_ns, after->futex_wake_ns, unstable);
    for (uint32_t i = 0; i < before->sizes && i < after->sizes; i++) {
        char name[40];
        snprintf(name, sizeof name, "memcpy of %llu", (unsigned long long)before->memcpy_of[i].size);
        stable &= agree(name, before->memcpy_of[i].ns, after->memcpy_of[i].ns, unstable);
    }
    return stable;
}
