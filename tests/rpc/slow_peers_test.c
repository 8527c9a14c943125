/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that say nothing, half of it, or do not listen: each is ended by a deadline of its own and holds up nobody. */
#include "control/chunks.h"
#include "tests/rpc/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 600, NEVER_MS = 3600 * 1000 };

static bool has_hung_up(int socket, unsigned ms)
{
    struct pollfd polled = {.fd = socket};
    return poll(&polled, 1, (int)ms) == 1 && (polled.revents & POLLHUP);
}

static netipc_service_config patient(netipc_handler handler, void *context)
{
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, handler, context);
    service.handshake_timeout_ns = service.read_timeout_ns = service.write_timeout_ns = rpc_ns(NEVER_MS);
    return service;
}

/* Ended at its deadline and not before, with others served all the while. */
static void expect_ended_in_time(const struct scene *scene, const netipc_server *server, int socket, uint64_t start)
{
    while (!has_hung_up(socket, 0)) {
        assert_in_range(now_ms() - start, 0, slow_ms(DEADLINE_MS * 10));
        rpc_expect_service(scene);
        pause_ms(5);
    }
    assert_true(now_ms() - start >= slow_ms(DEADLINE_MS) - 50);
    assert_true(rpc_sessions_become(server, 0));
    assert_int_equal(rpc_info(server).timed_out, 1);
    assert_int_equal(rpc_info(server).broken, 0);
}

static void who_is_silent_before_hello_is_ended_at_the_handshake_timeout(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = patient(rpc_increment, NULL);
    service.handshake_timeout_ns = rpc_ns(DEADLINE_MS);
    netipc_server *server = rpc_serve(scene, &service, 0);
    uint64_t start = now_ms();
    int socket = raw_connect(scene);
    expect_ended_in_time(scene, server, socket, start);
    close(socket);
    netipc_server_close(server);
}

static void who_sends_the_first_chunk_and_stops_is_ended_at_the_read_timeout(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        netipc_service_config service = patient(rpc_echo, NULL);
        service.read_timeout_ns = rpc_ns(DEADLINE_MS);
        service.handler = rpc_increment;
        netipc_server *server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, 1000);
        const uint64_t number = 1;
        uint64_t start = now_ms();
        raw_send_message(socket, &request, &number, sizeof number);
        expect_ended_in_time(scene, server, socket, start);
        close(socket);
        netipc_server_close(server);
    }
}

/* A number waits at the gate, and the answer is much more than what was asked. */
static const unsigned char much[60000];

static netipc_status gated_much(void *gate, const netipc_request *request, netipc_answer *answer)
{
    if (request->length != sizeof(uint64_t))
        return rpc_echo(NULL, request, answer);
    netipc_status status = rpc_gated(gate, request, answer);
    return status == NETIPC_OK ? netipc_answer_write(answer, much, sizeof much) : status;
}

/* Until answers that wait have filled the queue, nothing more of a request that has begun to come can be read: that
 * time is not the peer's. What is left of it is, once the answers have gone. */
static void the_read_timeout_stands_still_while_answers_keep_a_request_from_being_read(void **state)
{
    enum { ASKED = 15, TWO_PACKETS = 16, SMALL_PACKET = NETIPC_WIRE_ENVELOPE_SIZE + 8 };
    static unsigned char packet[sizeof much + NETIPC_WIRE_ENVELOPE_SIZE];
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, ASKED, TWO_PACKETS), chunk;
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, TWO_PACKETS);
    uint32_t offset, length;
    netipc_chunk_at(&request, SMALL_PACKET, 1, (unsigned char *)&chunk, &offset, &length);
    const struct scene *scene = *state;
    for (unsigned goes_on = 0; goes_on < 2; goes_on++) {
        struct rpc_gate gate;
        rpc_gate_init(&gate);
        netipc_service_config service = patient(gated_much, &gate);
        service.read_timeout_ns = rpc_ns(DEADLINE_MS / 2);
        netipc_server *server = rpc_serve(scene, &service, 1);
        int socket = rpc_open(scene);
        for (uint64_t id = 0; id < ASKED; id++)
            rpc_ask_number(socket, id, 1);
        raw_send_message(socket, &request, "sixteen ", offset);
        assert_true(rpc_gate_has(&gate, 1));
        pause_ms(20); /* the packet is taken meanwhile; if not, there is nothing to be seen */
        rpc_gate_open(&gate);
        pause_ms(slow_ms(DEADLINE_MS));
        assert_int_equal(rpc_info(server).timed_out, 0);
        for (uint64_t id = 0; id < ASKED; id++)
            assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), sizeof packet);
        if (goes_on != 0) {
            raw_send_message(socket, &chunk, "of them ", length);
            rpc_expect(socket, &response, "sixteen of them ");
        } else {
            raw_expect_closed(socket);
            assert_int_equal(rpc_info(server).timed_out, 1);
        }
        close(socket);
        netipc_server_close(server);
    }
}

