/* SPDX-License-Identifier: Apache-2.0 */
#include "control/chunks.h"
#include "tests/golden/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ID = 77, LIMIT = 5000, PACKETS_MOST = 1000 };

struct packets {
    unsigned char *bytes[PACKETS_MOST]; /* on the heap, of exactly this length */
    size_t lengths[PACKETS_MOST];
    uint32_t count;
};

static unsigned char payload_byte(uint32_t index)
{
    return (unsigned char)(index * 7 + index / 251);
}

static void split(struct packets *packets, uint32_t length, uint32_t packet_size)
{
    unsigned char payload[LIMIT + 1];
    for (uint32_t i = 0; i < length; i++)
        payload[i] = payload_byte(i);
    const struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC,
        .version = NETIPC_WIRE_VERSION,
        .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
        .kind = NETIPC_KIND_REQUEST,
        .code = 1,
        .payload_len = length,
        .item_count = 1,
        .message_id = ID,
    };
    packets->count = netipc_chunks_count(length, packet_size);
    assert_in_range(packets->count, 1, PACKETS_MOST);
    uint32_t covered = 0;
    for (uint32_t i = 0; i < packets->count; i++) {
        unsigned char header[NETIPC_WIRE_ENVELOPE_SIZE];
        uint32_t offset, here;
        netipc_chunk_at(&envelope, packet_size, i, header, &offset, &here);
        assert_int_equal(offset, covered);
        covered += here;
        packets->lengths[i] = sizeof header + here;
        assert_true(packets->lengths[i] <= packet_size);
        packets->bytes[i] = malloc(packets->lengths[i]);
        assert_non_null(packets->bytes[i]);
        memcpy(packets->bytes[i], header, sizeof header);
        memcpy(packets->bytes[i] + sizeof header, payload + offset, here);
    }
    assert_int_equal(covered, length);
}

static void drop(struct packets *packets)
{
    for (uint32_t i = 0; i < packets->count; i++)
        free(packets->bytes[i]);
}

static enum netipc_join_result join_all(struct netipc_joiner *joiner, const struct packets *packets)
{
    enum netipc_join_result result = NETIPC_JOIN_BROKEN;
    for (uint32_t i = 0; i < packets->count; i++) {
        result = netipc_join(joiner, packets->bytes[i], packets->lengths[i]);
        if (result != NETIPC_JOIN_MORE)
            break;
        assert_true(netipc_join_under_way(joiner));
    }
    return result;
}

static void expect_payload(const struct netipc_joiner *joiner, uint32_t length)
{
    assert_false(netipc_join_under_way(joiner));
    assert_int_equal(joiner->envelope.payload_len, length);
    assert_int_equal(joiner->envelope.message_id, ID);
    for (uint32_t i = 0; i < length; i++)
        assert_int_equal(joiner->payload[i], payload_byte(i));
}

static void what_was_split_is_joined_again_at_every_length_and_packet_size(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {33, 34, 40, 128, 4096, UINT32_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        struct netipc_joiner joiner = {.packet_size = sizes[s], .payload_limit = LIMIT};
        for (uint32_t length = 0; length < 700; length += length < 200 ? 1 : 37) {
            struct packets packets;
            split(&packets, length, sizes[s]);
            assert_int_equal(join_all(&joiner, &packets), NETIPC_JOIN_WHOLE);
            expect_payload(&joiner, length);
            netipc_joiner_trim(&joiner);
            drop(&packets);
        }
        netipc_joiner_free(&joiner);
    }
}

static void exactly_the_limit_passes_and_one_more_is_refused_without_memory(void **state)
{
    (void)state;
    struct netipc_joiner joiner = {.packet_size = 128, .payload_limit = LIMIT};
    struct packets packets;
    split(&packets, LIMIT, 128);
    assert_int_equal(join_all(&joiner, &packets), NETIPC_JOIN_WHOLE);
    expect_payload(&joiner, LIMIT);
    drop(&packets);
    netipc_joiner_free(&joiner);

    split(&packets, LIMIT + 1, 128);
    assert_int_equal(netipc_join(&joiner, packets.bytes[0], packets.lengths[0]), NETIPC_JOIN_LARGE);
    assert_int_equal(joiner.envelope.payload_len, LIMIT + 1);
    assert_null(joiner.joined);
    assert_false(netipc_join_under_way(&joiner));
    drop(&packets);
}

