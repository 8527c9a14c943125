/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server of requests whose loop is served here is asked by up to four hostile clients, as the input says; then an
 * honest one must be let in and answered, and when all have left nothing of them stays.
 */
#include "tests/fuzz/packets.h"

#include "control/agreement.h"
#include "control/chunks.h"

#include <netipc/server.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LET_IN, ANSWERED, BATCHED, JOINED, IN_PACKETS, CHECKED, REFUSED, BROKEN, MISMATCHED, SERVED };
const char *const fuzz_goals[] = {"let somebody in",
                                  "answered",
                                  "answered a batch",
                                  "answered what came in packets",
                                  "answered in packets",
                                  "answered with checksums",
                                  "refused a request",
                                  "ended a session",
                                  "found a wrong checksum",
                                  "served an honest client",
                                  NULL};

enum { REQUEST_MAX = 1024, ITEMS_MAX = 8, ANSWER_MAX = 512, SETTLING_TURNS = 64, HONEST_ID = 4711 };

static struct client {
    int socket; /* -1: not connected */
    uint32_t packet_size;
    uint32_t checksum;            /* kind, of the packets behind the first one */
    bool began;                   /* has sent that, and ... */
    bool heard;                   /* ... received the answer */
    struct netipc_envelope begun; /* the message of which CONTINUE sends the next packet */
    uint32_t next_index;          /* 0: there is none */
    uint32_t left;                /* bytes of an answer that are to come */
    bool joined;
} clients[FUZZ_REQUESTS_CONNECTIONS];

static netipc_server *server;
static bool own; /* the method is one of the user's own */

static void turn(void)
{
    fuzz_check(netipc_server_dispatch(server, 0) == NETIPC_OK);
}

static netipc_service_info info_now(void)
{
    netipc_service_info info = {.size = sizeof info};
    fuzz_check(netipc_server_stats(server, FUZZ_SERVICE, &info) == NETIPC_OK);
    return info;
}

/* Answers with each byte twice, unless the first one says otherwise. */
static netipc_status handle(void *context, const netipc_request *request, netipc_answer *answer)
{
    const unsigned char *payload = request->payload;
    void *room;
    size_t capacity;
    fuzz_check(context == &server && request->length <= REQUEST_MAX && (uintptr_t)payload % 8 == 0);
    fuzz_check(request->item < request->item_count && request->item_count <= ITEMS_MAX);
    unsigned char first = request->length > 0 ? payload[0] : 0;
    if (first == FUZZ_REQUESTS_CORRUPT)
        return NETIPC_CORRUPT;
    if (first == FUZZ_REQUESTS_FAIL)
        return NETIPC_SYSTEM;
    size_t wanted = first == FUZZ_REQUESTS_TOO_LARGE ? ANSWER_MAX + 1 : 2 * request->length;
    netipc_status status = netipc_answer_room(answer, wanted, &room, &capacity);
    if (status != NETIPC_OK)
        return status;
    fuzz_check(wanted <= ANSWER_MAX && capacity >= wanted && capacity <= ANSWER_MAX);
    for (size_t i = 0; i < wanted; i++)
        ((unsigned char *)room)[i] = payload[i / 2];
    return netipc_answer_set_length(answer, wanted);
}

/* --- what a client does --- */

static void leave(struct client *client)
{
    if (client->socket >= 0)
        close(client->socket);
    *client = (struct client){.socket = -1, .packet_size = 65536};
}

static void enter(struct client *client)
{
    struct sockaddr_un address;
    leave(client);
    fuzz_address(&address);
    client->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    fuzz_check(client->socket >= 0);
    fuzz_check(connect(client->socket, (struct sockaddr *)&address, sizeof address) == 0 || errno == EAGAIN);
}

/* Sends a packet; behind the first one, which is a HELLO or ends the session, with a checksum or whatever is there. */
static void send_bytes(struct client *client, unsigned char *packet, size_t length, bool seal)
{
    struct netipc_envelope envelope;
    struct netipc_hello hello;
    if (client->began && seal)
        length = netipc_checksum_seal(client->checksum, packet, length);
    else if (!client->began && netipc_agreement_parse(packet, length, &envelope, &hello))
        client->checksum = netipc_checksum_select(hello.supported_profiles);
    client->began = true;
    send(client->socket, packet, length, MSG_NOSIGNAL);
}

static void say_hello(struct client *client, uint8_t choice)
{
    static const uint32_t sizes[] = {33, 64, 96, 65536}, checksums[] = {0, 0x20000, 0x40000, 0x60000};
    uint32_t checksum = checksums[choice / 4 % 4], packet_size = sizes[choice % 4] + netipc_checksum_size(checksum);
    const struct netipc_hello hello = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE | checksum,
        .preferred_profiles = NETIPC_PROFILE_BASELINE,
        .max_request_payload_bytes = REQUEST_MAX,
        .max_request_batch_items = ITEMS_MAX,
        .max_response_payload_bytes = ANSWER_MAX,
        .max_response_batch_items = ITEMS_MAX,
        .auth_token = FUZZ_TOKEN,
        .packet_size = packet_size,
    };
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    size_t length =
        netipc_wire_control(NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &hello, NETIPC_WIRE_HELLO_SIZE, packet);
    client->packet_size = packet_size;
    send_bytes(client, packet, length, true);
}