/* Asks and reads no answer until neither direction takes any more. The requests that were sent. */
static uint64_t ask_without_reading(int socket, const void *payload, size_t length)
{
    struct {
        struct netipc_envelope envelope;
        unsigned char payload[RPC_REQUEST_MAX];
    } request = {.envelope = rpc_request(NETIPC_METHOD_INCREMENT, 0, length)};
    memcpy(request.payload, payload, length);
    for (unsigned refused = 0; refused < 50;) {
        if (send(socket, &request, sizeof request.envelope + length, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
            request.envelope.message_id++;
            refused = 0;
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        refused++;
        pause_ms(2);
    }
    return request.envelope.message_id;
}

static const unsigned char page[RPC_REQUEST_MAX];

static void who_never_reads_is_not_read_from_and_ended_at_the_write_timeout(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 4; workers += 2) {
        netipc_service_config service = patient(rpc_echo, NULL);
        service.write_timeout_ns = rpc_ns(DEADLINE_MS);
        netipc_server *server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        uint64_t start = now_ms(), asked = ask_without_reading(socket, page, sizeof page);
        netipc_service_info info = rpc_info(server);
        assert_true(info.requests < asked); /* the others wait in the socket */
        /* Its queue has room for one largest answer, and so may have taken several small ones; the socket, its own. */
        assert_in_range(info.requests - info.answers, 0, 16);
        uint64_t taken = info.requests;
        pause_ms(50);
        assert_int_equal(rpc_info(server).requests, taken);
        assert_in_range(info.bytes_out, 1, 1000000);
        int other = rpc_open(scene);
        struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, 4);
        struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, 4);
        while (!has_hung_up(socket, 0)) {
            assert_in_range(now_ms() - start, 0, slow_ms(DEADLINE_MS * 10));
            raw_send_message(other, &request, "echo", 4);
            rpc_expect(other, &response, "echo");
            pause_ms(2);
        }
        assert_true(rpc_sessions_become(server, 1));
        assert_int_equal(rpc_info(server).timed_out, 1);
        close(other);
        close(socket);
        netipc_server_close(server);
    }
}

static void who_reads_late_gets_every_answer(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 4; workers += 2) {
        netipc_service_config service = patient(rpc_echo, NULL);
        netipc_server *server = rpc_serve(scene, &service, workers);
        int socket = rpc_open(scene);
        uint64_t asked = ask_without_reading(socket, page, sizeof page);
        bool *answered = calloc(asked, sizeof *answered);
        assert_non_null(answered);
        assert_int_equal(shutdown(socket, SHUT_WR), 0); /* and it may have said that this is all */
        for (uint64_t i = 0; i < asked; i++) {
            static struct {
                struct netipc_envelope envelope;
                unsigned char payload[RPC_REQUEST_MAX];
            } answer;
            assert_int_equal(raw_receive(socket, &answer, sizeof answer, slow_ms(5000)), sizeof answer);
            assert_true(answer.envelope.message_id < asked && !answered[answer.envelope.message_id]);
            answered[answer.envelope.message_id] = true;
            if (i % 16 == 0)
                pause_ms(1);
        }
        free(answered);
        netipc_service_info info = rpc_info(server);
        assert_int_equal(info.requests, asked);
        assert_int_equal(info.answers, asked);
        assert_int_equal(info.timed_out, 0);
        close(socket);
        netipc_server_close(server);
    }
}

