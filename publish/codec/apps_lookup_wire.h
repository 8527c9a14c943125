/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_APPS_LOOKUP_WIRE_H
#define NETIPC_PUBLISH_CODEC_APPS_LOOKUP_WIRE_H

#include "publish/codec/lookup_payload.h"
#include "publish/codec/strings.h"

#include <netipc/apps_lookup.h>

/* The items of the method apps-lookup. Of a request: */
struct apps_lookup_key {
    uint32_t pid;
    uint32_t reserved; /* zero */
};
static_assert(offsetof(struct apps_lookup_key, reserved) == 4, "wire format");
static_assert(sizeof(struct apps_lookup_key) == 8, "wire format");

/* Of an answer: the first 60 bytes of this, which C makes longer, then comm NUL path NUL name NUL, then the labels
 * (labels.h). */
#define APPS_LOOKUP_ITEM_LENGTH ((size_t)60)

struct apps_lookup_item {
    uint16_t layout;
    uint16_t status;
    uint16_t orchestrator;
    uint16_t cgroup_status;
    uint32_t pid;
    uint32_t ppid;
    uint32_t uid;
    uint32_t reserved; /* zero */
    uint64_t starttime;
    struct netipc_wire_string comm;
    struct netipc_wire_string cgroup_path;
    struct netipc_wire_string cgroup_name;
    uint16_t label_count;
    uint16_t reserved2; /* zero */
};
static_assert(offsetof(struct apps_lookup_item, status) == 2, "wire format");
static_assert(offsetof(struct apps_lookup_item, orchestrator) == 4, "wire format");
static_assert(offsetof(struct apps_lookup_item, cgroup_status) == 6, "wire format");
static_assert(offsetof(struct apps_lookup_item, pid) == 8, "wire format");
static_assert(offsetof(struct apps_lookup_item, ppid) == 12, "wire format");
static_assert(offsetof(struct apps_lookup_item, uid) == 16, "wire format");
static_assert(offsetof(struct apps_lookup_item, reserved) == 20, "wire format");
static_assert(offsetof(struct apps_lookup_item, starttime) == 24, "wire format");
static_assert(offsetof(struct apps_lookup_item, comm) == 32, "wire format");
static_assert(offsetof(struct apps_lookup_item, cgroup_path) == 40, "wire format");
static_assert(offsetof(struct apps_lookup_item, cgroup_name) == 48, "wire format");
static_assert(offsetof(struct apps_lookup_item, label_count) == 56, "wire format");
static_assert(offsetof(struct apps_lookup_item, reserved2) == 58, "wire format");

/* The length of an item that says nothing but its pid: with the NULs of three empty strings. */
#define APPS_LOOKUP_BARE_LENGTH (APPS_LOOKUP_ITEM_LENGTH + 3)

/* What is wrong with an item's numbers, for a detail; NULL: nothing. The same for what is read and what is built. */
const char *netipc_apps_lookup_fault(const struct apps_lookup_item *item);

#endif
