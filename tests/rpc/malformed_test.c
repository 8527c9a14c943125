/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever is wrong with a HELLO, an envelope, a chunk or a batch gets the answer that docs/wire.md has for it, costs
 * that session at most, and is counted. */
#include "tests/rpc/serve.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ENVELOPE = NETIPC_WIRE_ENVELOPE_SIZE, HELLO_PACKET = ENVELOPE + NETIPC_WIRE_HELLO_SIZE };

/* What becomes of a packet. */
enum { DROPPED = 100, SERVED }; /* closed without an answer; or answered. Else: the transport_status */

/* --- HELLO --- */

static size_t make_hello(unsigned char *packet)
{
    struct netipc_hello hello = rpc_hello();
    return netipc_wire_control(NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &hello, NETIPC_WIRE_HELLO_SIZE, packet);
}

static unsigned verdict_on_flipped_hello(size_t bit)
{
    size_t at = bit / 8;
    switch (at) {
    case 4:
    case 5: /* version */
    case ENVELOPE + 0:
    case ENVELOPE + 1: /* layout_version */
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    case 10:
    case 11: /* flags */
    case 14:
    case 15: /* transport_status */
    case ENVELOPE + 2:
    case ENVELOPE + 3: /* flags */
        return NETIPC_TRANSPORT_BAD_ENVELOPE;
    default:
        break;
    }
    if (at < 24) /* magic, header_len, kind, code, payload_len, item_count */
        return DROPPED;
    if (bit == ENVELOPE * 8 + 4 * 8) /* the baseline profile */
        return NETIPC_TRANSPORT_UNSUPPORTED;
    if (at >= ENVELOPE + 12 && at < ENVELOPE + 16) { /* max_request_payload_bytes: 4096, up to 1 MiB */
        size_t power = bit - (ENVELOPE + 12) * 8;
        return power >= 20 ? NETIPC_TRANSPORT_LIMIT_EXCEEDED : NETIPC_TRANSPORT_OK;
    }
    if (at >= ENVELOPE + 28 && at < ENVELOPE + 32) /* zero */
        return DROPPED;
    if (at >= ENVELOPE + 32 && at < ENVELOPE + 40) /* auth_token */
        return NETIPC_TRANSPORT_AUTH_FAILED;
    if (bit == (ENVELOPE + 40) * 8 + 16) /* packet_size: 65536 */
        return NETIPC_TRANSPORT_INCOMPATIBLE;
    return NETIPC_TRANSPORT_OK;
}

static void every_flipped_bit_of_a_hello_gets_its_own_refusal(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = rpc_serve_increment(scene, 0);
    unsigned seen[DROPPED + 1] = {0};
    for (size_t bit = 0; bit < HELLO_PACKET * 8; bit++) {
        unsigned char packet[NETIPC_WIRE_CONTROL_MAX], answer[256];
        size_t length = make_hello(packet);
        packet[bit / 8] ^= (unsigned char)(1u << bit % 8);
        int socket = raw_connect(scene);
        raw_send(socket, packet, length);
        unsigned verdict = verdict_on_flipped_hello(bit);
        seen[verdict]++;
        if (verdict == DROPPED) {
            raw_expect_closed(socket);
        } else {
            struct netipc_envelope envelope;
            assert_int_equal(raw_receive(socket, answer, sizeof answer, slow_ms(5000)),
                             ENVELOPE + NETIPC_WIRE_HELLO_ACK_SIZE);
            memcpy(&envelope, answer, sizeof envelope);
            if (envelope.transport_status != verdict)
                fail_msg("bit %zu: status %u instead of %u", bit, envelope.transport_status, verdict);
            assert_memory_equal(&envelope.message_id, packet + 24, 8);
            if (verdict != NETIPC_TRANSPORT_OK) {
                const struct netipc_hello_ack refused = {.layout_version = NETIPC_WIRE_LAYOUT};
                assert_memory_equal(answer + ENVELOPE, &refused, sizeof refused);
                raw_expect_closed(socket);
            }
        }
        close(socket);
    }
    assert_true(rpc_sessions_become(server, 0));
    rpc_expect_service(scene);
    netipc_service_info info = rpc_info(server);
    assert_int_equal(info.sessions_total, HELLO_PACKET * 8 + 1);
    assert_int_equal(info.broken, seen[DROPPED]);
    assert_int_equal(info.refused_auth, seen[NETIPC_TRANSPORT_AUTH_FAILED]);
    assert_int_equal(info.refused_other, seen[NETIPC_TRANSPORT_BAD_ENVELOPE] + seen[NETIPC_TRANSPORT_INCOMPATIBLE] +
                                             seen[NETIPC_TRANSPORT_UNSUPPORTED] +
                                             seen[NETIPC_TRANSPORT_LIMIT_EXCEEDED]);
    assert_int_equal(info.refused_busy, 0);
    assert_int_equal(seen[NETIPC_TRANSPORT_AUTH_FAILED], 64);
    assert_int_equal(seen[NETIPC_TRANSPORT_LIMIT_EXCEEDED], 12);
    assert_int_equal(info.requests, 1);
    netipc_server_close(server);
}

