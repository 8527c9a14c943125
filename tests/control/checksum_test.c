/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums behind packets: that each packet has one, and what becomes of one that is wrong. */
#include "control/wire.h"
#include "tests/control/checksum_ends.h"
#include "tests/control/relay.h"

#include <netipc/batch.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS = 16 };

static const uint32_t kinds[] = {NETIPC_CHECKSUM_IEEE, NETIPC_CHECKSUM_CASTAGNOLI};

static struct relay relay;

static size_t make_batch(void)
{
    netipc_batch_builder builder;
    size_t length;
    assert_int_equal(netipc_batch_builder_init(&builder, ITEMS, bytes, sizeof bytes), NETIPC_OK);
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(netipc_batch_builder_add(&builder, "fifteen bytes  ", i), NETIPC_OK);
    assert_int_equal(netipc_batch_builder_finish(&builder, &length), NETIPC_OK);
    return length;
}

static void fill_bytes(void)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 13 + i / 255);
}

/* What the last call that failed has to say: both checksums. */
static void expect_both_checksums_in_detail(void)
{
    if (!relay_told(&relay, netipc_status_detail()))
        fail_msg("not %08x and %08x in \"%s\"", relay.expected, relay.actual, netipc_status_detail());
}

/* --- every packet --- */

static void every_packet_of_requests_and_answers_has_its_checksum(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        serve(*state, kinds[i]);
        relay_open(&relay, *state, kinds[i]);
        assert_int_equal(open_client(*state, RELAY_SERVICE, kinds[i]), NETIPC_OK);
        assert_int_equal(client_info().checksum, kinds[i]);
        size_t room = client_info().packet_size - NETIPC_WIRE_ENVELOPE_SIZE - 4;
        const size_t lengths[] = {0, 1, 8, room - 1, room, room + 1, room + 4, 2 * room, 2 * room + 1};
        const unsigned packets[] = {1, 1, 1, 1, 1, 2, 2, 2, 3};
        fill_bytes();
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            unsigned before = relay.passed[RELAY_TO_SERVER], back = relay.passed[RELAY_TO_CLIENT];
            assert_int_equal(call_echo(lengths[l], 1), NETIPC_OK);
            assert_int_equal(relay.passed[RELAY_TO_SERVER] - before, packets[l]);
            assert_int_equal(relay.passed[RELAY_TO_CLIENT] - back, packets[l]);
        }
        assert_int_equal(call_echo(make_batch(), ITEMS), NETIPC_OK);
        assert_int_equal(relay.wrong, 0);
        assert_int_equal(client_info().sessions, 1);
        netipc_client_close(client);
        relay_close(&relay);
        netipc_server_close(server);
    }
    client = NULL;
    server = NULL;
}

static void sessions_by_hand_have_them_both_ways(void **state)
{
    fill_bytes();
    for (size_t i = 0; i < 2; i++) {
        netipc_session_config listens = session_config(*state, SCENE_SERVICE, kinds[i]);
        netipc_session_config calls = session_config(*state, RELAY_SERVICE, kinds[i]);
        netipc_listener *listener;
        netipc_status caller, answerer;
        assert_int_equal(netipc_listener_open(&listens, &listener), NETIPC_OK);
        relay_open(&relay, *state, kinds[i]);
        meet(listener, &calls, &caller, &answerer);
        assert_int_equal(caller, NETIPC_OK);
        assert_int_equal(answerer, NETIPC_OK);
        netipc_session_info info = {.size = sizeof info};
        assert_int_equal(netipc_session_status(answering, &info), NETIPC_OK);
        assert_int_equal(info.checksum, kinds[i]);
        for (size_t length = 0; length < PAYLOAD_MAX; length = length * 8 + 3) {
            assert_int_equal(send_over(calling, answering, NETIPC_MESSAGE_REQUEST, length), NETIPC_OK);
            assert_int_equal(send_over(answering, calling, NETIPC_MESSAGE_RESPONSE, length), NETIPC_OK);
        }
        assert_int_equal(relay.wrong, 0);

        /* And one is wrong: at either end, then the session is over. */
        relay_flip(&relay, (struct relay_flip){RELAY_TO_CLIENT, relay.passed[RELAY_TO_CLIENT], 40, 3});
        assert_int_equal(send_over(answering, calling, NETIPC_MESSAGE_RESPONSE, 100), NETIPC_CHECKSUM_MISMATCH);
        expect_both_checksums_in_detail();
        assert_int_equal(netipc_session_advance(calling), NETIPC_CHECKSUM_MISMATCH);
        part();
        meet(listener, &calls, &caller, &answerer);
        assert_int_equal(caller, NETIPC_OK);
        relay_flip(&relay, (struct relay_flip){RELAY_TO_SERVER, 0, -1, 7});
        assert_int_equal(send_over(calling, answering, NETIPC_MESSAGE_REQUEST, 100), NETIPC_CHECKSUM_MISMATCH);
        expect_both_checksums_in_detail();
        part();
        relay_close(&relay);
        netipc_listener_close(listener);
    }
}

