/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that answer what no correct one does, or nothing: each has its status, leaves nothing behind, and the next
 * server is called as if nothing had been. */
#include "tests/client/stage.h"

#include "control/chunks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SHORT_MS = 150 };

/* One bad exchange, with what is made of it. */
struct bad {
    const char *name;
    void (*part)(struct play *play);
    netipc_status status;
    uint64_t number; /* for the part */
    unsigned timeout_ms, resends, connections;
};

static void make_bad(struct scene *scene, const struct bad *bad)
{
    struct play play;
    play_open(&play, scene, 8);
    play.number = bad->number;
    play_begin(&play, bad->part, NULL);
    netipc_client_config config = client_config(scene);
    config.response_payload = config.max_response_payload = 65536;
    netipc_client *client = open_client(&config);
    netipc_client_request request;
    unsigned descriptors = count_descriptors(getpid());
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    netipc_status status =
        call_u64(client, NETIPC_METHOD_INCREMENT, 7, bad->timeout_ms > 0 ? bad->timeout_ms : slow_ms(20000), &request);
    if (status != bad->status)
        fail_msg("%s: %s (%s), not %s", bad->name, netipc_status_name(status), netipc_status_detail(),
                 netipc_status_name(bad->status));
    assert_true(netipc_status_detail()[0] != '\0');
    assert_null(request.answer);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.resends, bad->resends);
    assert_int_equal(info.breaks, bad->status == NETIPC_DISCONNECTED ? 2 : bad->resends);
    assert_int_equal(info.last_error, bad->status);
    assert_int_equal(info.calls, 1);
    assert_int_equal(info.failures, 1);
    assert_int_equal(info.answers, 0);
    play_end(&play);
    if (bad->connections > 0)
        assert_int_equal(play.connections, bad->connections);
    bool ready = netipc_client_ready(client);
    assert_int_equal(ready, bad->status == NETIPC_UNSUPPORTED);
    play_hang_up(&play);
    if (!ready)
        assert_int_equal(count_descriptors(getpid()), descriptors);
    /* The next one. */
    play_begin(&play, play_increments, NULL);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 41), NETIPC_OK);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

/* --- one packet --- */

/* A client, and its request. */
static bool begin(struct play *play)
{
    return play_shake_hands(play, 0) && play_receive(play);
}

static void send_changed(struct play *play, const struct netipc_envelope *answer)
{
    const uint64_t value = 8;
    play_send_message(play, answer, &value, sizeof value);
    play_wait_for_end(play);
}

static void another_id(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 8);
    answer.message_id++;
    send_changed(play, &answer);
}

static void another_code(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 8);
    answer.code = NETIPC_METHOD_STRING_REVERSE;
    send_changed(play, &answer);
}

static void another_kind(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 8);
    answer.kind = (uint16_t)play->number;
    send_changed(play, &answer);
}

static void other_flags(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 8);
    answer.flags = (uint16_t)play->number;
    send_changed(play, &answer);
}

static void other_items(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 8);
    answer.item_count = (uint32_t)play->number;
    send_changed(play, &answer);
}

static void transport_status(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 0);
    answer.transport_status = (uint16_t)play->number;
    play_send_message(play, &answer, NULL, 0);
    play_wait_for_end(play);
}

static void control_message(struct play *play)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    const struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT};
    if (!begin(play))
        return;
    size_t length = netipc_wire_control((uint16_t)play->number, NETIPC_TRANSPORT_OK, 0, &note, sizeof note, packet);
    play_send(play, packet, length);
    play_wait_for_end(play);
}

static void garbage(struct play *play)
{
    static unsigned char bytes[4096];
    memset(bytes, 0xa5, sizeof bytes);
    if (!begin(play))
        return;
    play_send(play, bytes, play->number);
    play_wait_for_end(play);
}

static void longer_than_the_packet_size(struct play *play)
{
    static unsigned char bytes[4096];
    if (!play_shake_hands(play, 128) || !play_receive(play))
        return;
    struct netipc_envelope answer = play_answer(play, 1024);
    play_send_message(play, &answer, bytes, 1024);
    play_wait_for_end(play);
}

static void more_than_it_says(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 4);
    send_changed(play, &answer);
}

static void above_the_limit(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 65537);
    send_changed(play, &answer);
}

