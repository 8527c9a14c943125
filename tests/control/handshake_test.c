/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captured sessions of the published protocol, played against a publisher of ours. Every byte must be the captured
 * one, but for what allow_differences() lists.
 */
#include "tests/control/raw_client.h"
#include "tests/golden/golden.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELLO_PACKET = NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_HELLO_SIZE };

static golden_file *golden;

static int load_golden(void **state)
{
    (void)state;
    golden = golden_load();
    return golden == NULL ? -1 : 0;
}

static int free_golden(void **state)
{
    (void)state;
    golden_free(golden);
    return 0;
}

static const golden_session *session_named(const char *name)
{
    const golden_session *session = golden_session_named(golden, name);
    assert_non_null(session);
    return session;
}

static struct netipc_hello hello_of(const golden_session *session)
{
    struct netipc_hello hello = {0};
    assert_int_equal(session->steps[0].packet.length, HELLO_PACKET);
    memcpy(&hello, session->steps[0].packet.data + NETIPC_WIRE_ENVELOPE_SIZE, NETIPC_WIRE_HELLO_SIZE);
    return hello;
}

static struct publisher_process serve(const struct scene *scene, uint64_t token, unsigned timeout_ms)
{
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.token = token;
    config.handshake_timeout_ns = (uint64_t)slow_ms(timeout_ms) * 1000000;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    return publisher;
}

/*
 * How an accepting HELLO_ACK of ours may differ from the captured one:
 *   server_supported_profiles, intersection_profiles, selected_profile: ours offers publication (0x10) beside the
 *     baseline, and selects it when the client prefers it;
 *   max_response_payload_bytes: the server's own choice, and ours grants 65,536 bytes, or the client's hint when that
 * is more; packet_size: the smaller of the two offers, and ours follows from the send buffer of this system;
 *   session_id: counts the sessions of this publisher (one of the captured servers does not count at all).
 */
static struct netipc_hello_ack allow_differences(const struct netipc_hello_ack *captured,
                                                 const struct netipc_hello *hello, const struct netipc_hello_ack *ours)
{
    const uint32_t offered = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION;
    struct netipc_hello_ack expected = *captured;
    expected.server_supported_profiles = offered;
    expected.intersection_profiles = hello->supported_profiles & offered;
    if (hello->supported_profiles & hello->preferred_profiles & NETIPC_PROFILE_PUBLICATION)
        expected.selected_profile = NETIPC_PROFILE_PUBLICATION;
    expected.max_response_payload_bytes =
        hello->max_response_payload_bytes > 65536 ? hello->max_response_payload_bytes : 65536;
    if (captured->packet_size > 65536) {
        assert_in_range(ours->packet_size, 4096, hello->packet_size);
        expected.packet_size = ours->packet_size;
    }
    expected.session_id = 1;
    return expected;
}

static void expect_packet(int socket, const golden_bytes *expected)
{
    unsigned char packet[65536];
    int length = raw_receive(socket, packet, sizeof packet, slow_ms(5000));
    assert_int_equal(length, expected->length);
    assert_memory_equal(packet, expected->data, expected->length);
}

static void send_step(int socket, const golden_session *session, size_t step)
{
    assert_true(step < session->step_count && session->steps[step].kind == GOLDEN_SEND);
    raw_send(socket, session->steps[step].packet.data, session->steps[step].packet.length);
}

/* Plays the first packet and, when the captured server accepted, its HELLO_ACK. */
static int shake_hands(const struct scene *scene, const golden_session *session)
{
    int socket = raw_connect(scene);
    send_step(socket, session, 0);
    assert_int_equal(session->steps[1].kind, GOLDEN_RECV);
    const golden_bytes *captured = &session->steps[1].packet;
    struct netipc_hello hello = hello_of(session);
    struct netipc_hello_ack captured_ack, ack;
    assert_int_equal(captured->length, NETIPC_WIRE_ENVELOPE_SIZE + sizeof captured_ack);
    memcpy(&captured_ack, captured->data + NETIPC_WIRE_ENVELOPE_SIZE, sizeof captured_ack);

    unsigned char packet[256];
    assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), captured->length);
    assert_memory_equal(packet, captured->data, NETIPC_WIRE_ENVELOPE_SIZE);
    memcpy(&ack, packet + NETIPC_WIRE_ENVELOPE_SIZE, sizeof ack);
    struct netipc_hello_ack expected = allow_differences(&captured_ack, &hello, &ack);
    assert_memory_equal(&ack, &expected, sizeof ack);
    return socket;
}

