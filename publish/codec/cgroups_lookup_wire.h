/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_CGROUPS_LOOKUP_WIRE_H
#define NETIPC_PUBLISH_CODEC_CGROUPS_LOOKUP_WIRE_H

#include "publish/codec/lookup_payload.h"
#include "publish/codec/strings.h"

#include <netipc/cgroups_lookup.h>

/*
 * The items of the method cgroups-lookup. Of a request: a path and its NUL, nothing else. Of an answer: this header,
 * path NUL name NUL, and then the labels (labels.h).
 */
#define CGROUPS_LOOKUP_LEAST_KEY 2

struct cgroups_lookup_item {
    uint16_t layout;
    uint16_t status;
    uint16_t orchestrator;
    uint16_t reserved;              /* zero */
    struct netipc_wire_string path; /* not empty */
    struct netipc_wire_string name;
    uint16_t label_count;
    uint16_t reserved2; /* zero */
};
static_assert(offsetof(struct cgroups_lookup_item, status) == 2, "wire format");
static_assert(offsetof(struct cgroups_lookup_item, orchestrator) == 4, "wire format");
static_assert(offsetof(struct cgroups_lookup_item, reserved) == 6, "wire format");
static_assert(offsetof(struct cgroups_lookup_item, path) == 8, "wire format");
static_assert(offsetof(struct cgroups_lookup_item, name) == 16, "wire format");
static_assert(offsetof(struct cgroups_lookup_item, label_count) == 24, "wire format");
static_assert(offsetof(struct cgroups_lookup_item, reserved2) == 26, "wire format");
static_assert(sizeof(struct cgroups_lookup_item) == 28, "wire format");

/* The length of an item that says nothing but its path. */
static inline uint64_t netipc_cgroups_lookup_bare_length(uint32_t path_length)
{
    return sizeof(struct cgroups_lookup_item) + (uint64_t)path_length + 2; /* both NULs */
}

#endif
