/* SPDX-License-Identifier: Apache-2.0 */
/* Answers larger than was agreed on: the client asks for more by itself, up to what it is configured for. */
#include "control/client_state.h"
#include "tests/client/stage.h"

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static netipc_status make(netipc_client *client, uint64_t length)
{
    netipc_client_request request;
    netipc_status status = call_u64(client, METHOD_MAKE, length, slow_ms(20000), &request);
    if (status != NETIPC_OK)
        return status;
    assert_int_equal(request.answer_length, length);
    assert_int_equal((uintptr_t)request.answer % 8, 0);
    const unsigned char *bytes = request.answer;
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != made_byte(length, i))
            fail_msg("byte %zu of %llu is wrong", i, (unsigned long long)length);
    return status;
}

static void start_maker(const struct scene *scene, uint32_t most, uint32_t workers, struct server_process *server)
{
    struct server_plan plan = server_plan();
    plan.method = METHOD_MAKE;
    plan.max_response_payload = most;
    plan.workers = workers;
    start_server(scene, &plan, server);
}

static void answers_of_every_size_arrive_whole(void **state)
{
    static const uint64_t sizes[] = {1,           8,           4095, 65535,       65536,   65537,
                                     212960 - 32, 212960 - 31, MIB,  5 * MIB + 3, 20 * MIB};
    for (uint32_t workers = 0; workers < 2; workers++) {
        struct server_process server;
        start_maker(*state, 32 * MIB, workers, &server);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            netipc_client_config config = client_config(*state);
            netipc_client *client = open_ready_client(&config);
            expect_status(make(client, sizes[i]), NETIPC_OK);
            uint64_t asked = 65536, growths = 0;
            for (; asked < sizes[i]; asked *= 2)
                growths++;
            netipc_client_info info = client_info(client);
            assert_int_equal(info.growths, growths);
            assert_int_equal(info.sessions, 1 + growths);
            assert_int_equal(info.breaks, 0);
            assert_int_equal(info.resends, 0);
            assert_int_equal(info.answers, 1);
            /* What has grown stays so. */
            expect_status(make(client, sizes[i]), NETIPC_OK);
            expect_status(make(client, 1), NETIPC_OK);
            assert_int_equal(client_info(client).growths, growths);
            netipc_client_close(client);
        }
        kill_server(&server);
    }
}

/* Its memory is the client's until the next call or refresh, and no longer. */
static void the_memory_of_a_large_answer_is_given_back(void **state)
{
    enum { KEPT = 65536 };
    struct server_process server;
    start_maker(*state, 32 * MIB, 0, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    for (int by_call = 0; by_call < 2; by_call++) {
        expect_status(make(client, 5 * MIB), NETIPC_OK);
        assert_in_range(client->channel.joiner.capacity, 5 * MIB, 32 * MIB);
        expect_status(by_call ? make(client, 1) : netipc_client_refresh(client), NETIPC_OK);
        assert_in_range(client->channel.joiner.capacity, 0, KEPT);
    }
    netipc_client_close(client);
    kill_server(&server);
}

static void the_limit_of_the_client_is_told_with_its_numbers(void **state)
{
    struct server_process server;
    start_maker(*state, 32 * MIB, 0, &server);
    netipc_client_config config = client_config(*state);
    config.response_payload = 1000;
    config.max_response_payload = 300000;
    netipc_client *client = open_ready_client(&config);
    expect_status(make(client, 300000), NETIPC_OK); /* exactly */
    assert_int_equal(client_info(client).max_response_payload, 300000);
    expect_status(make(client, 300001), NETIPC_LIMIT_EXCEEDED);
    assert_non_null(strstr(netipc_status_detail(), "300000"));
    assert_false(netipc_client_ready(client));
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(make(client, 300000), NETIPC_OK);
    netipc_client_close(client);
    kill_server(&server);
}

static void the_limit_of_the_server_is_told_with_both_numbers(void **state)
{
    struct server_process server;
    start_maker(*state, 100000, 0, &server);
    netipc_client_config config = client_config(*state);
    config.max_response_payload = 64 * MIB;
    netipc_client *client = open_ready_client(&config);
    expect_status(make(client, 100000), NETIPC_OK);
    assert_int_equal(client_info(client).max_response_payload, 100000);
    expect_status(make(client, 100001), NETIPC_LIMIT_EXCEEDED);
    assert_non_null(strstr(netipc_status_detail(), "100000"));
    assert_non_null(strstr(netipc_status_detail(), "262144"));
    /* It was asked for more once, and did not give it: that was enough, and the request was not sent again. */
    netipc_client_info info = client_info(client);
    assert_int_equal(info.growths, 2);
    assert_int_equal(info.sessions, 3);
    assert_int_equal(info.resends, 0);
    assert_int_equal(server.board->handled, 3);
    /* It can be called on, and is not asked for more and more. */
    for (uint64_t i = 1; i <= 3; i++) {
        expect_status(netipc_client_refresh(client), NETIPC_OK);
        expect_status(make(client, 100001), NETIPC_LIMIT_EXCEEDED);
        assert_non_null(strstr(netipc_status_detail(), "262144"));
        assert_int_equal(client_info(client).sessions, 3 + i);
        assert_int_equal(server.board->handled, 3 + i);
    }
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(make(client, 100000), NETIPC_OK);
    netipc_client_close(client);
    kill_server(&server);
}

/* Refuses until it has been asked for enough. */
static void refuse_until_asked_for(struct play *play)
{
    static const unsigned char payload[64];
    while (play_shake_hands(play, 0)) {
        while (play_receive(play)) {
            bool enough = play->hello.max_response_payload_bytes >= play->number;
            play->requests++;
            struct netipc_envelope answer = play_answer(play, enough ? sizeof payload : 0);
            answer.transport_status = enough ? NETIPC_TRANSPORT_OK : NETIPC_TRANSPORT_LIMIT_EXCEEDED;
            play_send_message(play, &answer, payload, answer.payload_len);
            if (!enough)
                play_hang_up(play);
            if (!enough)
                break;
        }
    }
}

static void a_server_that_refuses_and_closes_is_asked_for_more(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play.number = 5 * MIB;
    play_begin(&play, refuse_until_asked_for, NULL);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request;
    expect_status(call_u64(client, 1, 1, 0, &request), NETIPC_OK);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.growths, 7); /* 64 KiB to 8 MiB */
    assert_int_equal(info.max_response_payload, 8 * MIB);
    netipc_client_close(client);
    play_end(&play);
    assert_int_equal(play.requests, 8);
    play_close(&play);
}

static void a_server_that_always_refuses_is_given_up(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play.number = UINT64_MAX;
    play_begin(&play, refuse_until_asked_for, NULL);
    netipc_client_config config = client_config(*state);
    config.response_payload = 1;
    config.max_response_payload = NETIPC_PAYLOAD_MAX;
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request;
    expect_status(call_u64(client, 1, 1, 0, &request), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(client_info(client).growths, 30);
    netipc_client_close(client);
    play_end(&play);
    assert_int_equal(play.requests, 31);
    play_close(&play);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(answers_of_every_size_arrive_whole),
        test(the_memory_of_a_large_answer_is_given_back),
        test(the_limit_of_the_client_is_told_with_its_numbers),
        test(the_limit_of_the_server_is_told_with_both_numbers),
        test(a_server_that_refuses_and_closes_is_asked_for_more),
        test(a_server_that_always_refuses_is_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
