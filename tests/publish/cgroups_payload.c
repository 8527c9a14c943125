/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/cgroups_payload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cgroups_name(char name[32], uint32_t index)
{
    snprintf(name, 32, "system.slice/cgroup-%u", index);
}

struct cgroups_payload cgroups_built(const netipc_cgroups_snapshot_builder *builder, uint64_t value)
{
    struct cgroups_payload payload = {.length = netipc_cgroups_snapshot_builder_length(builder)};
    payload.bytes = malloc(payload.length);
    if (payload.bytes != NULL && netipc_cgroups_snapshot_builder_write(builder, value, 1, payload.bytes, payload.length,
                                                                       &payload.length) != NETIPC_OK) {
        free(payload.bytes);
        payload.bytes = NULL;
    }
    return payload;
}

struct cgroups_payload cgroups_payload(uint32_t count, uint64_t value)
{
    struct cgroups_payload payload = {NULL, 0};
    netipc_cgroups_snapshot_builder *builder;
    if (netipc_cgroups_snapshot_builder_new(&builder) != NETIPC_OK)
        return payload;
    netipc_status status = NETIPC_OK;
    for (uint32_t i = 0; i < count && status == NETIPC_OK; i++) {
        char name[32];
        cgroups_name(name, i);
        status = netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(name, strlen(name)), (uint32_t)value, 1,
                                                     name, "/sys/fs/cgroup/system.slice/some.service");
    }
    if (status == NETIPC_OK)
        payload = cgroups_built(builder, value);
    netipc_cgroups_snapshot_builder_free(builder);
    return payload;
}
