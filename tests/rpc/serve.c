/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/rpc/serve.h"

#include <string.h>
#include <unistd.h>

/* --- servers --- */

netipc_server_config rpc_server_config(const struct scene *scene)
{
    netipc_server_config config;
    netipc_server_config_init(&config);
    config.run_dir = scene->run_dir;
    return config;
}

netipc_service_config rpc_service_config(uint32_t method, netipc_handler handler, void *context)
{
    netipc_service_config config;
    netipc_service_config_init(&config);
    config.service = SCENE_SERVICE;
    config.token = SCENE_TOKEN;
    config.method = method;
    config.handler = handler;
    config.context = context;
    config.handshake_timeout_ns = rpc_ns(5000);
    return config;
}

netipc_server *rpc_serve(const struct scene *scene, const netipc_service_config *service, uint32_t workers)
{
    netipc_server *server;
    netipc_server_config config = rpc_server_config(scene);
    config.workers = workers;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    return server;
}

netipc_server *rpc_serve_increment(const struct scene *scene, uint32_t workers)
{
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    return rpc_serve(scene, &service, workers);
}

netipc_service_info rpc_info(const netipc_server *server)
{
    netipc_service_info info = {.size = sizeof info};
    assert_int_equal(netipc_server_stats(server, SCENE_SERVICE, &info), NETIPC_OK);
    return info;
}

bool rpc_sessions_become(const netipc_server *server, uint32_t sessions)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(1))
        if (rpc_info(server).sessions == sessions)
            return true;
    return false;
}

/* --- handlers --- */

netipc_status rpc_increment(void *context, const netipc_request *request, netipc_answer *answer)
{
    uint64_t number;
    unsigned char bytes[NETIPC_INCREMENT_LENGTH];
    size_t length;
    (void)context;
    netipc_status status = netipc_increment_decode(request->payload, request->length, &number);
    if (status == NETIPC_OK)
        status = netipc_increment_encode(number + 1, bytes, sizeof bytes, &length);
    return status == NETIPC_OK ? netipc_answer_write(answer, bytes, length) : status;
}

netipc_status rpc_reverse(void *context, const netipc_request *request, netipc_answer *answer)
{
    netipc_string_reverse_view view;
    void *room;
    size_t capacity, length;
    (void)context;
    netipc_status status = netipc_string_reverse_decode(request->payload, request->length, &view);
    if (status == NETIPC_OK)
        status = netipc_answer_room(answer, request->length, &room, &capacity);
    if (status == NETIPC_OK)
        status = netipc_string_reverse_answer(&view, room, capacity, &length);
    return status == NETIPC_OK ? netipc_answer_set_length(answer, length) : status;
}

netipc_status rpc_echo(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    return netipc_answer_write(answer, request->payload, request->length);
}

netipc_status rpc_obedient(void *context, const netipc_request *request, netipc_answer *answer)
{
    uint8_t wanted = request->length > 0 ? *(const uint8_t *)request->payload : 0;
    return wanted != NETIPC_OK ? (netipc_status)wanted : rpc_increment(context, request, answer);
}

netipc_status rpc_gated(void *context, const netipc_request *request, netipc_answer *answer)
{
    struct rpc_gate *gate = context;
    uint64_t number;
    netipc_status status = netipc_increment_decode(request->payload, request->length, &number);
    if (status == NETIPC_OK && number % 2 != 0) {
        pthread_mutex_lock(&gate->lock);
        gate->inside++;
        if (gate->inside > gate->most)
            gate->most = gate->inside;
        pthread_cond_broadcast(&gate->change);
        while (!gate->open)
            pthread_cond_wait(&gate->change, &gate->lock);
        gate->inside--;
        pthread_mutex_unlock(&gate->lock);
    }
    return status == NETIPC_OK ? rpc_increment(NULL, request, answer) : status;
}

void rpc_gate_init(struct rpc_gate *gate)
{
    *gate = (struct rpc_gate){0};
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->change, NULL);
}

void rpc_gate_open(struct rpc_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->open = true;
    pthread_cond_broadcast(&gate->change);
    pthread_mutex_unlock(&gate->lock);
}

bool rpc_gate_has(struct rpc_gate *gate, unsigned count)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(1)) {
        pthread_mutex_lock(&gate->lock);
        unsigned inside = gate->inside;
        pthread_mutex_unlock(&gate->lock);
        if (inside == count)
            return true;
    }
    return false;
}

/* --- clients --- */

struct netipc_hello rpc_hello(void)
{
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    hello.max_request_payload_bytes = RPC_REQUEST_MAX;
    hello.max_request_batch_items = hello.max_response_batch_items = RPC_ITEMS_MAX;
    return hello;
}

int rpc_open_with(const struct scene *scene, const struct netipc_hello *hello, struct netipc_hello_ack *ack)
{
    int socket = raw_connect(scene);
    raw_send_hello(socket, hello);
    assert_int_equal(raw_receive_ack(socket, ack), NETIPC_TRANSPORT_OK);
    return socket;
}

int rpc_open(const struct scene *scene)
{
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    return rpc_open_with(scene, &hello, &ack);
}

struct netipc_envelope rpc_request(uint16_t method, uint64_t id, size_t length)
{
    return (struct netipc_envelope){
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_REQUEST,
        .code = method,
        .payload_len = (uint32_t)length,
        .item_count = 1,
        .message_id = id,
    };
}

struct netipc_envelope rpc_response(const struct netipc_envelope *request, uint16_t status, size_t length)
{
    struct netipc_envelope response = *request;
    response.kind = NETIPC_KIND_RESPONSE;
    response.transport_status = status;
    response.payload_len = (uint32_t)length;
    if (status != NETIPC_TRANSPORT_OK) {
        response.flags = 0;
        response.item_count = 1;
    }
    return response;
}

void rpc_expect(int socket, const struct netipc_envelope *envelope, const void *payload)
{
    static unsigned char packet[1 << 18];
    int length = raw_receive(socket, packet, sizeof packet, slow_ms(10000));
    assert_int_equal(length, sizeof *envelope + envelope->payload_len);
    assert_memory_equal(packet, envelope, sizeof *envelope);
    if (envelope->payload_len > 0)
        assert_memory_equal(packet + sizeof *envelope, payload, envelope->payload_len);
}

void rpc_expect_status(int socket, const struct netipc_envelope *request, uint16_t status)
{
    struct netipc_envelope response = rpc_response(request, status, 0);
    rpc_expect(socket, &response, NULL);
}

void rpc_ask_number(int socket, uint64_t id, uint64_t number)
{
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, id, sizeof number);
    raw_send_message(socket, &request, &number, sizeof number);
}

void rpc_expect_number(int socket, uint64_t id, uint64_t number)
{
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, id, sizeof number);
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof number);
    rpc_expect(socket, &response, &number);
}

void rpc_expect_service(const struct scene *scene)
{
    int socket = rpc_open(scene);
    rpc_ask_number(socket, 1, 41);
    rpc_expect_number(socket, 1, 42);
    close(socket);
}
