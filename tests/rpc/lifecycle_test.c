/* SPDX-License-Identifier: Apache-2.0 */
/* What may be called when; several services; a caller's loop; forked children; draining. */
#include "control/chunks.h"
#include "shm/atomics.h"
#include "tests/rpc/serve.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- before and after start --- */

static netipc_server *open_server(const struct scene *scene, uint32_t loop)
{
    netipc_server *server;
    netipc_server_config config = rpc_server_config(scene);
    config.loop = loop;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    return server;
}

static void services_are_fixed_once_the_server_has_started(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = open_server(scene, NETIPC_LOOP_OWN_THREAD);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    netipc_service_info info = {.size = sizeof info};
    assert_int_equal(netipc_server_drain(server, 0), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_server_stats(server, SCENE_SERVICE, &info), NETIPC_NOT_FOUND);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_ADDRESS_IN_USE);
    /* Whoever connects now waits. */
    int socket = raw_connect(scene);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    unsigned char packet[256];
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive(socket, packet, sizeof packet, 100), RAW_SILENCE);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    service.service = "late";
    assert_int_equal(netipc_server_add(server, &service), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_server_start(server), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_server_fd(server), -1);
    assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_WRONG_STATE);
    rpc_ask_number(socket, 1, 1);
    rpc_expect_number(socket, 1, 2);
    close(socket);
    netipc_server_close(server);
    assert_int_equal(access(scene->socket_path, F_OK), -1);
}

struct watcher {
    netipc_server *server;
    netipc_atomic_u32 seen, over;
};

static void *watch_statistics(void *context)
{
    struct watcher *watcher = context;
    while (netipc_load(&watcher->over, acquire) == 0) {
        netipc_service_info info = {.size = sizeof info};
        if (netipc_server_stats(watcher->server, "added-7", &info) == NETIPC_OK && info.sessions == 0)
            netipc_store(&watcher->seen, 1, release);
    }
    return NULL;
}

/* A race detector sees more of this. */
static void another_thread_reads_statistics_while_services_are_added(void **state)
{
    enum { SERVICES = 8 };
    struct watcher watcher = {.server = open_server(*state, NETIPC_LOOP_OWN_THREAD)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, watch_statistics, &watcher), 0);
    for (int i = 0; i < SERVICES; i++) {
        char name[32];
        snprintf(name, sizeof name, "added-%d", i);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
        service.service = name;
        assert_int_equal(netipc_server_add(watcher.server, &service), NETIPC_OK);
    }
    assert_int_equal(netipc_server_start(watcher.server), NETIPC_OK);
    for (uint64_t end = now_ms() + slow_ms(5000); netipc_load(&watcher.seen, acquire) == 0; pause_ms(1))
        assert_true(now_ms() < end);
    netipc_store(&watcher.over, 1, release);
    assert_int_equal(pthread_join(thread, NULL), 0);
    netipc_server_close(watcher.server);
}