static void a_hello_of_any_other_length_is_closed_without_an_answer(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = rpc_serve_increment(scene, 0);
    unsigned char packet[1024] = {0};
    static const size_t longer[] = {HELLO_PACKET + 1, HELLO_PACKET + 4, 256, 257, 1024};
    make_hello(packet);
    for (size_t i = 1; i < HELLO_PACKET + sizeof longer / sizeof *longer; i++) {
        size_t length = i < HELLO_PACKET ? i : longer[i - HELLO_PACKET];
        int socket = raw_connect(scene);
        raw_send(socket, packet, length);
        raw_expect_closed(socket);
        close(socket);
    }
    assert_int_equal(rpc_info(server).broken, HELLO_PACKET - 1 + sizeof longer / sizeof *longer);
    int socket = raw_connect(scene); /* a packet of no bytes looks as if the peer had left */
    raw_send(socket, packet, 0);
    raw_expect_closed(socket);
    close(socket);
    rpc_expect_service(scene);
    netipc_server_close(server);
}

/* --- envelopes --- */

/* 8 bytes of payload, 4096 are allowed. LIMIT: more than that. CUT: the rest is waited for. */
enum { CUT = SERVED + 1 };

static unsigned verdict_on_flipped_request(size_t bit)
{
    size_t at = bit / 8;
    if (at >= 12 && at < 14)
        return NETIPC_TRANSPORT_UNSUPPORTED;
    if (at >= 16 && at < 20 && bit - 16 * 8 != 3)
        return bit - 16 * 8 >= 12 ? NETIPC_TRANSPORT_LIMIT_EXCEEDED : CUT;
    return at >= 24 ? SERVED : DROPPED;
}

static void flip_a_request(const struct scene *scene, size_t bit, unsigned *seen)
{
    const uint64_t number = 41, next = 42;
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 77, sizeof number);
    int socket = rpc_open(scene);
    ((unsigned char *)&request)[bit / 8] ^= (unsigned char)(1u << bit % 8);
    raw_send_message(socket, &request, &number, sizeof number);
    unsigned verdict = verdict_on_flipped_request(bit);
    seen[verdict]++;
    if (verdict == CUT)
        rpc_ask_number(socket, 1, 1); /* no continuation */
    if (verdict == SERVED) {
        struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof next);
        rpc_expect(socket, &response, &next);
    } else if (verdict != CUT && verdict != DROPPED) {
        rpc_expect_status(socket, &request, (uint16_t)verdict);
    }
    if (verdict == SERVED || verdict == NETIPC_TRANSPORT_UNSUPPORTED) { /* and the session goes on */
        rpc_ask_number(socket, 2, 1);
        rpc_expect_number(socket, 2, 2);
    } else {
        raw_expect_closed(socket);
    }
    close(socket);
}

