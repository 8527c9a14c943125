/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_CGROUPS_H
#define BENCH_CGROUPS_H

/*
 * Snapshots of cgroups as a host has them: three services to two containers, some 120 bytes each. Names and paths stay
 * from one generation to the next; the numbers of every item change with each, and follow from generation and place.
 */

#include "bench/crew.h"

#include <netipc/cgroups_snapshot.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CGROUPS_NAME_MOST = 47, CGROUPS_PATH_MOST = 111 };

struct cgroups_label {
    uint32_t hash, name_length; /* of the name */
    char name[CGROUPS_NAME_MOST + 1], path[CGROUPS_PATH_MOST + 1];
};

struct cgroups {
    uint32_t count;
    struct cgroups_label *labels;
    netipc_cgroups_snapshot_builder *builder;
    size_t length; /* of a payload, the same for each generation */
};

/* Of cgroup number index; those of any index differ. */
void cgroups_label(uint64_t index, struct cgroups_label *label);

/* How long the payloads of so many are. */
size_t cgroups_payload_length(uint32_t count);

/* These run in workers, and fail them. */
void cgroups_open(const struct station *station, uint32_t count, struct cgroups *cgroups);
void cgroups_close(struct cgroups *cgroups);

/* Writes the payload of a generation, cgroups->length bytes. */
void cgroups_write(const struct station *station, const struct cgroups *cgroups, uint64_t generation, void *buffer);

uint32_t cgroups_options(uint64_t generation, uint32_t index);

/* Whether an item is what it has to be. */
bool cgroups_is(const struct cgroups *cgroups, uint64_t generation, uint32_t index, const netipc_cgroup_view *view);

/* Whether the cgroups->length bytes of a payload are. */
bool cgroups_are(const struct cgroups *cgroups, uint64_t generation, const void *payload);

#endif