static void send_packet(struct client *client, struct fuzz_input *input)
{
    unsigned char packet[512 + NETIPC_WIRE_CHECKSUM_SIZE] = {0};
    struct netipc_envelope envelope;
    uint8_t head = fuzz_u8(input);
    size_t length = fuzz_u8(input);
    fuzz_bytes(input, packet, length);
    if (head & FUZZ_REQUESTS_WIDE)
        length += 256;
    if (netipc_wire_envelope(packet, length, &envelope)) {
        if (head & FUZZ_REQUESTS_FIX) {
            envelope.magic = NETIPC_WIRE_MAGIC;
            envelope.version = NETIPC_WIRE_VERSION;
            envelope.header_len = NETIPC_WIRE_ENVELOPE_SIZE;
            envelope.kind = NETIPC_KIND_REQUEST;
            envelope.transport_status = NETIPC_TRANSPORT_OK;
            envelope.payload_len = (uint32_t)(length - sizeof envelope);
            memcpy(packet, &envelope, sizeof envelope);
        }
        client->begun = envelope;
        client->next_index = envelope.payload_len > length - sizeof envelope && envelope.payload_len < UINT16_MAX;
    }
    send_bytes(client, packet, length, (head & FUZZ_REQUESTS_UNSEALED) == 0);
}

/* The next packet of what was begun, as it has to be if that one was full. */
static void send_continuation(struct client *client)
{
    static unsigned char packet[65536 + NETIPC_WIRE_CHECKSUM_SIZE];
    uint32_t offset, length, room = client->packet_size - netipc_checksum_size(client->checksum);
    if (client->next_index == 0 || client->next_index >= netipc_chunks_count(client->begun.payload_len, room))
        return;
    netipc_chunk_at(&client->begun, room, client->next_index, packet, &offset, &length);
    send_bytes(client, packet, NETIPC_WIRE_ENVELOPE_SIZE + length, true);
    client->next_index++;
    client->joined = true;
}

/* Every packet that comes is one of a correct server. */
static bool receive(struct client *client)
{
    unsigned char packet[4096];
    struct netipc_envelope envelope;
    struct netipc_checksum_mismatch mismatch;
    ssize_t got = recv(client->socket, packet, sizeof packet, 0);
    if (got <= 0)
        return false;
    size_t length = (size_t)got;
    if (client->heard)
        fuzz_check(netipc_checksum_open(client->checksum, packet, &length, &mismatch) == NETIPC_OK);
    client->heard = true;
    fuzz_check(length >= NETIPC_WIRE_ENVELOPE_SIZE);
    uint32_t payload = (uint32_t)length - NETIPC_WIRE_ENVELOPE_SIZE;
    memcpy(&envelope, packet, sizeof envelope);
    if (client->left > 0) {
        fuzz_check(envelope.magic == NETIPC_WIRE_CHUNK_MAGIC && payload <= client->left);
        client->left -= payload;
        fuzz_reached[IN_PACKETS]++;
        return true;
    }
    fuzz_check(envelope.magic == NETIPC_WIRE_MAGIC && payload <= envelope.payload_len);
    client->left = envelope.payload_len - payload;
    if (envelope.kind == NETIPC_KIND_CONTROL) {
        fuzz_check(envelope.code == NETIPC_OP_HELLO_ACK && payload == NETIPC_WIRE_HELLO_ACK_SIZE);
        fuzz_reached[LET_IN] += envelope.transport_status == NETIPC_TRANSPORT_OK;
        return true;
    }
    bool ok = envelope.transport_status == NETIPC_TRANSPORT_OK;
    fuzz_check(envelope.kind == NETIPC_KIND_RESPONSE && envelope.payload_len <= ANSWER_MAX);
    fuzz_check(ok || (envelope.payload_len == 0 && envelope.flags == 0 && envelope.item_count == 1));
    fuzz_check(!ok || !own || envelope.payload_len >= 8);
    fuzz_reached[ok ? ANSWERED : REFUSED]++;
    fuzz_reached[CHECKED] += ok && client->checksum != 0;
    fuzz_reached[BATCHED] += envelope.flags == NETIPC_ENVELOPE_BATCH && envelope.item_count > 1;
    fuzz_reached[JOINED] += ok && client->joined;
    client->joined = false;
    return true;
}

