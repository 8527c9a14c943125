/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captured sessions of the published library, its server's side played to our client. Every packet of the client
 * has to be the captured one, byte for byte, but for what is its own choice and no matter of the format: the message id
 * (it counts from 1) and, in HELLO, the packet size (what its socket takes) and whatever the captured peer asked for
 * that ours never does (see deviations).
 */
#include "tests/client/stage.h"
#include "tests/golden/golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static golden_file *golden;

enum { ENVELOPE = 32, ID_AT = 24 };

/* Sessions that no client of ours can have, and why. */
static const struct {
    const char *name, *why;
} deviations[] = {
    {"increment: four requests before any answer", "one call at a time"},
    {"snapshot: handshake offering more profiles and unknown bits", "ours offers the baseline only"},
    {"refusal: no common profile", "ours offers the baseline only"},
    {"refusal: layout version 2", "ours speaks layout 1"},
    {"refusal: packet size 32", "ours offers what the socket takes"},
    {"refusal: non-zero flags", "ours sends none"},
    {"refusal: non-zero padding", "ours sends none"},
    {"malformed: bad magic in HELLO", "ours sends whole HELLOs"},
    {"malformed: envelope version 2", "ours speaks version 1"},
    {"malformed: short HELLO", "ours sends whole HELLOs"},
    {"malformed: request before HELLO", "ours begins with HELLO"},
    {"request: payload_len larger than the packet", "ours sends whole messages"},
    {"request: response kind sent by a client", "ours sends requests"},
    {"increment: batch over the agreed item count", "ours does not send it: see the test of its own"},
    {"request: payload above the agreed ceiling", "ours does not send it: see the test of its own"},
};

static bool is_ours(const golden_session *session)
{
    for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
        if (strcmp(deviations[i].name, session->name) == 0)
            return false;
    return true;
}

/* --- the server's side --- */

struct replay {
    const golden_session *session;
    char difference[160]; /* empty: none */
    size_t at;            /* of the steps, which have been played */
};

static struct replay replay;

static void differ(const char *what, size_t step)
{
    if (replay.difference[0] == '\0')
        snprintf(replay.difference, sizeof replay.difference, "%s, step %zu: %s", replay.session->name, step, what);
}

/* The packet size that was captured, and the id, put in the place of ours. */
static void compare(struct play *play, const golden_bytes *captured, size_t step, uint64_t *id)
{
    unsigned char expected[4096];
    if (play->got_length != captured->length || captured->length > sizeof expected) {
        differ("another length", step);
        return;
    }
    memcpy(expected, captured->data, captured->length);
    memcpy(id, play->got + ID_AT, sizeof *id);
    memcpy(expected + ID_AT, id, sizeof *id);
    if (step == 0) {
        memcpy(&play->hello, play->got + ENVELOPE, NETIPC_WIRE_HELLO_SIZE);
        memcpy(expected + captured->length - 4, play->got + captured->length - 4, 4);
        if (memcmp(expected + ENVELOPE + 8, play->got + ENVELOPE + 8, 4) != 0)
            memcpy(expected + ENVELOPE + 8, play->got + ENVELOPE + 8, 4); /* preferred profiles: one client's are 0 */
    }
    if (memcmp(expected, play->got, captured->length) != 0)
        differ("other bytes", step);
}

/* As it was captured, with the id that was asked with, and in HELLO_ACK with no larger packets than were offered. */
static void answer(struct play *play, const golden_bytes *captured, size_t step, uint64_t id)
{
    unsigned char packet[4096];
    uint32_t magic;
    memcpy(packet, captured->data, captured->length);
    memcpy(&magic, packet, sizeof magic);
    memcpy(packet + (magic == NETIPC_WIRE_CHUNK_MAGIC ? 8 : ID_AT), &id, sizeof id);
    uint32_t packet_size;
    unsigned char *agreed = packet + ENVELOPE + offsetof(struct netipc_hello_ack, packet_size);
    if (captured->length == ENVELOPE + NETIPC_WIRE_HELLO_ACK_SIZE && step == 1) {
        memcpy(&packet_size, agreed, sizeof packet_size);
        if (packet_size > play->hello.packet_size)
            memcpy(agreed, &play->hello.packet_size, sizeof packet_size);
    }
    play_send(play, packet, captured->length);
}