static void a_server_that_never_started_can_be_closed(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = open_server(scene, NETIPC_LOOP_OWN_THREAD);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    netipc_server_close(server);
    assert_int_equal(access(scene->socket_path, F_OK), -1);
    server = open_server(scene, NETIPC_LOOP_OWN_THREAD);
    assert_int_equal(netipc_server_start(server), NETIPC_OK); /* of nothing */
    assert_int_equal(netipc_server_drain(server, rpc_ns(5000)), NETIPC_OK);
    netipc_server_close(server);
    netipc_server_close(NULL);
    assert_int_equal(netipc_server_start(NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_server_add(NULL, &service), NETIPC_INVALID_ARGUMENT);
}

/* --- the end --- */

/* A client of the published library takes a reset for the end, and would never see what was sent before. */
static void answers_come_before_the_end_though_the_server_leaves_requests_unread(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server;
    netipc_server_config config = rpc_server_config(scene);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    config.loop = NETIPC_LOOP_CALLER;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    for (unsigned turns = 0; turns < 4; turns++)
        assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    rpc_ask_number(socket, 1, 1);
    raw_send_request(socket, NETIPC_METHOD_INCREMENT, 2, 3); /* cannot be decoded: the last that is answered */
    for (uint64_t id = 3; id < 40; id++)
        rpc_ask_number(socket, id, id);
    for (unsigned turns = 0; turns < 4; turns++)
        assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    unsigned char packet[256];
    assert_int_equal(recv(socket, packet, sizeof packet, MSG_DONTWAIT), NETIPC_WIRE_ENVELOPE_SIZE + sizeof(uint64_t));
    assert_int_equal(recv(socket, packet, sizeof packet, MSG_DONTWAIT), NETIPC_WIRE_ENVELOPE_SIZE);
    assert_int_equal(recv(socket, packet, sizeof packet, MSG_DONTWAIT), 0);
    close(socket);
    netipc_server_close(server);
}

/* --- several services --- */

enum { SERVICES = 5 };

static netipc_status add_context(void *context, const netipc_request *request, netipc_answer *answer)
{
    uint64_t number;
    if (netipc_increment_decode(request->payload, request->length, &number) != NETIPC_OK)
        return NETIPC_CORRUPT;
    number += *(const uint64_t *)context;
    return netipc_answer_write(answer, &number, sizeof number);
}

static int open_service(const struct scene *scene, const char *name)
{
    char path[128];
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    snprintf(path, sizeof path, "%s/%s.sock", scene->run_dir, name);
    int socket = raw_connect_to(path);
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    assert_int_equal(ack.session_id, 1); /* each service counts its own */
    return socket;
}

static void several_services_of_one_server_have_methods_limits_and_counters_of_their_own(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        static const char *const names[SERVICES] = {"a", "b", "c", "d", "e"};
        static const uint64_t sums[SERVICES] = {1, 10, 100, 1000, 10000};
        netipc_server *server;
        netipc_server_config config = rpc_server_config(scene);
        config.workers = workers;
        int sockets[SERVICES];
        assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
        for (uint32_t i = 0; i < SERVICES; i++) {
            netipc_service_config service = rpc_service_config(100 + i, add_context, (void *)(uintptr_t)&sums[i]);
            service.service = names[i];
            service.max_sessions = 1;
            assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
        }
        assert_int_equal(netipc_server_start(server), NETIPC_OK);
        for (uint32_t i = 0; i < SERVICES; i++)
            sockets[i] = open_service(scene, names[i]);
        for (uint32_t i = 0; i < SERVICES; i++) {
            const uint64_t number = 7, sum = 7 + sums[i];
            struct netipc_envelope request = rpc_request((uint16_t)(100 + i), 1, sizeof number);
            struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof sum);
            for (uint32_t times = 0; times <= i; times++) {
                raw_send_message(sockets[i], &request, &number, sizeof number);
                rpc_expect(sockets[i], &response, &sum);
            }
            struct netipc_envelope other = rpc_request((uint16_t)(100 + (i + 1) % SERVICES), 2, sizeof number);
            raw_send_message(sockets[i], &other, &number, sizeof number);
            rpc_expect_status(sockets[i], &other, NETIPC_TRANSPORT_UNSUPPORTED);
            netipc_service_info info = {.size = sizeof info};
            assert_int_equal(netipc_server_stats(server, names[i], &info), NETIPC_OK);
            assert_int_equal(info.requests, i + 2);
            assert_int_equal(info.items, i + 1);
            assert_int_equal(info.failures, 1);
            assert_int_equal(info.sessions, 1);
        }
        netipc_service_info info = {.size = sizeof info};
        assert_int_equal(netipc_server_stats(server, "f", &info), NETIPC_NOT_FOUND);
        assert_int_equal(netipc_server_stats(server, NULL, &info), NETIPC_NOT_FOUND);
        for (uint32_t i = 0; i < SERVICES; i++)
            close(sockets[i]);
        netipc_server_close(server);
    }
}

/* --- a caller's loop --- */

static void dispatch_until_readable(netipc_server *server, int socket)
{
    struct pollfd polled[2] = {{.fd = netipc_server_fd(server), .events = POLLIN}, {.fd = socket, .events = POLLIN}};
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end;) {
        assert_true(poll(polled, 2, (int)slow_ms(5000)) > 0);
        if (polled[0].revents != 0)
            assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
        if (polled[1].revents != 0)
            return;
    }
    fail_msg("no answer");
}

