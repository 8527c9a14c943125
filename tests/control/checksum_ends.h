/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_CONTROL_CHECKSUM_ENDS_H
#define NETIPC_TESTS_CONTROL_CHECKSUM_ENDS_H

/* Both ends of what the tests of checksums look at, each with a wish for checksums: NETIPC_CHECKSUM_… */

#include "tests/control/scene.h"

#include <netipc/client.h>
#include <netipc/server.h>
#include <netipc/session.h>

#include <stdatomic.h>

enum { METHOD = 7, PAYLOAD_MAX = 600000 };

extern unsigned char bytes[PAYLOAD_MAX]; /* what is sent */

/* Closes what is open, and the scene. */
int teardown(void **state);

/* --- a server and a client --- */

extern netipc_server *server;
extern netipc_client *client;

/* What the server's log says of the mismatch that it has seen last. */
extern atomic_uint logged_expected, logged_actual;

netipc_status echo(void *context, const netipc_request *request, netipc_answer *answer);

/* METHOD is echo. */
void serve(const struct scene *scene, uint32_t checksum);
netipc_service_info service_info(void);

/* One refresh of a new client. */
netipc_status open_client(const struct scene *scene, const char *service, uint32_t checksum);
netipc_client_info client_info(void);

/* The first length bytes, which have to come back. */
netipc_status call_echo(size_t length, uint32_t item_count);

/* --- two sessions by hand --- */

extern netipc_session *calling, *answering;

netipc_session_config session_config(const struct scene *scene, const char *service, uint32_t checksum);
void await_readable(int fd);
netipc_status advance(netipc_session *session);

/* Both results of a handshake. */
void meet(netipc_listener *listener, const netipc_session_config *calls, netipc_status *caller,
          netipc_status *answerer);
void part(void);

/* The first length bytes, which have to arrive. */
netipc_status send_over(netipc_session *from, netipc_session *to, uint32_t kind, size_t length);

/* --- a publisher and a subscriber --- */

/* With one snapshot of 1000 bytes. */
netipc_publisher *open_publisher(const struct scene *scene, uint32_t checksum);
netipc_subscriber *follow(const struct scene *scene, const char *service, uint32_t checksum, netipc_status *status);
uint32_t checksum_of(netipc_subscriber *subscriber);

#endif
