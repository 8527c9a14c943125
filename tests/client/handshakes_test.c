/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes with servers that grant what is wrong: refused, and the next one is tried. */
#include "tests/client/stage.h"

#include <stdio.h>
#include <string.h>

struct bad_ack {
    const char *name;
    netipc_status status;
    netipc_client_state state;
    void (*change)(struct netipc_hello_ack *ack);
};

static void layout_2(struct netipc_hello_ack *ack)
{
    ack->layout_version = 2;
}

static void with_flags(struct netipc_hello_ack *ack)
{
    ack->flags = 1;
}

static void with_padding(struct netipc_hello_ack *ack)
{
    ack->zero = 1;
}

static void no_profile(struct netipc_hello_ack *ack)
{
    ack->intersection_profiles = ack->selected_profile = 0;
}

static void nothing_selected(struct netipc_hello_ack *ack)
{
    ack->selected_profile = 0;
}

static void not_offered_by_us(struct netipc_hello_ack *ack)
{
    ack->intersection_profiles |= NETIPC_PROFILE_PUBLICATION;
    ack->selected_profile = NETIPC_PROFILE_PUBLICATION;
}

static void not_offered_by_the_server(struct netipc_hello_ack *ack)
{
    ack->intersection_profiles |= 0x02;
    ack->selected_profile = 0x02;
}

static void two_selected(struct netipc_hello_ack *ack)
{
    ack->intersection_profiles |= NETIPC_PROFILE_PUBLICATION;
    ack->selected_profile = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION;
}

static void tiny_packets(struct netipc_hello_ack *ack)
{
    ack->packet_size = 32;
}

static void large_packets(struct netipc_hello_ack *ack)
{
    ack->packet_size++;
}

static void send_bad_ack(struct play *play)
{
    const struct bad_ack *bad = play->context;
    if (!play_accept(play) || !play_receive(play))
        return;
    memcpy(&play->hello, play->got + 32, NETIPC_WIRE_HELLO_SIZE);
    struct netipc_hello_ack ack = play_ack(play);
    bad->change(&ack);
    play_send_ack(play, &ack, NETIPC_TRANSPORT_OK);
    play_wait_for_end(play);
}

static void shake_badly(struct scene *scene, void (*part)(struct play *play), const void *context, uint64_t number,
                        const char *name, netipc_status expected, netipc_client_state expected_state)
{
    struct play play;
    play_open(&play, scene, 8);
    play.number = number;
    play_begin(&play, part, context);
    netipc_client_config config = client_config(scene);
    netipc_client *client = open_client(&config);
    netipc_status status = netipc_client_refresh(client);
    if (status != expected)
        fail_msg("%s: %s (%s), not %s", name, netipc_status_name(status), netipc_status_detail(),
                 netipc_status_name(expected));
    assert_int_equal(client_info(client).state, expected_state);
    assert_int_equal(client_info(client).last_error, expected);
    assert_int_equal(client_info(client).server_pid, 0);
    assert_false(netipc_client_ready(client));
    expect_status(call_increment(client, 1), NETIPC_NOT_READY);
    play_end(&play);
    play_begin(&play, play_increments, NULL);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 1), NETIPC_OK);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

static void an_agreement_that_was_not_offered_is_refused(void **state)
{
    static const struct bad_ack all[] = {
        {"no profile selected", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, nothing_selected},
        {"a profile that was not offered", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, not_offered_by_us},
        {"a profile that nobody has", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, not_offered_by_the_server},
        {"two profiles selected", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, two_selected},
        {"layout 2", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, layout_2},
        {"flags", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, with_flags},
        {"padding", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, with_padding},
        {"no profile", NETIPC_UNSUPPORTED, NETIPC_CLIENT_INCOMPATIBLE, no_profile},
        {"packets without room", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, tiny_packets},
        {"larger packets", NETIPC_PROTOCOL, NETIPC_CLIENT_BROKEN, large_packets},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        shake_badly(*state, send_bad_ack, &all[i], 0, all[i].name, all[i].status, all[i].state);
}

static void send_flipped_ack(struct play *play)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    if (!play_accept(play) || !play_receive(play))
        return;
    memcpy(&play->hello, play->got + 32, NETIPC_WIRE_HELLO_SIZE);
    const struct netipc_hello_ack ack = play_ack(play);
    size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, 0, 0, &ack, sizeof ack, packet);
    packet[play->number / 8] ^= (unsigned char)(1u << play->number % 8);
    play_send(play, packet, length);
    play_wait_for_end(play);
}

