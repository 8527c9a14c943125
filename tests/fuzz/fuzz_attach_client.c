/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A subscriber attaches to a publisher that sends what the input says. All of it happens in one thread: whenever the
 * subscriber goes to wait in ppoll(), which is wrapped, the publisher has its turn; when it has nothing left to say it
 * hangs up. So no input takes any time, and each takes the same way again.
 */
#include "tests/fuzz/packets.h"

#include "control/wire.h"
#include "shm/session_page.h"

#include <netipc/netipc.h>
#include <netipc/reader.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTED, REFUSED, ATTACHED, READ, MOVED, LEASED, BAD_REGION, BROKEN };
const char *const fuzz_goals[] = {"shook hands",
                                  "was refused",
                                  "attached",
                                  "read",
                                  "moved to another region",
                                  "leased in place",
                                  "found the region corrupt",
                                  "found the protocol broken",
                                  NULL};

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

static struct {
    int listener;
    struct netipc_region regions[2];
} service = {.listener = -1};

/* The publisher that the input is. */
static struct {
    struct fuzz_input script;
    int connection;
    struct netipc_session_page page;
    unsigned turns, waits;
} publisher;

static void open_service(void)
{
    struct sockaddr_un address;
    fuzz_address(&address);
    service.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fuzz_check(service.listener >= 0);
    fuzz_check(bind(service.listener, (struct sockaddr *)&address, sizeof address) == 0);
    fuzz_check(listen(service.listener, 8) == 0);
    fuzz_make_region(1, &service.regions[0]);
    fuzz_make_region(2, &service.regions[1]);
}

/* --- the publisher's turns --- */

static void hang_up(void)
{
    if (publisher.connection >= 0)
        close(publisher.connection);
    publisher.connection = -1;
}

static void take_turn(void)
{
    unsigned char ignored[4096];
    publisher.turns++;
    if (publisher.connection < 0)
        publisher.connection = accept4(service.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (publisher.connection < 0)
        return;
    while (recv(publisher.connection, ignored, sizeof ignored, 0) > 0)
        fuzz_reached[CONNECTED] += ignored[12] == 0 && ignored[13] == 1; /* ATTACH */
    if (publisher.script.left == 0) {
        hang_up();
        return;
    }
    struct fuzz_packet packet;
    do {
        fuzz_take_packet(&publisher.script, &packet);
        if ((packet.head & FUZZ_PACKET_SEAL) && publisher.page.fd >= 0)
            (void)netipc_session_page_seal(&publisher.page);
        fuzz_send_packet(publisher.connection, &packet, service.regions[0].fd, service.regions[1].fd,
                         publisher.page.fd);
    } while ((packet.head & FUZZ_PACKET_LAST) == 0 && publisher.script.left > 0);
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    (void)timeout;
    /* Waits for nothing but the death of the publisher's process, which is this one. */
    if (count == 1) {
        errno = ENOMEM;
        return -1;
    }
    /* Each turn takes from the script, or hangs up. */
    fuzz_check(publisher.waits++ < 10000);
    const struct timespec at_once = {0};
    for (;;) {
        int ready = __real_ppoll(fds, count, &at_once, mask);
        if (ready != 0)
            return ready;
        take_turn();
    }
}

/* --- the subscriber --- */

#define REFRESH_STATUSES                                                                                               \
    (FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_NOT_FOUND) | FUZZ_STATUS(NETIPC_AUTH_FAILED) |                        \
     FUZZ_STATUS(NETIPC_BUSY) | FUZZ_STATUS(NETIPC_INCOMPATIBLE) | FUZZ_STATUS(NETIPC_UNSUPPORTED) |                   \
     FUZZ_STATUS(NETIPC_LIMIT_EXCEEDED) | FUZZ_STATUS(NETIPC_PROTOCOL) | FUZZ_STATUS(NETIPC_CORRUPT) |                 \
     FUZZ_STATUS(NETIPC_GONE) | FUZZ_STATUS(NETIPC_CLOSED) | FUZZ_STATUS(NETIPC_NO_MEMORY) |                           \
     FUZZ_STATUS(NETIPC_NO_DESCRIPTORS) | FUZZ_STATUS(NETIPC_PERMISSION_DENIED) | FUZZ_STATUS(NETIPC_SYSTEM))

