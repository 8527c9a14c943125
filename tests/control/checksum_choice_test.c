/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets checksums: what two sides make of their wishes, and peers that know nothing of them. */
#include "control/wire.h"
#include "tests/control/checksum_ends.h"
#include "tests/control/raw_client.h"
#include "tests/control/relay.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { I = NETIPC_CHECKSUM_IEEE, C = NETIPC_CHECKSUM_CASTAGNOLI, R = NETIPC_CHECKSUM_REQUIRED, WISHES = 8 };

static const uint32_t wishes[WISHES] = {0, I, C, I | C, R, I | R, C | R, I | C | R};

/* What two of them make. */
static netipc_status agree(uint32_t one, uint32_t other, uint32_t *kind)
{
    const uint32_t offers[] = {one == R ? I : one & 3, other == R ? I : other & 3};
    uint32_t common = offers[0] & offers[1];
    *kind = (common & I) != 0 ? I : common;
    return common == 0 && ((one | other) & R) != 0 ? NETIPC_UNSUPPORTED : NETIPC_OK;
}

static void a_client_and_a_server_have_what_both_offer_or_no_session_if_one_requires_more(void **state)
{
    for (size_t s = 0; s < WISHES; s++) {
        serve(*state, wishes[s]);
        for (size_t c = 0; c < WISHES; c++) {
            uint32_t kind;
            netipc_status expected = agree(wishes[s], wishes[c], &kind);
            assert_int_equal(open_client(*state, SCENE_SERVICE, wishes[c]), expected);
            if (expected == NETIPC_OK) {
                assert_int_equal(client_info().checksum, kind);
                assert_int_equal(call_echo(100, 1), NETIPC_OK);
            } else {
                assert_int_equal(client_info().state, NETIPC_CLIENT_INCOMPATIBLE);
                assert_non_null(strstr(netipc_status_detail(), "checksum"));
            }
            netipc_client_close(client);
            client = NULL;
        }
        assert_int_equal(service_info().checksum_mismatches, 0);
        netipc_server_close(server);
        server = NULL;
    }
}

static void so_have_sessions_by_hand(void **state)
{
    for (size_t l = 0; l < WISHES; l++) {
        netipc_listener *listener;
        netipc_session_config listens = session_config(*state, SCENE_SERVICE, wishes[l]);
        assert_int_equal(netipc_listener_open(&listens, &listener), NETIPC_OK);
        for (size_t c = 0; c < WISHES; c++) {
            uint32_t kind;
            netipc_status expected = agree(wishes[l], wishes[c], &kind), caller, answerer;
            netipc_session_config calls = session_config(*state, SCENE_SERVICE, wishes[c]);
            meet(listener, &calls, &caller, &answerer);
            assert_int_equal(caller, expected);
            if ((wishes[l] & R) != 0)
                assert_int_equal(answerer, expected);
            if (expected == NETIPC_OK) {
                netipc_session_info info = {.size = sizeof info};
                assert_int_equal(netipc_session_status(calling, &info), NETIPC_OK);
                assert_int_equal(info.checksum, kind);
                assert_int_equal(send_over(calling, answering, NETIPC_MESSAGE_REQUEST, 50), NETIPC_OK);
            }
            part();
        }
        netipc_listener_close(listener);
    }
}

static void so_have_subscribers(void **state)
{
    for (size_t p = 0; p < WISHES; p++) {
        netipc_publisher *publisher = open_publisher(*state, wishes[p]);
        for (size_t s = 0; s < WISHES; s++) {
            uint32_t kind;
            netipc_status expected = agree(wishes[p], wishes[s], &kind), status;
            netipc_subscriber *subscriber = follow(*state, SCENE_SERVICE, wishes[s], &status);
            assert_int_equal(status, expected);
            if (expected == NETIPC_OK)
                assert_int_equal(checksum_of(subscriber), kind);
            else
                assert_non_null(strstr(netipc_status_detail(), "checksum"));
            netipc_subscriber_close(subscriber);
        }
        netipc_publisher_close(publisher);
    }
}

