/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_PACKET_H
#define NETIPC_CONTROL_PACKET_H

/* Packets on a connected, non-blocking AF_UNIX SOCK_SEQPACKET socket. Nothing here blocks or raises a signal. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum netipc_packet_result {
    NETIPC_PACKET_DONE,
    NETIPC_PACKET_AGAIN,   /* nothing to receive, or no room to send now: the socket tells when it is worth it */
    NETIPC_PACKET_STARVED, /* sending: the kernel has no memory now, or too many descriptors are under way; nothing
                            * tells when that is over, and the socket may be writable all the while */
    NETIPC_PACKET_CLOSED,  /* the peer has closed */
    NETIPC_PACKET_FAILED   /* errno says why */
};

enum {
    NETIPC_PACKET_FDS_MAX = 2,
    NETIPC_PACKET_RETRY_NS = 10000000 /* how long to wait after STARVED */
};

enum netipc_packet_result netipc_packet_send(int socket, const void *packet, size_t length, const int *fds,
                                             size_t fd_count);

/* The same for a packet in parts, some of which may be empty. */
struct iovec;
enum netipc_packet_result netipc_packet_send_parts(int socket, struct iovec *parts, size_t count);

/* One packet. *length is its true length, of which at most capacity bytes are in buffer. Descriptors that came with it
 * are closed. */
enum netipc_packet_result netipc_packet_receive(int socket, void *buffer, size_t capacity, size_t *length);

/*
 * The same for a packet that may carry descriptors, close-on-exec, at most NETIPC_PACKET_FDS_MAX: they are the
 * caller's. When more came, or not all could be taken, all are closed and *truncated is true.
 */
enum netipc_packet_result netipc_packet_receive_fds(int socket, void *buffer, size_t capacity, size_t *length,
                                                    int fds[NETIPC_PACKET_FDS_MAX], size_t *fd_count, bool *truncated);

/* Asks the kernel to let no descriptors in. Where it cannot, they are closed on receipt. */
void netipc_packet_refuse_fds(int socket);

/* Before close(): what the peer has sent is thrown away, and it can send no more. Else the kernel would tell it of a
 * reset ahead of what was sent to it last, which many never read then. */
void netipc_packet_shut_down(int socket);

/* Whether the peer has received everything that was sent to it. */
bool netipc_packet_all_received(int socket);

/* The packet size to offer: the largest that the send buffer takes. */
uint32_t netipc_packet_size_offer(int socket);

#endif
