/* SPDX-License-Identifier: Apache-2.0 */
/* The seeds of attach_client and attach_server. */
#include "tests/fuzz/packets.h"
#include "tests/fuzz/seed_file.h"
#include "tests/golden/golden.h"

#include "control/wire.h"
#include "shm/session_page.h"

#include <stdio.h>
#include <string.h>

/* --- packets --- */

static void packet(unsigned head, const void *bytes, size_t length, const unsigned *kinds)
{
    put_u8(head);
    put_u8((unsigned)length);
    for (unsigned i = 0; i < (head & FUZZ_PACKET_FDS); i++)
        put_u8(kinds[i]);
    put(bytes, length);
}

static void control(unsigned head, uint16_t opcode, uint16_t status, uint64_t id, const void *payload, size_t length,
                    const unsigned *kinds)
{
    unsigned char bytes[NETIPC_WIRE_CONTROL_MAX];
    packet(head, bytes, netipc_wire_control(opcode, status, id, payload, length, bytes), kinds);
}

static void note(unsigned head, uint16_t opcode, uint64_t id, uint64_t ordinal)
{
    const struct netipc_note sent = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = ordinal};
    control(head, opcode, NETIPC_TRANSPORT_OK, id, &sent, sizeof sent, NULL);
}

/* --- attach_client --- */

static void ack(uint16_t status)
{
    const struct netipc_hello_ack sent = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .intersection_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .selected_profile = NETIPC_PROFILE_PUBLICATION,
        .packet_size = 4096,
        .session_id = 1,
    };
    control(FUZZ_PACKET_LAST, NETIPC_OP_HELLO_ACK, status, 0, &sent, sizeof sent, NULL);
}

static uint64_t region_size(void)
{
    struct netipc_region_geometry geometry;
    fuzz_check(netipc_region_plan(FUZZ_SLOTS, FUZZ_CAPACITY, UINT64_MAX, &geometry) == NETIPC_OK);
    return geometry.region_size;
}

static struct netipc_region_offer offer_of(uint64_t ordinal, bool with_page)
{
    return (struct netipc_region_offer){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .flags = with_page ? NETIPC_REGION_WITH_PAGE : 0,
        .line_offset = netipc_session_line_offset(1),
        .region_size = region_size(),
        .ordinal = ordinal,
        .incarnation = FUZZ_INCARNATION,
        .page_size = NETIPC_SESSION_PAGE_SIZE,
        .lease_quota = 0,
    };
}

static void region(const struct netipc_region_offer *offer, uint64_t id, unsigned fds, const unsigned *kinds)
{
    control(FUZZ_PACKET_LAST | fds, NETIPC_OP_REGION, NETIPC_TRANSPORT_OK, id, offer, sizeof *offer, kinds);
}

/* Up to READY. */
static void attached(unsigned flags, uint32_t quota)
{
    static const unsigned good[] = {FUZZ_FD_REGION, FUZZ_FD_PAGE};
    struct netipc_region_offer offer = offer_of(1, true);
    offer.lease_quota = quota;
    put_u8(flags);
    ack(NETIPC_TRANSPORT_OK);
    region(&offer, 1, 2, good);
    note(FUZZ_PACKET_LAST | FUZZ_PACKET_SEAL, NETIPC_OP_READY, 2, 1);
}

static void good_client_seeds(void)
{
    static const unsigned next[] = {FUZZ_FD_NEXT_REGION};
    struct netipc_region_offer offer = offer_of(2, false);
    attached(0, 0);
    save("attach_client", "attached");
    attached(FUZZ_CLIENT_LEASES, 4);
    save("attach_client", "attached-with-leases");
    attached(0, 0);
    note(FUZZ_PACKET_LAST, NETIPC_OP_SUPERSEDED, 0, 2);
    region(&offer, 3, 1, next);
    note(FUZZ_PACKET_LAST, NETIPC_OP_READY, 4, 2);
    save("attach_client", "superseded");
    attached(0, 0);
    note(0, NETIPC_OP_DOORBELL, 0, 1);
    note(FUZZ_PACKET_LAST, NETIPC_OP_CLOSED, 0, 1);
    save("attach_client", "doorbell-and-closed");
    attached(0, 0);
    note(FUZZ_PACKET_LAST, NETIPC_OP_SUPERSEDED, 0, 2);
    note(FUZZ_PACKET_LAST, NETIPC_OP_READY, 3, 1);
    save("attach_client", "superseded-by-nothing");
    put_u8(0);
    ack(NETIPC_TRANSPORT_OK);
    for (int i = 0; i < 5; i++)
        note(0, i % 2 ? NETIPC_OP_SUPERSEDED : NETIPC_OP_DOORBELL, 0, 2);
    note(FUZZ_PACKET_LAST, NETIPC_OP_CLOSED, 0, 1);
    save("attach_client", "closed-at-attach");
}