/* --- flipped bits --- */

enum { CHUNKED = 1, ONE = 0 };

static const struct {
    int request;
    unsigned packet;
    long byte;
} places[] = {
    {ONE, 0, 0},                                           /* magic */
    {ONE, 0, 8},                                           /* kind */
    {ONE, 0, 16},                                          /* payload_len */
    {ONE, 0, 27},                                          /* message_id */
    {ONE, 0, 32},                                          /* payload */
    {ONE, 0, -5},                                          /* its last byte */
    {ONE, 0, -4},                                          /* checksum */
    {ONE, 0, -1},                                          /* its last byte */
    {CHUNKED, 0, 18},                                      /* payload_len, far above what there is */
    {CHUNKED, 0, 5000}, {CHUNKED, 0, -2}, {CHUNKED, 1, 0}, /* magic of the continuation */
    {CHUNKED, 1, 20},                                      /* chunk_index */
    {CHUNKED, 1, 28},                                      /* chunk_payload_len */
    {CHUNKED, 1, 33},                                      /* payload */
    {CHUNKED, 1, -3},
};

static size_t length_of(size_t place)
{
    return places[place].request == CHUNKED ? client_info().packet_size + 1000 : 8;
}

static void a_wrong_bit_of_a_request_ends_the_session_and_the_next_one_is_served(void **state)
{
    fill_bytes();
    serve(*state, NETIPC_CHECKSUM_IEEE);
    relay_open(&relay, *state, NETIPC_CHECKSUM_IEEE);
    assert_int_equal(open_client(*state, RELAY_SERVICE, NETIPC_CHECKSUM_IEEE), NETIPC_OK);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        netipc_client_close(client);
        assert_int_equal(open_client(*state, RELAY_SERVICE, NETIPC_CHECKSUM_IEEE), NETIPC_OK);
        relay_flip(&relay, (struct relay_flip){RELAY_TO_SERVER, places[i].packet, places[i].byte, (unsigned)i % 8});
        assert_int_equal(call_echo(length_of(i), 1), NETIPC_OK); /* sent once more, in another session */
        assert_int_equal(relay.flipped, i + 1);
        assert_int_equal(client_info().resends, 1);
        assert_int_equal(client_info().sessions, 2);
        assert_int_equal(service_info().checksum_mismatches, i + 1);
        assert_int_equal(service_info().broken, 0);
        assert_int_equal(logged_expected, relay.expected);
        assert_int_equal(logged_actual, relay.actual);
    }
    assert_int_equal(service_info().requests, sizeof places / sizeof *places); /* no handler saw one of the others */
    relay_close(&relay);
}

static void a_wrong_bit_of_an_answer_is_told_with_both_checksums(void **state)
{
    fill_bytes();
    serve(*state, NETIPC_CHECKSUM_CASTAGNOLI);
    relay_open(&relay, *state, NETIPC_CHECKSUM_CASTAGNOLI);
    assert_int_equal(open_client(*state, RELAY_SERVICE, NETIPC_CHECKSUM_CASTAGNOLI), NETIPC_OK);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        relay_flip(&relay, (struct relay_flip){RELAY_TO_CLIENT, places[i].packet, places[i].byte, (unsigned)i % 8});
        assert_int_equal(call_echo(length_of(i), 1), NETIPC_CHECKSUM_MISMATCH);
        expect_both_checksums_in_detail();
        assert_int_equal(relay.flipped, i + 1);
        assert_int_equal(client_info().last_error, NETIPC_CHECKSUM_MISMATCH);
        assert_int_equal(client_info().state, NETIPC_CLIENT_DISCONNECTED);
        assert_int_equal(netipc_client_refresh(client), NETIPC_OK);
    }
    assert_int_equal(call_echo(8, 1), NETIPC_OK);
    assert_int_equal(client_info().resends, 0);
    relay_close(&relay);
}