static void packets_of_other_sizes_are_joined_as_long_as_they_are_as_many_as_they_say(void **state)
{
    (void)state;
    struct packets packets;
    split(&packets, 300, 128);
    struct netipc_joiner joiner = {.packet_size = 4096, .payload_limit = LIMIT};
    assert_int_equal(join_all(&joiner, &packets), NETIPC_JOIN_WHOLE);
    expect_payload(&joiner, 300);
    netipc_joiner_free(&joiner);
    drop(&packets);
}

/* One bit of one header at a time: what the joiner compares is refused, and nothing is ever taken for another message's
 * payload. */
static void every_bit_of_every_header_counts(void **state)
{
    (void)state;
    for (unsigned packet = 0; packet < 3; packet++) {
        for (unsigned bit = 0; bit < NETIPC_WIRE_ENVELOPE_SIZE * 8u; bit++) {
            struct packets packets;
            split(&packets, 200, 128);
            assert_int_equal(packets.count, 3);
            packets.bytes[packet][bit / 8] ^= (unsigned char)(1u << bit % 8);
            struct netipc_joiner joiner = {.packet_size = 128, .payload_limit = LIMIT};
            enum netipc_join_result result = join_all(&joiner, &packets);
            /* What the envelope says of kind, flags, code, status and items is for whoever gets the message. */
            bool passed_on = packet == 0 && ((bit >= 8 * 8 && bit < 16 * 8) || (bit >= 20 * 8 && bit < 24 * 8));
            if (passed_on)
                assert_int_equal(result, NETIPC_JOIN_WHOLE);
            else
                assert_true(result == NETIPC_JOIN_BROKEN || result == NETIPC_JOIN_LARGE);
            netipc_joiner_free(&joiner);
            drop(&packets);
        }
    }
}