static void one_packet_that_is_none(void **state)
{
    static const struct bad all[] = {
        {"another id", another_id, NETIPC_PROTOCOL, 0, 0, 0, 1},
        {"another code", another_code, NETIPC_PROTOCOL, 0, 0, 0, 1},
        {"a request", another_kind, NETIPC_PROTOCOL, 1, 0, 0, 1},
        {"kind 0", another_kind, NETIPC_PROTOCOL, 0, 0, 0, 1},
        {"kind 4", another_kind, NETIPC_PROTOCOL, 4, 0, 0, 1},
        {"a batch", other_flags, NETIPC_PROTOCOL, 1, 0, 0, 1},
        {"a flag that is none", other_flags, NETIPC_PROTOCOL, 0x8000, 0, 0, 1},
        {"no item", other_items, NETIPC_PROTOCOL, 0, 0, 0, 1},
        {"two items", other_items, NETIPC_PROTOCOL, 2, 0, 0, 1},
        {"bad envelope", transport_status, NETIPC_CORRUPT, 1, 0, 0, 1},
        {"auth failed", transport_status, NETIPC_PROTOCOL, 2, 0, 0, 1},
        {"incompatible", transport_status, NETIPC_PROTOCOL, 3, 0, 0, 1},
        {"unsupported", transport_status, NETIPC_UNSUPPORTED, 4, 0, 0, 1},
        {"limit exceeded", transport_status, NETIPC_LIMIT_EXCEEDED, 5, 0, 0, 1},
        {"internal error", transport_status, NETIPC_REQUEST_FAILED, 6, 0, 0, 1},
        {"a transport status that is none", transport_status, NETIPC_PROTOCOL, 7, 0, 0, 1},
        {"a doorbell", control_message, NETIPC_PROTOCOL, NETIPC_OP_DOORBELL, 0, 0, 1},
        {"superseded", control_message, NETIPC_PROTOCOL, NETIPC_OP_SUPERSEDED, 0, 0, 1},
        {"another HELLO_ACK", control_message, NETIPC_PROTOCOL, NETIPC_OP_HELLO_ACK, 0, 0, 1},
        {"one byte", garbage, NETIPC_PROTOCOL, 1, 0, 0, 1},
        {"31 bytes", garbage, NETIPC_PROTOCOL, 31, 0, 0, 1},
        {"32 bytes", garbage, NETIPC_PROTOCOL, 32, 0, 0, 1},
        {"4096 bytes", garbage, NETIPC_PROTOCOL, 4096, 0, 0, 1},
        {"a longer packet than agreed on", longer_than_the_packet_size, NETIPC_PROTOCOL, 0, 0, 0, 1},
        {"more bytes than it says", more_than_it_says, NETIPC_PROTOCOL, 0, 0, 0, 1},
        {"one byte above the limit", above_the_limit, NETIPC_LIMIT_EXCEEDED, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        make_bad(*state, &all[i]);
}

/* --- answers in several packets --- */

/* 8 bytes in packets of 4: the second has a continuation header, in which a word is changed. */
static void changed_chunk(struct play *play)
{
    if (!begin(play))
        return;
    const struct netipc_envelope answer = play_answer(play, 12);
    static const unsigned char payload[12];
    unsigned char packet[36];
    for (uint32_t index = 0; index < 3; index++) {
        uint32_t offset, length, word;
        netipc_chunk_at(&answer, 36, index, packet, &offset, &length);
        memcpy(packet + 32, payload + offset, length);
        if (index == 1) {
            memcpy(&word, packet + play->number / 32 * 4, sizeof word);
            word ^= UINT32_C(1) << play->number % 32;
            memcpy(packet + play->number / 32 * 4, &word, sizeof word);
        }
        if (!play_send(play, packet, 32 + length))
            break;
    }
    play_wait_for_end(play);
}

static void every_bit_of_a_continuation_header_counts(void **state)
{
    for (unsigned bit = 0; bit < 256; bit++) {
        char name[32];
        snprintf(name, sizeof name, "bit %u of a continuation", bit);
        const struct bad bad = {name, changed_chunk, NETIPC_PROTOCOL, bit, 0, 0, 1};
        make_bad(*state, &bad);
    }
}

static void changed_envelope(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 8);
    ((unsigned char *)&answer)[play->number / 8] ^= (unsigned char)(1u << play->number % 8);
    send_changed(play, &answer);
}

static netipc_status status_of_flipped(unsigned bit)
{
    enum { TRANSPORT_AT = 14 * 8, PAYLOAD_AT = 16 * 8, ITEMS_AT = 20 * 8 };
    static const netipc_status transport[] = {NETIPC_CORRUPT, NETIPC_PROTOCOL, NETIPC_UNSUPPORTED};
    if (bit >= TRANSPORT_AT && bit < TRANSPORT_AT + 3)
        return transport[bit - TRANSPORT_AT];
    if (bit >= PAYLOAD_AT && bit < ITEMS_AT) {
        uint32_t length = 8u ^ (1u << (bit - PAYLOAD_AT));
        if (length > 65536)
            return NETIPC_LIMIT_EXCEEDED;
        return length > 8 ? NETIPC_TIMED_OUT : NETIPC_PROTOCOL; /* the rest is waited for */
    }
    return NETIPC_PROTOCOL;
}

static void every_bit_of_an_envelope_counts(void **state)
{
    for (unsigned bit = 0; bit < 256; bit++) {
        char name[32];
        snprintf(name, sizeof name, "bit %u of an envelope", bit);
        netipc_status status = status_of_flipped(bit);
        const struct bad bad = {name, changed_envelope, status, bit, status == NETIPC_TIMED_OUT ? 30 : 0, 0, 1};
        make_bad(*state, &bad);
    }
}

/* --- sessions that break, and servers that say nothing --- */

static void hang_up_at_every_request(struct play *play)
{
    while (play_shake_hands(play, 0)) {
        play_receive(play);
        play_hang_up(play);
    }
}

static void closed_at_every_request(struct play *play)
{
    unsigned char packet[NETIPC_WIRE_CONTROL_MAX];
    const struct netipc_note note = {.layout_version = NETIPC_WIRE_LAYOUT};
    size_t length = netipc_wire_control(NETIPC_OP_CLOSED, NETIPC_TRANSPORT_OK, 0, &note, sizeof note, packet);
    while (play_shake_hands(play, 0)) {
        play_receive(play);
        play_send(play, packet, length);
        play_wait_for_end(play);
    }
}

static void hang_up_after_the_first_packet(struct play *play)
{
    while (begin(play)) {
        struct netipc_envelope answer = play_answer(play, 64);
        play_send_message(play, &answer, &answer, 8);
        play_hang_up(play);
    }
}

static void a_session_that_breaks_twice_is_given_up(void **state)
{
    static const struct bad all[] = {
        {"hangs up", hang_up_at_every_request, NETIPC_DISCONNECTED, 0, 0, 1, 2},
        {"says that it closes", closed_at_every_request, NETIPC_DISCONNECTED, 0, 0, 1, 2},
        {"hangs up amid its answer", hang_up_after_the_first_packet, NETIPC_DISCONNECTED, 0, 0, 1, 2},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        make_bad(*state, &all[i]);
}

static void says_nothing(struct play *play)
{
    if (begin(play))
        play_wait_for_end(play);
}

static void stops_after_the_first_packet(struct play *play)
{
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 64);
    play_send_message(play, &answer, &answer, 8);
    play_wait_for_end(play);
}

/* Packet after packet of an answer that goes on for long. */
static void dribbles(struct play *play)
{
    if (!begin(play))
        return;
    const struct netipc_envelope answer = play_answer(play, 65536);
    unsigned char packet[64] = {0};
    for (uint32_t index = 0; !atomic_load(&play->over); index++) {
        uint32_t offset, length;
        netipc_chunk_at(&answer, 33, index, packet, &offset, &length);
        if (!play_send(play, packet, 32 + length))
            break;
        pause_ms(5);
    }
}

static void a_call_ends_at_its_deadline(void **state)
{
    static const struct bad all[] = {
        {"says nothing", says_nothing, NETIPC_TIMED_OUT, 0, SHORT_MS, 0, 1},
        {"stops after the first packet", stops_after_the_first_packet, NETIPC_TIMED_OUT, 0, SHORT_MS, 0, 1},
        {"dribbles", dribbles, NETIPC_TIMED_OUT, 0, SHORT_MS, 0, 1},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint64_t start = now_ms();
        make_bad(*state, &all[i]);
        assert_true(now_ms() - start >= SHORT_MS);
    }
}

/* The second session is silent: connecting again is within the call's deadline, too. */
static void hangs_up_and_then_accepts_nobody(struct play *play)
{
    if (begin(play))
        play_hang_up(play);
    while (!atomic_load(&play->over))
        pause_ms(1);
}

static void connecting_again_ends_at_the_deadline_of_the_call(void **state)
{
    const struct bad bad = {
        "accepts nobody again", hangs_up_and_then_accepts_nobody, NETIPC_TIMED_OUT, 0, SHORT_MS, 1, 1};
    uint64_t start = now_ms();
    make_bad(*state, &bad);
    assert_in_range(now_ms() - start, SHORT_MS, slow_ms(8000));
}

/* --- answers before the whole request --- */

enum { LARGE = 1 << 20 };

static void refuse_early(struct play *play)
{
    if (play->connections > 0)
        return;
    if (!begin(play))
        return;
    struct netipc_envelope answer = play_answer(play, 0);
    answer.transport_status = (uint16_t)play->number;
    play_send_message(play, &answer, NULL, 0);
    if (play->number != NETIPC_TRANSPORT_UNSUPPORTED && play->number != NETIPC_TRANSPORT_OK)
        play_hang_up(play);
    else
        while (!atomic_load(&play->over)) /* reads no more */
            pause_ms(1);
}

/* What the server said before it closed counts, and not that sending failed. */
static void a_refusal_of_a_request_that_is_still_being_sent_is_heard(void **state)
{
    static const struct {
        uint64_t transport;
        netipc_status status;
    } all[] = {{NETIPC_TRANSPORT_LIMIT_EXCEEDED, NETIPC_LIMIT_EXCEEDED},
               {NETIPC_TRANSPORT_INTERNAL_ERROR, NETIPC_REQUEST_FAILED},
               {NETIPC_TRANSPORT_BAD_ENVELOPE, NETIPC_CORRUPT},
               {NETIPC_TRANSPORT_UNSUPPORTED, NETIPC_UNSUPPORTED},
               {NETIPC_TRANSPORT_OK, NETIPC_PROTOCOL}};
    unsigned char *payload = calloc(1, LARGE);
    assert_non_null(payload);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct play play;
        play_open(&play, *state, 1);
        play.number = all[i].transport;
        play_begin(&play, refuse_early, NULL);
        netipc_client_config config = client_config(*state);
        config.max_request_payload = LARGE;
        config.response_payload = config.max_response_payload = 65536;
        netipc_client *client = open_ready_client(&config);
        netipc_client_request request = {.size = sizeof request,
                                         .method = 1,
                                         .payload = payload,
                                         .length = LARGE,
                                         .item_count = 1,
                                         .timeout_ns = (uint64_t)slow_ms(10000) * 1000000};
        expect_status(netipc_client_call(client, &request), all[i].status);
        assert_int_equal(client_info(client).resends, 0);
        play_end(&play);
        play_hang_up(&play);
        play_begin(&play, play_increments, NULL);
        expect_status(netipc_client_refresh(client), NETIPC_OK);
        expect_status(call_increment(client, 1), NETIPC_OK);
        netipc_client_close(client);
        play_end(&play);
        play_close(&play);
    }
    free(payload);
}

