/* SPDX-License-Identifier: Apache-2.0 */
/* A deadline that runs is neither taken away nor put off by what the peer does besides. */
#include "tests/control/raw_client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DEADLINE_MS = 500, HALF = 4 };

static struct publisher_process start_impatient(const struct scene *scene)
{
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.handshake_timeout_ns = (uint64_t)slow_ms(DEADLINE_MS) * 1000000;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    return publisher;
}

static bool has_hung_up(int socket, unsigned ms)
{
    struct pollfd polled = {.fd = socket};
    return poll(&polled, 1, (int)ms) == 1 && (polled.revents & POLLHUP);
}

/* A caller of methods that may attach as well. Its HELLO_ACK stays unread. */
static int open_unread(const struct scene *scene)
{
    struct netipc_hello hello =
        raw_hello(NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION, NETIPC_PROFILE_BASELINE);
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    return socket;
}

/* The first half of a request in two packets, and the second. */
static void send_first_half(int socket, uint64_t id)
{
    struct {
        struct netipc_envelope envelope;
        unsigned char payload[HALF];
    } first = {.envelope = {.magic = NETIPC_WIRE_MAGIC,
                            .version = NETIPC_WIRE_VERSION,
                            .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                            .kind = NETIPC_KIND_REQUEST,
                            .code = 1,
                            .payload_len = 2 * HALF,
                            .item_count = 1,
                            .message_id = id}};
    raw_send(socket, &first, NETIPC_WIRE_ENVELOPE_SIZE + HALF);
}

static void send_second_half(int socket, uint64_t id)
{
    struct {
        uint32_t magic;
        uint16_t version, flags;
        uint64_t message_id;
        uint32_t total, index, count, length;
        unsigned char payload[HALF];
    } second = {.magic = NETIPC_WIRE_CHUNK_MAGIC,
                .version = NETIPC_WIRE_VERSION,
                .message_id = id,
                .total = NETIPC_WIRE_ENVELOPE_SIZE + 2 * HALF,
                .index = 1,
                .count = 2,
                .length = HALF};
    raw_send(socket, &second, NETIPC_WIRE_ENVELOPE_SIZE + HALF);
}

static void expect_end_at_the_deadline(struct publisher_process *publisher, int socket, uint64_t start)
{
    assert_true(has_hung_up(socket, slow_ms(DEADLINE_MS * 4)));
    assert_true(now_ms() - start >= slow_ms(DEADLINE_MS) - 50);
    assert_true(sessions_become(publisher, 0, 0));
    assert_int_equal(order_info(publisher).timed_out, 1);
    close(socket);
    order_close(publisher);
}

static void a_request_in_two_packets_does_not_save_who_never_takes_the_region(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = start_impatient(scene);
    uint64_t start = now_ms();
    int socket = open_unread(scene);
    raw_send_attach(socket, 1, 0); /* which waits until HELLO_ACK has been read */
    send_first_half(socket, 2);
    send_second_half(socket, 2);
    expect_end_at_the_deadline(&publisher, socket, start);
}

static void requests_in_two_packets_do_not_put_the_deadline_off(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = start_impatient(scene);
    uint64_t start = now_ms(), end = start + slow_ms(DEADLINE_MS * 4);
    int socket = open_unread(scene);
    raw_send_attach(socket, 1, 0);
    for (uint64_t id = 2; !has_hung_up(socket, slow_ms(DEADLINE_MS / 10)) && now_ms() < end; id++) {
        send_first_half(socket, id);
        send_second_half(socket, id);
    }
    assert_true(now_ms() < end);
    expect_end_at_the_deadline(&publisher, socket, start);
}

/* Whether the publisher has received all that was sent, within a while. */
static bool all_taken(int socket)
{
    int queued = 0;
    for (uint64_t end = now_ms() + slow_ms(100); now_ms() < end; pause_ms(1))
        if (ioctl(socket, SIOCOUTQ, &queued) == 0 && queued == 0)
            return true;
    return false;
}

static int attach(const struct scene *scene)
{
    struct raw_region region;
    int socket = raw_open_session(scene);
    raw_attach(socket, &region);
    close(region.page_fd);
    return socket;
}

/* How many answers fit into the queue of a peer that reads none: the one after waits for room, and meanwhile no
 * further request is received. */
static unsigned count_answers_that_fit(const struct scene *scene)
{
    int socket = attach(scene);
    unsigned sent = 0;
    do
        raw_send_request(socket, 1, ++sent, 0);
    while (sent < 100000 && all_taken(socket));
    close(socket);
    return sent - 2;
}

static void half_a_request_has_its_deadline_also_when_an_answer_found_room_late(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = start_impatient(scene);
    unsigned char packet[256];
    unsigned fit = count_answers_that_fit(scene);
    assert_in_range(fit, 100, 99998);
    assert_true(sessions_become(&publisher, 0, 0));
    int socket = attach(scene);
    for (unsigned i = 1; i <= fit; i++)
        raw_send_request(socket, 1, i, 0);
    assert_true(all_taken(socket));
    uint64_t start = now_ms();
    send_first_half(socket, fit + 1);
    assert_true(all_taken(socket));
    assert_int_equal(order_publish(&publisher, 1, 1, 10000), NETIPC_OK); /* grows: SUPERSEDED has to wait for room */
    pause_ms(slow_ms(50));
    for (unsigned i = 1; i <= fit + 1; i++)
        assert_true(raw_receive(socket, packet, sizeof packet, slow_ms(5000)) > 0);
    expect_end_at_the_deadline(&publisher, socket, start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_in_two_packets_does_not_save_who_never_takes_the_region, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(requests_in_two_packets_do_not_put_the_deadline_off, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(half_a_request_has_its_deadline_also_when_an_answer_found_room_late, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
