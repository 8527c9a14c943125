/* SPDX-License-Identifier: Apache-2.0 */
/* F6: whoever says nothing, half of it, or does not listen is ended by a deadline of its own and holds up nobody. */
#include "tests/control/raw_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 1000 };

/* Says nothing. */
static int mute(const struct scene *scene)
{
    return raw_connect(scene);
}

/* Announces a request of which the rest never comes. */
static int half(const struct scene *scene)
{
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                       .version = NETIPC_WIRE_VERSION,
                                       .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                       .kind = NETIPC_KIND_REQUEST,
                                       .code = 1,
                                       .payload_len = 8,
                                       .item_count = 1,
                                       .message_id = 1};
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    raw_send(socket, &envelope, sizeof envelope);
    return socket;
}

/* Asks and asks, and reads no answer, until neither direction takes any more. */
static int deaf(const struct scene *scene)
{
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                       .version = NETIPC_WIRE_VERSION,
                                       .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                       .kind = NETIPC_KIND_REQUEST,
                                       .code = 1,
                                       .item_count = 1};
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    for (unsigned refused = 0; refused < 20;) {
        envelope.message_id++;
        if (send(socket, &envelope, sizeof envelope, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
            refused = 0;
            continue;
        }
        assert_int_equal(errno, EAGAIN);
        refused++;
        pause_ms(1);
    }
    assert_in_range(envelope.message_id, 100, 100000);
    return socket;
}

/* Was let in as a subscriber and never asks for the region. */
static int idle(const struct scene *scene)
{
    return raw_open_session(scene);
}

/* Asks for the region and never says that it has mapped it. */
static int absent(const struct scene *scene)
{
    int socket = raw_open_session(scene);
    raw_send_attach(socket, 1, 0);
    return socket;
}

static bool has_hung_up(int socket, unsigned ms)
{
    struct pollfd polled = {.fd = socket};
    return poll(&polled, 1, (int)ms) == 1 && (polled.revents & POLLHUP);
}

static netipc_publisher_config impatient(const struct scene *scene)
{
    netipc_publisher_config config = publisher_config(scene);
    config.handshake_timeout_ns = (uint64_t)slow_ms(DEADLINE_MS) * 1000000;
    return config;
}

static void peers_that_do_not_go_on_are_ended_and_a_subscriber_reads_meanwhile(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = impatient(scene);
    struct publisher_process publisher;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 1000), NETIPC_OK);

    uint64_t start = now_ms();
    int sockets[] = {mute(scene), half(scene), deaf(scene), idle(scene), absent(scene)};
    enum { PEERS = sizeof sockets / sizeof *sockets };

    unsigned char bytes[4096];
    netipc_status status;
    netipc_snapshot_info snapshot = {.size = sizeof snapshot};
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_subscriber *subscriber = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(netipc_subscriber_read(subscriber, bytes, sizeof bytes, &snapshot), NETIPC_OK);
    assert_true(snapshot.length == 1000 && snapshot_is_whole(bytes, 1000));
    /* All of this while every one of them was still there. */
    netipc_publisher_info info = order_info(&publisher);
    assert_int_equal(info.timed_out, 0);
    assert_int_equal(info.sessions, PEERS + 1);

    for (size_t i = 0; i < PEERS; i++)
        assert_true(has_hung_up(sockets[i], slow_ms(DEADLINE_MS * 5)));
    assert_true(now_ms() - start >= slow_ms(DEADLINE_MS) - 50);
    assert_true(sessions_become(&publisher, 1, 1));
    assert_int_equal(order_info(&publisher).timed_out, PEERS);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    for (size_t i = 0; i < PEERS; i++)
        close(sockets[i]);
    netipc_subscriber_close(subscriber);
    order_close(&publisher);
}

static void a_session_that_is_open_and_quiet_has_no_deadline(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = impatient(scene);
    config.handshake_timeout_ns = (uint64_t)slow_ms(300) * 1000000;
    struct publisher_process publisher;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    int caller = raw_connect(scene), attached = raw_open_session(scene);
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    struct raw_region region;
    raw_send_hello(caller, &hello);
    assert_int_equal(raw_receive_ack(caller, &ack), NETIPC_TRANSPORT_OK);
    raw_attach(attached, &region);
    close(region.page_fd);
    assert_false(has_hung_up(caller, slow_ms(800)));
    assert_false(has_hung_up(attached, 0));
    assert_int_equal(order_info(&publisher).sessions, 2);
    close(caller);
    close(attached);
    order_close(&publisher);
}

static void a_publisher_closes_at_once_whoever_is_silent(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    config.handshake_timeout_ns = UINT64_C(3600000000000);
    struct publisher_process publisher;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    int sockets[] = {mute(scene), half(scene), deaf(scene), idle(scene), absent(scene)};
    order_close(&publisher);
    for (size_t i = 0; i < sizeof sockets / sizeof *sockets; i++) {
        assert_true(has_hung_up(sockets[i], 0));
        close(sockets[i]);
    }
    assert_int_equal(access(scene->socket_path, F_OK), -1);
}

static void a_callers_loop_is_woken_for_a_deadline(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = impatient(scene);
    config.loop = NETIPC_LOOP_CALLER;
    config.handshake_timeout_ns = (uint64_t)slow_ms(300) * 1000000;
    netipc_publisher *publisher;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    int socket = mute(scene);
    assert_int_equal(netipc_publisher_dispatch(publisher, 0), NETIPC_OK); /* lets it in */
    struct pollfd polled = {.fd = netipc_publisher_fd(publisher), .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 0), 0);
    assert_int_equal(poll(&polled, 1, (int)slow_ms(3000)), 1);
    assert_false(has_hung_up(socket, 0));
    assert_int_equal(netipc_publisher_dispatch(publisher, 0), NETIPC_OK);
    assert_true(has_hung_up(socket, 0));
    assert_int_equal(poll(&polled, 1, 100), 0); /* and then nothing is left to do */
    close(socket);
    netipc_publisher_close(publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(peers_that_do_not_go_on_are_ended_and_a_subscriber_reads_meanwhile, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_session_that_is_open_and_quiet_has_no_deadline, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_publisher_closes_at_once_whoever_is_silent, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_callers_loop_is_woken_for_a_deadline, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
