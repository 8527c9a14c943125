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
    netipc_channel_init(&channel, pair[0], PACKET_SIZE, LENGTH, netipc_channel_queue_for(LENGTH, PACKET_SIZE));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_of_many_packets_leaves_in_several_turns_although_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
