/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions by hand: both ends in one thread, so that nothing here may ever block. */
#include "control/session_state.h"
#include "control/wire.h"
#include "tests/control/raw_client.h"
#include "tests/control/scene.h"
#include "tests/golden/golden.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static netipc_listener *listener;
static netipc_session *calling, *answering;

static netipc_session_config config_of(const struct scene *scene)
{
    netipc_session_config config;
    netipc_session_config_init(&config);
    config.run_dir = scene->run_dir;
    config.service = SCENE_SERVICE;
    config.token = SCENE_TOKEN;
    return config;
}

static int teardown(void **state)
{
    netipc_session_close(calling);
    netipc_session_close(answering);
    netipc_listener_close(listener);
    calling = answering = NULL;
    listener = NULL;
    return scene_close(state);
}

static void await_readable(int fd)
{
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, (int)slow_ms(20000)), 1);
}

static void listen_with(const netipc_session_config *config)
{
    assert_int_equal(netipc_listener_open(config, &listener), NETIPC_OK);
}

static netipc_session *accept_one(void)
{
    netipc_session *accepted;
    await_readable(netipc_listener_fd(listener));
    assert_int_equal(netipc_listener_accept(listener, &accepted), NETIPC_OK);
    return accepted;
}

static void connect_both(const netipc_session_config *calls, const netipc_session_config *answers)
{
    listen_with(answers);
    assert_int_equal(netipc_session_connect(calls, &calling), NETIPC_WOULD_BLOCK);
    answering = accept_one();
    assert_int_equal(netipc_session_advance(answering), NETIPC_OK);
    await_readable(netipc_session_fd(calling));
    assert_int_equal(netipc_session_advance(calling), NETIPC_OK);
}

static netipc_message request_of(uint64_t id, const void *payload, size_t length)
{
    return (netipc_message){.size = sizeof(netipc_message),
                            .kind = NETIPC_MESSAGE_REQUEST,
                            .method = 1,
                            .item_count = 1,
                            .id = id,
                            .payload = payload,
                            .length = length};
}

static netipc_status receive(netipc_session *session, netipc_message *message)
{
    *message = (netipc_message){.size = sizeof *message};
    return netipc_session_receive(session, message);
}

static void requests_are_pipelined_and_answered_in_any_order(void **state)
{
    enum { COUNT = 20 };
    const netipc_session_config config = config_of(*state);
    connect_both(&config, &config);
    for (uint64_t i = 1; i <= COUNT; i++) {
        const netipc_message request = request_of(i, &i, sizeof i);
        assert_int_equal(netipc_session_send(calling, &request), NETIPC_OK);
    }
    netipc_message message;
    for (uint64_t i = 1; i <= COUNT; i++) {
        assert_int_equal(receive(answering, &message), NETIPC_OK);
        assert_int_equal(message.kind, NETIPC_MESSAGE_REQUEST);
        assert_int_equal(message.id, i);
        assert_memory_equal(message.payload, &i, sizeof i);
    }
    assert_int_equal(receive(answering, &message), NETIPC_WOULD_BLOCK);
    for (uint64_t i = COUNT; i > 0; i--) {
        uint64_t value = i * 2;
        netipc_message answer = request_of(i, &value, sizeof value);
        answer.kind = NETIPC_MESSAGE_RESPONSE;
        assert_int_equal(netipc_session_send(answering, &answer), NETIPC_OK);
    }
    for (uint64_t i = COUNT; i > 0; i--) {
        uint64_t value = i * 2;
        assert_int_equal(receive(calling, &message), NETIPC_OK);
        assert_int_equal(message.kind, NETIPC_MESSAGE_RESPONSE);
        assert_int_equal(message.id, i);
        assert_memory_equal(message.payload, &value, sizeof value);
    }
}