/* Takes nothing more, but does not hang up. */
static void stop_listening(struct play *play)
{
    if (!begin(play))
        return;
    pause_ms(50); /* meanwhile the rest of the request waits in the client's queue */
    shutdown(play->connection, SHUT_RD);
    while (recv(play->connection, play->got, sizeof play->got, MSG_DONTWAIT) > 0) /* so that there is room again */
        ;
    while (!atomic_load(&play->over))
        pause_ms(1);
}

static void a_server_that_takes_nothing_more_has_left(void **state)
{
    struct play play;
    unsigned char *payload = calloc(1, LARGE);
    assert_non_null(payload);
    play_open(&play, *state, 8);
    play_begin(&play, stop_listening, NULL);
    netipc_client_config config = client_config(*state);
    config.max_request_payload = LARGE;
    config.connect_timeout_ns = (uint64_t)200 * 1000000;
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request = {
        .size = sizeof request, .method = 1, .payload = payload, .length = LARGE, .item_count = 1};
    uint64_t start = now_ms();
    unsigned long cpu = cpu_ms(getpid());
    expect_status(netipc_client_call(client, &request), NETIPC_TIMED_OUT); /* of connecting again */
    assert_int_equal(client_info(client).resends, 1);
    assert_in_range(cpu_ms(getpid()) - cpu, 0, slow_ms(1000));
    assert_in_range(now_ms() - start, 0, slow_ms(10000)); /* not the 30 s of the call */
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
    free(payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_packet_that_is_none, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(every_bit_of_a_continuation_header_counts, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(every_bit_of_an_envelope_counts, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_session_that_breaks_twice_is_given_up, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_call_ends_at_its_deadline, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(connecting_again_ends_at_the_deadline_of_the_call, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_refusal_of_a_request_that_is_still_being_sent_is_heard, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_server_that_takes_nothing_more_has_left, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
