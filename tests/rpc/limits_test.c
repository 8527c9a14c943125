/* SPDX-License-Identifier: Apache-2.0 */
/* Exactly the most of everything passes, and one more is refused with the limit's own status. */
#include "control/chunks.h"
#include "tests/rpc/serve.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ENVELOPE = NETIPC_WIRE_ENVELOPE_SIZE };

static uint16_t refusal_of(const struct scene *scene, const struct netipc_hello *hello)
{
    struct netipc_hello_ack ack;
    int socket = raw_connect(scene);
    raw_send_hello(socket, hello);
    uint16_t status = raw_receive_ack(socket, &ack);
    if (status != NETIPC_TRANSPORT_OK)
        raw_expect_closed(socket);
    close(socket);
    return status;
}

static void the_session_over_the_limit_is_told_busy_at_once(void **state)
{
    const struct scene *scene = *state;
    enum { SESSIONS = 16 }; /* the default */
    netipc_server *server = rpc_serve_increment(scene, 0);
    struct netipc_hello hello = rpc_hello();
    int sockets[SESSIONS];
    for (int i = 0; i < SESSIONS; i++)
        sockets[i] = rpc_open(scene);
    for (uint64_t i = 1; i <= 3; i++) {
        uint64_t start = now_ms();
        assert_int_equal(refusal_of(scene, &hello), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        assert_in_range(now_ms() - start, 0, slow_ms(1000));
        assert_int_equal(rpc_info(server).refused_busy, i);
    }
    assert_int_equal(rpc_info(server).sessions, SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        rpc_ask_number(sockets[i], 1, 5);
        rpc_expect_number(sockets[i], 1, 6);
    }
    close(sockets[3]);
    assert_true(rpc_sessions_become(server, SESSIONS - 1));
    sockets[3] = rpc_open(scene);
    assert_int_equal(refusal_of(scene, &hello), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    for (int i = 0; i < SESSIONS; i++)
        close(sockets[i]);
    netipc_server_close(server);
}

/* However the two events are ordered in a turn of the loop: a client that reconnects must find its own place free. */
static void who_comes_to_a_full_service_finds_the_place_of_who_has_just_left(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server;
    netipc_server_config config = rpc_server_config(scene);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    config.loop = NETIPC_LOOP_CALLER;
    service.max_sessions = 1;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    for (unsigned order = 0; order < 8; order++) {
        int first = raw_connect(scene), second = -1;
        raw_send_hello(first, &hello);
        assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK); /* accepted */
        for (unsigned turns = 0; turns < order / 2; turns++)
            assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
        if (order % 2 == 0)
            close(first);
        second = raw_connect(scene);
        raw_send_hello(second, &hello);
        if (order % 2 == 1)
            close(first);
        for (unsigned turns = 0; turns < 8; turns++)
            assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
        assert_int_equal(raw_receive_ack(second, &ack), NETIPC_TRANSPORT_OK);
        close(second);
        for (unsigned turns = 0; turns < 8; turns++)
            assert_int_equal(netipc_server_dispatch(server, 0), NETIPC_OK);
    }
    assert_int_equal(rpc_info(server).refused_busy, 0);
    netipc_server_close(server);
}

static netipc_status answer_unwritten(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    if (request->length > 0)
        return netipc_answer_write(answer, request->payload, request->length);
    return netipc_answer_set_length(answer, 8); /* its memory has served other sessions */
}

static void a_handler_that_makes_no_room_answers_with_no_bytes_of_another_session(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, answer_unwritten, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    int first = rpc_open(scene), second = rpc_open(scene);
    struct netipc_envelope secret = rpc_request(NETIPC_METHOD_INCREMENT, 1, 8);
    struct netipc_envelope response = rpc_response(&secret, NETIPC_TRANSPORT_OK, 8);
    struct netipc_envelope empty = rpc_request(NETIPC_METHOD_INCREMENT, 2, 0);
    raw_send_message(first, &secret, "a secret", 8);
    rpc_expect(first, &response, "a secret");
    raw_send_message(second, &empty, NULL, 0);
    rpc_expect_status(second, &empty, NETIPC_TRANSPORT_INTERNAL_ERROR);
    close(first);
    close(second);
    netipc_server_close(server);
}

/* The published library's clients double theirs up to 1 MiB. */
static void the_default_ceilings_are_those_of_the_published_library(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    hello.max_request_payload_bytes = hello.max_response_payload_bytes = 1 << 20;
    close(rpc_open_with(scene, &hello, &ack));
    assert_int_equal(ack.max_request_payload_bytes, 1 << 20);
    assert_int_equal(ack.max_response_payload_bytes, 1 << 20);
    hello.max_request_payload_bytes++;
    assert_int_equal(refusal_of(scene, &hello), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    netipc_server_close(server);
}

static void a_client_gets_the_request_ceiling_that_it_asks_for_up_to_the_services(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    service.max_request_payload = 5000;
    netipc_server *server = rpc_serve(scene, &service, 0);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    hello.max_request_payload_bytes = 5000;
    close(rpc_open_with(scene, &hello, &ack));
    assert_int_equal(ack.max_request_payload_bytes, 5000);
    hello.max_request_payload_bytes = 5001;
    assert_int_equal(refusal_of(scene, &hello), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    hello.max_request_payload_bytes = UINT32_MAX;
    assert_int_equal(refusal_of(scene, &hello), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    assert_int_equal(rpc_info(server).refused_other, 2);
    assert_int_equal(rpc_info(server).refused_busy, 0);
    netipc_server_close(server);
}

/* In packets of that size. */
static void ask_echo(const struct scene *scene, uint32_t packet_size, uint32_t ceiling, uint32_t length)
{
    static unsigned char payload[8192];
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    hello.packet_size = packet_size;
    hello.max_request_payload_bytes = ceiling;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (unsigned char)(i * 3);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 3, length);
    int socket = rpc_open_with(scene, &hello, &ack);
    uint32_t room = packet_size - ENVELOPE, first = length < room ? length : room;
    raw_send_message(socket, &request, payload, first);
    for (uint32_t index = 1, sent = first; sent < length; index++) {
        struct netipc_envelope header;
        uint32_t offset, part;
        netipc_chunk_at(&request, packet_size, index, (unsigned char *)&header, &offset, &part);
        raw_send_message(socket, &header, payload + offset, part);
        sent += part;
    }
    if (length > ceiling) {
        rpc_expect_status(socket, &request, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        raw_expect_closed(socket);
        close(socket);
        return;
    }
    unsigned char packet[8192 + ENVELOPE];
    for (uint32_t got = 0; got < length;) {
        int size = raw_receive(socket, packet, sizeof packet, slow_ms(5000));
        assert_in_range(size, ENVELOPE + 1, packet_size);
        assert_memory_equal(packet + ENVELOPE, payload + got, (size_t)size - ENVELOPE);
        got += (uint32_t)size - ENVELOPE;
    }
    close(socket);
}

static void a_request_of_the_agreed_length_passes_and_one_byte_more_does_not(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_echo, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    static const uint32_t packet_sizes[] = {33, 100, 1000, 65536}, ceilings[] = {1, 63, 64, 65, 968, 4096};
    unsigned refused = 0;
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 6; j++, refused++) {
            ask_echo(scene, packet_sizes[i], ceilings[j], ceilings[j]);
            ask_echo(scene, packet_sizes[i], ceilings[j], ceilings[j] + 1);
        }
    netipc_service_info info = rpc_info(server);
    assert_int_equal(info.requests, 2 * refused);
    assert_int_equal(info.answers, 2 * refused);
    assert_int_equal(info.failures, refused);
    netipc_server_close(server);
}

static void ask_items(const struct scene *scene, const struct netipc_hello *hello, uint32_t items, bool allowed)
{
    unsigned char bytes[64 * 16], answer[64 * 16];
    struct netipc_hello_ack ack;
    netipc_batch_builder builder, answers;
    size_t length;
    int socket = rpc_open_with(scene, hello, &ack);
    assert_int_equal(ack.max_response_batch_items, ack.max_request_batch_items);
    assert_int_equal(netipc_batch_builder_init(&builder, items, bytes, sizeof bytes), NETIPC_OK);
    assert_int_equal(netipc_batch_builder_init(&answers, items, answer, sizeof answer), NETIPC_OK);
    for (uint64_t i = 0; i < items; i++) {
        const uint64_t next = i + 1;
        assert_int_equal(netipc_batch_builder_add(&builder, &i, sizeof i), NETIPC_OK);
        assert_int_equal(netipc_batch_builder_add(&answers, &next, sizeof next), NETIPC_OK);
    }
    assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 2, length);
    request.flags = NETIPC_ENVELOPE_BATCH;
    request.item_count = items;
    raw_send_message(socket, &request, bytes, length);
    if (allowed) {
        struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, length);
        rpc_expect(socket, &response, answer);
    } else {
        rpc_expect_status(socket, &request, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        raw_expect_closed(socket);
    }
    close(socket);
}

static void a_batch_of_the_agreed_items_passes_and_one_item_more_does_not(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    service.max_request_items = 20;
    netipc_server *server = rpc_serve(scene, &service, 0);
    struct netipc_hello hello = rpc_hello();
    static const uint32_t wanted[] = {1, 7, 20, 21, UINT32_MAX};
    for (size_t i = 0; i < 5; i++) {
        uint32_t agreed = wanted[i] < 20 ? wanted[i] : 20;
        hello.max_request_batch_items = wanted[i];
        hello.max_response_batch_items = 1; /* a hint that means nothing */
        ask_items(scene, &hello, agreed, true);
        ask_items(scene, &hello, agreed + 1, false);
    }
    hello.max_request_batch_items = 0;
    ask_items(scene, &hello, 1, false);
    netipc_server_close(server);
}

/* Answers with so many bytes as the number asked for. */
static netipc_status so_many(void *context, const netipc_request *request, netipc_answer *answer)
{
    uint64_t wanted;
    void *room;
    size_t capacity;
    (void)context;
    memcpy(&wanted, request->payload, sizeof wanted);
    netipc_status status = netipc_answer_room(answer, (size_t)wanted, &room, &capacity);
    if (status != NETIPC_OK)
        return status;
    memset(room, 'x', (size_t)wanted);
    return netipc_answer_set_length(answer, (size_t)wanted);
}

static void expect_granted(const struct scene *scene, uint32_t hint, uint32_t granted)
{
    static unsigned char expected[1 << 17];
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    memset(expected, 'x', sizeof expected);
    hello.max_response_payload_bytes = hint;
    hello.packet_size = UINT32_MAX;
    int socket = rpc_open_with(scene, &hello, &ack);
    assert_int_equal(ack.max_response_payload_bytes, granted);
    for (uint32_t more = 0; more < 2; more++) {
        uint64_t length = granted + more;
        struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, sizeof length);
        struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, granted);
        raw_send_message(socket, &request, &length, sizeof length);
        if (more == 0)
            rpc_expect(socket, &response, expected);
        else
            rpc_expect_status(socket, &request, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    }
    raw_expect_closed(socket);
    close(socket);
}

static void an_answer_of_the_granted_length_passes_and_one_byte_more_does_not(void **state)
{
    const struct scene *scene = *state;
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, so_many, NULL);
    service.response_payload = 1000;
    service.max_response_payload = 100000;
    for (uint32_t workers = 0; workers <= 1; workers++) {
        netipc_server *server = rpc_serve(scene, &service, workers);
        expect_granted(scene, 0, 1000);
        expect_granted(scene, 1001, 1001);
        expect_granted(scene, 100000, 100000);
        expect_granted(scene, 100001, 100000);
        expect_granted(scene, UINT32_MAX, 100000);
        assert_int_equal(rpc_info(server).failures, 5);
        netipc_server_close(server);
    }
}