static void a_callers_loop_serves_and_is_told_of_what_workers_have_done(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        netipc_server *server;
        netipc_server_config config = rpc_server_config(scene);
        config.loop = NETIPC_LOOP_CALLER;
        config.workers = workers;
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
        assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
        assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
        assert_int_equal(netipc_server_start(server), NETIPC_OK);
        struct netipc_hello hello = rpc_hello();
        struct netipc_hello_ack ack;
        int socket = raw_connect(scene);
        raw_send_hello(socket, &hello);
        dispatch_until_readable(server, socket);
        assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
        for (uint64_t i = 0; i < 20; i++) {
            rpc_ask_number(socket, i, i);
            dispatch_until_readable(server, socket);
            rpc_expect_number(socket, i, i + 1);
        }
        struct pollfd polled = {.fd = netipc_server_fd(server), .events = POLLIN};
        uint64_t end = now_ms() + slow_ms(5000);
        while (poll(&polled, 1, 20) != 0) { /* a wake-up may be left */
            assert_true(now_ms() < end);
            assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
        }
        uint64_t start = now_ms();
        assert_int_equal(netipc_server_dispatch(server, 50000000), NETIPC_OK);
        assert_true(now_ms() - start >= 49);
        assert_int_equal(netipc_server_drain(server, rpc_ns(5000)), NETIPC_OK);
        close(socket);
        netipc_server_close(server);
    }
}

/* --- fork --- */

static int use_in_child(void *context)
{
    netipc_server *server = context;
    netipc_service_info info = {.size = sizeof info};
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    service.service = "forked";
    bool right = netipc_server_add(server, &service) == NETIPC_FORKED && netipc_server_start(server) == NETIPC_FORKED &&
                 netipc_server_drain(server, 0) == NETIPC_FORKED &&
                 netipc_server_dispatch(server, 0) == NETIPC_FORKED && netipc_server_fd(server) == -1 &&
                 netipc_server_stats(server, SCENE_SERVICE, &info) == NETIPC_FORKED;
    netipc_server_close(server);
    return right ? 0 : 1;
}

static void a_forked_childs_copy_is_dead_and_its_close_leaves_the_parents_service_alone(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        struct rpc_gate gate;
        rpc_gate_init(&gate);
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
        netipc_server *server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        if (workers > 0) { /* also with a request under way */
            rpc_ask_number(socket, 1, 1);
            assert_true(rpc_gate_has(&gate, 1));
        }
        assert_int_equal(wait_child(start_child(use_in_child, server), slow_ms(10000)), 0);
        rpc_ask_number(socket, 2, 2);
        rpc_expect_number(socket, 2, 3);
        rpc_gate_open(&gate);
        if (workers > 0)
            rpc_expect_number(socket, 1, 2);
        rpc_expect_service(scene);
        close(socket);
        netipc_server_close(server);
    }
}

/* --- draining --- */

struct draining {
    netipc_server *server;
    unsigned ms;
    netipc_status status;
};

static void *drain(void *context)
{
    struct draining *draining = context;
    draining->status = netipc_server_drain(draining->server, rpc_ns(draining->ms));
    return NULL;
}