static void packets_that_are_missing_doubled_short_or_long_end_the_message(void **state)
{
    (void)state;
    struct packets packets;
    split(&packets, 300, 128);
    assert_int_equal(packets.count, 4);
    static const struct {
        unsigned order[4];
        int longer[4];
    } cases[] = {
        {{1, 0, 0, 0}, {0}},         {{0, 2, 0, 0}, {0}},          {{0, 0, 0, 0}, {0}},
        {{0, 1, 1, 0}, {0}},         {{0, 1, 3, 0}, {0}},          {{0, 1, 2, 3}, {0, 0, 0, -1}},
        {{0, 1, 2, 3}, {0, -1, 0}},  {{0, 1, 2, 3}, {0, -128, 0}}, {{0, 1, 2, 3}, {-1, 0, 0, 0}},
        {{0, 1, 2, 3}, {-97, 0, 0}}, {{0, 1, 2, 3}, {0, 0, -96}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct netipc_joiner joiner = {.packet_size = 128, .payload_limit = LIMIT};
        enum netipc_join_result result = NETIPC_JOIN_MORE;
        for (unsigned p = 0; p < 4 && result == NETIPC_JOIN_MORE; p++) {
            unsigned which = cases[i].order[p];
            size_t length = (size_t)((long)packets.lengths[which] + cases[i].longer[p]);
            unsigned char *exact = malloc(length > 0 ? length : 1); /* a sanitizer sees what is read behind it */
            memcpy(exact, packets.bytes[which], length);
            result = netipc_join(&joiner, exact, length);
            free(exact);
        }
        assert_int_equal(result, NETIPC_JOIN_BROKEN);
        netipc_joiner_free(&joiner);
    }
    drop(&packets);
}

static void a_packet_larger_than_agreed_is_refused(void **state)
{
    (void)state;
    struct packets packets = {0};
    split(&packets, 97, 129);
    struct netipc_joiner joiner = {.packet_size = 128, .payload_limit = LIMIT};
    assert_int_equal(netipc_join(&joiner, packets.bytes[0], packets.lengths[0]), NETIPC_JOIN_BROKEN);
    drop(&packets);
}

static void large_memory_is_given_back_between_messages(void **state)
{
    (void)state;
    enum { LARGE = 100000 };
    struct netipc_joiner joiner = {.packet_size = 4096, .payload_limit = LARGE};
    struct netipc_envelope envelope = {
        .magic = NETIPC_WIRE_MAGIC, .version = 1, .header_len = 32, .payload_len = LARGE, .item_count = 1};
    unsigned char packet[4096];
    for (uint32_t i = 0; i < netipc_chunks_count(LARGE, sizeof packet); i++) {
        uint32_t offset, length;
        netipc_chunk_at(&envelope, sizeof packet, i, packet, &offset, &length);
        memset(packet + NETIPC_WIRE_ENVELOPE_SIZE, 1, length);
        netipc_joiner_trim(&joiner); /* not while it is needed */
        assert_int_equal(netipc_join(&joiner, packet, NETIPC_WIRE_ENVELOPE_SIZE + length),
                         offset + length == LARGE ? NETIPC_JOIN_WHOLE : NETIPC_JOIN_MORE);
    }
    assert_int_equal(joiner.payload[LARGE - 1], 1);
    netipc_joiner_trim(&joiner);
    assert_null(joiner.joined);
}

/* The packets of the captured answers that take several, split and joined here. */
static void captured_answers_in_several_packets_are_the_same_bytes_here(void **state)
{
    (void)state;
    golden_file *file = golden_load();
    assert_non_null(file);
    const golden_session *session =
        golden_session_named(file, "snapshot: answer in 128-byte packets (continuation headers)");
    assert_non_null(session);
    golden_bytes payload;
    assert_true(golden_join_payload(session, 3, &payload));
    struct netipc_joiner joiner = {.packet_size = 128, .payload_limit = LIMIT};
    uint32_t count = 0;
    for (size_t step = 3; step < session->step_count; step++, count++) {
        const golden_bytes *captured = &session->steps[step].packet;
        enum netipc_join_result result = netipc_join(&joiner, captured->data, captured->length);
        assert_int_equal(result, step + 1 < session->step_count ? NETIPC_JOIN_MORE : NETIPC_JOIN_WHOLE);
    }
    assert_int_equal(joiner.envelope.payload_len, payload.length);
    assert_memory_equal(joiner.payload, payload.data, payload.length);
    assert_int_equal(netipc_chunks_count(joiner.envelope.payload_len, 128), count);
    for (uint32_t i = 0; i < count; i++) {
        unsigned char packet[128];
        uint32_t offset, length;
        netipc_chunk_at(&joiner.envelope, 128, i, packet, &offset, &length);
        memcpy(packet + NETIPC_WIRE_ENVELOPE_SIZE, payload.data + offset, length);
        assert_int_equal(session->steps[3 + i].packet.length, NETIPC_WIRE_ENVELOPE_SIZE + length);
        assert_memory_equal(packet, session->steps[3 + i].packet.data, NETIPC_WIRE_ENVELOPE_SIZE + length);
    }
    netipc_joiner_free(&joiner);
    free(payload.data);
    golden_free(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_split_is_joined_again_at_every_length_and_packet_size),
        cmocka_unit_test(exactly_the_limit_passes_and_one_more_is_refused_without_memory),
        cmocka_unit_test(packets_of_other_sizes_are_joined_as_long_as_they_are_as_many_as_they_say),
        cmocka_unit_test(every_bit_of_every_header_counts),
        cmocka_unit_test(packets_that_are_missing_doubled_short_or_long_end_the_message),
        cmocka_unit_test(a_packet_larger_than_agreed_is_refused),
        cmocka_unit_test(large_memory_is_given_back_between_messages),
        cmocka_unit_test(captured_answers_in_several_packets_are_the_same_bytes_here),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