/* The kernel takes somewhat less in one packet than the send buffer says. */
static void answers_longer_than_the_largest_packet_arrive(void **state)
{
    const struct scene *scene = *state;
    enum { LENGTH = 1000000 };
    static unsigned char packet[1 << 20];
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, so_many, NULL);
    netipc_server *server = rpc_serve(scene, &service, 0);
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    hello.packet_size = UINT32_MAX;
    hello.max_response_payload_bytes = LENGTH;
    int socket = rpc_open_with(scene, &hello, &ack);
    assert_in_range(ack.packet_size, 4096, LENGTH);
    const uint64_t wanted = LENGTH;
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, sizeof wanted);
    raw_send_message(socket, &request, &wanted, sizeof wanted);
    for (uint32_t got = 0; got < LENGTH;) {
        int size = raw_receive(socket, packet, sizeof packet, slow_ms(5000));
        assert_in_range(size, ENVELOPE + 1, ack.packet_size);
        got += (uint32_t)size - ENVELOPE;
        assert_true(got == LENGTH || size == (int)ack.packet_size);
    }
    close(socket);
    netipc_server_close(server);
}

static void no_more_requests_run_than_may_be_in_flight(void **state)
{
    const struct scene *scene = *state;
    struct rpc_gate gate;
    rpc_gate_init(&gate);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_gated, &gate);
    service.max_in_flight = 3;
    netipc_server *server = rpc_serve(scene, &service, 8);
    int one = rpc_open(scene), other = rpc_open(scene);
    for (uint64_t i = 0; i < 6; i++)
        rpc_ask_number(one, i, 2 * i + 1);
    assert_true(rpc_gate_has(&gate, 3));
    rpc_ask_number(other, 9, 1); /* each session has its own */
    assert_true(rpc_gate_has(&gate, 4));
    pause_ms(50);
    assert_true(rpc_gate_has(&gate, 4));
    assert_int_equal(rpc_info(server).requests, 4);
    rpc_gate_open(&gate);
    bool answered[6] = {false};
    for (int i = 0; i < 6; i++) {
        struct {
            struct netipc_envelope envelope;
            uint64_t number;
        } answer;
        assert_int_equal(raw_receive(one, &answer, sizeof answer, slow_ms(5000)), sizeof answer);
        assert_true(answer.envelope.message_id < 6 && !answered[answer.envelope.message_id]);
        assert_int_equal(answer.number, 2 * answer.envelope.message_id + 2);
        answered[answer.envelope.message_id] = true;
    }
    rpc_expect_number(other, 9, 2);
    assert_int_equal(gate.most, 4);
    close(one);
    close(other);
    netipc_server_close(server);
}