/* Of so many bytes, to the other end and back, in one thread: what the socket does not take waits in the queue. */
static void send_there_and_back(size_t length)
{
    unsigned char *bytes = malloc(length + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)(i * 13 + i / 255);
    const netipc_message request = request_of(7, bytes, length);
    assert_int_equal(netipc_session_send(calling, &request), NETIPC_OK);
    netipc_message message;
    netipc_status status;
    while ((status = receive(answering, &message)) == NETIPC_WOULD_BLOCK)
        (void)netipc_session_advance(calling);
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(message.length, length);
    assert_memory_equal(message.payload, bytes, length);
    message.kind = NETIPC_MESSAGE_RESPONSE;
    assert_int_equal(netipc_session_send(answering, &message), NETIPC_OK);
    while ((status = receive(calling, &message)) == NETIPC_WOULD_BLOCK)
        (void)netipc_session_advance(answering);
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(message.length, length);
    assert_memory_equal(message.payload, bytes, length);
    free(bytes);
}

static void messages_of_any_length_up_to_the_limit_arrive_whole(void **state)
{
    enum { LIMIT = 3000000 };
    netipc_session_config config = config_of(*state);
    config.max_request_payload = config.max_response_payload = LIMIT;
    connect_both(&config, &config);
    netipc_session_info info = {.size = sizeof info};
    assert_int_equal(netipc_session_status(calling, &info), NETIPC_OK);
    assert_int_equal(info.max_request_payload, LIMIT);
    size_t room = info.packet_size - NETIPC_WIRE_ENVELOPE_SIZE;
    const size_t lengths[] = {0, 1, 7, 8, 4096, room - 1, room, room + 1, 2 * room, 2 * room + 1, LIMIT - 1, LIMIT};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        send_there_and_back(lengths[i]);
    unsigned char *more = calloc(1, LIMIT + 1);
    const netipc_message request = request_of(9, more, LIMIT + 1);
    assert_int_equal(netipc_session_send(calling, &request), NETIPC_LIMIT_EXCEEDED);
    free(more);
    send_there_and_back(5); /* nothing was taken of it */
}

/* Of the message that was received last, and of those that had to wait. */
static void the_memory_of_large_messages_is_given_back(void **state)
{
    enum { LARGE = 3000000, KEPT = 65536 };
    netipc_session_config config = config_of(*state);
    config.max_request_payload = config.max_response_payload = LARGE;
    connect_both(&config, &config);
    send_there_and_back(LARGE);
    assert_non_null(calling->channel.joiner.joined);
    send_there_and_back(8);
    assert_in_range(calling->channel.joiner.capacity, 0, KEPT);
    assert_in_range(answering->channel.joiner.capacity, 0, KEPT);
    assert_null(calling->channel.queue.bytes);
    assert_null(answering->channel.queue.bytes);
}

static void a_full_queue_takes_nothing_more_until_the_peer_reads(void **state)
{
    static unsigned char bytes[60000];
    const netipc_session_config config = config_of(*state);
    connect_both(&config, &config);
    netipc_session_info info = {.size = sizeof info};
    uint64_t sent = 0;
    netipc_message request = request_of(1, bytes, sizeof bytes);
    while (netipc_session_send(calling, &request) == NETIPC_OK)
        request.id = ++sent + 1;
    assert_in_range(sent, 2, 100);
    assert_int_equal(netipc_session_send(calling, &request), NETIPC_WOULD_BLOCK);
    assert_int_equal(netipc_session_status(calling, &info), NETIPC_OK);
    assert_in_range(info.waiting, sizeof bytes, 70000);
    assert_int_equal(netipc_session_advance(calling), NETIPC_WOULD_BLOCK);
    struct pollfd polled = {.fd = netipc_session_fd(calling), .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 0), 0); /* a loop does not run hot meanwhile */
    netipc_message message;
    uint64_t got = 0;
    while (got < sent) {
        netipc_status status = receive(answering, &message);
        if (status == NETIPC_WOULD_BLOCK) {
            await_readable(netipc_session_fd(calling));
            (void)netipc_session_advance(calling);
            continue;
        }
        assert_int_equal(status, NETIPC_OK);
        assert_int_equal(message.id, ++got);
    }
    assert_int_equal(netipc_session_advance(calling), NETIPC_OK);
    assert_int_equal(netipc_session_send(calling, &request), NETIPC_OK);
}