static void draining_takes_nothing_new_and_waits_for_what_runs(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    rpc_gate_init(&gate);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
    netipc_server *server = rpc_serve(scene, &service, 4);
    int one = rpc_open(scene), other = rpc_open(scene), half = rpc_open(scene);
    rpc_ask_number(one, 1, 1);
    rpc_ask_number(one, 2, 3);
    struct netipc_envelope announced = rpc_request(NETIPC_METHOD_INCREMENT, 1, 8);
    raw_send_message(half, &announced, NULL, 0); /* not taken: it is not there */
    assert_true(rpc_gate_has(&gate, 2));
    int early = raw_connect(scene);
    assert_true(rpc_sessions_become(server, 4));
    assert_int_equal(netipc_server_drain(server, rpc_ns(100)), NETIPC_TIMED_OUT);
    assert_string_not_equal(netipc_status_detail(), "");
    /* No new request, no new session: who comes is told at once. */
    unsigned char packet[256];
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    int late[3];
    for (uint64_t i = 0; i < 3; i++) {
        late[i] = i == 0 ? early : raw_connect(scene);
        raw_send_hello(late[i], &hello);
        assert_int_equal(raw_receive_ack(late[i], &ack), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        raw_expect_closed(late[i]);
        assert_int_equal(rpc_info(server).refused_busy, i + 1);
    }
    rpc_ask_number(other, 1, 2);
    assert_int_equal(raw_receive(other, packet, sizeof packet, 100), RAW_SILENCE);
    assert_int_equal(rpc_info(server).requests, 2);
    assert_int_equal(rpc_info(server).sessions_total, 4);
    struct draining draining = {.server = server, .ms = 10000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain, &draining), 0);
    pause_ms(20);
    rpc_gate_open(&gate);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(draining.status, NETIPC_OK);
    /* They are answered when it returns. */
    for (int i = 0; i < 2; i++)
        assert_int_equal(raw_receive(one, packet, sizeof packet, 0), 40);
    assert_int_equal(rpc_info(server).answers, 2);
    /* Until it is closed there is somebody who says so. */
    int last = raw_connect(scene);
    raw_send_hello(last, &hello);
    assert_int_equal(raw_receive_ack(last, &ack), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    netipc_server_close(server);
    raw_expect_closed(one);
    raw_expect_closed(other);
    raw_expect_closed(last);
    close(one);
    close(other);
    close(half);
    close(last);
    for (int i = 0; i < 3; i++)
        close(late[i]);
}

static void draining_waits_until_the_queues_are_empty(void **state)
{
    const struct scene *scene = *state;
    enum { LENGTH = 1000000 };
    static unsigned char packet[1 << 18];
    static char payload[LENGTH];
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_echo, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    hello.max_request_payload_bytes = hello.max_response_payload_bytes = LENGTH;
    int socket = rpc_open_with(scene, &hello, &ack);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, LENGTH);
    raw_send_message(socket, &request, payload, 65536 - 32);
    for (uint32_t index = 1, sent = 65536 - 32; sent < LENGTH; index++) {
        struct netipc_envelope header;
        uint32_t offset, length;
        netipc_chunk_at(&request, 65536, index, (unsigned char *)&header, &offset, &length);
        raw_send_message(socket, &header, payload + offset, length);
        sent += length;
    }
    uint64_t end = now_ms() + slow_ms(5000);
    while (rpc_info(server).answers < 1)
        assert_true(now_ms() < end);
    assert_int_equal(netipc_server_drain(server, rpc_ns(100)), NETIPC_TIMED_OUT);
    struct draining draining = {.server = server, .ms = 10000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, drain, &draining), 0);
    for (uint32_t got = 0; got < LENGTH;) {
        int size = raw_receive(socket, packet, sizeof packet, slow_ms(5000));
        assert_in_range(size, 33, 65536);
        got += (uint32_t)size - 32;
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(draining.status, NETIPC_OK);
    close(socket);
    netipc_server_close(server);
}

static void draining_does_not_wait_for_who_has_left_longer_than_its_handler_runs(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    rpc_gate_init(&gate);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
    netipc_server *server = rpc_serve(scene, &service, 1);
    int socket = rpc_open(scene);
    rpc_ask_number(socket, 1, 1);
    assert_true(rpc_gate_has(&gate, 1));
    close(socket);
    assert_true(rpc_sessions_become(server, 0));
    assert_int_equal(netipc_server_drain(server, rpc_ns(50)), NETIPC_TIMED_OUT);
    rpc_gate_open(&gate);
    assert_int_equal(netipc_server_drain(server, rpc_ns(5000)), NETIPC_OK);
    assert_int_equal(netipc_server_drain(server, 0), NETIPC_OK);
    netipc_server_close(server);
}

#define living(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        living(services_are_fixed_once_the_server_has_started),
        living(another_thread_reads_statistics_while_services_are_added),
        living(a_server_that_never_started_can_be_closed),
        living(answers_come_before_the_end_though_the_server_leaves_requests_unread),
        living(several_services_of_one_server_have_methods_limits_and_counters_of_their_own),
        living(a_callers_loop_serves_and_is_told_of_what_workers_have_done),
        living(a_forked_childs_copy_is_dead_and_its_close_leaves_the_parents_service_alone),
        living(draining_takes_nothing_new_and_waits_for_what_runs),
        living(draining_waits_until_the_queues_are_empty),
        living(draining_does_not_wait_for_who_has_left_longer_than_its_handler_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