static void limits_outside_of_their_range_are_refused(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server;
    netipc_server_config config = rpc_server_config(scene);
    config.workers = NETIPC_WORKERS_MAX + 1;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_INVALID_ARGUMENT);
    assert_null(server);
    config.workers = 0;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
#define refused(member, value)                                                                                         \
    do {                                                                                                               \
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);              \
        service.member = (value);                                                                                      \
        assert_int_equal(netipc_server_add(server, &service), NETIPC_INVALID_ARGUMENT);                                \
        assert_string_not_equal(netipc_status_detail(), "");                                                           \
    } while (0)
    refused(method, 0);
    refused(method, 65536);
    refused(handler, NULL);
    refused(service, NULL);
    refused(service, "with/slash");
    refused(max_sessions, 0);
    refused(max_sessions, NETIPC_SESSIONS_MAX + 1);
    refused(max_request_payload, 0);
    refused(max_request_payload, NETIPC_PAYLOAD_MAX + 1);
    refused(max_request_items, 0);
    refused(max_request_items, NETIPC_BATCH_ITEMS_MAX + 1);
    refused(response_payload, 0);
    refused(max_response_payload, NETIPC_PAYLOAD_MAX + 1);
    refused(max_in_flight, 0);
    refused(max_in_flight, NETIPC_IN_FLIGHT_MAX + 1);
    refused(handshake_timeout_ns, 0);
    refused(read_timeout_ns, 0);
    refused(write_timeout_ns, 0);