static void bad_client_seeds(void)
{
    static const struct {
        const char *name;
        unsigned fds, kinds[3];
    } gifts[] = {
        {"region-unsealed", 2, {FUZZ_FD_UNSEALED, FUZZ_FD_PAGE}},
        {"region-sparse", 2, {FUZZ_FD_SPARSE, FUZZ_FD_PAGE}},
        {"region-empty", 2, {FUZZ_FD_EMPTY, FUZZ_FD_PAGE}},
        {"region-pipe", 2, {FUZZ_FD_PIPE, FUZZ_FD_PAGE}},
        {"region-socket", 2, {FUZZ_FD_SOCKET, FUZZ_FD_PAGE}},
        {"region-page", 2, {FUZZ_FD_PAGE, FUZZ_FD_REGION}},
        {"region-file", 2, {FUZZ_FD_FILE, FUZZ_FD_FILE}},
        {"region-other", 2, {FUZZ_FD_NEXT_REGION, FUZZ_FD_PAGE}},
        {"page-unsealed", 2, {FUZZ_FD_REGION, FUZZ_FD_UNSEALED}},
        {"page-sparse", 2, {FUZZ_FD_REGION, FUZZ_FD_SPARSE}},
        {"page-missing", 1, {FUZZ_FD_REGION}},
        {"nothing-sent", 0, {0}},
        {"three-sent", 3, {FUZZ_FD_REGION, FUZZ_FD_PAGE, FUZZ_FD_PAGE}},
    };
    for (size_t i = 0; i < sizeof gifts / sizeof *gifts; i++) {
        struct netipc_region_offer offer = offer_of(1, true);
        put_u8(0);
        ack(NETIPC_TRANSPORT_OK);
        region(&offer, 1, gifts[i].fds, gifts[i].kinds);
        note(FUZZ_PACKET_LAST | FUZZ_PACKET_SEAL, NETIPC_OP_READY, 2, 1);
        save("attach_client", gifts[i].name);
    }
    for (uint16_t status = NETIPC_TRANSPORT_BAD_ENVELOPE; status <= NETIPC_TRANSPORT_INTERNAL_ERROR; status++) {
        char name[32];
        put_u8(0);
        ack(status);
        snprintf(name, sizeof name, "refused-%u", status);
        save("attach_client", name);
    }
    static const unsigned pipes[] = {FUZZ_FD_PIPE, FUZZ_FD_FILE, FUZZ_FD_SOCKET};
    static const unsigned char zeros[200];
    const struct netipc_note said = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = 1};
    attached(0, 0);
    control(FUZZ_PACKET_LAST | 3, NETIPC_OP_SUPERSEDED, NETIPC_TRANSPORT_OK, 0, &said, sizeof said, pipes);
    save("attach_client", "news-with-descriptors");
    put_u8(0);
    packet(FUZZ_PACKET_LAST | FUZZ_PACKET_WIDE | FUZZ_PACKET_FIX | 2, zeros, sizeof zeros, pipes);
    save("attach_client", "too-long");
}

void attach_client_seeds(void)
{
    good_client_seeds();
    bad_client_seeds();
}

/* --- attach_server --- */

static void server(unsigned operation, unsigned connection)
{
    put_u8(operation + 16 * connection);
}

static void server_dispatch(void)
{
    server(FUZZ_SERVER_DISPATCH, 0);
}

static void server_hello(unsigned connection, uint64_t token)
{
    const struct netipc_hello hello = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .preferred_profiles = NETIPC_PROFILE_PUBLICATION,
        .max_request_payload_bytes = 4096,
        .max_request_batch_items = 1,
        .max_response_payload_bytes = 65536,
        .max_response_batch_items = 1,
        .auth_token = token,
        .packet_size = 65536,
    };
    server(FUZZ_SERVER_CONNECT, connection);
    server_dispatch();
    server(FUZZ_SERVER_SEND, connection);
    control(0, NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &hello, NETIPC_WIRE_HELLO_SIZE, NULL);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, connection);
}

static void server_attach(unsigned connection, uint64_t have, uint64_t limit)
{
    const struct netipc_attach attach = {
        .layout_version = NETIPC_WIRE_LAYOUT, .lease_words = 2, .max_region_size = limit, .have_ordinal = have};
    server(FUZZ_SERVER_SEND, connection);
    control(0, NETIPC_OP_ATTACH, NETIPC_TRANSPORT_OK, 5, &attach, sizeof attach, NULL);
    server_dispatch();
}

static void server_attached(unsigned connection, uint64_t ordinal)
{
    server(FUZZ_SERVER_SEND, connection);
    note(0, NETIPC_OP_ATTACHED, 6, ordinal);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, connection);
}

static void server_publish(unsigned size)
{
    server(FUZZ_SERVER_PUBLISH, 0);
    put_u16(size);
}

static void server_scribble(unsigned connection, unsigned word, uint64_t value)
{
    server(FUZZ_SERVER_SCRIBBLE, connection);
    put_u8(word);
    put_u64(value);
}

static void join_server(unsigned connection)
{
    server_hello(connection, FUZZ_TOKEN);
    server_attach(connection, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, connection);
    server_attached(connection, 1);
}