static uint16_t captured_status(const golden_session *session)
{
    uint16_t status;
    if (session->step_count < 2 || session->steps[1].kind != GOLDEN_RECV)
        return UINT16_MAX;
    memcpy(&status, session->steps[1].packet.data + 14, sizeof status);
    return status;
}

static void every_captured_handshake_that_succeeds_succeeds_with_the_same_bytes(void **state)
{
    const struct scene *scene = *state;
    unsigned played = 0;
    for (size_t i = 0; i < golden->session_count; i++) {
        const golden_session *session = &golden->sessions[i];
        if (captured_status(session) != NETIPC_TRANSPORT_OK || strcmp(session->name, "refusal: non-zero flags") == 0)
            continue;
        struct publisher_process publisher = serve(scene, hello_of(session).auth_token, 5000);
        close(shake_hands(scene, session));
        order_close(&publisher);
        played++;
    }
    assert_in_range(played, 20, golden->session_count);
}

static void every_captured_refusal_and_malformed_hello_gets_the_same_bytes_and_is_closed(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    unsigned refused = 0, dropped = 0;
    for (size_t i = 0; i < golden->session_count; i++) {
        const golden_session *session = &golden->sessions[i];
        if (captured_status(session) == NETIPC_TRANSPORT_OK)
            continue;
        int socket = raw_connect(scene);
        send_step(socket, session, 0);
        if (session->steps[1].kind == GOLDEN_RECV) {
            expect_packet(socket, &session->steps[1].packet);
            refused++;
        } else {
            assert_int_equal(session->steps[1].kind, GOLDEN_CLOSED);
            dropped++;
        }
        raw_expect_closed(socket);
        close(socket);
    }
    assert_int_equal(refused, 6);
    assert_int_equal(dropped, 4);
    netipc_publisher_info info = order_info(&publisher);
    assert_int_equal(info.refused_auth, 1);
    assert_int_equal(info.refused_other, 5);
    assert_true(sessions_become(&publisher, 0, 0));
    order_close(&publisher);
}

/* The captured server ignores the flags of a HELLO. Ours refuses what it does not know, so that a flag can mean
 * something one day. */
static void a_hello_with_flags_is_refused_as_a_bad_envelope(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    int socket = raw_connect(scene);
    struct netipc_hello_ack ack;
    send_step(socket, session_named("refusal: non-zero flags"), 0);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_BAD_ENVELOPE);
    raw_expect_closed(socket);
    close(socket);
    order_close(&publisher);
}

static void a_method_of_another_service_is_unsupported_and_the_session_goes_on(void **state)
{
    const struct scene *scene = *state;
    const golden_session *session = session_named("request: method of another service");
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    int socket = shake_hands(scene, session);
    send_step(socket, session, 2);
    expect_packet(socket, &session->steps[3].packet);
    /* The captured server knows the method of the second request. No method is served here: the same answer, with
     * that request's method and id. */
    send_step(socket, session, 4);
    unsigned char packet[256], expected[NETIPC_WIRE_ENVELOPE_SIZE];
    memcpy(expected, session->steps[3].packet.data, sizeof expected);
    memcpy(expected + 12, session->steps[4].packet.data + 12, 2);
    memcpy(expected + 24, session->steps[4].packet.data + 24, 8);
    assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), sizeof expected);
    assert_memory_equal(packet, expected, sizeof expected);
    close(socket);
    order_close(&publisher);
}

/* The captured servers know the methods of these requests, or find them malformed. Where no method is served nothing
 * of a request is looked at but its envelope. */
