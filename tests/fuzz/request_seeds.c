/* SPDX-License-Identifier: Apache-2.0 */
/* The seeds of methods_view and requests. */
#include "tests/fuzz/packets.h"
#include "tests/fuzz/seed_file.h"
#include "tests/golden/golden.h"

#include "control/wire.h"

#include <netipc/batch.h>
#include <netipc/increment.h>
#include <netipc/string_reverse.h>

#include <stdio.h>
#include <string.h>

void method_seeds(void)
{
    static const char *const strings[] = {"", "a", "stress", "a string of more bytes than a few"};
    unsigned char bytes[128];
    size_t length;
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        char name[32];
        fuzz_check(netipc_string_reverse_encode(strings[i], strlen(strings[i]), bytes, sizeof bytes, &length) ==
                   NETIPC_OK);
        put(bytes, length);
        snprintf(name, sizeof name, "string-%zu", i);
        save("methods_view", name);
    }
    fuzz_check(netipc_increment_encode(UINT64_MAX, bytes, sizeof bytes, &length) == NETIPC_OK);
    put(bytes, length);
    save("methods_view", "number");
}

/* --- requests --- */

static void step(unsigned operation, unsigned connection)
{
    put_u8(operation + 16 * connection);
}

static void dispatch(void)
{
    step(FUZZ_REQUESTS_DISPATCH, 0);
}

static void enter(unsigned connection, unsigned packet_size)
{
    step(FUZZ_REQUESTS_CONNECT, connection);
    dispatch();
    step(FUZZ_REQUESTS_HELLO, connection);
    put_u8(packet_size);
    dispatch();
    step(FUZZ_REQUESTS_RECEIVE, connection);
}

static void send_bytes(unsigned connection, unsigned head, const void *bytes, size_t length)
{
    step(FUZZ_REQUESTS_SEND, connection);
    put_u8(head);
    put_u8((unsigned)length);
    put(bytes, length);
}

/* length bytes of payload that are there, of announced. */
static void request(unsigned connection, unsigned flags, unsigned items, uint32_t announced, const void *payload,
                    size_t length)
{
    unsigned char bytes[256];
    const struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_REQUEST,
        .flags = (uint16_t)flags,
        .code = FUZZ_REQUESTS_METHOD,
        .payload_len = announced,
        .item_count = items,
        .message_id = 7,
    };
    fuzz_check(length <= sizeof bytes - sizeof envelope);
    memcpy(bytes, &envelope, sizeof envelope);
    memcpy(bytes + sizeof envelope, payload, length);
    send_bytes(connection, announced == length ? FUZZ_REQUESTS_FIX : 0, bytes, sizeof envelope + length);
}

static void answered(unsigned connection)
{
    dispatch();
    step(FUZZ_REQUESTS_RECEIVE, connection);
    step(FUZZ_REQUESTS_RECEIVE, connection);
}

static void batch(unsigned connection, unsigned items)
{
    unsigned char bytes[160];
    netipc_batch_builder builder;
    size_t length;
    fuzz_check(netipc_batch_builder_init(&builder, items, bytes, sizeof bytes) == NETIPC_OK);
    for (unsigned i = 0; i < items; i++)
        fuzz_check(netipc_batch_builder_add(&builder, "an item", 3 + i % 5) == NETIPC_OK);
    fuzz_check(netipc_batch_builder_finish(&builder, &length) == NETIPC_OK);
    request(connection, NETIPC_ENVELOPE_BATCH, items, (uint32_t)length, bytes, length);
}