static void play_session(struct play *play)
{
    const golden_session *session = replay.session;
    uint64_t id = 0;
    if (!play_accept(play))
        return;
    for (; replay.at < session->step_count; replay.at++) {
        const golden_step *step = &session->steps[replay.at];
        if (step->kind == GOLDEN_SEND) {
            if (!play_receive(play))
                return;
            compare(play, &step->packet, replay.at, &id);
        } else if (step->kind == GOLDEN_RECV) {
            answer(play, &step->packet, replay.at, id);
        } else if (step->kind == GOLDEN_CLOSED) {
            break;
        }
    }
    if (replay.at == session->step_count)
        play_wait_for_end(play);
    play_hang_up(play);
    replay.at = session->step_count;
}

/* --- the client's side --- */

static struct netipc_hello captured_hello(const golden_session *session)
{
    struct netipc_hello hello = {0};
    memcpy(&hello, session->steps[0].packet.data + ENVELOPE, NETIPC_WIRE_HELLO_SIZE);
    return hello;
}

static netipc_client *client_as_captured(const struct scene *scene, const golden_session *session)
{
    const struct netipc_hello hello = captured_hello(session);
    netipc_client_config config = client_config(scene);
    config.token = hello.auth_token;
    config.max_request_payload = hello.max_request_payload_bytes;
    config.max_batch_items = hello.max_request_batch_items;
    config.response_payload = hello.max_response_payload_bytes;
    return open_client(&config);
}

static netipc_status refresh_expected(const golden_session *session)
{
    const golden_bytes *ack = &session->steps[1].packet;
    uint16_t transport;
    memcpy(&transport, ack->data + 14, sizeof transport);
    switch (transport) {
    case NETIPC_TRANSPORT_OK:
        return NETIPC_OK;
    case NETIPC_TRANSPORT_AUTH_FAILED:
        return NETIPC_AUTH_FAILED;
    case NETIPC_TRANSPORT_LIMIT_EXCEEDED:
        return NETIPC_BUSY;
    default:
        fail_msg("%s", session->name);
        return NETIPC_OK;
    }
}

static netipc_status call_expected(const golden_session *session, size_t answer_step)
{
    const golden_step *step = &session->steps[answer_step];
    uint16_t transport;
    if (step->kind == GOLDEN_CLOSED)
        return NETIPC_NOT_FOUND; /* it connects again, once; and nobody is there */
    memcpy(&transport, step->packet.data + 14, sizeof transport);
    static const netipc_status statuses[] = {
        NETIPC_OK,          NETIPC_CORRUPT,        NETIPC_PROTOCOL,      NETIPC_PROTOCOL,
        NETIPC_UNSUPPORTED, NETIPC_LIMIT_EXCEEDED, NETIPC_REQUEST_FAILED};
    return statuses[transport];
}

static void call_as_captured(netipc_client *client, const golden_session *session, size_t step)
{
    golden_bytes payload, expected;
    struct netipc_envelope envelope;
    memcpy(&envelope, session->steps[step].packet.data, sizeof envelope);
    assert_true(golden_join_payload(session, step, &payload));
    netipc_client_request request = {.size = sizeof request,
                                     .method = envelope.code,
                                     .payload = payload.data,
                                     .length = payload.length,
                                     .item_count = envelope.item_count};
    netipc_status status = netipc_client_call(client, &request), told = call_expected(session, step + 1);
    if (status != told)
        fail_msg("%s: %s (%s), not %s", session->name, netipc_status_name(status), netipc_status_detail(),
                 netipc_status_name(told));
    if (status == NETIPC_OK) {
        assert_true(golden_join_payload(session, step + 1, &expected));
        assert_int_equal(request.answer_length, expected.length);
        assert_memory_equal(request.answer, expected.data, expected.length);
        assert_int_equal((uintptr_t)request.answer % 8, 0);
        free(expected.data);
    }
    free(payload.data);
}

