/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/control/checksum_ends.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

netipc_server *server;
netipc_client *client;
netipc_session *calling, *answering;
unsigned char bytes[PAYLOAD_MAX];

atomic_uint logged_expected, logged_actual;

static void take_event(void *context, netipc_log_level level, const char *event, const netipc_log_field *fields,
                       size_t count)
{
    (void)context;
    if (strcmp(event, "checksum-mismatch") != 0 || level != NETIPC_LOG_WARNING)
        return;
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, "expected") == 0)
            logged_expected = (unsigned)fields[i].number;
        else if (strcmp(fields[i].name, "actual") == 0)
            logged_actual = (unsigned)fields[i].number;
}

netipc_status echo(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    return netipc_answer_write(answer, request->payload, request->length);
}

void serve(const struct scene *scene, uint32_t checksum)
{
    netipc_server_config config;
    netipc_service_config service;
    netipc_server_config_init(&config);
    netipc_service_config_init(&service);
    config.run_dir = scene->run_dir;
    config.log = take_event;
    service.service = SCENE_SERVICE;
    service.token = SCENE_TOKEN;
    service.method = METHOD;
    service.handler = echo;
    service.checksum = checksum;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
}

netipc_service_info service_info(void)
{
    netipc_service_info info = {.size = sizeof info};
    assert_int_equal(netipc_server_stats(server, SCENE_SERVICE, &info), NETIPC_OK);
    return info;
}

netipc_client_info client_info(void)
{
    netipc_client_info info = {.size = sizeof info};
    assert_int_equal(netipc_client_status(client, &info), NETIPC_OK);
    return info;
}

netipc_status open_client(const struct scene *scene, const char *service, uint32_t checksum)
{
    netipc_client_config config;
    netipc_client_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = service;
    config.token = SCENE_TOKEN;
    config.max_request_payload = config.response_payload = PAYLOAD_MAX;
    config.connect_timeout_ns = (uint64_t)slow_ms(5000) * 1000000;
    config.backoff_first_ns = config.backoff_most_ns = 0;
    config.checksum = checksum;
    assert_int_equal(netipc_client_open(&config, &client), NETIPC_OK);
    return netipc_client_refresh(client);
}

netipc_status call_echo(size_t length, uint32_t item_count)
{
    netipc_client_request request = {
        .size = sizeof request, .method = METHOD, .payload = bytes, .length = length, .item_count = item_count};
    netipc_status status = netipc_client_call(client, &request);
    if (status == NETIPC_OK) {
        assert_int_equal(request.answer_length, length);
        if (length > 0)
            assert_memory_equal(request.answer, bytes, length);
    }
    return status;
}

int teardown(void **state)
{
    netipc_client_close(client);
    netipc_server_close(server);
    client = NULL;
    server = NULL;
    return scene_close(state);
}

netipc_session_config session_config(const struct scene *scene, const char *service, uint32_t checksum)
{
    netipc_session_config config;
    netipc_session_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = service;
    config.token = SCENE_TOKEN;
    config.max_request_payload = config.max_response_payload = PAYLOAD_MAX;
    config.checksum = checksum;
    return config;
}

void await_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, (int)slow_ms(20000)), 1);
}

netipc_status advance(netipc_session *session)
{
    netipc_status status;
    while ((status = netipc_session_advance(session)) == NETIPC_WOULD_BLOCK)
        await_readable(netipc_session_fd(session));
    return status;
}

void meet(netipc_listener *listener, const netipc_session_config *calls, netipc_status *caller, netipc_status *answerer)
{
    assert_int_equal(netipc_session_connect(calls, &calling), NETIPC_WOULD_BLOCK);
    await_readable(netipc_listener_fd(listener));
    assert_int_equal(netipc_listener_accept(listener, &answering), NETIPC_OK);
    *answerer = advance(answering);
    *caller = advance(calling);
}

void part(void)
{
    netipc_session_close(calling);
    netipc_session_close(answering);
    calling = answering = NULL;
}

netipc_status send_over(netipc_session *from, netipc_session *to, uint32_t kind, size_t length)
{
    netipc_status status;
    netipc_message message = {.size = sizeof message,
                              .kind = kind,
                              .method = METHOD,
                              .item_count = 1,
                              .id = 3,
                              .payload = bytes,
                              .length = length};
    assert_int_equal(netipc_session_send(from, &message), NETIPC_OK);
    message = (netipc_message){.size = sizeof message};
    while ((status = netipc_session_receive(to, &message)) == NETIPC_WOULD_BLOCK) {
        (void)netipc_session_advance(from);
        struct pollfd polled = {.fd = netipc_session_fd(to), .events = POLLIN};
        (void)poll(&polled, 1, 10);
    }
    if (status == NETIPC_OK) {
        assert_int_equal(message.length, length);
        assert_memory_equal(message.payload, bytes, length);
    }
    return status;
}

netipc_publisher *open_publisher(const struct scene *scene, uint32_t checksum)
{
    netipc_publisher *publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.checksum = checksum;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, bytes, 1000, NULL), NETIPC_OK);
    return publisher;
}

netipc_subscriber *follow(const struct scene *scene, const char *service, uint32_t checksum, netipc_status *status)
{
    netipc_subscriber_config config = subscriber_config(scene);
    config.service = service;
    config.checksum = checksum;
    return open_subscriber(&config, status);
}

uint32_t checksum_of(netipc_subscriber *subscriber)
{
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    return info.checksum;
}
