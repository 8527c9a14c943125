/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CALIBRATION_H
#define BENCH_CALIBRATION_H

/* What this machine can do, just now, on the CPUs of a measurement. */

#include "bench/cpus.h"

#include <json-c/json_object.h>
#include <stdbool.h>
#include <stdint.h>

enum { CALIBRATION_SIZES = 10 };

struct calibration {
    double oneway_p50_ns, oneway_p99_ns; /* of a line, from core to core: half a round trip */
    uint32_t sizes;
    struct {
        uint64_t size;
        double ns;
    } memcpy_of[CALIBRATION_SIZES];
    double clock_ns, syscall_ns, pause_ns;
    double futex_wake_ns;                        /* the call, with nobody asleep */
    double futex_ping_p50_ns, futex_ping_p99_ns; /* from before the call to the woken process on the other core */
    uint64_t futex_pings;
    double steal_percent; /* of the time that all CPUs had meanwhile; less than 0: not known */
};

/* A short one takes less than 100 ms, a full one half a second. False, and a notice: it failed; if a process of
 * it did, *failure gets its exit status. */
bool calibration_run(const struct cpus *cpus, bool full, struct calibration *calibration, int *failure);

struct json_object *calibration_json(const struct calibration *calibration);

/*
 * Whether two calibrations agree to within 30 %. What differs more is appended, by name, to the array unstable. Not
 * looked at: the futex ping and 99th percentiles, which differ from one second to the next on any machine.
 */
bool calibration_stable(const struct calibration *before, const struct calibration *after,
                        struct json_object *unstable);

#endif