static void whole_requests(unsigned flags, const char *name)
{
    static const unsigned char told[] = {FUZZ_REQUESTS_CORRUPT, FUZZ_REQUESTS_FAIL, FUZZ_REQUESTS_TOO_LARGE};
    put_u8(flags);
    enter(0, 3);
    request(0, 0, 1, 4, "ping", 4);
    request(0, 0, 1, 0, "", 0);
    batch(0, 3);
    answered(0);
    answered(0);
    enter(1, 1); /* the answer comes in several packets */
    request(1, 0, 1, 60, "sixty bytes of a request, of which the answer has each twice", 60);
    answered(1);
    answered(1);
    for (unsigned i = 0; i < sizeof told; i++) {
        enter(2, 3);
        request(2, 0, 1, 1, &told[i], 1);
        answered(2);
    }
    save("requests", name);
}

static void requests_in_packets(void)
{
    put_u8(0);
    enter(0, 1);
    request(0, 0, 1, 100, "thirty-two bytes are in a packet", 32);
    for (unsigned i = 0; i < 3; i++)
        step(FUZZ_REQUESTS_CONTINUE, 0);
    answered(0);
    enter(1, 3);
    request(1, 0, 1, 200, "cut", 3);
    dispatch();
    request(1, 0, 1, 4, "ping", 4);
    dispatch();
    step(FUZZ_REQUESTS_RECEIVE, 1);
    save("requests", "in-packets");
    put_u8(0);
    enter(0, 0);
    request(0, 0, 1, 3, "a", 1);
    step(FUZZ_REQUESTS_CONTINUE, 0);
    step(FUZZ_REQUESTS_CONTINUE, 0);
    answered(0);
    save("requests", "byte-by-byte");
}

static void requests_with_checksums(void)
{
    static const char text[] = "sixty bytes of a request, of which the answer has each twice";
    put_u8(0);
    enter(0, 3 + 4); /* IEEE */
    request(0, 0, 1, 4, "ping", 4);
    batch(0, 3);
    answered(0);
    enter(1, 1 + 8); /* Castagnoli, in packets */
    request(1, 0, 1, 60, text, 32);
    step(FUZZ_REQUESTS_CONTINUE, 1);
    answered(1);
    step(FUZZ_REQUESTS_RECEIVE, 1);
    step(FUZZ_REQUESTS_RECEIVE, 1);
    enter(2, 3 + 12);
    send_bytes(2, FUZZ_REQUESTS_FIX | FUZZ_REQUESTS_UNSEALED, text, 60);
    answered(2);
    save("requests", "checksums");
}

static void refused_requests(void)
{
    put_u8(0);
    enter(0, 3);
    request(0, 0, 1, 100000, "too much", 8);
    answered(0);
    enter(1, 3);
    batch(1, 9);
    answered(1);
    enter(2, 3);
    request(2, 2, 1, 0, "", 0);
    answered(2);
    enter(3, 3);
    request(3, NETIPC_ENVELOPE_BATCH, 2, 16, "\0\0\0\0\10\0\0\0\4\0\0\0\10\0\0\0", 16);
    answered(3);
    save("requests", "refused");
    put_u8(0);
    enter(0, 3);
    for (unsigned i = 0; i < 20; i++)
        request(0, 0, 1, 60, "sixty bytes of a request, of which the answer has each twice", 60);
    for (unsigned i = 0; i < 8; i++)
        dispatch();
    step(FUZZ_REQUESTS_CLOSE, 0);
    save("requests", "unread");
}

/* What clients of the published library send. */
static void captured_requests(void)
{
    golden_file *captures = golden_load();
    fuzz_check(captures != NULL);
    const golden_session *session = golden_session_named(captures, "increment: batch of four");
    fuzz_check(session != NULL);
    put_u8(0);
    enter(0, 3);
    send_bytes(0, 0, session->steps[2].packet.data, session->steps[2].packet.length);
    answered(0);
    save("requests", "captured-batch");
    golden_free(captures);
}

void request_seeds(void)
{
    whole_requests(0, "whole");
    whole_requests(FUZZ_REQUESTS_OWN, "whole-of-ones-own");
    requests_in_packets();
    requests_with_checksums();
    refused_requests();
    captured_requests();
}
