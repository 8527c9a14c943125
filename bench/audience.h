/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_AUDIENCE_H
#define BENCH_AUDIENCE_H

/*
 * The publisher and the subscribers of a measurement, with the library's default configuration. Only the capacity
 * follows the size of the snapshots, as every user sets it who knows it, and the slots what is asked for of them. All
 * of this runs in workers.
 */

#include "bench/crew.h"
#include "bench/usage.h"

#include <json-c/json_object.h>
#include <netipc/netipc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the workers of one service share (crew_shared()). */
struct audience {
    const char *run_dir;
    size_t size;                   /* of each snapshot */
    size_t index_size;             /* of the index behind it; 0: none */
    uint32_t slots, history;       /* of the publisher; slots 0: both as by default */
    const netipc_profile *profile; /* of both sides; NULL: none */
    const netipc_schema *schema;   /* of the snapshots, which get an index then; NULL: any bytes */
    _Atomic uint64_t published;    /* generations, when the publisher last met the others */
    _Atomic uint32_t over;         /* nothing more will be asked of the idle subscribers */
    /* What it takes, of all runs: audience_end_… */
    uint64_t publisher_cpu_ns, runs_ns, region_bytes;
    _Atomic uint64_t subscribers_cpu_ns;
    struct usage_memory publisher_memory, subscriber_memory;
};

/* Snapshots of so many cgroups (cgroups.h), with an index: size, index_size, schema. */
void audience_of_cgroups(struct audience *audience, uint32_t count);

/* A process before its first run. */
struct audience_start {
    uint64_t cpu_ns, start_ns;
};

/* These fail the worker when they cannot do what they say. */
netipc_publisher *audience_open_publisher(const struct station *station, const struct audience *audience);
netipc_subscriber *audience_attach(const struct station *station, const struct audience *audience,
                                   const netipc_subscriber_config *config);

/* Where the publisher is, for who attaches otherwise. */
void audience_address(const struct audience *audience, netipc_subscriber_config *config);

/* The publisher: as many sessions have the region mapped. */
void audience_expect_attached(const struct station *station, netipc_publisher *publisher, uint64_t sessions);

/* What a process has used between its first run and its last, own_ns of it being the benchmark's own work; and its
 * memory, that of subscribers by the first that ends. */
struct audience_start audience_start(void);
void audience_end_publisher(struct audience *audience, const struct audience_start *start,
                            const netipc_publisher_info *info);
void audience_end_subscriber(struct audience *audience, const struct audience_start *start, uint64_t own_ns);
void audience_report(const struct audience *audience, struct json_object *results);

/* The memory only. */
void audience_weigh_publisher(struct audience *audience, const netipc_publisher_info *info);
void audience_weigh_subscriber(struct audience *audience);
void audience_report_memory(const struct audience *audience, struct json_object *results);

/* Aligned as a slot; not initialized. */
void *audience_buffer(const struct station *station, size_t size);

/*
 * The work of an idle subscriber, with a struct audience: attaches, then sleeps at its meeting point without waiting
 * for the publisher. Each time that it is let go it looks whether the latest snapshot is the one it should be, and
 * whether its bytes are; as the first process beside the publisher, it looks at all that the ring still has.
 */
void audience_idle(struct station *station, void *context);

#endif
