/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_LABELS_H
#define NETIPC_PUBLISH_CODEC_LABELS_H

/*
 * Labels of an item: a table at the first multiple of 8 behind the item's other strings, and behind it the labels'
 * strings in its order, key and value of each. With no labels there is no table.
 */

#include <netipc/lookup.h>

#include "publish/codec/strings.h"

struct netipc_wire_label {
    struct netipc_wire_string key; /* not empty */
    struct netipc_wire_string value;
};
static_assert(sizeof(struct netipc_wire_label) == 16, "wire format");

/* Checks count labels behind strings that end at end, and what is around them up to the item's end; *table gets where
 * theirs is. NETIPC_OK; NETIPC_CORRUPT. */
netipc_status netipc_labels_check(const struct netipc_wire_item *item, size_t end, uint32_t count, uint32_t *table);

/* Label index of a table that was checked. NETIPC_OK; NETIPC_CORRUPT: the bytes have changed. */
netipc_status netipc_labels_get(const struct netipc_wire_item *item, uint32_t table, uint32_t index,
                                netipc_label_view *label);

/* *length, which is that of an item so far, becomes that with these labels. NETIPC_OK; NETIPC_INVALID_ARGUMENT: an
 * empty key, no value; NETIPC_TOO_LARGE: more than a payload can have. */
netipc_status netipc_labels_measure(const netipc_label *labels, uint32_t count, uint64_t *length);

/* Writes them behind the end bytes that an item has so far, with padding; room for them has been measured. */
void netipc_labels_write(const netipc_label *labels, uint32_t count, unsigned char *item, size_t end);

#endif
