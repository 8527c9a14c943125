/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/raw_client.h"

#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

size_t raw_receive(int socket, unsigned char packet[NETIPC_WIRE_CONTROL_MAX], int fds[2])
{
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, (int)(patience_ns(30) / 1000000)), 1);
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
    } ancillary;
    struct iovec part = {.iov_base = packet, .iov_len = NETIPC_WIRE_CONTROL_MAX};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0)
        assert_int_equal(errno, ECONNRESET);
    fds[0] = fds[1] = -1;
    struct cmsghdr *rights = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (rights != NULL)
        memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    return got > 0 ? (size_t)got : 0;
}

static void send_control(int socket, uint16_t opcode, uint64_t id, const void *payload, size_t length)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t whole = netipc_wire_control(opcode, NETIPC_TRANSPORT_OK, id, payload, length, packet);
    assert_int_equal(send(socket, packet, whole, MSG_NOSIGNAL), whole);
}

static void expect_control(const unsigned char *packet, size_t length, uint16_t opcode, size_t payload_length)
{
    struct netipc_envelope envelope;
    assert_true(netipc_wire_envelope(packet, length, &envelope));
    assert_true(netipc_wire_is_control(&envelope, length, opcode, payload_length));
    assert_int_equal(envelope.transport_status, NETIPC_TRANSPORT_OK);
}

int raw_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", service_socket());
    int made = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_return_code(made, errno);
    assert_return_code(connect(made, (const struct sockaddr *)&address, sizeof address), errno);
    const struct netipc_hello hello = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_PUBLICATION,
        .preferred_profiles = NETIPC_PROFILE_PUBLICATION,
        .max_request_payload_bytes = 4096,
        .max_request_batch_items = 1,
        .max_response_payload_bytes = 4096,
        .max_response_batch_items = 1,
        .packet_size = 4096,
    };
    send_control(made, NETIPC_OP_HELLO, 0, &hello, NETIPC_WIRE_HELLO_SIZE);
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    int fds[2];
    size_t length = raw_receive(made, packet, fds);
    expect_control(packet, length, NETIPC_OP_HELLO_ACK, NETIPC_WIRE_HELLO_ACK_SIZE);
    return made;
}

void raw_attach(int socket, struct raw_region *received)
{
    raw_attach_with_leases(socket, 0, received);
}

void raw_attach_with_leases(int socket, uint32_t leases, struct raw_region *received)
{
    const struct netipc_attach attach = {
        .layout_version = NETIPC_WIRE_LAYOUT, .lease_words = leases, .max_region_size = UINT64_MAX};
    send_control(socket, NETIPC_OP_ATTACH, 1, &attach, sizeof attach);
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    int fds[2];
    size_t length = raw_receive(socket, packet, fds);
    expect_control(packet, length, NETIPC_OP_REGION, NETIPC_WIRE_REGION_SIZE);
    memcpy(&received->offer, packet + NETIPC_WIRE_ENVELOPE_SIZE, sizeof received->offer);
    received->region = fds[0];
    received->page = fds[1];
    assert_true(received->region >= 0 && received->page >= 0);
}

bool raw_confirm(int socket, const struct raw_region *received)
{
    const struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = received->offer.ordinal};
    send_control(socket, NETIPC_OP_ATTACHED, 2, &note, sizeof note);
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    int fds[2];
    size_t length = raw_receive(socket, packet, fds);
    if (length == 0)
        return false;
    expect_control(packet, length, NETIPC_OP_READY, NETIPC_WIRE_NOTE_SIZE);
    return true;
}
