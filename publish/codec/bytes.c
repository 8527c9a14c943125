/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/codec/bytes.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <stdlib.h>

/* Room for a few dozen items at the first one; a payload seldom has fewer. */
#define FIRST_CAPACITY ((size_t)4096)

netipc_status netipc_bytes_reserve(struct netipc_bytes *bytes, size_t more)
{
    if (more <= bytes->capacity - bytes->length)
        return NETIPC_OK;
    uint64_t needed, doubled;
    size_t capacity;
    if (netipc_add_overflows(bytes->length, more, &needed) || netipc_multiply_overflows(bytes->capacity, 2, &doubled) ||
        !netipc_to_size(doubled > needed ? doubled : needed, &capacity))
        return netipc_fail(NETIPC_NO_MEMORY, "the payload does not fit into the address space");
    if (capacity < FIRST_CAPACITY)
        capacity = FIRST_CAPACITY;
    unsigned char *data = realloc(bytes->data, capacity);
    if (data == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for %zu bytes of a payload", capacity);
    bytes->data = data;
    bytes->capacity = capacity;
    return NETIPC_OK;
}

unsigned char *netipc_bytes_take(struct netipc_bytes *bytes, size_t more)
{
    unsigned char *taken = bytes->data + bytes->length;
    bytes->length += more;
    return taken;
}

void netipc_bytes_free(struct netipc_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct netipc_bytes){0};
}
