/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

/* What a figure cannot be understood without: processor, kernel, clock, idle policy, build, date. */

#include "bench/cpus.h"

#include <json-c/json_object.h>

/* Of now, UTC. */
struct machine_date {
    char text[32];
} machine_date(void);

struct json_object *machine_json(const struct cpus *cpus);

#endif