static void who_may_not_have_a_session_is_told_why(void **state)
{
    netipc_session_config config = config_of(*state), wrong = config;
    config.max_sessions = 1;
    connect_both(&config, &config);
    static const struct {
        int kind;
        netipc_status caller, answerer;
    } cases[] = {{0, NETIPC_BUSY, NETIPC_BUSY}, {1, NETIPC_AUTH_FAILED, NETIPC_AUTH_FAILED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        netipc_session *extra, *refused;
        wrong.token = config.token + (uint64_t)cases[i].kind;
        assert_int_equal(netipc_session_connect(&wrong, &extra), NETIPC_WOULD_BLOCK);
        refused = accept_one();
        assert_int_equal(netipc_session_advance(refused), cases[i].answerer);
        assert_int_equal(netipc_session_advance(refused), cases[i].answerer); /* and it stays so */
        await_readable(netipc_session_fd(extra));
        assert_int_equal(netipc_session_advance(extra), cases[i].caller);
        netipc_session_close(extra);
        netipc_session_close(refused);
    }
    send_there_and_back(100);
    netipc_session_close(answering); /* makes room */
    netipc_session_close(calling);
    assert_int_equal(netipc_session_connect(&config, &calling), NETIPC_WOULD_BLOCK);
    answering = accept_one();
    assert_int_equal(netipc_session_advance(answering), NETIPC_OK);
    assert_int_equal(netipc_session_advance(calling), NETIPC_OK);
    netipc_listener_close(listener); /* what was accepted goes on */
    listener = NULL;
    send_there_and_back(1000);
}

static void who_is_refused_and_says_nothing_takes_a_bounded_number_of_sessions(void **state)
{
    enum { PEERS = 100, MOST = 64 };
    const struct scene *scene = *state;
    netipc_session_config config = config_of(scene);
    config.max_sessions = 1;
    connect_both(&config, &config);
    int silent[PEERS];
    netipc_session *refused[PEERS], *none;
    struct netipc_hello_ack ack;
    unsigned taken = 0;
    for (unsigned i = 0; i < PEERS; i++) {
        silent[i] = raw_connect(scene);
        netipc_status status = netipc_listener_accept(listener, &refused[taken]);
        assert_true(status == NETIPC_OK || status == NETIPC_WOULD_BLOCK);
        assert_int_equal(status == NETIPC_OK, i < MOST);
        taken += status == NETIPC_OK;
    }
    for (unsigned i = MOST; i < PEERS; i++) { /* unheard, but told why */
        assert_int_equal(raw_receive_ack(silent[i], &ack), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        raw_expect_closed(silent[i]);
        close(silent[i]);
    }
    netipc_session_close(refused[--taken]);
    close(silent[MOST - 1]);
    int heard = raw_connect(scene), unheard = raw_connect(scene);
    assert_int_equal(netipc_listener_accept(listener, &refused[taken++]), NETIPC_OK);
    assert_int_equal(netipc_listener_accept(listener, &none), NETIPC_WOULD_BLOCK);
    assert_int_equal(raw_receive_ack(unheard, &ack), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    send_there_and_back(100);
    while (taken > 0)
        netipc_session_close(refused[--taken]);
    for (unsigned i = 0; i < MOST - 1; i++)
        close(silent[i]);
    close(heard);
    close(unheard);
}

static void a_message_above_the_limit_is_described_and_ends_the_receiving(void **state)
{
    const struct scene *scene = *state;
    netipc_session_config config = config_of(scene);
    config.max_request_payload = 1000;
    listen_with(&config);
    int raw = raw_connect(scene);
    const struct netipc_hello hello = {.layout_version = NETIPC_WIRE_LAYOUT,
                                       .supported_profiles = NETIPC_PROFILE_BASELINE,
                                       .max_request_payload_bytes = 1000,
                                       .auth_token = SCENE_TOKEN,
                                       .packet_size = 4096};
    unsigned char packet[4096] = {0};
    size_t length =
        netipc_wire_control(NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &hello, NETIPC_WIRE_HELLO_SIZE, packet);
    raw_send(raw, packet, length);
    answering = accept_one();
    assert_int_equal(netipc_session_advance(answering), NETIPC_OK);
    const struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                             .version = 1,
                                             .header_len = 32,
                                             .kind = 1,
                                             .code = 5,
                                             .payload_len = 1001,
                                             .item_count = 1,
                                             .message_id = 42};
    memset(packet, 0, sizeof packet);
    memcpy(packet, &envelope, sizeof envelope);
    raw_send(raw, packet, sizeof envelope + 1001);
    raw_send(raw, packet, sizeof envelope + 1001); /* nobody will read this one */
    netipc_message message;
    assert_int_equal(receive(answering, &message), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(message.id, 42);
    assert_int_equal(message.method, 5);
    assert_int_equal(message.length, 1001);
    assert_null(message.payload);
    netipc_message answer = request_of(42, NULL, 0);
    answer.kind = NETIPC_MESSAGE_RESPONSE;
    answer.outcome = NETIPC_OUTCOME_LIMIT_EXCEEDED;
    assert_int_equal(netipc_session_send(answering, &answer), NETIPC_OK);
    netipc_session_close(answering);
    answering = NULL;
    /* No reset goes ahead of the answer. */
    assert_int_equal(recv(raw, packet, sizeof packet, 0), NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_HELLO_ACK_SIZE);
    assert_int_equal(recv(raw, packet, sizeof packet, 0), sizeof envelope);
    assert_int_equal(recv(raw, packet, sizeof packet, 0), 0);
    close(raw);
}

static void arguments_that_make_no_message_are_refused(void **state)
{
    const netipc_session_config config = config_of(*state);
    connect_both(&config, &config);
    const netipc_message good = request_of(1, "x", 1);
    netipc_message bad[9];
    for (size_t i = 0; i < 9; i++)
        bad[i] = good;
    bad[0].size = 4;
    bad[1].kind = 3;
    bad[2].method = 0;
    bad[3].method = 65536;
    bad[4].outcome = 1;
    bad[5].item_count = 0;
    bad[6].item_count = 2;
    bad[7].batch = 2;
    bad[8].payload = NULL;
    for (size_t i = 0; i < 9; i++)
        assert_int_equal(netipc_session_send(calling, &bad[i]), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_session_send(calling, NULL), NETIPC_INVALID_ARGUMENT);
    netipc_message items = good;
    items.batch = 1;
    items.item_count = 1025;
    assert_int_equal(netipc_session_send(calling, &items), NETIPC_LIMIT_EXCEEDED);
    netipc_message message;
    assert_int_equal(receive(answering, &message), NETIPC_WOULD_BLOCK);
}

static void the_end_of_the_peer_is_told_after_what_it_sent(void **state)
{
    const netipc_session_config config = config_of(*state);
    listen_with(&config);
    pid_t child = fork();
    if (child == 0) {
        netipc_session *session;
        netipc_status status = netipc_session_connect(&config, &session);
        struct pollfd polled = {.fd = netipc_session_fd(session), .events = POLLIN};
        while (status == NETIPC_WOULD_BLOCK && poll(&polled, 1, -1) >= 0)
            status = netipc_session_advance(session);
        const netipc_message request = request_of(3, "last words", 10);
        _exit(netipc_session_send(session, &request) != NETIPC_OK);
    }
    answering = accept_one();
    while (netipc_session_advance(answering) == NETIPC_WOULD_BLOCK)
        await_readable(netipc_session_fd(answering));
    int exited;
    assert_int_equal(waitpid(child, &exited, 0), child);
    assert_int_equal(exited, 0);
    netipc_message message;
    assert_int_equal(receive(answering, &message), NETIPC_OK);
    assert_memory_equal(message.payload, "last words", 10);
    await_readable(netipc_session_fd(answering));
    assert_int_equal(receive(answering, &message), NETIPC_GONE);
    assert_int_equal(receive(answering, &message), NETIPC_GONE);
    assert_int_equal(netipc_session_advance(answering), NETIPC_GONE);
}

static void nobody_there_is_said_at_once_and_a_full_backlog_is_tried_again(void **state)
{
    netipc_session_config config = config_of(*state);
    netipc_session *sessions[1000];
    size_t count = 0;
    assert_int_equal(netipc_session_connect(&config, &sessions[0]), NETIPC_NOT_FOUND);
    assert_null(sessions[0]);
    config.max_sessions = 1000;
    listen_with(&config);
    do {
        assert_int_equal(netipc_session_connect(&config, &sessions[count]), NETIPC_WOULD_BLOCK);
        count++;
    } while (count < 1000 && netipc_session_retry_in(sessions[count - 1]) == UINT64_MAX);
    if (count < 1000) { /* else the backlog of this system holds them all */
        assert_int_equal(netipc_session_advance(sessions[count - 1]), NETIPC_WOULD_BLOCK);
        netipc_session_close(accept_one());
        netipc_status status = NETIPC_WOULD_BLOCK;
        for (uint64_t end = now_ms() + slow_ms(20000);
             netipc_session_retry_in(sessions[count - 1]) != UINT64_MAX && now_ms() < end; pause_ms(1))
            status = netipc_session_advance(sessions[count - 1]);
        assert_int_equal(status, NETIPC_WOULD_BLOCK); /* connected, and the HELLO is under way */
        assert_int_equal(netipc_session_retry_in(sessions[count - 1]), UINT64_MAX);
    }
    while (count > 0)
        netipc_session_close(sessions[--count]);
}

static void a_forked_childs_copy_is_dead_and_the_parents_session_goes_on(void **state)
{
    const netipc_session_config config = config_of(*state);
    connect_both(&config, &config);
    pid_t child = fork();
    if (child == 0) {
        netipc_message message = request_of(1, NULL, 0);
        netipc_session *session;
        int wrong = netipc_session_send(calling, &message) != NETIPC_FORKED ||
                    netipc_session_advance(answering) != NETIPC_FORKED || netipc_session_fd(calling) != -1 ||
                    netipc_listener_accept(listener, &session) != NETIPC_FORKED || netipc_listener_fd(listener) != -1;
        netipc_session_close(calling);
        netipc_session_close(answering);
        netipc_listener_close(listener);
        _exit(wrong);
    }
    int exited;
    assert_int_equal(waitpid(child, &exited, 0), child);
    assert_int_equal(exited, 0);
    send_there_and_back(1000);
}

static void the_captured_echo_is_the_same_bytes_here(void **state)
{
    const struct scene *scene = *state;
    golden_file *file = golden_load();
    assert_non_null(file);
    const golden_session *session = golden_session_named(file, "low level: 256-byte opaque payload echoed");
    assert_non_null(session);
    netipc_session_config config = config_of(scene);
    struct netipc_hello hello = {0};
    memcpy(&hello, session->steps[0].packet.data + NETIPC_WIRE_ENVELOPE_SIZE, NETIPC_WIRE_HELLO_SIZE);
    config.token = hello.auth_token;
    listen_with(&config);
    int raw = raw_connect(scene);
    raw_send(raw, session->steps[0].packet.data, session->steps[0].packet.length);
    answering = accept_one();
    assert_int_equal(netipc_session_advance(answering), NETIPC_OK);
    unsigned char packet[4096];
    assert_int_equal(raw_receive(raw, packet, sizeof packet, slow_ms(5000)), session->steps[1].packet.length);
    raw_send(raw, session->steps[2].packet.data, session->steps[2].packet.length);
    netipc_message message;
    assert_int_equal(receive(answering, &message), NETIPC_OK);
    assert_int_equal(message.length, 256);
    message.kind = NETIPC_MESSAGE_RESPONSE;
    assert_int_equal(netipc_session_send(answering, &message), NETIPC_OK);
    assert_int_equal(raw_receive(raw, packet, sizeof packet, slow_ms(5000)), session->steps[3].packet.length);
    assert_memory_equal(packet, session->steps[3].packet.data, session->steps[3].packet.length);
    close(raw);
    golden_free(file);
}

#define by_hand(test) cmocka_unit_test_setup_teardown(test, scene_open, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        by_hand(requests_are_pipelined_and_answered_in_any_order),
        by_hand(messages_of_any_length_up_to_the_limit_arrive_whole),
        by_hand(the_memory_of_large_messages_is_given_back),
        by_hand(a_full_queue_takes_nothing_more_until_the_peer_reads),
        by_hand(who_may_not_have_a_session_is_told_why),
        by_hand(who_is_refused_and_says_nothing_takes_a_bounded_number_of_sessions),
        by_hand(a_message_above_the_limit_is_described_and_ends_the_receiving),
        by_hand(arguments_that_make_no_message_are_refused),
        by_hand(the_end_of_the_peer_is_told_after_what_it_sent),
        by_hand(nobody_there_is_said_at_once_and_a_full_backlog_is_tried_again),
        by_hand(a_forked_childs_copy_is_dead_and_the_parents_session_goes_on),
        by_hand(the_captured_echo_is_the_same_bytes_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