static unsigned call_all(netipc_client *client, const golden_session *session)
{
    unsigned calls = 0;
    for (size_t step = 2; step + 1 < session->step_count; step++)
        if (session->steps[step].kind == GOLDEN_SEND) {
            call_as_captured(client, session, step);
            calls++;
        }
    return calls;
}

static void one_session(struct scene *scene, const golden_session *session, unsigned *calls)
{
    struct play play;
    replay = (struct replay){.session = session};
    play_open(&play, scene, 1);
    play_begin(&play, play_session, NULL);
    netipc_client *client = client_as_captured(scene, session);
    /* So that the attempt to connect again, after a close without an answer, finds nobody. */
    netipc_status status = netipc_client_refresh(client), told = refresh_expected(session);
    unlink(scene->socket_path);
    if (status != told)
        fail_msg("%s: %s (%s), not %s", session->name, netipc_status_name(status), netipc_status_detail(),
                 netipc_status_name(told));
    assert_int_equal(netipc_client_ready(client), status == NETIPC_OK);
    *calls += status == NETIPC_OK ? call_all(client, session) : 0;
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
    assert_string_equal(replay.difference, "");
    assert_int_equal(replay.at, session->step_count);
}

static void every_captured_session_is_had_byte_for_byte(void **state)
{
    unsigned sessions = 0, calls = 0;
    for (size_t i = 0; i < golden->session_count; i++)
        if (is_ours(&golden->sessions[i])) {
            one_session(*state, &golden->sessions[i], &calls);
            sessions++;
        }
    assert_int_equal(sessions, golden->session_count - sizeof deviations / sizeof *deviations);
    assert_int_equal(calls, 17);
}

static void the_captured_lookup_is_called_by_its_paths(void **state)
{
    static const char *const paths[] = {"/known", "/retry", "/permanent", "/oversized", "/known2"};
    const golden_session *session =
        golden_session_named(golden, "cgroups-lookup: known, unknown, labels, joined answers");
    struct play play;
    netipc_cgroups_lookup_result *result;
    netipc_cgroup_lookup_view item;
    assert_non_null(session);
    replay = (struct replay){.session = session};
    play_open(&play, *state, 1);
    play_begin(&play, play_session, NULL);
    netipc_client *client = client_as_captured(*state, session);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(netipc_cgroups_lookup_call(client, paths, 5, 0, &result), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_result_generation(result), 17);
    assert_int_equal(netipc_cgroups_lookup_result_count(result), 5);
    for (uint32_t i = 0; i < 5; i++) {
        static const uint32_t statuses[] = {NETIPC_CGROUP_KNOWN, NETIPC_CGROUP_UNKNOWN_NOW,
                                            NETIPC_CGROUP_UNKNOWN_FOR_GOOD, NETIPC_CGROUP_OVERSIZED,
                                            NETIPC_CGROUP_KNOWN};
        assert_int_equal(netipc_cgroups_lookup_result_item(result, i, &item), NETIPC_OK);
        assert_int_equal(item.status, statuses[i]);
        assert_string_equal(item.path, paths[i]);
    }
    assert_string_equal(item.name, "pod-b");
    assert_int_equal(netipc_cgroups_lookup_result_item(result, 5, &item), NETIPC_INVALID_ARGUMENT);
    netipc_cgroups_lookup_result_free(result);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
    assert_string_equal(replay.difference, "");
    assert_int_equal(replay.at, session->step_count);
}

