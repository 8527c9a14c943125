/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A publisher whose loop is served here is spoken to by up to four hostile peers, as the input says; then an honest
 * subscriber must be served all the same, in one thread: whenever that one waits in ppoll(), which is wrapped, the
 * publisher's loop has its turn.
 */
#include "tests/fuzz/packets.h"

#include "control/wire.h"

#include <netipc/netipc.h>
#include <netipc/reader.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SPOKEN_TO, REFUSED, OFFERED, ATTACHED, SCRIBBLED, PUNCHED, GROWN, SERVED };
const char *const fuzz_goals[] = {"was spoken to",
                                  "refused somebody",
                                  "offered a region",
                                  "attached somebody",
                                  "had its pages written to",
                                  "had its pages punched",
                                  "grew",
                                  "served an honest subscriber",
                                  NULL};

enum { GROWTHS = 3, HISTORY = 2, SETTLING_TURNS = 64 };

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

static struct netipc_region decoys[2]; /* sent to a publisher that wants none */

static struct peer {
    int socket; /* -1: not connected */
    int page;   /* -1: none received */
    void *mapped;
    size_t line;
} peers[FUZZ_SERVER_CONNECTIONS];

static netipc_publisher *publisher;
static uint64_t generation;
static size_t length; /* of the latest snapshot */
static unsigned growths;

static void dispatch(uint64_t timeout_ns)
{
    fuzz_check(netipc_publisher_dispatch(publisher, timeout_ns) == NETIPC_OK);
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    (void)timeout;
    const struct timespec at_once = {0};
    for (int turns = 0; turns < 2000; turns++) {
        int ready = __real_ppoll(fds, count, &at_once, mask);
        if (ready != 0)
            return ready;
        dispatch(turns < 16 ? 0 : 1000000); /* what was put off comes in milliseconds */
    }
    fuzz_failed("the publisher serves", __FILE__, __LINE__);
}

/* --- what a hostile peer does --- */

static void drop_page(struct peer *peer)
{
    if (peer->mapped != NULL)
        munmap(peer->mapped, NETIPC_SESSION_PAGE_SIZE);
    if (peer->page >= 0)
        close(peer->page);
    peer->mapped = NULL;
    peer->page = -1;
}

static void leave(struct peer *peer)
{
    drop_page(peer);
    if (peer->socket >= 0)
        close(peer->socket);
    peer->socket = -1;
}

