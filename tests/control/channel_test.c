/* SPDX-License-Identifier: Apache-2.0 */
/* Whole messages over one socket. */
#include "control/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PACKET_SIZE = 33, LENGTH = 200, AT_ONCE_MOST = 64 };

static unsigned packets_in(int socket, unsigned char *payload, unsigned have)
{
    unsigned count = 0;
    unsigned char packet[PACKET_SIZE];
    while (recv(socket, packet, sizeof packet, MSG_DONTWAIT) == PACKET_SIZE) {
        assert_true(have + count < LENGTH);
        payload[have + count++] = packet[NETIPC_WIRE_ENVELOPE_SIZE];
    }
    return count;
}

/* Else a peer that reads as fast as it is sent to, a byte a packet, would have an event loop for itself. */
static void a_message_of_many_packets_leaves_in_several_turns_although_there_is_room(void **state)
{
    (void)state;
    int pair[2];
    unsigned char payload[LENGTH], got[LENGTH];
    struct netipc_channel channel;
    const struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC, .payload_len = LENGTH};
    for (unsigned i = 0; i < LENGTH; i++)
        payload[i] = (unsigned char)i;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    netipc_channel_init(&channel, pair[0], PACKET_SIZE, LENGTH, netipc_channel_queue_for(LENGTH));
    assert_int_equal(netipc_channel_send(&channel, &envelope, payload), NETIPC_CHANNEL_DONE);
    unsigned have = packets_in(pair[1], got, 0);
    assert_in_range(have, 1, AT_ONCE_MOST);
    enum netipc_channel_result result = NETIPC_CHANNEL_AGAIN;
    while (result == NETIPC_CHANNEL_AGAIN) {
        assert_true(netipc_channel_waits(&channel));
        result = netipc_channel_flush(&channel);
        unsigned more = packets_in(pair[1], got, have);
        assert_in_range(more, 1, AT_ONCE_MOST);
        have += more;
    }
    assert_int_equal(result, NETIPC_CHANNEL_DONE);
    assert_false(netipc_channel_waits(&channel));
    assert_int_equal(have, LENGTH);
    assert_memory_equal(got, payload, LENGTH);
    netipc_channel_free(&channel);
    close(pair[0]);
    close(pair[1]);
}

static void fill(unsigned char *payload, uint32_t length, uint64_t id)
{
    for (uint32_t i = 0; i < length; i++)
        payload[i] = (unsigned char)(i * 7 + id * 13);
}

/* What has come is what was sent, in order; every third is a control message, in one packet of its own size. */
static void expect_next(const struct netipc_channel *receiver, uint64_t id, uint32_t length)
{
    unsigned char payload[LENGTH];
    fill(payload, length, id);
    assert_int_equal(receiver->joiner.envelope.message_id, id);
    assert_int_equal(receiver->joiner.envelope.payload_len, length);
    if (length > 0)
        assert_memory_equal(receiver->joiner.payload, payload, length);
}

/* Round the end of the queue, in the middle of headers and payloads. */
static void send_messages_that_wait(uint32_t checksum)
{
    enum { MESSAGES = 60, CONTROL = 48 };
    for (uint32_t packet_size = PACKET_SIZE + netipc_checksum_size(checksum); packet_size < 300;
         packet_size += 1 + packet_size / 16) {
        int pair[2];
        struct netipc_channel sender, receiver;
        unsigned char payload[LENGTH], scratch[512];
        uint32_t lengths[MESSAGES];
        uint64_t sent = 0, received = 0;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &(int){4608}, sizeof(int)), 0);
        netipc_channel_init(&sender, pair[0], packet_size, LENGTH, 3 * netipc_channel_queue_for(LENGTH) + 5);
        netipc_channel_init(&receiver, pair[1], packet_size < 84 ? 84 : packet_size, LENGTH, 1);
        netipc_channel_protect(&sender, checksum);
        netipc_channel_protect(&receiver, checksum);
        while (received < MESSAGES) {
            enum netipc_channel_result result = NETIPC_CHANNEL_DONE;
            while (sent < MESSAGES && result == NETIPC_CHANNEL_DONE) {
                struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                                   .version = NETIPC_WIRE_VERSION,
                                                   .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                                   .kind = NETIPC_KIND_REQUEST,
                                                   .item_count = 1,
                                                   .message_id = sent};
                bool control = sent % 3 == 2;
                envelope.payload_len = lengths[sent] = control ? CONTROL : (uint32_t)(sent * 37 % (LENGTH + 1));
                fill(payload, lengths[sent], sent);
                if (control) {
                    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
                    size_t length = netipc_wire_control(NETIPC_OP_HELLO, 0, sent, payload, CONTROL, packet);
                    result = netipc_channel_send_packet(&sender, packet, length);
                } else {
                    result = netipc_channel_send(&sender, &envelope, payload);
                }
                sent += result == NETIPC_CHANNEL_DONE;
            }
            assert_true(result == NETIPC_CHANNEL_DONE || result == NETIPC_CHANNEL_AGAIN);
            for (unsigned packets = 1 + (unsigned)(received % 7); packets > 0;) {
                result = netipc_channel_receive(&receiver, scratch, &packets);
                assert_true(result == NETIPC_CHANNEL_DONE || result == NETIPC_CHANNEL_AGAIN);
                if (result == NETIPC_CHANNEL_AGAIN)
                    break;
                expect_next(&receiver, received, lengths[received]);
                received++;
                packets--;
            }
            result = netipc_channel_flush(&sender);
            assert_true(result == NETIPC_CHANNEL_DONE || result == NETIPC_CHANNEL_AGAIN);
        }
        assert_false(netipc_channel_waits(&sender));
        netipc_channel_free(&sender);
        netipc_channel_free(&receiver);
        close(pair[0]);
        close(pair[1]);
    }
}

