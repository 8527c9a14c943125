/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/control/raw_client.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int raw_connect(const struct scene *scene)
{
    return raw_connect_to(scene->socket_path);
}

int raw_connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_true(strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

void raw_send_fds(int socket, const void *packet, size_t length, const int *fds, size_t fd_count)
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(16 * sizeof(int))];
    } ancillary = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)packet, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        assert_true(fd_count <= 16);
        message.msg_control = ancillary.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    ssize_t sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    /* A peer that has closed already is found out by what is received. */
    assert_true(sent == (ssize_t)length || (sent < 0 && (errno == EPIPE || errno == ECONNRESET || errno == EPERM)));
}

void raw_send(int socket, const void *packet, size_t length)
{
    raw_send_fds(socket, packet, length, NULL, 0);
}

int raw_receive_fds(int socket, void *buffer, size_t capacity, unsigned ms, int fds[2])
{
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
    } ancillary;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    fds[0] = fds[1] = -1;
    if (poll(&polled, 1, (int)ms) == 0)
        return RAW_SILENCE;
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    /* The kernel reports once, ahead of what is still queued, that the peer closed without reading everything. */
    if (got < 0 && errno == ECONNRESET)
        got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got <= 0)
        return RAW_CLOSED;
    assert_false(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    return (int)got;
}

int raw_receive(int socket, void *buffer, size_t capacity, unsigned ms)
{
    int fds[2];
    int length = raw_receive_fds(socket, buffer, capacity, ms, fds);
    assert_int_equal(fds[0], -1);
    return length;
}

void raw_expect_closed(int socket)
{
    unsigned char packet[256];
    assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), RAW_CLOSED);
}

struct netipc_hello raw_hello(uint32_t supported, uint32_t preferred)
{
    return (struct netipc_hello){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = supported,
        .preferred_profiles = preferred,
        .max_request_payload_bytes = 4096,
        .max_request_batch_items = 1,
        .max_response_payload_bytes = 65536,
        .max_response_batch_items = 1,
        .auth_token = SCENE_TOKEN,
        .packet_size = 65536,
    };
}

void raw_send_control(int socket, uint16_t opcode, uint64_t id, const void *payload, size_t length)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    raw_send(socket, packet, netipc_wire_control(opcode, NETIPC_TRANSPORT_OK, id, payload, length, packet));
}

void raw_send_hello(int socket, const struct netipc_hello *hello)
{
    raw_send_control(socket, NETIPC_OP_HELLO, 0, hello, NETIPC_WIRE_HELLO_SIZE);
}

uint16_t raw_receive_ack(int socket, struct netipc_hello_ack *ack)
{
    unsigned char packet[256];
    struct netipc_envelope envelope;
    int length = raw_receive(socket, packet, sizeof packet, slow_ms(5000));
    assert_int_equal(length, NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_HELLO_ACK_SIZE);
    assert_true(netipc_wire_envelope(packet, (size_t)length, &envelope));
    assert_true(netipc_wire_is_control(&envelope, (size_t)length, NETIPC_OP_HELLO_ACK, NETIPC_WIRE_HELLO_ACK_SIZE));
    memcpy(ack, packet + NETIPC_WIRE_ENVELOPE_SIZE, sizeof *ack);
    return envelope.transport_status;
}

int raw_open_session(const struct scene *scene)
{
    struct netipc_hello hello =
        raw_hello(NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION, NETIPC_PROFILE_PUBLICATION);
    struct netipc_hello_ack ack;
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
    return socket;
}

void raw_send_attach(int socket, uint64_t id, uint64_t have_ordinal)
{
    struct netipc_attach attach = {
        .layout_version = NETIPC_WIRE_LAYOUT, .max_region_size = UINT64_MAX, .have_ordinal = have_ordinal};
    raw_send_control(socket, NETIPC_OP_ATTACH, id, &attach, sizeof attach);
}

void raw_send_attached(int socket, uint64_t id, uint64_t ordinal)
{
    struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = ordinal};
    raw_send_control(socket, NETIPC_OP_ATTACHED, id, &note, sizeof note);
}

void raw_send_request(int socket, uint16_t method, uint64_t id, uint32_t payload_length)
{
    struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_REQUEST,
        .code = method,
        .payload_len = payload_length,
        .item_count = 1,
        .message_id = id,
    };
    unsigned char *packet = calloc(1, sizeof envelope + payload_length);
    assert_non_null(packet);
    memcpy(packet, &envelope, sizeof envelope);
    raw_send(socket, packet, sizeof envelope + payload_length);
    free(packet);
}

void raw_send_message(int socket, const struct netipc_envelope *envelope, const void *payload, size_t length)
{
    unsigned char *packet = malloc(sizeof *envelope + length);
    assert_non_null(packet);
    memcpy(packet, envelope, sizeof *envelope);
    if (length > 0)
        memcpy(packet + sizeof *envelope, payload, length);
    raw_send(socket, packet, sizeof *envelope + length);
    free(packet);
}

uint16_t raw_receive_control(int socket, void *payload, size_t capacity, int fds[2])
{
    unsigned char packet[256];
    struct netipc_envelope envelope;
    int length = raw_receive_fds(socket, packet, sizeof packet, slow_ms(5000), fds);
    assert_true(length >= NETIPC_WIRE_ENVELOPE_SIZE);
    assert_true(netipc_wire_envelope(packet, (size_t)length, &envelope));
    assert_int_equal(envelope.kind, NETIPC_KIND_CONTROL);
    assert_int_equal(envelope.transport_status, NETIPC_TRANSPORT_OK);
    assert_int_equal(envelope.payload_len, length - NETIPC_WIRE_ENVELOPE_SIZE);
    assert_true(envelope.payload_len <= capacity);
    memcpy(payload, packet + NETIPC_WIRE_ENVELOPE_SIZE, envelope.payload_len);
    return envelope.code;
}

void raw_receive_region(int socket, struct raw_region *region)
{
    int fds[2];
    assert_int_equal(raw_receive_control(socket, &region->offer, sizeof region->offer, fds), NETIPC_OP_REGION);
    assert_true(fds[0] >= 0);
    region->region_fd = fds[0];
    region->page_fd = fds[1];
}

void raw_attach(int socket, struct raw_region *region)
{
    struct netipc_note note;
    int fds[2];
    raw_send_attach(socket, 1, 0);
    raw_receive_region(socket, region);
    assert_true(region->page_fd >= 0);
    close(region->region_fd);
    raw_send_attached(socket, 2, region->offer.ordinal);
    assert_int_equal(raw_receive_control(socket, &note, sizeof note, fds), NETIPC_OP_READY);
    assert_int_equal(note.ordinal, region->offer.ordinal);
}