static void every_flipped_bit_of_an_envelope_is_answered_as_the_format_says(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 2; workers += 2) {
        unsigned seen[CUT + 1] = {0};
        netipc_server *server = rpc_serve_increment(scene, workers);
        int bystander = rpc_open(scene);
        for (size_t bit = 0; bit < ENVELOPE * 8; bit++) {
            flip_a_request(scene, bit, seen);
            rpc_ask_number(bystander, bit, bit);
            rpc_expect_number(bystander, bit, bit + 1);
        }
        assert_true(rpc_sessions_become(server, 1));
        const unsigned others = ENVELOPE * 8;
        unsigned refused = seen[NETIPC_TRANSPORT_UNSUPPORTED] + seen[NETIPC_TRANSPORT_LIMIT_EXCEEDED];
        unsigned going_on = seen[SERVED] + seen[NETIPC_TRANSPORT_UNSUPPORTED];
        netipc_service_info info = rpc_info(server);
        assert_int_equal(info.broken, seen[DROPPED] + seen[CUT]);
        assert_int_equal(info.failures, refused);
        const unsigned batch = 1; /* that flag: a whole message, but its directory is broken */
        assert_int_equal(info.answers, others + seen[SERVED] + refused + going_on);
        assert_int_equal(info.requests, info.answers + batch);
        assert_int_equal(info.items, others + seen[SERVED] + going_on);
        assert_int_equal(info.bytes_out, 8 * info.items);
        assert_int_equal(info.timed_out, 0);
        assert_int_equal(seen[NETIPC_TRANSPORT_UNSUPPORTED], 16);
        assert_int_equal(seen[NETIPC_TRANSPORT_LIMIT_EXCEEDED], 20);
        assert_int_equal(seen[CUT], 11);
        close(bystander);
        netipc_server_close(server);
    }
}

static void a_request_of_any_wrong_length_ends_its_session(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = rpc_serve_increment(scene, 0);
    const uint64_t numbers[8] = {0};
    for (size_t length = 0; length < ENVELOPE + sizeof numbers; length++) {
        struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 1, length <= ENVELOPE ? 8 : 0);
        unsigned char packet[ENVELOPE + sizeof numbers] = {0};
        memcpy(packet, &request, sizeof request);
        if (length == ENVELOPE) /* this one may go on */
            continue;
        int socket = rpc_open(scene);
        raw_send(socket, packet, length);
        raw_expect_closed(socket);
        close(socket);
    }
    assert_int_equal(rpc_info(server).broken, ENVELOPE + sizeof numbers - 2); /* without that of no bytes */
    rpc_expect_service(scene);
    netipc_server_close(server);
}

/* --- chunks --- */

enum { PACKET = 96, ROOM = PACKET - ENVELOPE, WHOLE = 2 * ROOM + 32, CHUNKS = 3 };

struct chunk {
    struct netipc_chunk header;
    unsigned char payload[256];
    size_t length;
};

static void make_chunk(uint32_t index, const unsigned char *payload, struct chunk *chunk)
{
    chunk->length = index + 1 < CHUNKS ? ROOM : WHOLE - (CHUNKS - 1) * ROOM;
    chunk->header = (struct netipc_chunk){
        .magic = NETIPC_WIRE_CHUNK_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .message_id = 6,
        .total_message_len = ENVELOPE + WHOLE,
        .chunk_index = index,
        .chunk_count = CHUNKS,
        .chunk_payload_len = (uint32_t)chunk->length,
    };
    memset(chunk->payload, 0, sizeof chunk->payload);
    memcpy(chunk->payload, payload + (size_t)index * ROOM, chunk->length);
}

static void send_chunk(int socket, const struct chunk *chunk)
{
    raw_send(socket, chunk, sizeof chunk->header + chunk->length);
}

static netipc_server *serve_echo(const struct scene *scene)
{
    netipc_service_config service = rpc_service_config(NETIPC_METHOD_OWN - 1, rpc_echo, NULL);
    return rpc_serve(scene, &service, 0);
}

static void make_payload(unsigned char *payload, size_t length)
{
    for (size_t i = 0; i < length; i++)
        payload[i] = (unsigned char)(i * 7 + (i >> 8));
}