static void every_captured_request_that_is_whole_is_unsupported(void **state)
{
    const struct scene *scene = *state;
    static const char *const not_whole_or_not_allowed[] = {"request: payload_len larger than the packet",
                                                           "request: payload above the agreed ceiling",
                                                           "request: response kind sent by a client"};
    unsigned played = 0;
    for (size_t i = 0; i < golden->session_count; i++) {
        const golden_session *session = &golden->sessions[i];
        bool skipped = captured_status(session) != NETIPC_TRANSPORT_OK || session->step_count < 3 ||
                       session->steps[2].kind != GOLDEN_SEND;
        for (size_t j = 0; j < 3; j++)
            skipped = skipped || strcmp(session->name, not_whole_or_not_allowed[j]) == 0;
        if (skipped)
            continue;
        struct publisher_process publisher = serve(scene, hello_of(session).auth_token, 5000);
        int socket = shake_hands(scene, session);
        struct netipc_envelope request, answer;
        send_step(socket, session, 2);
        memcpy(&request, session->steps[2].packet.data, sizeof request);
        assert_int_equal(raw_receive(socket, &answer, sizeof answer, slow_ms(5000)), sizeof answer);
        const struct netipc_envelope expected = {.magic = NETIPC_WIRE_MAGIC,
                                                 .version = NETIPC_WIRE_VERSION,
                                                 .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                                 .kind = NETIPC_KIND_RESPONSE,
                                                 .code = request.code,
                                                 .transport_status = NETIPC_TRANSPORT_UNSUPPORTED,
                                                 .item_count = 1,
                                                 .message_id = request.message_id};
        assert_memory_equal(&answer, &expected, sizeof answer);
        close(socket);
        order_close(&publisher);
        played++;
    }
    assert_in_range(played, 15, golden->session_count);
}

static void a_request_above_the_agreed_ceiling_is_told_so_and_closed(void **state)
{
    const struct scene *scene = *state;
    const golden_session *session = session_named("request: payload above the agreed ceiling");
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    int socket = shake_hands(scene, session);
    send_step(socket, session, 2);
    expect_packet(socket, &session->steps[3].packet);
    raw_expect_closed(socket);
    close(socket);
    order_close(&publisher);
}

static void a_response_sent_by_a_client_closes_the_session(void **state)
{
    const struct scene *scene = *state;
    const golden_session *session = session_named("request: response kind sent by a client");
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    int socket = shake_hands(scene, session);
    send_step(socket, session, 2);
    raw_expect_closed(socket);
    close(socket);
    order_close(&publisher);
}

static void a_request_that_comes_in_part_is_met_with_silence_and_then_closed_by_its_deadline(void **state)
{
    const struct scene *scene = *state;
    const golden_session *session = session_named("request: payload_len larger than the packet");
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 600);
    int socket = shake_hands(scene, session);
    uint64_t start = now_ms();
    send_step(socket, session, 2);
    raw_expect_closed(socket);
    assert_true(now_ms() - start >= slow_ms(600) - 50);
    assert_int_equal(order_info(&publisher).timed_out, 1);
    close(socket);
    order_close(&publisher);
}

static void requests_before_any_answer_are_answered_in_order(void **state)
{
    const struct scene *scene = *state;
    const golden_session *session = session_named("increment: four requests before any answer");
    struct publisher_process publisher = serve(scene, hello_of(session).auth_token, 5000);
    int socket = shake_hands(scene, session);
    for (size_t i = 2; i < 6; i++)
        send_step(socket, session, i);
    for (size_t i = 2; i < 6; i++) {
        struct netipc_envelope envelope;
        assert_int_equal(raw_receive(socket, &envelope, sizeof envelope, slow_ms(5000)), sizeof envelope);
        assert_int_equal(envelope.kind, NETIPC_KIND_RESPONSE);
        assert_int_equal(envelope.transport_status, NETIPC_TRANSPORT_UNSUPPORTED);
        assert_memory_equal(&envelope.message_id, session->steps[i].packet.data + 24, 8);
    }
    close(socket);
    order_close(&publisher);
}

