/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/fake_publisher.h"

#include "shm/ring_publisher.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/service.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

enum { SNAPSHOT_LENGTH = 1000 };

static void publish_one(struct fake_publisher *fake)
{
    struct netipc_session_table nobody = {0};
    struct netipc_ring ring;
    netipc_ring_start(&ring, &fake->region, 1, &nobody, 0, &(struct netipc_ring_totals){0});
    pattern_fill(netipc_ring_claimed_data(&ring), SNAPSHOT_LENGTH, 1);
    netipc_ring_publish(&ring, SNAPSHOT_LENGTH, 0);
}

void fake_prepare(struct fake_publisher *fake)
{
    *fake = (struct fake_publisher){.connection = -1};
    const struct netipc_region_label label = {.incarnation = {11, 12}, .ordinal = 1, .service = SERVICE_NAME};
    struct netipc_region_geometry geometry;
    assert_int_equal(netipc_region_plan(4, 4096, UINT64_MAX, &geometry), NETIPC_OK);
    assert_int_equal(netipc_region_create(&geometry, &label, NULL, &fake->region), NETIPC_OK);
    assert_int_equal(netipc_session_page_create(1, &fake->page), NETIPC_OK);
    publish_one(fake);
    fake->ack = (struct netipc_hello_ack){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = NETIPC_PROFILE_PUBLICATION,
        .intersection_profiles = NETIPC_PROFILE_PUBLICATION,
        .selected_profile = NETIPC_PROFILE_PUBLICATION,
        .packet_size = 4096,
        .session_id = 1,
    };
    fake->offer = (struct netipc_region_offer){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .flags = NETIPC_REGION_WITH_PAGE,
        .line_offset = fake->page.line_offset,
        .region_size = geometry.region_size,
        .ordinal = 1,
        .incarnation = {11, 12},
        .page_size = (uint32_t)netipc_session_page_bytes(),
    };
    fake->fds[0] = fake->region.fd;
    fake->fds[1] = fake->page.fd;
    fake->fd_count = 2;
}

/* false: the subscriber has left. */
static bool send_packet(struct fake_publisher *fake, uint16_t opcode, uint16_t transport_status, uint64_t id,
                        const void *payload, size_t length, size_t fd_count)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(FAKE_FDS_MOST * sizeof(int))];
    } ancillary;
    memset(&ancillary, 0, sizeof ancillary);
    struct iovec part = {.iov_base = packet,
                         .iov_len = netipc_wire_control(opcode, transport_status, id, payload, length, packet)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        message.msg_control = ancillary.bytes;
        message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fake->fds, fd_count * sizeof(int));
    }
    return sendmsg(fake->connection, &message, MSG_NOSIGNAL) >= 0;
}

/* Waits for a packet. Whether the conversation goes on; its id is to be answered. */
static bool receive(struct fake_publisher *fake, int then, uint64_t *id)
{
    unsigned char packet[256];
    struct netipc_envelope envelope;
    ssize_t length = recv(fake->connection, packet, sizeof packet, 0);
    if (length <= 0 || !netipc_wire_envelope(packet, (size_t)length, &envelope))
        return false;
    *id = envelope.message_id;
    return then == FAKE_GOES_ON;
}

static void send_note(struct fake_publisher *fake, uint16_t opcode, uint64_t id)
{
    const struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = fake->offer.ordinal};
    send_packet(fake, opcode, NETIPC_TRANSPORT_OK, id, &note, sizeof note, 0);
}

static void send_superseded_notes(struct fake_publisher *fake)
{
    const struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = fake->offer.ordinal + 1};
    bool there = true;
    for (unsigned i = 0; there && i < fake->superseded_notes; i++) {
        if (fake->note_pause_ms > 0)
            pause_ms(fake->note_pause_ms);
        there = send_packet(fake, NETIPC_OP_SUPERSEDED, NETIPC_TRANSPORT_OK, 0, &note, sizeof note, 0);
    }
}

/* Whether it came to the end of what there is to say. */
static bool converse(struct fake_publisher *fake)
{
    uint64_t id;
    if (!receive(fake, (int)fake->at_hello, &id))
        return false;
    send_packet(fake, NETIPC_OP_HELLO_ACK, fake->refusal, id, &fake->ack, sizeof fake->ack, 0);
    if (!receive(fake, (int)fake->at_attach, &id))
        return false;
    send_superseded_notes(fake);
    send_packet(fake, NETIPC_OP_REGION, NETIPC_TRANSPORT_OK, id, &fake->offer, sizeof fake->offer, fake->fd_count);
    if (!receive(fake, (int)fake->at_attached, &id))
        return false;
    if (fake->before_ready != NULL)
        fake->before_ready(fake);
    if (!fake->leaves_page_unsealed)
        (void)netipc_session_page_seal(&fake->page);
    send_note(fake, NETIPC_OP_READY, id);
    if (fake->after_ready != NULL)
        fake->after_ready(fake);
    return fake->at_ready == FAKE_GOES_ON;
}

