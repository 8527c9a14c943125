/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_RPC_SERVE_H
#define NETIPC_TESTS_RPC_SERVE_H

/* Servers of ours in the test's own process, handlers for them, and what a raw client asks them. */

#include "tests/control/raw_client.h"

#include <netipc/netipc.h>

#include <pthread.h>

/* --- servers --- */

netipc_server_config rpc_server_config(const struct scene *scene);

/* Of SCENE_SERVICE with SCENE_TOKEN. */
netipc_service_config rpc_service_config(uint32_t method, netipc_handler handler, void *context);

/* Opened, with this one service, and started. */
netipc_server *rpc_serve(const struct scene *scene, const netipc_service_config *service, uint32_t workers);

/* The service increment, as rpc_service_config() has it. */
netipc_server *rpc_serve_increment(const struct scene *scene, uint32_t workers);

netipc_service_info rpc_info(const netipc_server *server);

/* Whether that many sessions are there within seconds. */
bool rpc_sessions_become(const netipc_server *server, uint32_t sessions);

static inline uint64_t rpc_ns(unsigned ms)
{
    return (uint64_t)slow_ms(ms) * 1000000;
}

/* --- handlers --- */

netipc_status rpc_increment(void *context, const netipc_request *request, netipc_answer *answer);
netipc_status rpc_reverse(void *context, const netipc_request *request, netipc_answer *answer);
netipc_status rpc_echo(void *context, const netipc_request *request, netipc_answer *answer);

/* Fails with the netipc_status that the request's first byte names, or else increments. */
netipc_status rpc_obedient(void *context, const netipc_request *request, netipc_answer *answer);

/* Increments, but a number that is not even only once the gate is open. The context. */
struct rpc_gate {
    pthread_mutex_t lock;
    pthread_cond_t change;
    unsigned inside, most; /* that wait at the gate: now, and ever at the same time */
    bool open;
};
netipc_status rpc_gated(void *gate, const netipc_request *request, netipc_answer *answer);
void rpc_gate_init(struct rpc_gate *gate);
void rpc_gate_open(struct rpc_gate *gate);
/* Whether so many wait there within seconds. */
bool rpc_gate_has(struct rpc_gate *gate, unsigned count);

/* --- clients --- */

enum { RPC_REQUEST_MAX = 4096, RPC_ITEMS_MAX = 16 };

/* What rpc_open() says. */
struct netipc_hello rpc_hello(void);

/* A session: connected, and the handshake done. */
int rpc_open(const struct scene *scene);
int rpc_open_with(const struct scene *scene, const struct netipc_hello *hello, struct netipc_hello_ack *ack);

struct netipc_envelope rpc_request(uint16_t method, uint64_t id, size_t length);
struct netipc_envelope rpc_response(const struct netipc_envelope *request, uint16_t status, size_t length);

/* The next packet must be this one. */
void rpc_expect(int socket, const struct netipc_envelope *envelope, const void *payload);
/* The next packet must be an answer to this request, with this status and nothing else. */
void rpc_expect_status(int socket, const struct netipc_envelope *request, uint16_t status);

void rpc_ask_number(int socket, uint64_t id, uint64_t number);
void rpc_expect_number(int socket, uint64_t id, uint64_t number);

/* A new client is let in and served. */
void rpc_expect_service(const struct scene *scene);

#endif