/* --- requests in several packets --- */

struct chunk {
    uint32_t magic;
    uint16_t version, flags;
    uint64_t message_id;
    uint32_t total_message_len, chunk_index, chunk_count, chunk_payload_len;
    unsigned char payload[64];
};

enum { PACKET = 96, FIRST_PAYLOAD = 64, WHOLE_PAYLOAD = 160 }; /* 64 + 64 + 32 */

static int open_small_packets(const struct scene *scene)
{
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    hello.packet_size = PACKET;
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    assert_int_equal(ack.packet_size, PACKET);
    return socket;
}

static void send_first_part(int socket)
{
    struct {
        struct netipc_envelope envelope;
        unsigned char payload[FIRST_PAYLOAD];
    } first = {.envelope = {.magic = NETIPC_WIRE_MAGIC,
                            .version = NETIPC_WIRE_VERSION,
                            .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                            .kind = NETIPC_KIND_REQUEST,
                            .code = 2,
                            .payload_len = WHOLE_PAYLOAD,
                            .item_count = 1,
                            .message_id = 77}};
    raw_send(socket, &first, sizeof first);
}

static struct chunk chunk_number(uint32_t index, uint32_t payload)
{
    return (struct chunk){.magic = NETIPC_WIRE_CHUNK_MAGIC,
                          .version = NETIPC_WIRE_VERSION,
                          .message_id = 77,
                          .total_message_len = NETIPC_WIRE_ENVELOPE_SIZE + WHOLE_PAYLOAD,
                          .chunk_index = index,
                          .chunk_count = 3,
                          .chunk_payload_len = payload};
}

static void send_chunk(int socket, const struct chunk *chunk, size_t payload)
{
    raw_send(socket, chunk, offsetof(struct chunk, payload) + payload);
}

static void a_request_in_several_packets_is_answered_once_it_is_complete(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    int socket = open_small_packets(scene);
    for (int twice = 0; twice < 2; twice++) {
        struct chunk second = chunk_number(1, 64), third = chunk_number(2, 32);
        struct netipc_envelope envelope;
        send_first_part(socket);
        send_chunk(socket, &second, 64);
        assert_int_equal(raw_receive(socket, &envelope, sizeof envelope, 50), RAW_SILENCE);
        send_chunk(socket, &third, 32);
        assert_int_equal(raw_receive(socket, &envelope, sizeof envelope, slow_ms(5000)), sizeof envelope);
        assert_int_equal(envelope.transport_status, NETIPC_TRANSPORT_UNSUPPORTED);
        assert_int_equal(envelope.message_id, 77);
        assert_int_equal(envelope.code, 2);
        assert_int_equal(envelope.payload_len, 0);
        assert_int_equal(raw_receive(socket, &envelope, sizeof envelope, 50), RAW_SILENCE);
    }
    close(socket);
    order_close(&publisher);
}

static void a_wrong_continuation_closes_the_session(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    for (int wrong = 0; wrong < 11; wrong++) {
        int socket = open_small_packets(scene);
        struct chunk second = chunk_number(1, 64);
        size_t payload = 64;
        switch (wrong) {
        case 0:
            second.magic = NETIPC_WIRE_MAGIC;
            break;
        case 1:
            second.version = 2;
            break;
        case 2:
            second.flags = 1;
            break;
        case 3:
            second.message_id = 78;
            break;
        case 4:
            second.total_message_len++;
            break;
        case 5:
            second.chunk_index = 2;
            break;
        case 6:
            second.chunk_index = 0;
            break;
        case 7:
            second.chunk_count = 1;
            break;
        case 8:
            second.chunk_payload_len = 63;
            break;
        case 9:
            payload = second.chunk_payload_len = 0;
            break;
        default:
            payload = 1; /* shorter than it says */
            break;
        }
        send_first_part(socket);
        send_chunk(socket, &second, payload);
        raw_expect_closed(socket);
        close(socket);
    }
    order_close(&publisher);
}

