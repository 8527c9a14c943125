/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums behind packets: who gets them, that each packet has one, and what becomes of one that is wrong. */
#include "control/wire.h"
#include "tests/control/raw_client.h"
#include "tests/control/relay.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { METHOD = 7, PAYLOAD_MAX = 600000, ITEMS = 16 };

static const uint32_t kinds[] = {NETIPC_CHECKSUM_IEEE, NETIPC_CHECKSUM_CASTAGNOLI};

static struct relay relay;
static netipc_server *server;
static netipc_client *client;
static unsigned char bytes[PAYLOAD_MAX];

/* --- both ends --- */

static netipc_status echo(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    return netipc_answer_write(answer, request->payload, request->length);
}

/* What the server's log says of the mismatch that it has seen last. */
static atomic_uint logged_expected, logged_actual;

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

static void serve(const struct scene *scene, uint32_t checksum)
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

static netipc_service_info service_info(void)
{
    netipc_service_info info = {.size = sizeof info};
    assert_int_equal(netipc_server_stats(server, SCENE_SERVICE, &info), NETIPC_OK);
    return info;
}

static netipc_client_info client_info(void)
{
    netipc_client_info info = {.size = sizeof info};
    assert_int_equal(netipc_client_status(client, &info), NETIPC_OK);
    return info;
}

/* One refresh of a new client. */
static netipc_status open_client(const struct scene *scene, const char *service, uint32_t checksum)
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

static netipc_status call_echo(size_t length, uint32_t item_count)
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

static int teardown(void **state)
{
    netipc_client_close(client);
    netipc_server_close(server);
    client = NULL;
    server = NULL;
    return scene_close(state);
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

static netipc_session *calling, *answering;

static netipc_session_config session_config(const struct scene *scene, const char *service, uint32_t checksum)
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

static void await_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, (int)slow_ms(20000)), 1);
}

static netipc_status advance(netipc_session *session)
{
    netipc_status status;
    while ((status = netipc_session_advance(session)) == NETIPC_WOULD_BLOCK)
        await_readable(netipc_session_fd(session));
    return status;
}

/* Both results of a handshake. */
static void meet(netipc_listener *listener, const netipc_session_config *calls, netipc_status *caller,
                 netipc_status *answerer)
{
    assert_int_equal(netipc_session_connect(calls, &calling), NETIPC_WOULD_BLOCK);
    await_readable(netipc_listener_fd(listener));
    assert_int_equal(netipc_listener_accept(listener, &answering), NETIPC_OK);
    *answerer = advance(answering);
    *caller = advance(calling);
}

static void part(void)
{
    netipc_session_close(calling);
    netipc_session_close(answering);
    calling = answering = NULL;
}

static netipc_status send_over(netipc_session *from, netipc_session *to, uint32_t kind, size_t length)
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

static netipc_publisher *open_publisher(const struct scene *scene, uint32_t checksum)
{
    netipc_publisher *publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.checksum = checksum;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, bytes, 1000, NULL), NETIPC_OK);
    return publisher;
}

static netipc_subscriber *follow(const struct scene *scene, const char *service, uint32_t checksum,
                                 netipc_status *status)
{
    netipc_subscriber_config config = subscriber_config(scene);
    config.service = service;
    config.checksum = checksum;
    return open_subscriber(&config, status);
}

static uint32_t checksum_of(netipc_subscriber *subscriber)
{
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    return info.checksum;
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

/* --- who gets them --- */

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
        TEST(every_packet_of_requests_and_answers_has_its_checksum),
        TEST(sessions_by_hand_have_them_both_ways),
        TEST(a_wrong_bit_of_a_request_ends_the_session_and_the_next_one_is_served),
        TEST(a_wrong_bit_of_an_answer_is_told_with_both_checksums),
        TEST(without_checksums_a_wrong_bit_of_a_payload_goes_unnoticed),
        TEST(every_packet_between_publisher_and_subscriber_has_its_checksum),
        TEST(so_has_what_a_publisher_answers),
        TEST(a_subscriber_drops_descriptors_that_came_with_a_wrong_packet),
        TEST(a_wrong_bit_afterwards_ends_the_subscription_and_a_refresh_makes_another),
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
