/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CONTROL_RAW_CLIENT_H
#define NETIPC_TESTS_CONTROL_RAW_CLIENT_H

/* A peer that sends whatever packets a test wants, and looks at every byte of the answers. */

#include "control/wire.h"
#include "tests/control/scene.h"

/* A connected socket. */
int raw_connect(const struct scene *scene);
int raw_connect_to(const char *path);

void raw_send(int socket, const void *packet, size_t length);
void raw_send_fds(int socket, const void *packet, size_t length, const int *fds, size_t fd_count);

enum { RAW_CLOSED = -1, RAW_SILENCE = -2 };

/* The length of the next packet; RAW_CLOSED; RAW_SILENCE when nothing comes within ms. */
int raw_receive(int socket, void *buffer, size_t capacity, unsigned ms);
/* The same with up to two descriptors, -1 for those that did not come. */
int raw_receive_fds(int socket, void *buffer, size_t capacity, unsigned ms, int fds[2]);

/* The next packet must be the end. */
void raw_expect_closed(int socket);

/* A HELLO as the captures' clients send it, with these profiles. */
struct netipc_hello raw_hello(uint32_t supported, uint32_t preferred);
void raw_send_hello(int socket, const struct netipc_hello *hello);

/* The transport_status of the HELLO_ACK, which must come next. */
uint16_t raw_receive_ack(int socket, struct netipc_hello_ack *ack);

/* Connects and shakes hands with the publication profile: a socket in the state OPEN. */
int raw_open_session(const struct scene *scene);

void raw_send_control(int socket, uint16_t opcode, uint64_t id, const void *payload, size_t length);
void raw_send_attach(int socket, uint64_t id, uint64_t have_ordinal);
void raw_send_attached(int socket, uint64_t id, uint64_t ordinal);
/* A request with a payload of these many zeros, all in one packet. */
void raw_send_request(int socket, uint16_t method, uint64_t id, uint32_t payload_length);

/* In one packet, whatever the envelope says. */
void raw_send_message(int socket, const struct netipc_envelope *envelope, const void *payload, size_t length);

/* The opcode of the control packet that must come next, and its payload. */
uint16_t raw_receive_control(int socket, void *payload, size_t capacity, int fds[2]);

struct raw_region {
    struct netipc_region_offer offer;
    int region_fd, page_fd;
};

/* Takes the REGION that must come next. */
void raw_receive_region(int socket, struct raw_region *region);

/* From OPEN to attached; page_fd stays open. */
void raw_attach(int socket, struct raw_region *region);

#endif