static void messages_that_wait_leave_whole_and_in_order_at_every_packet_size(void **state)
{
    (void)state;
    send_messages_that_wait(0);
    send_messages_that_wait(NETIPC_CAPABILITY_IEEE);
    send_messages_that_wait(NETIPC_CAPABILITY_CASTAGNOLI);
}

/* As HELLO_ACK, when the socket takes nothing at that moment. */
static void what_waits_when_checksums_begin_leaves_without_one(void **state)
{
    (void)state;
    int pair[2];
    struct netipc_channel channel;
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX], got[4096];
    const size_t length = netipc_wire_control(NETIPC_OP_HELLO_ACK, 0, 0, "0123456789abcdef", 16, packet);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    netipc_channel_init(&channel, pair[0], 4096, LENGTH, 1000);
    while (send(pair[0], got, 1, MSG_DONTWAIT) == 1)
        ;
    assert_int_equal(netipc_channel_send_packet(&channel, packet, length), NETIPC_CHANNEL_DONE);
    netipc_channel_protect(&channel, NETIPC_CAPABILITY_IEEE);
    assert_int_equal(netipc_channel_send_packet(&channel, packet, length), NETIPC_CHANNEL_DONE);
    assert_true(netipc_channel_waits(&channel));
    while (recv(pair[1], got, sizeof got, MSG_DONTWAIT) == 1)
        ;
    assert_int_equal(netipc_channel_flush(&channel), NETIPC_CHANNEL_DONE);
    assert_int_equal(recv(pair[1], got, sizeof got, MSG_DONTWAIT), length);
    assert_int_equal(recv(pair[1], got, sizeof got, MSG_DONTWAIT), length + 4);
    netipc_channel_free(&channel);
    close(pair[0]);
    close(pair[1]);
}

/* However small the peer wants its packets. */
static void a_message_that_waits_takes_no_memory_for_its_packets(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    static unsigned char payload[LARGE];
    int pair[2];
    struct netipc_channel channel;
    const struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC, .payload_len = LARGE};
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    netipc_channel_init(&channel, pair[0], PACKET_SIZE, LARGE, netipc_channel_queue_for(LARGE));
    assert_int_equal(netipc_channel_send(&channel, &envelope, payload), NETIPC_CHANNEL_DONE);
    assert_in_range(channel.queue.size, LARGE, LARGE + 64);
    netipc_channel_free(&channel);
    close(pair[0]);
    close(pair[1]);
}

/* A message of several packets has its queue made first, whether it comes to be used or not. */
static void a_large_queue_is_given_back_when_all_has_left_and_a_small_one_is_kept(void **state)
{
    (void)state;
    enum { LARGE = 300000, SMALL = 60000 };
    static unsigned char payload[LARGE], scratch[NETIPC_WIRE_ENVELOPE_SIZE + 4096];
    for (uint32_t length = LARGE;; length = SMALL) {
        int pair[2];
        struct netipc_channel sender, receiver;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        netipc_channel_init(&sender, pair[0], sizeof scratch, length, netipc_channel_queue_for(length));
        netipc_channel_init(&receiver, pair[1], sizeof scratch, length, 1);
        for (uint32_t round = 0, sends = length; round < 3; round++, sends = round == 1 ? 10000 : length) {
            const struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                                     .version = NETIPC_WIRE_VERSION,
                                                     .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                                     .kind = NETIPC_KIND_REQUEST,
                                                     .payload_len = sends};
            unsigned packets = 1000;
            assert_int_equal(netipc_channel_send(&sender, &envelope, payload), NETIPC_CHANNEL_DONE);
            assert_int_equal(netipc_channel_waits(&sender), sends == LARGE);
            while (netipc_channel_receive(&receiver, scratch, &packets) == NETIPC_CHANNEL_AGAIN)
                assert_in_range(netipc_channel_flush(&sender), NETIPC_CHANNEL_DONE, NETIPC_CHANNEL_AGAIN);
            assert_int_equal(netipc_channel_flush(&sender), NETIPC_CHANNEL_DONE);
            assert_int_equal(receiver.joiner.envelope.payload_len, sends);
            assert_int_equal(sender.queue.bytes != NULL, length == SMALL);
        }
        netipc_channel_free(&sender);
        netipc_channel_free(&receiver);
        close(pair[0]);
        close(pair[1]);
        if (length == SMALL)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_of_many_packets_leaves_in_several_turns_although_there_is_room),
        cmocka_unit_test(messages_that_wait_leave_whole_and_in_order_at_every_packet_size),
        cmocka_unit_test(a_large_queue_is_given_back_when_all_has_left_and_a_small_one_is_kept),
        cmocka_unit_test(what_waits_when_checksums_begin_leaves_without_one),
        cmocka_unit_test(a_message_that_waits_takes_no_memory_for_its_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