static void serve_one(struct fake_publisher *fake)
{
    uint64_t id;
    bool hangs_up = fake->at_hello == FAKE_HANGS_UP || fake->at_attach == FAKE_HANGS_UP ||
                    fake->at_attached == FAKE_HANGS_UP || fake->at_ready == FAKE_HANGS_UP;
    unsigned char rest[256];
    if (converse(fake))
        while (receive(fake, FAKE_GOES_ON, &id)) /* asks for a newer region */
            send_note(fake, NETIPC_OP_READY, id);
    while (!hangs_up && recv(fake->connection, rest, sizeof rest, 0) > 0)
        ;
    close(fake->connection);
}

static void *serve(void *argument)
{
    struct fake_publisher *fake = argument;
    while ((fake->connection = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
        serve_one(fake);
        if (!fake->serves_many)
            break;
        netipc_session_page_destroy(&fake->page, false);
        if (netipc_session_page_create(1, &fake->page) != NETIPC_OK)
            break;
        fake->fds[1] = fake->page.fd;
    }
    return NULL;
}

void fake_start(struct fake_publisher *fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", service_socket());
    fake->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_return_code(fake->listener, errno);
    unlink(address.sun_path);
    assert_return_code(bind(fake->listener, (const struct sockaddr *)&address, sizeof address), errno);
    assert_return_code(listen(fake->listener, 1), errno);
    assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

void fake_end(struct fake_publisher *fake)
{
    if (fake->serves_many)
        shutdown(fake->listener, SHUT_RDWR);
    assert_int_equal(pthread_join(fake->thread, NULL), 0);
    close(fake->listener);
    netipc_region_destroy(&fake->region, false);
    netipc_session_page_destroy(&fake->page, false);
}

int fake_object(const void *bytes, size_t length, size_t size, int seals)
{
    int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_return_code(fd, errno);
    assert_return_code(ftruncate(fd, (off_t)size), errno);
    assert_int_equal(pwrite(fd, bytes, length, 0), length);
    assert_return_code(fcntl(fd, F_ADD_SEALS, seals), errno);
    return fd;
}

netipc_subscriber *fake_subscriber(uint64_t connect_timeout_ns)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    config.connect_timeout_ns = connect_timeout_ns;
    config.max_region_size = 1 << 20;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    return subscriber;
}

void fake_expect_within(struct fake_publisher *fake, netipc_status expected, uint64_t connect_timeout_ns)
{
    size_t descriptors = open_descriptors(), mappings = library_mappings();
    netipc_subscriber *subscriber = fake_subscriber(connect_timeout_ns);
    int changed = 1;
    fake_start(fake);
    netipc_status status = netipc_subscriber_refresh(subscriber, &changed);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    if (status != expected)
        fail_msg("%s is expected, refresh gave %s: %s", netipc_status_name(expected), netipc_status_name(status),
                 netipc_status_detail());
    assert_string_not_equal(netipc_status_detail(), "");
    assert_int_equal(changed, 0);
    assert_int_not_equal(info.state, NETIPC_STATE_READY);
    assert_int_equal(info.last_error, expected);
    assert_int_equal(info.attaches, 0);
    assert_int_equal(netipc_subscriber_read(subscriber, NULL, 0, NULL), NETIPC_DISCONNECTED);
    assert_int_equal(library_mappings(), mappings);
    fake_end(fake);

    netipc_publisher *good = NULL;
    unlink(service_socket());
    good = service_publisher();
    service_publish(good, 10, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    service_expect(subscriber, 1, 10, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(good);
    assert_int_equal(open_descriptors(), descriptors - 2); /* those of the fake are closed too */
}

void fake_expect_refused(struct fake_publisher *fake, netipc_status expected)
{
    fake_expect_within(fake, expected, patience_ns(30));
}

void fake_tell(const struct lie *lie, void *to)
{
    uint32_t narrow = (uint32_t)lie->value;
    memcpy((unsigned char *)to + lie->offset, lie->width == 4 ? (void *)&narrow : (void *)(uintptr_t)&lie->value,
           lie->width);
}
