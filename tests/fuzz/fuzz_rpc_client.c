/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client calls a server that sends what the input says. All of it happens in one thread: whenever the client goes to
 * wait in ppoll(), which is wrapped, the server has its turn; when it has nothing left to say it hangs up. So no input
 * takes any time, and each takes the same way again.
 */
#include "tests/fuzz/packets.h"

#include "control/wire.h"

#include <netipc/batch.h>
#include <netipc/client.h>
#include <netipc/server.h>

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTED, REFUSED, READY, ANSWERED, BATCH_ANSWERED, JOINED, FAILED, RESENT, GROWN, BROKEN };
const char *const fuzz_goals[] = {"shook hands",
                                  "was refused",
                                  "was ready",
                                  "had an answer",
                                  "had the answer to a batch",
                                  "had an answer of several packets",
                                  "had an answer that tells of a failure",
                                  "sent a request once more",
                                  "asked for larger answers",
                                  "found the protocol broken",
                                  NULL};

int __real_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask);

static int listener = -1;

enum { ANSWER_MOST = 4096, ITEMS = 3 };

/* The server that the input is. */
static struct {
    struct fuzz_input script;
    int connection;
    struct netipc_envelope request; /* the last one that began with a packet */
    unsigned waits;
} server;

static void open_service(void)
{
    struct sockaddr_un address;
    fuzz_address(&address);
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fuzz_check(listener >= 0);
    fuzz_check(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    fuzz_check(listen(listener, 8) == 0);
}

/* --- the server's turns --- */

static void hang_up(void)
{
    if (server.connection >= 0)
        close(server.connection);
    server.connection = -1;
}

/* Every packet of a client is one of a correct peer, whatever was said to it. */
static void receive_all(void)
{
    unsigned char packet[8192];
    ssize_t length;
    while ((length = recv(server.connection, packet, sizeof packet, 0)) > 0) {
        struct netipc_envelope envelope;
        fuzz_check(netipc_wire_envelope(packet, (size_t)length, &envelope));
        if (envelope.magic == NETIPC_WIRE_CHUNK_MAGIC)
            continue;
        fuzz_check(envelope.magic == NETIPC_WIRE_MAGIC && envelope.version == NETIPC_WIRE_VERSION);
        fuzz_check(envelope.kind == NETIPC_KIND_REQUEST ||
                   (envelope.kind == NETIPC_KIND_CONTROL && envelope.code == NETIPC_OP_HELLO));
        server.request = envelope;
        fuzz_reached[CONNECTED] += envelope.kind == NETIPC_KIND_REQUEST;
    }
}

/* Makes what there is an answer to the last request, with the rest of its envelope as it is. */
static void make_answer(unsigned char *bytes, size_t length, bool whole)
{
    struct netipc_envelope answer;
    if (!netipc_wire_envelope(bytes, length, &answer))
        return;
    answer.magic = NETIPC_WIRE_MAGIC;
    answer.version = NETIPC_WIRE_VERSION;
    answer.header_len = NETIPC_WIRE_ENVELOPE_SIZE;
    answer.kind = NETIPC_KIND_RESPONSE;
    answer.code = server.request.code;
    answer.message_id = server.request.message_id;
    if (answer.transport_status == NETIPC_TRANSPORT_OK) {
        answer.flags = server.request.flags;
        answer.item_count = server.request.item_count;
    }
    if (whole)
        answer.payload_len = (uint32_t)(length - sizeof answer);
    memcpy(bytes, &answer, sizeof answer);
}

static void make_continuation(unsigned char *bytes, size_t length)
{
    struct netipc_chunk chunk;
    if (length < sizeof chunk)
        return;
    memcpy(&chunk, bytes, sizeof chunk);
    chunk.magic = NETIPC_WIRE_CHUNK_MAGIC;
    chunk.version = NETIPC_WIRE_VERSION;
    chunk.flags = 0;
    chunk.message_id = server.request.message_id;
    chunk.chunk_payload_len = (uint32_t)(length - sizeof chunk);
    memcpy(bytes, &chunk, sizeof chunk);
}

/* Whether more is to be said in this turn. */
static bool send_one(void)
{
    unsigned char bytes[512] = {0};
    uint8_t head = fuzz_u8(&server.script);
    size_t length = fuzz_u8(&server.script);
    fuzz_bytes(&server.script, bytes, length);
    if (head & FUZZ_RPC_WIDE)
        length += 256;
    if (head & (FUZZ_RPC_ANSWER | FUZZ_RPC_FIRST))
        make_answer(bytes, length, (head & FUZZ_RPC_ANSWER) != 0);
    else if (head & FUZZ_RPC_CONTINUATION)
        make_continuation(bytes, length);
    send(server.connection, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (head & FUZZ_RPC_HANG_UP)
        hang_up();
    return server.connection >= 0 && (head & FUZZ_RPC_LAST) == 0 && server.script.left > 0;
}

static void take_turn(void)
{
    if (server.connection < 0)
        server.connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (server.connection < 0)
        return;
    receive_all();
    if (server.script.left == 0) {
        hang_up();
        return;
    }
    while (send_one())
        ;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    const struct timespec at_once = {0};
    (void)timeout;
    fuzz_check(server.waits++ < 10000); /* each turn takes from the script, or hangs up */
    for (;;) {
        int ready = __real_ppoll(fds, count, &at_once, mask);
        if (ready != 0)
            return ready;
        take_turn();
    }
}

/* --- the client --- */

#define REFRESH_STATUSES                                                                                               \
    (FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_AUTH_FAILED) | FUZZ_STATUS(NETIPC_BUSY) |                             \
     FUZZ_STATUS(NETIPC_INCOMPATIBLE) | FUZZ_STATUS(NETIPC_UNSUPPORTED) | FUZZ_STATUS(NETIPC_PROTOCOL) |               \
     FUZZ_STATUS(NETIPC_CORRUPT) | FUZZ_STATUS(NETIPC_GONE) | FUZZ_STATUS(NETIPC_REQUEST_FAILED) |                     \
     FUZZ_STATUS(NETIPC_NO_MEMORY) | FUZZ_STATUS(NETIPC_SYSTEM))
#define CALL_STATUSES                                                                                                  \
    (REFRESH_STATUSES | FUZZ_STATUS(NETIPC_NOT_READY) | FUZZ_STATUS(NETIPC_LIMIT_EXCEEDED) |                           \
     FUZZ_STATUS(NETIPC_DISCONNECTED))

static netipc_client *open_client(void)
{
    netipc_client_config config;
    netipc_client *client;
    netipc_client_config_init(&config);
    config.run_dir = fuzz_run_dir();
    config.service = FUZZ_SERVICE;
    config.token = FUZZ_TOKEN;
    config.max_request_payload = 4096;
    config.response_payload = 512;
    config.max_response_payload = ANSWER_MOST;
    config.connect_timeout_ns = config.call_timeout_ns = UINT64_C(60000000000);
    config.backoff_first_ns = config.backoff_most_ns = 0;
    config.breaker_failures = 0;
    fuzz_check(netipc_client_open(&config, &client) == NETIPC_OK);
    return client;
}

static netipc_client_info info_of(netipc_client *client)
{
    netipc_client_info info = {.size = sizeof info};
    fuzz_check(netipc_client_status(client, &info) == NETIPC_OK);
    fuzz_check(netipc_client_ready(client) == (info.state == NETIPC_CLIENT_READY));
    fuzz_check(info.calls == info.answers + info.failures && info.sessions <= info.connects);
    return info;
}

static void refresh(netipc_client *client)
{
    netipc_status status = netipc_client_refresh(client);
    fuzz_check_status(status, REFRESH_STATUSES, "refresh");
    fuzz_check((info_of(client).state == NETIPC_CLIENT_READY) == (status == NETIPC_OK));
    fuzz_reached[READY] += status == NETIPC_OK;
    fuzz_reached[REFUSED] += status == NETIPC_AUTH_FAILED || status == NETIPC_BUSY;
    fuzz_reached[BROKEN] += status == NETIPC_PROTOCOL;
}

/* All of it can be read, and that of a batch can be decoded. */
static void look_at(const netipc_client_request *request)
{
    static volatile unsigned char sink;
    const unsigned char *bytes = request->answer;
    netipc_batch_view view;
    fuzz_check(request->answer != NULL && request->answer_length <= ANSWER_MOST);
    fuzz_check((uintptr_t)bytes % 8 == 0);
    for (size_t i = 0; i < request->answer_length; i++)
        sink = bytes[i];
    (void)sink;
    if (request->item_count == 1)
        return;
    fuzz_check(netipc_batch_decode(bytes, request->answer_length, request->item_count, &view) == NETIPC_OK);
    fuzz_reached[BATCH_ANSWERED]++;
}

static void call(netipc_client *client, uint32_t items, size_t length)
{
    static const unsigned char payload[4096];
    uint64_t sessions = info_of(client).sessions;
    netipc_client_request request = {.size = sizeof request,
                                     .method = NETIPC_METHOD_INCREMENT,
                                     .payload = payload,
                                     .length = length,
                                     .item_count = items};
    netipc_status status = netipc_client_call(client, &request);
    fuzz_check_status(status, CALL_STATUSES, "call");
    netipc_client_info info = info_of(client);
    if (status == NETIPC_OK)
        look_at(&request);
    else
        fuzz_check(request.answer == NULL && request.answer_length == 0);
    fuzz_check(info.sessions - sessions <= 1 + 3); /* once more, and three growths */
    fuzz_reached[ANSWERED] += status == NETIPC_OK;
    fuzz_reached[JOINED] += status == NETIPC_OK && request.answer_length > 480;
    fuzz_reached[FAILED] += status == NETIPC_REQUEST_FAILED || status == NETIPC_CORRUPT;
    fuzz_reached[BROKEN] += status == NETIPC_PROTOCOL;
}

static void visit(void)
{
    netipc_client *client = open_client();
    refresh(client);
    call(client, 1, 8);
    call(client, ITEMS, 48);
    refresh(client);
    call(client, 1, 4096);
    netipc_client_info info = info_of(client);
    fuzz_reached[RESENT] += info.resends > 0;
    fuzz_reached[GROWN] += info.growths > 0;
    netipc_client_close(client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (listener < 0)
        open_service();
    unsigned descriptors = fuzz_descriptors();
    memset(&server, 0, sizeof server);
    server.script = (struct fuzz_input){data, size};
    server.connection = -1;
    visit();
    hang_up();
    for (int waiting; (waiting = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;)
        close(waiting);
    fuzz_check(fuzz_descriptors() == descriptors);
    return 0;
}