static netipc_subscriber *open_subscriber(uint8_t flags)
{
    netipc_subscriber_config config;
    netipc_subscriber *subscriber;
    netipc_subscriber_config_init(&config);
    config.run_dir = fuzz_run_dir();
    config.service = FUZZ_SERVICE;
    config.token = FUZZ_TOKEN;
    config.leases = flags & FUZZ_CLIENT_LEASES ? 4 : 0;
    config.max_region_size = flags & FUZZ_CLIENT_SMALL_LIMIT ? 8192 : 1 << 20;
    config.connect_timeout_ns = UINT64_C(60000000000);
    fuzz_check(netipc_subscriber_open(&config, &subscriber) == NETIPC_OK);
    return subscriber;
}

/* What is delivered is what the region holds, whatever was said of it. */
static void read_all(netipc_subscriber *subscriber)
{
    unsigned char buffer[FUZZ_CAPACITY];
    const void *data;
    netipc_reader *reader;
    netipc_snapshot_info info = {.size = sizeof info};
    fuzz_check(netipc_subscriber_generation(subscriber) == FUZZ_PUBLISHED);
    fuzz_check(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info) == NETIPC_OK);
    fuzz_check(info.generation == FUZZ_PUBLISHED && info.length == FUZZ_LENGTH);
    fuzz_check(buffer[0] == fuzz_byte(FUZZ_PUBLISHED) && buffer[FUZZ_LENGTH - 1] == fuzz_byte(FUZZ_PUBLISHED));
    fuzz_reached[READ]++;
    fuzz_check(netipc_reader_open(subscriber, &reader) == NETIPC_OK);
    netipc_status status = netipc_reader_acquire(reader, 2, &data, &info);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_NO_LEASE) | FUZZ_STATUS(NETIPC_DISCONNECTED),
                      "acquire");
    if (status == NETIPC_OK) {
        fuzz_check(info.generation == 2 && info.length == FUZZ_LENGTH);
        fuzz_check(((const unsigned char *)data)[FUZZ_LENGTH - 1] == fuzz_byte(2));
        fuzz_reached[LEASED]++;
    }
    netipc_reader_close(reader);
}

static netipc_status refresh(netipc_subscriber *subscriber)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_refresh(subscriber, NULL);
    fuzz_check_status(status, REFRESH_STATUSES | FUZZ_STATUS(NETIPC_DISCONNECTED), "refresh");
    fuzz_check(netipc_subscriber_status(subscriber, &info) == NETIPC_OK);
    fuzz_check((info.state == NETIPC_STATE_READY) == (status == NETIPC_OK));
    fuzz_reached[REFUSED] += status == NETIPC_AUTH_FAILED || status == NETIPC_BUSY;
    fuzz_reached[BAD_REGION] += status == NETIPC_CORRUPT;
    fuzz_reached[BROKEN] += status == NETIPC_PROTOCOL;
    if (info.attaches > 0)
        read_all(subscriber);
    return status;
}

static void visit(uint8_t flags)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber *subscriber = open_subscriber(flags);
    if (refresh(subscriber) == NETIPC_OK) {
        fuzz_reached[ATTACHED]++;
        take_turn();
        (void)refresh(subscriber);
        fuzz_check(netipc_subscriber_status(subscriber, &info) == NETIPC_OK);
        fuzz_reached[MOVED] += info.attaches > 1;
    }
    netipc_subscriber_close(subscriber);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (service.listener < 0)
        open_service();
    unsigned descriptors = fuzz_descriptors(), mappings = fuzz_mappings();
    memset(&publisher, 0, sizeof publisher);
    publisher.script = (struct fuzz_input){data, size};
    publisher.connection = -1;
    uint8_t flags = fuzz_u8(&publisher.script);
    fuzz_check(netipc_session_page_create(1, &publisher.page) == NETIPC_OK);
    visit(flags);
    hang_up();
    netipc_session_page_destroy(&publisher.page, false);
    for (int waiting; (waiting = accept4(service.listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
        close(waiting);
    fuzz_check(fuzz_descriptors() == descriptors && fuzz_mappings() == mappings);
    return 0;
}