static void a_continuation_that_does_not_fit_what_came_before_closes_the_session(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    for (int wrong = 0; wrong < 5; wrong++) {
        int socket = open_small_packets(scene);
        struct chunk second = chunk_number(1, 64), third = chunk_number(2, 32);
        if (wrong < 4) {
            if (wrong == 3)
                second.chunk_count = third.chunk_count = 4; /* complete before its last packet */
            send_first_part(socket);
            send_chunk(socket, &second, 64);
        }
        size_t payload = 32;
        if (wrong == 0)
            third.chunk_count = 4;
        else if (wrong == 1)
            third.chunk_payload_len = (uint32_t)(payload = 33); /* more than is due */
        else if (wrong == 2)
            third.chunk_index = 1;
        send_chunk(socket, &third, payload); /* wrong == 4: when none is due */
        raw_expect_closed(socket);
        close(socket);
    }
    order_close(&publisher);
}

static void packets_that_no_client_sends_close_the_session(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    for (int wrong = 0; wrong < 6; wrong++) {
        int socket = open_small_packets(scene);
        unsigned char packet[256] = {0};
        switch (wrong) {
        case 0:
            raw_send(socket, packet, 1);
            break;
        case 1:
            raw_send(socket, packet, 0);
            break;
        case 2:
            raw_send_hello(socket, &hello); /* a second one */
            break;
        case 3:
            raw_send_control(socket, 0x7777, 1, packet, 16);
            break;
        case 4:
            raw_send_request(socket, 2, 1, PACKET); /* longer than the packets agreed on */
            break;
        default:
            raw_send_attach(socket, 1, 0); /* without the publication profile in common */
            break;
        }
        raw_expect_closed(socket);
        close(socket);
    }
    assert_true(sessions_become(&publisher, 0, 0));
    order_close(&publisher);
}

/* What is not worth an answer in the first packet: each bit of the fields that make a HELLO a HELLO. */
static void a_first_packet_that_is_no_hello_is_closed_without_an_answer(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, SCENE_TOKEN, 5000);
    static const size_t must_be_exact[] = {0, 3, 6, 7, 8, 9, 12, 13, 16, 19, 20, 23};
    for (size_t i = 0; i < sizeof must_be_exact / sizeof *must_be_exact; i++)
        for (int bit = 0; bit < 8; bit++) {
            struct netipc_hello hello = raw_hello(1, 1);
            unsigned char packet[NETIPC_WIRE_CONTROL_MAX], answer[256];
            size_t length = netipc_wire_control(NETIPC_OP_HELLO, 0, 0, &hello, NETIPC_WIRE_HELLO_SIZE, packet);
            packet[must_be_exact[i]] ^= (unsigned char)(1u << bit);
            int socket = raw_connect(scene);
            raw_send(socket, packet, length);
            assert_int_equal(raw_receive(socket, answer, sizeof answer, slow_ms(5000)), RAW_CLOSED);
            close(socket);
        }
    order_close(&publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_captured_handshake_that_succeeds_succeeds_with_the_same_bytes, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(every_captured_refusal_and_malformed_hello_gets_the_same_bytes_and_is_closed,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_hello_with_flags_is_refused_as_a_bad_envelope, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_method_of_another_service_is_unsupported_and_the_session_goes_on, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(every_captured_request_that_is_whole_is_unsupported, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_request_above_the_agreed_ceiling_is_told_so_and_closed, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_response_sent_by_a_client_closes_the_session, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(
            a_request_that_comes_in_part_is_met_with_silence_and_then_closed_by_its_deadline, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(requests_before_any_answer_are_answered_in_order, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_request_in_several_packets_is_answered_once_it_is_complete, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_wrong_continuation_closes_the_session, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_continuation_that_does_not_fit_what_came_before_closes_the_session,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(packets_that_no_client_sends_close_the_session, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_first_packet_that_is_no_hello_is_closed_without_an_answer, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, load_golden, free_golden);
}