/* A failing answer behind a full queue comes, too, before the end. */
static void a_refusal_behind_answers_that_wait_arrives(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = patient(rpc_echo, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    int socket = rpc_open(scene);
    uint64_t asked = ask_without_reading(socket, page, sizeof page);
    static unsigned char packet[RPC_REQUEST_MAX + 64];
    for (uint64_t i = 0; i < asked; i++) {
        assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), 32 + RPC_REQUEST_MAX);
        if (i + 1 == asked / 2) { /* now that there is room */
            static const unsigned char large[RPC_REQUEST_MAX + 1];
            struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, asked, sizeof large);
            raw_send_message(socket, &request, large, sizeof large);
        }
    }
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, asked, 0);
    rpc_expect_status(socket, &request, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    raw_expect_closed(socket);
    close(socket);
    netipc_server_close(server);
}

static void who_asks_nothing_is_ended_at_the_idle_timeout_and_who_asks_is_not(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = patient(rpc_increment, NULL);
    service.idle_timeout_ns = rpc_ns(DEADLINE_MS);
    netipc_server *server = rpc_serve(scene, &service, 0);
    uint64_t start = now_ms();
    int idle = rpc_open(scene), busy = rpc_open(scene);
    for (uint64_t id = 0; !has_hung_up(idle, 0); id++) {
        assert_in_range(now_ms() - start, 0, slow_ms(DEADLINE_MS * 10));
        rpc_ask_number(busy, id, id);
        rpc_expect_number(busy, id, id + 1);
        pause_ms(5);
    }
    assert_true(now_ms() - start >= slow_ms(DEADLINE_MS) - 50);
    assert_int_equal(rpc_info(server).sessions, 1);
    assert_int_equal(rpc_info(server).timed_out, 1);
    start = now_ms();
    assert_true(has_hung_up(busy, slow_ms(DEADLINE_MS * 10)));
    assert_true(now_ms() - start >= slow_ms(DEADLINE_MS) - 100);
    close(idle);
    close(busy);
    netipc_server_close(server);
}

/* However long it runs, comes or leaves. */
static void a_session_with_a_request_under_way_is_not_idle(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    rpc_gate_init(&gate);
    netipc_service_config service = patient(rpc_gated, &gate);
    service.idle_timeout_ns = rpc_ns(DEADLINE_MS / 2);
    netipc_server *server = rpc_serve(scene, &service, 2);
    int running = rpc_open(scene), coming = rpc_open(scene), leaving = rpc_open(scene);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, 1000);
    const uint64_t number = 2;
    rpc_ask_number(running, 1, 1);
    rpc_ask_number(running, 2, 2); /* answered at once: its time begins, and does not count */
    rpc_expect_number(running, 2, 3);
    raw_send_message(coming, &request, &number, sizeof number);
    ask_without_reading(leaving, &number, sizeof number);
    pause_ms(slow_ms(DEADLINE_MS));
    assert_int_equal(rpc_info(server).timed_out, 0);
    assert_int_equal(rpc_info(server).sessions, 3);
    rpc_gate_open(&gate);
    rpc_expect_number(running, 1, 2);
    rpc_ask_number(running, 3, 4); /* and its time began anew */
    rpc_expect_number(running, 3, 5);
    assert_true(has_hung_up(running, slow_ms(DEADLINE_MS * 10)));
    assert_int_equal(rpc_info(server).timed_out, 1);
    close(running);
    close(coming);
    close(leaving);
    netipc_server_close(server);
}

#define slowly(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        slowly(who_is_silent_before_hello_is_ended_at_the_handshake_timeout),
        slowly(who_sends_the_first_chunk_and_stops_is_ended_at_the_read_timeout),
        slowly(the_read_timeout_stands_still_while_answers_keep_a_request_from_being_read),
        slowly(who_never_reads_is_not_read_from_and_ended_at_the_write_timeout),
        slowly(who_reads_late_gets_every_answer),
        slowly(a_refusal_behind_answers_that_wait_arrives),
        slowly(who_asks_nothing_is_ended_at_the_idle_timeout_and_who_asks_is_not),
        slowly(a_session_with_a_request_under_way_is_not_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