/* A session of small packets, in which the first packet has been sent. */
static int begin_message(const struct scene *scene, unsigned char *payload)
{
    struct netipc_hello hello = rpc_hello();
    struct netipc_hello_ack ack;
    hello.packet_size = PACKET;
    int socket = rpc_open_with(scene, &hello, &ack);
    assert_int_equal(ack.packet_size, PACKET);
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_OWN - 1, 6, WHOLE);
    make_payload(payload, WHOLE);
    raw_send_message(socket, &request, payload, ROOM);
    return socket;
}

static void expect_echo(int socket, const unsigned char *payload)
{
    unsigned char packet[256];
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_OWN - 1, 6, WHOLE);
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, WHOLE);
    assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), PACKET);
    assert_memory_equal(packet, &response, sizeof response);
    assert_memory_equal(packet + ENVELOPE, payload, ROOM);
    for (uint32_t index = 1; index < CHUNKS; index++) {
        struct chunk chunk;
        make_chunk(index, payload, &chunk);
        assert_int_equal(raw_receive(socket, packet, sizeof packet, slow_ms(5000)), ENVELOPE + chunk.length);
        assert_memory_equal(packet, &chunk, ENVELOPE + chunk.length);
    }
}

static void expect_chunked_service(const struct scene *scene)
{
    unsigned char payload[WHOLE];
    struct chunk chunk;
    int socket = begin_message(scene, payload);
    for (uint32_t index = 1; index < CHUNKS; index++) {
        make_chunk(index, payload, &chunk);
        send_chunk(socket, &chunk);
    }
    expect_echo(socket, payload);
    close(socket);
}

static void every_flipped_bit_of_a_continuation_ends_the_session(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = serve_echo(scene);
    expect_chunked_service(scene);
    unsigned flips = 0;
    for (uint32_t bad = 1; bad < CHUNKS; bad++) {
        for (size_t bit = 0; bit < sizeof(struct netipc_chunk) * 8; bit++, flips++) {
            unsigned char payload[WHOLE];
            struct chunk chunk;
            int socket = begin_message(scene, payload);
            for (uint32_t index = 1; index < CHUNKS; index++) {
                make_chunk(index, payload, &chunk);
                if (index == bad)
                    ((unsigned char *)&chunk.header)[bit / 8] ^= (unsigned char)(1u << bit % 8);
                send_chunk(socket, &chunk);
            }
            raw_expect_closed(socket);
            close(socket);
        }
    }
    assert_int_equal(rpc_info(server).broken, flips);
    expect_chunked_service(scene);
    assert_int_equal(rpc_info(server).requests, 2);
    netipc_server_close(server);
}

static void chunks_out_of_order_missing_repeated_or_too_long_end_the_session(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = serve_echo(scene);
    enum { SKIPPED, REPEATED, BACK_TO_FIRST, NEW_REQUEST, EMPTY, LONG_PACKET, SHORT_PACKET, TOO_MANY, WAYS };
    for (int way = 0; way < WAYS; way++) {
        unsigned char payload[WHOLE];
        struct chunk first, last;
        int socket = begin_message(scene, payload);
        make_chunk(1, payload, &first);
        make_chunk(2, payload, &last);
        switch (way) {
        case SKIPPED:
            send_chunk(socket, &last);
            break;
        case REPEATED:
            send_chunk(socket, &first);
            send_chunk(socket, &first);
            break;
        case BACK_TO_FIRST:
            first.header.chunk_index = 0;
            send_chunk(socket, &first);
            break;
        case NEW_REQUEST:
            send_chunk(socket, &first);
            rpc_ask_number(socket, 6, 1);
            break;
        case EMPTY: /* says nothing, for ever */
            first.length = first.header.chunk_payload_len = 0;
            send_chunk(socket, &first);
            break;
        case LONG_PACKET: /* longer than agreed, though it is what is missing */
            first.length = first.header.chunk_payload_len = WHOLE - ROOM;
            first.header.chunk_count = 2;
            send_chunk(socket, &first);
            break;
        case SHORT_PACKET:
            raw_send(socket, &first, sizeof first.header - 1);
            break;
        case TOO_MANY: /* more bytes than were announced */
            last.length = last.header.chunk_payload_len = ROOM;
            send_chunk(socket, &first);
            send_chunk(socket, &last);
            break;
        default:
            break;
        }
        raw_expect_closed(socket);
        close(socket);
    }
    /* A continuation of nothing. */
    unsigned char payload[WHOLE];
    struct chunk chunk;
    int socket = rpc_open(scene);
    make_payload(payload, WHOLE);
    make_chunk(1, payload, &chunk);
    send_chunk(socket, &chunk);
    raw_expect_closed(socket);
    close(socket);
    assert_int_equal(rpc_info(server).broken, WAYS + 1);
    expect_chunked_service(scene);
    netipc_server_close(server);
}