static void take_step(struct fuzz_input *input)
{
    uint8_t step = fuzz_u8(input);
    struct client *client = &clients[step / 16 % FUZZ_REQUESTS_CONNECTIONS];
    switch (step % 16 % FUZZ_REQUESTS_OPERATIONS) {
    case FUZZ_REQUESTS_CONNECT:
        enter(client);
        return;
    case FUZZ_REQUESTS_HELLO:
        say_hello(client, fuzz_u8(input));
        return;
    case FUZZ_REQUESTS_SEND:
        send_packet(client, input);
        return;
    case FUZZ_REQUESTS_CONTINUE:
        send_continuation(client);
        return;
    case FUZZ_REQUESTS_RECEIVE:
        receive(client);
        return;
    case FUZZ_REQUESTS_CLOSE:
        leave(client);
        return;
    case FUZZ_REQUESTS_SHUT_DOWN:
        shutdown(client->socket, SHUT_WR);
        return;
    default:
        turn();
    }
}

/* --- the honest one --- */

static void be_served(void)
{
    struct client honest = {.socket = -1};
    const uint64_t asked = 0x1111111111111111;
    struct {
        struct netipc_envelope envelope;
        uint64_t number;
    } request = {{.magic = NETIPC_WIRE_MAGIC,
                  .version = NETIPC_WIRE_VERSION,
                  .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                  .kind = NETIPC_KIND_REQUEST,
                  .code = own ? NETIPC_METHOD_OWN : FUZZ_REQUESTS_METHOD,
                  .payload_len = sizeof asked,
                  .item_count = 1,
                  .message_id = HONEST_ID},
                 asked};
    struct {
        struct netipc_envelope envelope;
        unsigned char payload[64];
    } answer;
    enter(&honest);
    say_hello(&honest, 3);
    send(honest.socket, &request, sizeof request, MSG_NOSIGNAL);
    for (int turns = 0; turns < SETTLING_TURNS; turns++)
        turn();
    fuzz_check(receive(&honest));
    ssize_t got = recv(honest.socket, &answer, sizeof answer, 0);
    size_t outcome = own ? 8 : 0;
    fuzz_check(got == (ssize_t)(sizeof answer.envelope + outcome + 2 * sizeof asked));
    fuzz_check(answer.envelope.message_id == HONEST_ID && answer.envelope.transport_status == NETIPC_TRANSPORT_OK);
    fuzz_check(memcmp(answer.payload + outcome, &asked, sizeof asked) == 0);
    fuzz_check(memcmp(answer.payload + outcome + sizeof asked, &asked, sizeof asked) == 0);
    leave(&honest);
    fuzz_reached[SERVED]++;
}

static void open_server(void)
{
    netipc_server_config config;
    netipc_service_config service;
    netipc_server_config_init(&config);
    netipc_service_config_init(&service);
    config.run_dir = fuzz_run_dir();
    config.loop = NETIPC_LOOP_CALLER;
    service.service = FUZZ_SERVICE;
    service.token = FUZZ_TOKEN;
    service.method = own ? NETIPC_METHOD_OWN : FUZZ_REQUESTS_METHOD;
    service.handler = handle;
    service.context = &server;
    service.checksum = NETIPC_CHECKSUM_IEEE | NETIPC_CHECKSUM_CASTAGNOLI;
    service.max_sessions = FUZZ_REQUESTS_STEPS_MOST + 1;
    service.max_request_payload = REQUEST_MAX;
    service.max_request_items = ITEMS_MAX;
    service.response_payload = service.max_response_payload = ANSWER_MAX;
    service.handshake_timeout_ns = UINT64_C(60000000000);
    fuzz_check_status(netipc_server_open(&config, &server), FUZZ_STATUS(NETIPC_OK), "open");
    fuzz_check_status(netipc_server_add(server, &service), FUZZ_STATUS(NETIPC_OK), "add");
    fuzz_check_status(netipc_server_start(server), FUZZ_STATUS(NETIPC_OK), "start");
}

static void settle(void)
{
    for (int turns = 0; turns < SETTLING_TURNS; turns++) {
        turn();
        if (info_now().sessions == 0)
            return;
    }
    fuzz_failed("sessions end with their clients", __FILE__, __LINE__);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    unsigned descriptors = fuzz_descriptors();
    own = fuzz_u8(&input) & FUZZ_REQUESTS_OWN;
    open_server();
    for (size_t i = 0; i < FUZZ_REQUESTS_CONNECTIONS; i++)
        clients[i].socket = -1, leave(&clients[i]);
    for (int steps = 0; input.left > 0 && steps < FUZZ_REQUESTS_STEPS_MOST; steps++)
        take_step(&input);
    be_served();
    for (size_t i = 0; i < FUZZ_REQUESTS_CONNECTIONS; i++)
        leave(&clients[i]);
    settle();
    netipc_service_info info = info_now();
    fuzz_check(info.answers <= info.requests && info.failures <= info.answers && info.timed_out == 0);
    fuzz_reached[BROKEN] += info.broken;
    fuzz_reached[MISMATCHED] += info.checksum_mismatches;
    netipc_server_close(server);
    fuzz_check(fuzz_descriptors() == descriptors);
    return 0;
}