/* Nobody looks: what a flipped bit does without checksums, so that the tests above are seen to tell something. */
static void without_checksums_a_wrong_bit_of_a_payload_goes_unnoticed(void **state)
{
    fill_bytes();
    serve(*state, NETIPC_CHECKSUM_NONE);
    relay_open(&relay, *state, NETIPC_CHECKSUM_NONE);
    assert_int_equal(open_client(*state, RELAY_SERVICE, NETIPC_CHECKSUM_IEEE), NETIPC_OK);
    relay_flip(&relay, (struct relay_flip){RELAY_TO_CLIENT, 0, 33, 0});
    netipc_client_request request = {
        .size = sizeof request, .method = METHOD, .payload = bytes, .length = 8, .item_count = 1};
    assert_int_equal(netipc_client_call(client, &request), NETIPC_OK);
    assert_int_equal(((const unsigned char *)request.answer)[1], bytes[1] ^ 1);
    relay_close(&relay);
}

/* --- publications --- */

static bool passed_become(enum relay_direction direction, unsigned count)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(1))
        if (relay.passed[direction] == count)
            return true;
    return false;
}

static void every_packet_between_publisher_and_subscriber_has_its_checksum(void **state)
{
    for (size_t i = 0; i < 2; i++) {
        netipc_publisher *publisher = open_publisher(*state, kinds[i]);
        netipc_status status;
        int changed;
        relay_open(&relay, *state, kinds[i]);
        netipc_subscriber *subscriber = follow(*state, RELAY_SERVICE, kinds[i], &status);
        assert_int_equal(status, NETIPC_OK);
        assert_int_equal(checksum_of(subscriber), kinds[i]);
        assert_true(passed_become(RELAY_TO_CLIENT, 2)); /* REGION, READY */

        assert_true(netipc_subscriber_fd(subscriber) >= 0);
        assert_int_equal(netipc_subscriber_arm(subscriber, 1), NETIPC_UNCHANGED);
        assert_int_equal(netipc_publish(publisher, bytes, 2000, NULL), NETIPC_OK);
        await_readable(netipc_subscriber_fd(subscriber));
        assert_int_equal(relay.passed[RELAY_TO_CLIENT], 3); /* DOORBELL */
        assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
        assert_int_equal(changed, 1);

        assert_int_equal(netipc_publish(publisher, bytes, 50000, NULL), NETIPC_OK); /* more than a slot has */
        assert_true(passed_become(RELAY_TO_CLIENT, 4));                             /* SUPERSEDED */
        assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
        assert_int_equal(changed, 1);
        assert_true(passed_become(RELAY_TO_CLIENT, 6)); /* REGION, READY */
        assert_int_equal(relay.passed[RELAY_TO_SERVER], 4);
        netipc_snapshot_info info = {.size = sizeof info};
        static unsigned char got[60000];
        assert_int_equal(netipc_subscriber_read(subscriber, got, sizeof got, &info), NETIPC_OK);
        assert_int_equal(info.length, 50000);

        netipc_publisher_close(publisher);
        assert_true(passed_become(RELAY_TO_CLIENT, 7)); /* CLOSED */
        assert_int_equal(relay.wrong, 0);
        netipc_subscriber_close(subscriber);
        relay_close(&relay);
    }
}