static void every_bit_of_the_envelope_of_hello_ack_counts(void **state)
{
    enum { TRANSPORT_AT = 14 * 8, ID_AT = 24 * 8 };
    for (unsigned bit = 0; bit < ID_AT; bit++) {
        netipc_status status = NETIPC_PROTOCOL;
        netipc_client_state told = NETIPC_CLIENT_BROKEN;
        char name[32];
        snprintf(name, sizeof name, "bit %u of HELLO_ACK", bit);
        if (bit == TRANSPORT_AT + 1) {
            status = NETIPC_AUTH_FAILED;
            told = NETIPC_CLIENT_AUTH_FAILED;
        } else if (bit == TRANSPORT_AT + 2) {
            status = NETIPC_UNSUPPORTED;
            told = NETIPC_CLIENT_INCOMPATIBLE;
        }
        shake_badly(*state, send_flipped_ack, NULL, bit, name, status, told);
    }
}

static void hang_up_at_once(struct play *play)
{
    play_accept(play);
    play_hang_up(play);
}

static void a_server_that_hangs_up_at_the_handshake_is_gone(void **state)
{
    shake_badly(*state, hang_up_at_once, NULL, 0, "hangs up", NETIPC_GONE, NETIPC_CLIENT_DISCONNECTED);
}

/* --- what a hostile agreement must not do --- */

static void grant_without_bounds(struct play *play)
{
    if (!play_accept(play) || !play_receive(play))
        return;
    memcpy(&play->hello, play->got + 32, NETIPC_WIRE_HELLO_SIZE);
    struct netipc_hello_ack ack = play_ack(play);
    ack.max_request_payload_bytes = ack.max_response_payload_bytes = UINT32_MAX;
    ack.max_request_batch_items = ack.max_response_batch_items = UINT32_MAX;
    ack.packet_size = 64;
    play_send_ack(play, &ack, NETIPC_TRANSPORT_OK);
    play_wait_for_end(play);
}

/* What the server grants beyond what was asked for is not used: neither memory nor requests grow by it. */
static void no_more_is_agreed_on_than_was_asked_for(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, grant_without_bounds, NULL);
    netipc_client_config config = client_config(*state);
    config.max_request_payload = 4096;
    config.max_batch_items = 16;
    config.max_response_payload = 1 << 20;
    netipc_client *client = open_ready_client(&config);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.max_request_payload, 4096);
    assert_int_equal(info.max_batch_items, 16);
    assert_int_equal(info.max_response_payload, 1 << 20);
    unsigned char payload[4097] = {0};
    netipc_client_request request = {
        .size = sizeof request, .method = 1, .payload = payload, .length = sizeof payload, .item_count = 1};
    expect_status(netipc_client_call(client, &request), NETIPC_LIMIT_EXCEEDED);
    assert_non_null(strstr(netipc_status_detail(), "4097"));
    assert_non_null(strstr(netipc_status_detail(), "4096"));
    request.length = 17 * 16;
    request.item_count = 17;
    expect_status(netipc_client_call(client, &request), NETIPC_LIMIT_EXCEEDED);
    assert_true(netipc_client_ready(client));
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(an_agreement_that_was_not_offered_is_refused),
        test(every_bit_of_the_envelope_of_hello_ack_counts),
        test(a_server_that_hangs_up_at_the_handshake_is_gone),
        test(no_more_is_agreed_on_than_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