static void what_is_no_choice_is_refused(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config publishes = publisher_config(scene);
    netipc_subscriber_config subscribes = subscriber_config(scene);
    netipc_session_config by_hand = session_config(scene, SCENE_SERVICE, 8);
    netipc_publisher *publisher;
    netipc_subscriber *subscriber;
    netipc_session *session;
    netipc_listener *listener;
    netipc_service_config service;
    netipc_server_config host;
    publishes.checksum = subscribes.checksum = 8;
    assert_int_equal(netipc_publisher_open(&publishes, &publisher), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_subscriber_open(&subscribes, &subscriber), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_session_connect(&by_hand, &session), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_listener_open(&by_hand, &listener), NETIPC_INVALID_ARGUMENT);
    netipc_server_config_init(&host);
    netipc_service_config_init(&service);
    host.run_dir = scene->run_dir;
    service.service = SCENE_SERVICE;
    service.method = METHOD;
    service.handler = echo;
    service.checksum = 8;
    assert_int_equal(netipc_server_open(&host, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_INVALID_ARGUMENT);

    /* Nor is what is reserved. */
    publishes.checksum = service.checksum = by_hand.checksum = 0;
    publishes.reserved = service.reserved = by_hand.reserved = 1;
    assert_int_equal(netipc_publisher_open(&publishes, &publisher), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_listener_open(&by_hand, &listener), NETIPC_INVALID_ARGUMENT);
}

/* --- peers that know nothing of it --- */

static void expect_ack(const struct scene *scene, const struct netipc_hello *hello, uint16_t status,
                       struct netipc_hello_ack *ack)
{
    int socket = raw_connect(scene);
    raw_send_hello(socket, hello);
    assert_int_equal(raw_receive_ack(socket, ack), status);
    close(socket);
}

static void a_peer_that_knows_nothing_of_checksums_sends_and_gets_none(void **state)
{
    serve(*state, I | C);
    const struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    int socket = raw_connect(*state);
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    assert_int_equal(ack.server_supported_profiles, 0x60001);
    assert_int_equal(ack.intersection_profiles, NETIPC_PROFILE_BASELINE);
    assert_int_equal(ack.selected_profile, NETIPC_PROFILE_BASELINE);
    raw_send_request(socket, METHOD, 5, 8);
    unsigned char packet[100];
    assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), NETIPC_WIRE_ENVELOPE_SIZE + 8);
    close(socket);
}

static void capabilities_take_no_part_in_choosing_the_profile(void **state)
{
    serve(*state, I | C);
    struct netipc_hello_ack ack;
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE | 0x60000, NETIPC_PROFILE_BASELINE | 0x60000);
    expect_ack(*state, &hello, NETIPC_TRANSPORT_OK, &ack);
    assert_int_equal(ack.selected_profile, NETIPC_PROFILE_BASELINE);
    assert_int_equal(ack.intersection_profiles, 0x60001);
    hello = raw_hello(0x60000, 0x60000); /* and are no profile */
    expect_ack(*state, &hello, NETIPC_TRANSPORT_UNSUPPORTED, &ack);
    assert_int_equal(ack.server_supported_profiles, 0);
}

static void a_refusal_for_want_of_a_checksum_says_what_is_supported(void **state)
{
    serve(*state, C | R);
    struct netipc_hello_ack ack;
    const struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE | 0x20000, NETIPC_PROFILE_BASELINE);
    expect_ack(*state, &hello, NETIPC_TRANSPORT_UNSUPPORTED, &ack);
    const struct netipc_hello_ack expected = {.layout_version = NETIPC_WIRE_LAYOUT,
                                              .server_supported_profiles = 0x40001};
    assert_memory_equal(&ack, &expected, sizeof ack);
    assert_int_equal(service_info().refused_other, 1);
}

