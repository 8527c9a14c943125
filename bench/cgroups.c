/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/cgroups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t mix(uint64_t a, uint64_t b)
{
    uint64_t mixed = (a * UINT64_C(0x9e3779b97f4a7c15) + b + 1) * UINT64_C(0xff51afd7ed558ccd);
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0xc4ceb9fe1a85ec53);
    return mixed ^ mixed >> 29;
}

void cgroups_label(uint64_t index, struct cgroups_label *label)
{
    unsigned long long number = index;
    int length;
    if (index % 5 < 3) {
        length = snprintf(label->name, sizeof label->name, "systemd_unit-%05llu", number);
        snprintf(label->path, sizeof label->path, "/system.slice/unit-%05llu.service", number);
    } else {
        unsigned long long id[4] = {mix(index, 0), mix(index, 1), mix(index, 2), mix(index, 3)};
        length = snprintf(label->name, sizeof label->name, "cgroup_%06llx%06llx", id[0] >> 40, number);
        snprintf(label->path, sizeof label->path, "/system.slice/docker-%016llx%016llx%016llx%016llx.scope", id[0],
                 id[1], id[2], id[3]);
    }
    label->name_length = (uint32_t)length;
    label->hash = netipc_key_hash(label->name, label->name_length);
}

size_t cgroups_payload_length(uint32_t count)
{
    /* header; entry, header and NULs of an item, which begins at a multiple of 8 */
    size_t length = 24;
    struct cgroups_label label;
    for (uint32_t index = 0; index < count; index++) {
        size_t item = 32 + 2;
        cgroups_label(index, &label);
        item += label.name_length + strlen(label.path);
        length += 8 + (index + 1 < count ? (item + 7) / 8 * 8 : item);
    }
    return length;
}

void cgroups_open(const struct station *station, uint32_t count, struct cgroups *cgroups)
{
    *cgroups = (struct cgroups){.count = count, .length = cgroups_payload_length(count)};
    cgroups->labels = calloc(count, sizeof *cgroups->labels);
    if (cgroups->labels == NULL || netipc_cgroups_snapshot_builder_new(&cgroups->builder) != NETIPC_OK)
        station_fail(station, NETIPC_NO_MEMORY, "no memory for %u cgroups", count);
    for (uint32_t index = 0; index < count; index++)
        cgroups_label(index, &cgroups->labels[index]);
}

void cgroups_close(struct cgroups *cgroups)
{
    netipc_cgroups_snapshot_builder_free(cgroups->builder);
    free(cgroups->labels);
}

uint32_t cgroups_options(uint64_t generation, uint32_t index)
{
    return (uint32_t)mix(generation, index);
}

static uint32_t enabled_of(uint64_t generation, uint32_t index)
{
    return cgroups_options(generation, index) >> 8 & 1;
}

void cgroups_write(const struct station *station, const struct cgroups *cgroups, uint64_t generation, void *buffer)
{
    netipc_status status = NETIPC_OK;
    size_t length = 0;
    netipc_cgroups_snapshot_builder_reset(cgroups->builder);
    for (uint32_t index = 0; status == NETIPC_OK && index < cgroups->count; index++) {
        const struct cgroups_label *label = &cgroups->labels[index];
        status = netipc_cgroups_snapshot_builder_add(cgroups->builder, label->hash, cgroups_options(generation, index),
                                                     enabled_of(generation, index), label->name, label->path);
    }
    if (status == NETIPC_OK)
        status =
            netipc_cgroups_snapshot_builder_write(cgroups->builder, generation, 1, buffer, cgroups->length, &length);
    if (status != NETIPC_OK || length != cgroups->length)
        station_fail_status(station, status, "cannot build a snapshot");
}

bool cgroups_is(const struct cgroups *cgroups, uint64_t generation, uint32_t index, const netipc_cgroup_view *view)
{
    const struct cgroups_label *label = &cgroups->labels[index];
    return view->hash == label->hash && view->options == cgroups_options(generation, index) &&
           view->enabled == enabled_of(generation, index) && view->name_length == label->name_length &&
           memcmp(view->name, label->name, view->name_length + 1) == 0 && strcmp(view->path, label->path) == 0;
}

bool cgroups_are(const struct cgroups *cgroups, uint64_t generation, const void *payload)
{
    netipc_cgroups_snapshot_view view;
    netipc_cgroup_view cgroup;
    bool good = netipc_cgroups_snapshot_decode(payload, cgroups->length, &view) == NETIPC_OK &&
                view.generation == generation && view.item_count == cgroups->count;
    for (uint32_t index = 0; good && index < view.item_count; index++)
        good = netipc_cgroups_snapshot_item(&view, index, &cgroup) == NETIPC_OK &&
               cgroups_is(cgroups, generation, index, &cgroup);
    return good;
}
