/* SPDX-License-Identifier: Apache-2.0 */
#include "control/transmit_queue.h"

#include "shm/detail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(NETIPC_TRANSMIT_OVERHEAD == sizeof(uint32_t), "a packet's length");

netipc_status netipc_transmit_queue_open(struct netipc_transmit_queue *queue, size_t size)
{
    *queue = (struct netipc_transmit_queue){.bytes = malloc(size), .size = size};
    return queue->bytes != NULL ? NETIPC_OK : netipc_fail(NETIPC_NO_MEMORY, "no memory for a queue of %zu bytes", size);
}

void netipc_transmit_queue_close(struct netipc_transmit_queue *queue)
{
    free(queue->bytes);
    *queue = (struct netipc_transmit_queue){0};
}

/* Where length bytes from the given position on are, going round at the end. */
static void find(const struct netipc_transmit_queue *queue, size_t position, size_t length, struct iovec parts[2])
{
    size_t at = position % queue->size, to_end = queue->size - at, here = length < to_end ? length : to_end;
    parts[0] = (struct iovec){queue->bytes + at, here};
    parts[1] = (struct iovec){queue->bytes, length - here};
}

static void put(struct netipc_transmit_queue *queue, const void *bytes, size_t length)
{
    struct iovec parts[2];
    find(queue, queue->first + queue->used, length, parts);
    if (parts[0].iov_len > 0)
        memcpy(parts[0].iov_base, bytes, parts[0].iov_len);
    if (parts[1].iov_len > 0)
        memcpy(parts[1].iov_base, (const unsigned char *)bytes + parts[0].iov_len, parts[1].iov_len);
    queue->used += length;
}

bool netipc_transmit_queue_append(struct netipc_transmit_queue *queue, const struct iovec *parts, size_t count)
{
    size_t room = netipc_transmit_queue_room(queue), length = 0;
    if (room < NETIPC_TRANSMIT_OVERHEAD)
        return false;
    room -= NETIPC_TRANSMIT_OVERHEAD;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].iov_len > room - length)
            return false;
        length += parts[i].iov_len;
    }
    if (length == 0 || length > UINT32_MAX)
        return false;
    uint32_t header = (uint32_t)length;
    put(queue, &header, sizeof header);
    for (size_t i = 0; i < count; i++)
        put(queue, parts[i].iov_base, parts[i].iov_len);
    return true;
}

static uint32_t first_length(const struct netipc_transmit_queue *queue)
{
    uint32_t length;
    struct iovec parts[2];
    find(queue, queue->first, sizeof length, parts);
    memcpy(&length, parts[0].iov_base, parts[0].iov_len);
    memcpy((unsigned char *)&length + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
    return length;
}

size_t netipc_transmit_queue_peek(const struct netipc_transmit_queue *queue, struct iovec parts[2])
{
    if (netipc_transmit_queue_empty(queue))
        return 0;
    uint32_t length = first_length(queue);
    find(queue, queue->first + NETIPC_TRANSMIT_OVERHEAD, length, parts);
    return length;
}

void netipc_transmit_queue_consume(struct netipc_transmit_queue *queue)
{
    if (netipc_transmit_queue_empty(queue))
        return;
    size_t length = NETIPC_TRANSMIT_OVERHEAD + (size_t)first_length(queue);
    queue->first = (queue->first + length) % queue->size;
    queue->used -= length;
}

size_t netipc_transmit_queue_read(struct netipc_transmit_queue *queue, void *buffer, size_t capacity)
{
    struct iovec parts[2];
    size_t length = netipc_transmit_queue_peek(queue, parts);
    if (length == 0 || length > capacity)
        return 0;
    memcpy(buffer, parts[0].iov_base, parts[0].iov_len);
    memcpy((unsigned char *)buffer + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
    netipc_transmit_queue_consume(queue);
    return length;
}

void netipc_transmit_queue_clear(struct netipc_transmit_queue *queue)
{
    queue->first = queue->used = 0;
}