/* --- batches --- */

struct entry {
    uint32_t offset, length;
};

struct batch {
    struct entry directory[2];
    uint64_t numbers[2];
};

static void ask_batch(int socket, const void *bytes, size_t length, uint32_t items)
{
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 4, length);
    request.flags = NETIPC_ENVELOPE_BATCH;
    request.item_count = items;
    raw_send_message(socket, &request, bytes, length);
}

static void expect_batch(int socket)
{
    const struct batch asked = {{{0, 8}, {8, 8}}, {6, 8}}, answered = {{{0, 8}, {8, 8}}, {7, 9}};
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 4, sizeof asked);
    request.flags = NETIPC_ENVELOPE_BATCH;
    request.item_count = 2;
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof answered);
    ask_batch(socket, &asked, sizeof asked, 2);
    rpc_expect(socket, &response, &answered);
}

static void every_broken_directory_of_a_batch_ends_the_session(void **state)
{
    const struct scene *scene = *state;
    static const struct {
        struct entry directory[2];
        uint32_t items;
    } broken[] = {
        {{{0, 8}, {16, 8}}, 2},              /* behind the end */
        {{{0, 8}, {8, 9}}, 2},               /* over the end */
        {{{0, 8}, {8, UINT32_MAX}}, 2},      /* goes round */
        {{{0, 8}, {UINT32_MAX - 7, 8}}, 2},  /* goes round */
        {{{0, 8}, {UINT32_MAX - 7, 16}}, 2}, /* goes round to the start */
        {{{0, 8}, {4, 8}}, 2},               /* at no multiple of 8 */
        {{{0, 8}, {0, 8}}, 2},               /* twice the same */
        {{{8, 8}, {0, 8}}, 2},               /* backwards */
        {{{0, 9}, {8, 8}}, 2},               /* reaches into the next */
        {{{0, 8}, {8, 8}}, 0},               /* of nothing */
        {{{0, 8}, {8, 8}}, 5},               /* the directory alone is longer */
        {{{0, 8}, {8, 8}}, 16},              /* and still is */
    };
    for (uint32_t workers = 0; workers <= 4; workers += 4) {
        netipc_server *server = rpc_serve_increment(scene, workers);
        const size_t count = sizeof broken / sizeof *broken;
        for (size_t i = 0; i < count; i++) {
            struct batch batch = {.numbers = {6, 8}};
            memcpy(batch.directory, broken[i].directory, sizeof batch.directory);
            int socket = rpc_open(scene);
            ask_batch(socket, &batch, sizeof batch, broken[i].items);
            raw_expect_closed(socket);
            close(socket);
        }
        int socket = rpc_open(scene); /* items without the flag */
        struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 4, 8);
        const uint64_t number = 1;
        request.item_count = 2;
        raw_send_message(socket, &request, &number, sizeof number);
        raw_expect_closed(socket);
        close(socket);
        assert_int_equal(rpc_info(server).broken, count + 1);
        assert_int_equal(rpc_info(server).items, 0);
        socket = rpc_open(scene);
        expect_batch(socket);
        close(socket);
        assert_int_equal(rpc_info(server).items, 2);
        netipc_server_close(server);
    }
}