static void the_captured_processes_are_asked_for_by_their_pids(void **state)
{
    static const uint32_t pids[] = {1001, 1002, 1003, 1004, 1005};
    static const uint32_t statuses[] = {NETIPC_APP_KNOWN, NETIPC_APP_KNOWN, NETIPC_APP_UNKNOWN, NETIPC_APP_OVERSIZED,
                                        NETIPC_APP_KNOWN};
    const golden_session *session = golden_session_named(golden, "apps-lookup: known, unknown, cgroup states, labels");
    struct play play;
    netipc_apps_lookup_result *result;
    netipc_app_lookup_view item;
    assert_non_null(session);
    replay = (struct replay){.session = session};
    play_open(&play, *state, 1);
    play_begin(&play, play_session, NULL);
    netipc_client *client = client_as_captured(*state, session);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(netipc_apps_lookup_call(client, pids, 5, 0, &result), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_result_generation(result), 19);
    assert_int_equal(netipc_apps_lookup_result_count(result), 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(netipc_apps_lookup_result_item(result, i, &item), NETIPC_OK);
        assert_int_equal(item.pid, pids[i]);
        assert_int_equal(item.status, statuses[i]);
    }
    assert_string_equal(item.comm, "retry");
    assert_int_equal(item.cgroup_status, NETIPC_APP_CGROUP_UNKNOWN_NOW);
    netipc_apps_lookup_result_free(result);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
    assert_string_equal(replay.difference, "");
    assert_int_equal(replay.at, session->step_count);
}

/* What no client of ours sends: what the captured server says to it, all the same. */

static const golden_session *refusal;

static void refuse_as_captured(struct play *play)
{
    if (play_accept(play) && play_receive(play))
        play_send(play, refusal->steps[1].packet.data, refusal->steps[1].packet.length);
    play_wait_for_end(play);
}

static void every_captured_refusal_has_its_status(void **state)
{
    static const struct {
        const char *name;
        netipc_status status;
        netipc_client_state state;
    } refusals[] = {
        {"refusal: wrong token", NETIPC_AUTH_FAILED, NETIPC_CLIENT_AUTH_FAILED},
        {"refusal: no common profile", NETIPC_UNSUPPORTED, NETIPC_CLIENT_INCOMPATIBLE},
        {"refusal: layout version 2", NETIPC_INCOMPATIBLE, NETIPC_CLIENT_INCOMPATIBLE},
        {"refusal: packet size 32", NETIPC_INCOMPATIBLE, NETIPC_CLIENT_INCOMPATIBLE},
        {"refusal: request ceiling above the server's", NETIPC_BUSY, NETIPC_CLIENT_BROKEN},
        {"malformed: envelope version 2", NETIPC_INCOMPATIBLE, NETIPC_CLIENT_INCOMPATIBLE},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct play play;
        refusal = golden_session_named(golden, refusals[i].name);
        assert_non_null(refusal);
        play_open(&play, *state, 1);
        play_begin(&play, refuse_as_captured, NULL);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_client(&config);
        expect_status(netipc_client_refresh(client), refusals[i].status);
        assert_int_equal(client_info(client).state, refusals[i].state);
        assert_int_equal(client_info(client).last_error, refusals[i].status);
        netipc_client_close(client);
        play_end(&play);
        play_close(&play);
    }
}

/* The two that ours refuses to send: with the captured limits, before a byte leaves. */
static void what_was_captured_above_the_limits_is_not_sent(void **state)
{
    static const char *const names[] = {"increment: batch over the agreed item count",
                                        "request: payload above the agreed ceiling"};
    for (size_t i = 0; i < 2; i++) {
        struct play play;
        const golden_session *session = golden_session_named(golden, names[i]);
        replay = (struct replay){.session = session};
        play_open(&play, *state, 1);
        play_begin(&play, play_session, NULL);
        netipc_client *client = client_as_captured(*state, session);
        expect_status(netipc_client_refresh(client), NETIPC_OK);
        call_as_captured(client, session, 2);
        assert_true(netipc_client_ready(client));
        assert_int_equal(client_info(client).bytes_out, 0);
        netipc_client_close(client);
        play_end(&play);
        play_close(&play);
    }
}

static int load(void **state)
{
    (void)state;
    golden = golden_load();
    return golden != NULL ? 0 : -1;
}

static int unload(void **state)
{
    (void)state;
    golden_free(golden);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_captured_session_is_had_byte_for_byte, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(the_captured_lookup_is_called_by_its_paths, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(the_captured_processes_are_asked_for_by_their_pids, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(every_captured_refusal_has_its_status, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(what_was_captured_above_the_limits_is_not_sent, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
