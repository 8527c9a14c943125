/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/cgroups_snapshot.h>

#include "publish/codec/cgroups_snapshot_wire.h"
#include "shm/detail.h"

#include <assert.h>
#include <string.h>

struct request {
    uint16_t layout;
    uint16_t flags;
};
static_assert(sizeof(struct request) == NETIPC_CGROUPS_SNAPSHOT_REQUEST_LENGTH, "wire format");

netipc_status netipc_cgroups_snapshot_request_decode(const void *bytes, size_t length)
{
    struct request request;
    if (length != sizeof request)
        return netipc_fail(NETIPC_CORRUPT, "a request for a cgroups snapshot in %zu bytes, it takes %zu", length,
                           sizeof request);
    memcpy(&request, bytes, sizeof request);
    if (request.layout != CGROUPS_SNAPSHOT_LAYOUT || request.flags != 0)
        return netipc_fail(NETIPC_CORRUPT, "a request for a cgroups snapshot of layout %u with flags 0x%x",
                           request.layout, request.flags);
    return NETIPC_OK;
}

netipc_status netipc_cgroups_snapshot_request_encode(void *buffer, size_t capacity, size_t *length)
{
    const struct request request = {.layout = CGROUPS_SNAPSHOT_LAYOUT};
    if (length != NULL)
        *length = sizeof request;
    if (capacity < sizeof request)
        return netipc_fail(NETIPC_TOO_SMALL, "a request for a cgroups snapshot takes %zu bytes, the buffer has %zu",
                           sizeof request, capacity);
    memcpy(buffer, &request, sizeof request);
    return NETIPC_OK;
}
