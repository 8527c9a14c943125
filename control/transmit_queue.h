/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_TRANSMIT_QUEUE_H
#define NETIPC_CONTROL_TRANSMIT_QUEUE_H

/*
 * Packets that wait for room in a peer's socket: a ring of bytes of a fixed size, each packet behind its length. A
 * packet goes in whole or not at all. One thread.
 */

#include <netipc/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

enum { NETIPC_TRANSMIT_OVERHEAD = 4 }; /* bytes that a packet takes besides its own */

struct netipc_transmit_queue {
    unsigned char *bytes;
    size_t size, first, used;
};

/* Memory for size bytes. */
netipc_status netipc_transmit_queue_open(struct netipc_transmit_queue *queue, size_t size);
void netipc_transmit_queue_close(struct netipc_transmit_queue *queue);

static inline bool netipc_transmit_queue_empty(const struct netipc_transmit_queue *queue)
{
    return queue->used == 0;
}

/* Bytes for packets and their overhead. */
static inline size_t netipc_transmit_queue_room(const struct netipc_transmit_queue *queue)
{
    return queue->size - queue->used;
}

/* One packet, of these parts, behind all others. false: there is no room, and nothing was changed. */
bool netipc_transmit_queue_append(struct netipc_transmit_queue *queue, const struct iovec *parts, size_t count);

/* Where the first packet is: in one part or two, which last until the next change. Returns its length; 0: there is
 * none. */
size_t netipc_transmit_queue_peek(const struct netipc_transmit_queue *queue, struct iovec parts[2]);

/* Drops the first packet, if there is one. */
void netipc_transmit_queue_consume(struct netipc_transmit_queue *queue);

/* Copies the first packet out and drops it. Returns its length; 0: there is none, or it is longer than capacity and
 * stays. */
size_t netipc_transmit_queue_read(struct netipc_transmit_queue *queue, void *buffer, size_t capacity);

void netipc_transmit_queue_clear(struct netipc_transmit_queue *queue);

#endif