static void enter(struct peer *peer)
{
    struct sockaddr_un address;
    leave(peer);
    fuzz_address(&address);
    peer->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fuzz_check(peer->socket >= 0);
    fuzz_check(connect(peer->socket, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN);
}

/* Takes a REGION's page and maps it; other descriptors are closed. */
static void look_into(struct peer *peer, const unsigned char *packet, size_t size, struct msghdr *message)
{
    struct cmsghdr *rights = CMSG_FIRSTHDR(message);
    struct netipc_envelope envelope = {0};
    struct netipc_region_offer offer = {0};
    int fds[2] = {-1, -1};
    if (rights != NULL && rights->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    fuzz_check(netipc_wire_envelope(packet, size, &envelope));
    fuzz_check(envelope.magic == NETIPC_WIRE_MAGIC && envelope.payload_len + sizeof envelope == size);
    fuzz_reached[REFUSED] += envelope.transport_status != NETIPC_TRANSPORT_OK;
    fuzz_reached[ATTACHED] += envelope.kind == NETIPC_KIND_CONTROL && envelope.code == NETIPC_OP_READY;
    if (fds[0] >= 0) {
        fuzz_check(envelope.kind == NETIPC_KIND_CONTROL && envelope.code == NETIPC_OP_REGION);
        memcpy(&offer, packet + sizeof envelope, sizeof offer);
        close(fds[0]);
        fuzz_reached[OFFERED]++;
    }
    if (fds[1] < 0)
        return;
    drop_page(peer);
    peer->page = fds[1];
    peer->line = offer.line_offset;
    void *mapped = mmap(NULL, NETIPC_SESSION_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, peer->page, 0);
    if (mapped != MAP_FAILED) /* sealed before it was looked at */
        peer->mapped = mapped;
}

static void receive(struct peer *peer)
{
    unsigned char packet[512];
    union {
        struct cmsghdr align;
        unsigned char bytes[CMSG_SPACE(2 * sizeof(int))];
    } ancillary;
    struct iovec part = {.iov_base = packet, .iov_len = sizeof packet};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = ancillary.bytes, .msg_controllen = sizeof ancillary.bytes};
    ssize_t got = recvmsg(peer->socket, &message, MSG_CMSG_CLOEXEC);
    if (got > 0)
        look_into(peer, packet, (size_t)got, &message);
}

static void scribble(struct peer *peer, struct fuzz_input *input)
{
    uint8_t word = fuzz_u8(input) % (NETIPC_SESSION_LINE_SIZE / 8);
    uint64_t value = fuzz_u64(input);
    if (peer->mapped == NULL)
        return;
    netipc_store((netipc_atomic_u64 *)(void *)((unsigned char *)peer->mapped + peer->line + 8 * (size_t)word), value,
                 relaxed);
    fuzz_reached[SCRIBBLED]++;
}

static void publish(size_t wanted)
{
    unsigned char bytes[2 * FUZZ_CAPACITY << GROWTHS];
    uint64_t given;
    if (growths == GROWTHS && wanted > length)
        wanted = length;
    if (wanted > sizeof bytes)
        wanted = sizeof bytes;
    netipc_publisher_info before = {.size = sizeof before}, after = {.size = sizeof after};
    memset(bytes, fuzz_byte(generation + 1), wanted);
    fuzz_check(netipc_publisher_stats(publisher, &before) == NETIPC_OK);
    fuzz_check(netipc_publish(publisher, bytes, wanted, &given) == NETIPC_OK);
    fuzz_check(given == ++generation);
    fuzz_check(netipc_publisher_stats(publisher, &after) == NETIPC_OK);
    fuzz_check(after.wakes_sent - before.wakes_sent <= 2 * FUZZ_SERVER_CONNECTIONS);
    length = wanted;
    if (after.ordinal != before.ordinal) {
        growths++;
        fuzz_reached[GROWN]++;
    }
}

static void take_step(struct fuzz_input *input)
{
    uint8_t step = fuzz_u8(input), what = step % 16 % FUZZ_SERVER_OPERATIONS;
    struct peer *peer = &peers[step / 16 % FUZZ_SERVER_CONNECTIONS];
    static const unsigned char zeros[1 << 16];
    struct fuzz_packet packet;
    switch (what) {
    case FUZZ_SERVER_CONNECT:
        enter(peer);
        return;
    case FUZZ_SERVER_SEND:
        fuzz_take_packet(input, &packet);
        fuzz_send_packet(peer->socket, &packet, decoys[0].fd, decoys[1].fd, peer->page);
        return;
    case FUZZ_SERVER_SEND_LONG: {
        size_t many = fuzz_u16(input);
        if (peer->socket >= 0)
            send(peer->socket, zeros, many, MSG_NOSIGNAL);
        return;
    }
    case FUZZ_SERVER_RECEIVE:
        if (peer->socket >= 0)
            receive(peer);
        return;
    case FUZZ_SERVER_CLOSE:
        leave(peer);
        return;
    case FUZZ_SERVER_SHUT_DOWN:
        shutdown(peer->socket, SHUT_WR);
        return;
    case FUZZ_SERVER_SCRIBBLE:
        scribble(peer, input);
        return;
    case FUZZ_SERVER_PUNCH:
        if (peer->page >= 0 && fallocate(peer->page, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0)
            fuzz_reached[PUNCHED]++;
        return;
    case FUZZ_SERVER_SEAL:
        step = fuzz_u8(input);
        if (peer->page >= 0)
            fcntl(peer->page, F_ADD_SEALS, step & 0x1f);
        return;
    case FUZZ_SERVER_PUBLISH:
        publish(fuzz_u16(input));
        return;
    default:
        dispatch(0);
    }
}

/* --- the honest subscriber --- */

static netipc_subscriber *visit(uint32_t leases)
{
    netipc_subscriber_config config;
    netipc_subscriber *subscriber;
    netipc_subscriber_config_init(&config);
    config.run_dir = fuzz_run_dir();
    config.service = FUZZ_SERVICE;
    config.token = FUZZ_TOKEN;
    config.leases = leases;
    config.connect_timeout_ns = UINT64_C(60000000000);
    fuzz_check(netipc_subscriber_open(&config, &subscriber) == NETIPC_OK);
    fuzz_check_status(netipc_subscriber_refresh(subscriber, NULL), FUZZ_STATUS(NETIPC_OK), "the honest refresh");
    return subscriber;
}

/* While the hostile ones are there. */
static void be_served(void)
{
    unsigned char buffer[2 * FUZZ_CAPACITY << GROWTHS];
    uint64_t listed[FUZZ_SLOTS];
    size_t count;
    netipc_reader *reader;
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_subscriber *subscriber = visit(0);
    for (int publications = 0; publications < 3; publications++) {
        fuzz_check(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info) == NETIPC_OK);
        fuzz_check(info.generation == generation && info.length == length);
        fuzz_check(length == 0 || (buffer[0] == fuzz_byte(generation) && buffer[length - 1] == fuzz_byte(generation)));
        publish(FUZZ_LENGTH);
    }
    fuzz_check(netipc_reader_open(subscriber, &reader) == NETIPC_OK);
    fuzz_check(netipc_reader_history(reader, listed, FUZZ_SLOTS, &count) == NETIPC_OK);
    fuzz_check(count >= HISTORY + 1 && listed[count - 1] == generation);
    netipc_reader_close(reader);
    /* In the session that it began with. */
    netipc_subscriber_info state = {.size = sizeof state};
    fuzz_check_status(netipc_subscriber_refresh(subscriber, NULL), FUZZ_STATUS(NETIPC_OK), "the second refresh");
    fuzz_check(netipc_subscriber_status(subscriber, &state) == NETIPC_OK && state.connects == 1);
    netipc_subscriber_close(subscriber);
    fuzz_reached[SERVED]++;
}

/* Once they have left: all leases are there to be granted again. */
static void be_granted_everything(void)
{
    const uint32_t all = FUZZ_SLOTS - 2 - HISTORY;
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber *subscriber = visit(all);
    fuzz_check(netipc_subscriber_status(subscriber, &info) == NETIPC_OK);
    fuzz_check(info.leases == all);
    netipc_subscriber_close(subscriber);
}

static void open_publisher(void)
{
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    config.loop = NETIPC_LOOP_CALLER;
    config.run_dir = fuzz_run_dir();
    config.service = FUZZ_SERVICE;
    config.token = FUZZ_TOKEN;
    config.slots = FUZZ_SLOTS;
    config.history = HISTORY;
    config.capacity = FUZZ_CAPACITY;
    config.max_sessions = FUZZ_SERVER_STEPS_MOST + 1;
    config.handshake_timeout_ns = UINT64_C(60000000000);
    fuzz_check_status(netipc_publisher_open(&config, &publisher), FUZZ_STATUS(NETIPC_OK), "open");
    generation = growths = 0;
    publish(FUZZ_LENGTH);
}

/* Everybody has left: nothing of them stays. */
static void settle(void)
{
    netipc_publisher_info info = {.size = sizeof info};
    for (int turns = 0; turns < SETTLING_TURNS; turns++) {
        dispatch(0);
        fuzz_check(netipc_publisher_stats(publisher, &info) == NETIPC_OK);
        if (info.sessions == 0 && info.attached == 0)
            return;
    }
    fuzz_failed("sessions end with their peers", __FILE__, __LINE__);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    if (decoys[0].header == NULL) {
        fuzz_make_region(1, &decoys[0]);
        fuzz_make_region(2, &decoys[1]);
    }
    unsigned descriptors = fuzz_descriptors(), mappings = fuzz_mappings();
    open_publisher();
    for (size_t i = 0; i < FUZZ_SERVER_CONNECTIONS; i++)
        peers[i] = (struct peer){.socket = -1, .page = -1};
    for (int steps = 0; input.left > 0 && steps < FUZZ_SERVER_STEPS_MOST; steps++) {
        fuzz_reached[SPOKEN_TO]++;
        take_step(&input);
    }
    be_served();
    for (size_t i = 0; i < FUZZ_SERVER_CONNECTIONS; i++)
        leave(&peers[i]);
    settle();
    be_granted_everything();
    netipc_publisher_close(publisher);
    fuzz_check(fuzz_descriptors() == descriptors && fuzz_mappings() == mappings);
    return 0;
}