static void so_has_what_a_publisher_answers(void **state)
{
    static const uint16_t question[] = {1, 0};
    netipc_publisher *publisher;
    netipc_service_config requests;
    netipc_publisher_config config = publisher_config(*state);
    netipc_publisher_requests_init(&requests);
    requests.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    requests.checksum = NETIPC_CHECKSUM_IEEE;
    config.requests = &requests;
    config.checksum = NETIPC_CHECKSUM_IEEE;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_INVALID_ARGUMENT); /* there is one of both */
    requests.checksum = 0;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, bytes, 1000, NULL), NETIPC_OK);
    relay_open(&relay, *state, NETIPC_CHECKSUM_IEEE);
    assert_int_equal(open_client(*state, RELAY_SERVICE, NETIPC_CHECKSUM_IEEE), NETIPC_OK);
    netipc_client_request request = {.size = sizeof request,
                                     .method = NETIPC_METHOD_CGROUPS_SNAPSHOT,
                                     .payload = question,
                                     .length = sizeof question,
                                     .item_count = 1};
    assert_int_equal(netipc_client_call(client, &request), NETIPC_OK);
    assert_int_equal(request.answer_length, 1000);
    assert_memory_equal(request.answer, bytes, 1000);
    assert_int_equal(relay.passed[RELAY_TO_CLIENT], 1);
    assert_int_equal(relay.wrong, 0);
    relay_close(&relay);
    netipc_publisher_close(publisher);
}

static void a_subscriber_drops_descriptors_that_came_with_a_wrong_packet(void **state)
{
    static const struct relay_flip flips[] = {
        {RELAY_TO_CLIENT, 0, 33, 1}, {RELAY_TO_CLIENT, 0, -1, 6}, {RELAY_TO_CLIENT, 1, 2, 0}};
    netipc_publisher *publisher = open_publisher(*state, NETIPC_CHECKSUM_IEEE);
    relay_open(&relay, *state, NETIPC_CHECKSUM_IEEE);
    netipc_subscriber_config config = subscriber_config(*state);
    config.service = RELAY_SERVICE;
    config.checksum = NETIPC_CHECKSUM_IEEE;
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        netipc_subscriber *subscriber;
        assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
        unsigned before = count_descriptors(getpid());
        relay_flip(&relay, flips[i]);
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_CHECKSUM_MISMATCH);
        expect_both_checksums_in_detail();
        assert_true(descriptors_become(getpid(), before));
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        netipc_subscriber_close(subscriber);
        assert_true(descriptors_become(getpid(), before - 1)); /* what _abort needs has gone */
    }
    relay_close(&relay);
    netipc_publisher_close(publisher);
}

static void a_wrong_bit_afterwards_ends_the_subscription_and_a_refresh_makes_another(void **state)
{
    netipc_publisher *publisher = open_publisher(*state, NETIPC_CHECKSUM_CASTAGNOLI);
    netipc_status status;
    relay_open(&relay, *state, NETIPC_CHECKSUM_CASTAGNOLI);
    netipc_subscriber *subscriber = follow(*state, RELAY_SERVICE, NETIPC_CHECKSUM_CASTAGNOLI, &status);
    assert_int_equal(status, NETIPC_OK);
    relay_flip(&relay, (struct relay_flip){RELAY_TO_CLIENT, 2, 12, 0});
    assert_int_equal(netipc_publish(publisher, bytes, 50000, NULL), NETIPC_OK);
    assert_true(passed_become(RELAY_TO_CLIENT, 3));
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.connects, 2);

    /* The publisher's side: ATTACH. */
    netipc_subscriber_close(subscriber);
    relay_flip(&relay, (struct relay_flip){RELAY_TO_SERVER, 0, 40, 0});
    subscriber = follow(*state, RELAY_SERVICE, NETIPC_CHECKSUM_CASTAGNOLI, &status);
    assert_int_equal(status, NETIPC_GONE);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    netipc_subscriber_close(subscriber);
    relay_close(&relay);
    netipc_publisher_close(publisher);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_packet_of_requests_and_answers_has_its_checksum),
        TEST(sessions_by_hand_have_them_both_ways),
        TEST(a_wrong_bit_of_a_request_ends_the_session_and_the_next_one_is_served),
        TEST(a_wrong_bit_of_an_answer_is_told_with_both_checksums),
        TEST(without_checksums_a_wrong_bit_of_a_payload_goes_unnoticed),
        TEST(every_packet_between_publisher_and_subscriber_has_its_checksum),
        TEST(so_has_what_a_publisher_answers),
        TEST(a_subscriber_drops_descriptors_that_came_with_a_wrong_packet),
        TEST(a_wrong_bit_afterwards_ends_the_subscription_and_a_refresh_makes_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