static void attaching_server_seeds(void)
{
    join_server(0);
    server_scribble(0, 0, UINT64_C(0x300000003));
    for (unsigned word = 1; word < 4; word++)
        server_scribble(0, word, netipc_lease_word(1, word));
    server_publish(200);
    server_dispatch();
    server(FUZZ_SERVER_PUNCH, 0);
    server_publish(1000);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, 0);
    server_attach(0, 1, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 0);
    server_attached(0, 2);
    server_publish(3000);
    server(FUZZ_SERVER_CLOSE, 0);
    server_dispatch();
    save("attach_server", "attached-grown-and-left");
    for (unsigned connection = 0; connection < FUZZ_SERVER_CONNECTIONS; connection++)
        join_server(connection);
    server_publish(0);
    save("attach_server", "four-attached");
    server_hello(1, FUZZ_TOKEN);
    server_attach(1, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 1);
    server(FUZZ_SERVER_PUNCH, 1);
    server_attached(1, 1);
    server_publish(10);
    save("attach_server", "punched-before");
    server_hello(1, FUZZ_TOKEN);
    server_attach(1, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 1);
    server(FUZZ_SERVER_SEAL, 1);
    put_u8(1);
    server_attached(1, 1);
    save("attach_server", "sealed-before");
    server_hello(2, FUZZ_TOKEN);
    server_attach(2, 0, UINT64_MAX);
    server_attach(2, 0, UINT64_MAX);
    save("attach_server", "attached-twice-and-unread");
    server_hello(2, FUZZ_TOKEN);
    server_attach(2, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 2);
    server_attach(2, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 2);
    server_attached(2, 1);
    server_attached(2, 1);
    save("attach_server", "attached-twice");
    server_hello(2, FUZZ_TOKEN);
    server_attach(2, 0, 4096);
    server(FUZZ_SERVER_RECEIVE, 2);
    save("attach_server", "region-above-its-limit");
}

static void talking_server_seeds(void)
{
    static const unsigned pipes[] = {FUZZ_FD_PIPE, FUZZ_FD_SOCKET, FUZZ_FD_FILE};
    const struct netipc_note said = {.layout_version = NETIPC_WIRE_LAYOUT};
    server_hello(0, 1);
    save("attach_server", "wrong-token");
    server(FUZZ_SERVER_CONNECT, 3);
    server(FUZZ_SERVER_SHUT_DOWN, 3);
    server(FUZZ_SERVER_CONNECT, 2);
    server_dispatch();
    server(FUZZ_SERVER_SEND_LONG, 2);
    put_u16(5000);
    server_dispatch();
    save("attach_server", "silent-and-too-long");
    server_hello(0, FUZZ_TOKEN);
    server(FUZZ_SERVER_SEND, 0);
    control(3, NETIPC_OP_ATTACHED, NETIPC_TRANSPORT_OK, 1, &said, sizeof said, pipes);
    server_dispatch();
    save("attach_server", "descriptors");

    /* A request in several packets, as it was captured, and more than one in the queue. */
    struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                       .version = NETIPC_WIRE_VERSION,
                                       .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                       .kind = NETIPC_KIND_REQUEST,
                                       .code = 2,
                                       .payload_len = 40,
                                       .item_count = 1,
                                       .message_id = 9};
    const uint32_t chunk[8] = {NETIPC_WIRE_CHUNK_MAGIC, NETIPC_WIRE_VERSION, 9, 0, 72, 1, 2, 40};
    unsigned char bytes[NETIPC_WIRE_ENVELOPE_SIZE + 40] = {0};
    server_hello(0, FUZZ_TOKEN);
    server(FUZZ_SERVER_SEND, 0);
    packet(0, &envelope, sizeof envelope, NULL);
    memcpy(bytes, chunk, sizeof chunk);
    server(FUZZ_SERVER_SEND, 0);
    packet(0, bytes, sizeof bytes, NULL);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, 0);
    envelope.payload_len = 100000;
    server(FUZZ_SERVER_SEND, 0);
    packet(0, &envelope, sizeof envelope, NULL);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, 0);
    save("attach_server", "requests");
}

/* What clients of the published library send, packet by packet. */
static void captured_server_seeds(void)
{
    golden_file *captures = golden_load();
    fuzz_check(captures != NULL);
    for (size_t i = 0; i < captures->session_count && i < 4; i++) {
        const golden_session *session = &captures->sessions[i];
        char name[32];
        server(FUZZ_SERVER_CONNECT, 0);
        for (size_t step = 0; step < session->step_count; step++) {
            const golden_step *said = &session->steps[step];
            if (said->kind != GOLDEN_SEND || said->packet.length > 255)
                continue;
            server(FUZZ_SERVER_SEND, 0);
            packet(0, said->packet.data, said->packet.length, NULL);
            server_dispatch();
            server(FUZZ_SERVER_RECEIVE, 0);
        }
        snprintf(name, sizeof name, "captured-%zu", i);
        save("attach_server", name);
    }
    golden_free(captures);
}

void attach_server_seeds(void)
{
    attaching_server_seeds();
    talking_server_seeds();
    captured_server_seeds();
}