/* An item that cannot be decoded fails the batch as a whole: there are no bytes to say it of one. */
static void a_batch_with_an_item_that_fails_is_an_internal_error(void **state)
{
    const struct scene *scene = *state;
    for (uint32_t workers = 0; workers <= 4; workers += 2) {
        netipc_server *server = rpc_serve_increment(scene, workers);
        for (size_t bad = 0; bad < 2; bad++) {
            struct batch batch = {{{0, 8}, {8, 8}}, {6, 8}};
            batch.directory[bad].length = 7;
            struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 4, 0);
            int socket = rpc_open(scene);
            ask_batch(socket, &batch, sizeof batch, 2);
            rpc_expect_status(socket, &request, NETIPC_TRANSPORT_INTERNAL_ERROR);
            raw_expect_closed(socket);
            close(socket);
        }
        assert_int_equal(rpc_info(server).failures, 2);
        assert_int_equal(rpc_info(server).broken, 0);
        rpc_expect_service(scene);
        netipc_server_close(server);
    }
}

static void a_batch_of_one_is_answered_as_a_batch(void **state)
{
    const struct scene *scene = *state;
    netipc_server *server = rpc_serve_increment(scene, 0);
    struct {
        struct entry entry;
        uint64_t number;
    } asked = {{0, 8}, 1}, answered = {{0, 8}, 2};
    struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 4, sizeof asked);
    request.flags = NETIPC_ENVELOPE_BATCH;
    struct netipc_envelope response = rpc_response(&request, NETIPC_TRANSPORT_OK, sizeof answered);
    int socket = rpc_open(scene);
    ask_batch(socket, &asked, sizeof asked, 1);
    rpc_expect(socket, &response, &answered);
    close(socket);
    netipc_server_close(server);
}

/* --- handlers that fail --- */

static void a_failing_handler_is_told_to_the_peer_and_the_session_closed(void **state)
{
    const struct scene *scene = *state;
    static const struct {
        unsigned char status;
        uint16_t transport;
    } failures[] = {
        {NETIPC_CORRUPT, NETIPC_TRANSPORT_BAD_ENVELOPE},
        {NETIPC_LIMIT_EXCEEDED, NETIPC_TRANSPORT_LIMIT_EXCEEDED},
        {NETIPC_TOO_LARGE, NETIPC_TRANSPORT_LIMIT_EXCEEDED},
        {NETIPC_SYSTEM, NETIPC_TRANSPORT_INTERNAL_ERROR},
        {NETIPC_NO_MEMORY, NETIPC_TRANSPORT_INTERNAL_ERROR},
        {NETIPC_TIMED_OUT, NETIPC_TRANSPORT_INTERNAL_ERROR},
        {255 /* no status at all */, NETIPC_TRANSPORT_INTERNAL_ERROR},
    };
    for (uint32_t workers = 0; workers <= 1; workers++) {
        netipc_service_config service = rpc_service_config(NETIPC_METHOD_INCREMENT, rpc_obedient, NULL);
        netipc_server *server = rpc_serve(scene, &service, workers);
        const size_t count = sizeof failures / sizeof *failures;
        for (size_t i = 0; i < count; i++) {
            struct netipc_envelope request = rpc_request(NETIPC_METHOD_INCREMENT, 9, 1);
            int socket = rpc_open(scene);
            raw_send_message(socket, &request, &failures[i].status, 1);
            rpc_expect_status(socket, &request, failures[i].transport);
            raw_expect_closed(socket);
            close(socket);
        }
        netipc_service_info info = rpc_info(server);
        assert_int_equal(info.failures, count);
        assert_int_equal(info.answers, count);
        assert_int_equal(info.bytes_in, count);
        assert_int_equal(info.bytes_out, 0);
        assert_int_equal(info.broken, 0);
        netipc_server_close(server);
    }
}

#define malformed(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        malformed(every_flipped_bit_of_a_hello_gets_its_own_refusal),
        malformed(a_hello_of_any_other_length_is_closed_without_an_answer),
        malformed(every_flipped_bit_of_an_envelope_is_answered_as_the_format_says),
        malformed(a_request_of_any_wrong_length_ends_its_session),
        malformed(every_flipped_bit_of_a_continuation_ends_the_session),
        malformed(chunks_out_of_order_missing_repeated_or_too_long_end_the_session),
        malformed(every_broken_directory_of_a_batch_ends_the_session),
        malformed(a_batch_with_an_item_that_fails_is_an_internal_error),
        malformed(a_batch_of_one_is_answered_as_a_batch),
        malformed(a_failing_handler_is_told_to_the_peer_and_the_session_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