#undef refused
    assert_int_equal(access(scene->socket_path, F_OK), -1);
    netipc_server_close(server);
}

/* --- no descriptors left --- */

struct starved {
    const struct scene *scene;
    int orders;
};

static int serve_starved(void *context)
{
    const struct starved *starved = context;
    static int occupied[256];
    int count = 0;
    char order;
    const struct rlimit limit = {128, 128};
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 1;
    netipc_server *server;
    netipc_server_config config = rpc_server_config(starved->scene);
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_increment, NULL);
    if (netipc_server_open(&config, &server) != NETIPC_OK || netipc_server_add(server, &service) != NETIPC_OK ||
        netipc_server_start(server) != NETIPC_OK)
        return 2;
    while ((occupied[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    if (write(starved->orders, "s", 1) != 1 || read(starved->orders, &order, 1) != 1)
        return 3;
    while (count > 0)
        close(occupied[--count]);
    if (read(starved->orders, &order, 1) != 1)
        return 4;
    netipc_service_info info = {.size = sizeof info};
    bool right = netipc_server_stats(server, SCENE_SERVICE, &info) == NETIPC_OK && info.sessions_total == 3 &&
                 info.requests == 3;
    netipc_server_close(server);
    return right ? 0 : 5;
}

static void a_server_without_descriptors_neither_spins_nor_forgets_who_waits(void **state)
{
    const struct scene *scene = *state;
    int pair[2], sockets[3];
    char started;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    struct starved starved = {scene, pair[1]};
    pid_t pid = start_child(serve_starved, &starved);
    assert_int_equal(read(pair[0], &started, 1), 1);
    unsigned long before = cpu_ms(pid);
    for (int i = 0; i < 3; i++) {
        struct netipc_hello hello = rpc_hello();
        sockets[i] = raw_connect(scene);
        raw_send_hello(sockets[i], &hello);
    }
    unsigned char packet[256];
    assert_int_equal(raw_receive(sockets[0], packet, sizeof packet, 500), RAW_SILENCE);
    assert_in_range(cpu_ms(pid) - before, 0, 100);
    assert_int_equal(write(pair[0], "f", 1), 1);
    for (int i = 0; i < 3; i++) {
        struct netipc_hello_ack ack;
        assert_int_equal(raw_receive_ack(sockets[i], &ack), NETIPC_TRANSPORT_OK);
        rpc_ask_number(sockets[i], 1, 1);
        rpc_expect_number(sockets[i], 1, 2);
    }
    assert_int_equal(write(pair[0], "e", 1), 1);
    assert_int_equal(wait_child(pid, slow_ms(5000)), 0);
    for (int i = 0; i < 3; i++)
        close(sockets[i]);
    close(pair[0]);
    close(pair[1]);
}

#define limited(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        limited(the_session_over_the_limit_is_told_busy_at_once),
        limited(a_handler_that_makes_no_room_answers_with_no_bytes_of_another_session),
        limited(who_comes_to_a_full_service_finds_the_place_of_who_has_just_left),
        limited(the_default_ceilings_are_those_of_the_published_library),
        limited(a_client_gets_the_request_ceiling_that_it_asks_for_up_to_the_services),
        limited(a_request_of_the_agreed_length_passes_and_one_byte_more_does_not),
        limited(a_batch_of_the_agreed_items_passes_and_one_item_more_does_not),
        limited(an_answer_of_the_granted_length_passes_and_one_byte_more_does_not),
        limited(answers_longer_than_the_largest_packet_arrive),
        limited(no_more_requests_run_than_may_be_in_flight),
        limited(limits_outside_of_their_range_are_refused),
        limited(a_server_without_descriptors_neither_spins_nor_forgets_who_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