static void a_packet_must_have_room_for_more_than_header_and_checksum(void **state)
{
    serve(*state, I);
    struct netipc_hello_ack ack;
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE | 0x20000, NETIPC_PROFILE_BASELINE);
    hello.packet_size = 36;
    expect_ack(*state, &hello, NETIPC_TRANSPORT_INCOMPATIBLE, &ack);
    hello.packet_size = 37;
    expect_ack(*state, &hello, NETIPC_TRANSPORT_OK, &ack);
    assert_int_equal(ack.packet_size, 37);
    hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    hello.packet_size = 36;
    expect_ack(*state, &hello, NETIPC_TRANSPORT_OK, &ack);
}

static void packets_too_short_for_a_checksum_end_the_session(void **state)
{
    serve(*state, I);
    const struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE | 0x20000, NETIPC_PROFILE_BASELINE);
    for (size_t length = 1; length <= NETIPC_WIRE_ENVELOPE_SIZE + 4; length++) {
        struct netipc_hello_ack ack;
        unsigned char packet[64] = {0};
        int socket = raw_connect(*state);
        raw_send_hello(socket, &hello);
        assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
        if (length >= 4) { /* the checksum is right, and what is in front of it is too short, or nothing */
            uint32_t checksum = reference_checksum(I, packet, length - 4);
            memcpy(packet + length - 4, &checksum, sizeof checksum);
        }
        raw_send(socket, packet, length);
        raw_expect_closed(socket);
        close(socket);
    }
    assert_int_equal(service_info().broken, NETIPC_WIRE_ENVELOPE_SIZE + 4);
    assert_int_equal(service_info().checksum_mismatches, 0);
}

static void a_client_offers_what_it_is_told_to_and_believes_in_nothing_else(void **state)
{
    const struct scene *scene = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, scene->socket_path, sizeof address.sun_path);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 4), 0);
    netipc_session_config config = session_config(scene, SCENE_SERVICE, C);
    assert_int_equal(netipc_session_connect(&config, &calling), NETIPC_WOULD_BLOCK);
    int accepted = accept(listener, NULL, NULL);
    struct netipc_hello hello = {0};
    unsigned char packet[128];
    assert_int_equal(raw_receive(accepted, packet, sizeof packet, slow_ms(5000)), 32 + NETIPC_WIRE_HELLO_SIZE);
    memcpy(&hello, packet + 32, NETIPC_WIRE_HELLO_SIZE);
    assert_int_equal(hello.supported_profiles, 0x40001);
    assert_int_equal(hello.preferred_profiles, NETIPC_PROFILE_BASELINE);
    const struct netipc_hello_ack ack = {.layout_version = NETIPC_WIRE_LAYOUT,
                                         .server_supported_profiles = 0x60001,
                                         .intersection_profiles = 0x20001,
                                         .selected_profile = 1,
                                         .packet_size = 4096,
                                         .session_id = 1};
    raw_send_control(accepted, NETIPC_OP_HELLO_ACK, 0, &ack, sizeof ack);
    assert_int_equal(advance(calling), NETIPC_PROTOCOL);
    part();
    close(accepted);
    close(listener);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_client_and_a_server_have_what_both_offer_or_no_session_if_one_requires_more),
        TEST(so_have_sessions_by_hand),
        TEST(so_have_subscribers),
        TEST(what_is_no_choice_is_refused),
        TEST(a_peer_that_knows_nothing_of_checksums_sends_and_gets_none),
        TEST(capabilities_take_no_part_in_choosing_the_profile),
        TEST(a_refusal_for_want_of_a_checksum_says_what_is_supported),
        TEST(a_packet_must_have_room_for_more_than_header_and_checksum),
        TEST(packets_too_short_for_a_checksum_end_the_session),
        TEST(a_client_offers_what_it_is_told_to_and_believes_in_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
