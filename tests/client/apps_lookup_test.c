/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups of processes by their pids: in parts, and against servers that lie. */
#include "tests/client/stage.h"
#include "tests/rpc/serve.h"

#include <netipc/apps_lookup.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct office {
    uint64_t generation;
    bool moves;
    unsigned begun, ended;
};

static netipc_status begin_office(void *context, const netipc_request *request, uint64_t *generation, void **asked)
{
    struct office *office = context;
    (void)request;
    *generation = office->generation;
    office->generation += office->moves;
    office->begun++;
    *asked = office;
    return NETIPC_OK;
}

/* Lasts until the next process or the end: the library may not look at it later. */
static _Thread_local char name[1000001];

/* Every third is unknown; the others have a path of as many bytes as their pid says. */
static netipc_status find_process(void *context, void *asked, uint32_t pid, netipc_app_lookup_answer *answer)
{
    assert_ptr_equal(context, asked);
    assert_int_equal(answer->status, NETIPC_APP_UNKNOWN);
    if (pid % 3 == 0)
        return NETIPC_OK;
    memset(name, 'p', pid);
    name[pid] = '\0';
    *answer = (netipc_app_lookup_answer){.uid = pid, .comm = "comm", .cgroup_path = name, .cgroup_name = "c"};
    return NETIPC_OK;
}

static void end_office(void *context, void *asked)
{
    (void)asked;
    ((struct office *)context)->ended++;
}

static netipc_server *open_office(struct office *office, netipc_apps_lookup_service *service, const struct scene *scene,
                                  uint32_t first, uint32_t most)
{
    *service = (netipc_apps_lookup_service){
        .size = sizeof *service, .context = office, .begin = begin_office, .find = find_process, .end = end_office};
    netipc_service_config config = rpc_service_config(NETIPC_METHOD_APPS_LOOKUP, netipc_apps_lookup_handle, service);
    config.response_payload = first;
    config.max_response_payload = most;
    return rpc_serve(scene, &config, 0);
}

static void processes_are_asked_for_in_parts_and_joined(void **state)
{
    enum { PIDS = 1000, MOST = 900 };
    static struct office office;
    static netipc_apps_lookup_service service;
    static uint32_t pids[PIDS];
    for (uint32_t request = 32; request <= 65536; request *= 45) {
        uint32_t first = request == 32 ? 50 : 500; /* 50 hold no answer at all: it grows from there */
        office = (struct office){.generation = 4};
        netipc_server *server = open_office(&office, &service, *state, first, MOST);
        netipc_client_config config = client_config(*state);
        config.max_request_payload = request;
        config.response_payload = first;
        netipc_client *client = open_ready_client(&config);
        netipc_apps_lookup_result *result;
        for (uint32_t i = 0; i < PIDS; i++)
            pids[i] = i * 7 % PIDS + 1;
        expect_status(netipc_apps_lookup_call(client, pids, PIDS, rpc_ns(20000), &result), NETIPC_OK);
        for (uint32_t i = 0; i < PIDS; i++) {
            netipc_app_lookup_view item;
            assert_int_equal(netipc_apps_lookup_result_item(result, i, &item), NETIPC_OK);
            assert_int_equal(item.pid, pids[i]);
            bool fits = 16 + 8 + 63 + 5 + pids[i] <= MOST;
            assert_int_equal(item.status, pids[i] % 3 == 0 ? NETIPC_APP_UNKNOWN
                                          : fits           ? NETIPC_APP_KNOWN
                                                           : NETIPC_APP_OVERSIZED);
            assert_int_equal(item.cgroup_path_length, item.status == NETIPC_APP_KNOWN ? pids[i] : 0);
            assert_int_equal(strlen(item.cgroup_path), item.cgroup_path_length);
            assert_int_equal(item.uid, item.status == NETIPC_APP_KNOWN ? pids[i] : NETIPC_UID_UNSET);
        }
        assert_int_equal(netipc_apps_lookup_result_generation(result), 4);
        netipc_apps_lookup_result_free(result);
        netipc_client_close(client);
        netipc_server_close(server);
        assert_true(office.begun > 100);
        assert_int_equal(office.begun, office.ended);
    }
}

static void processes_of_two_generations_are_not_joined(void **state)
{
    static const uint32_t pids[] = {200, 200, 200};
    static struct office office;
    static netipc_apps_lookup_service service;
    office = (struct office){.generation = 4, .moves = true};
    netipc_server *server = open_office(&office, &service, *state, 500, 500);
    netipc_client_config config = client_config(*state);
    config.response_payload = 500;
    netipc_client *client = open_ready_client(&config);
    netipc_apps_lookup_result *result;
    expect_status(netipc_apps_lookup_call(client, pids, 3, rpc_ns(20000), &result), NETIPC_OVERRUN);
    assert_null(result);
    expect_status(netipc_apps_lookup_call(client, NULL, 0, rpc_ns(20000), &result), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_result_count(result), 0);
    netipc_apps_lookup_result_free(result);
    expect_status(netipc_apps_lookup_call(client, NULL, 1, 0, &result), NETIPC_INVALID_ARGUMENT);
    expect_status(netipc_apps_lookup_call(client, pids, 1, 0, NULL), NETIPC_INVALID_ARGUMENT);
    netipc_client_close(client);
    netipc_server_close(server);
}

/* No request is larger than was agreed on, and none asks for more than the least answer has room for: so no session
 * ends for want of it. */
static void no_more_processes_are_asked_for_than_a_request_and_its_answer_hold(void **state)
{
    enum { PIDS = 100, ASKED = 7, ANSWERED = 20 };
    static struct office office;
    static netipc_apps_lookup_service service;
    static uint32_t pids[PIDS];
    for (uint32_t i = 0; i < PIDS; i++)
        pids[i] = 3 * i;
    for (int few = 0; few < 2; few++) {
        office = (struct office){.generation = 4};
        netipc_server *server = open_office(&office, &service, *state, 16 + ANSWERED * 72, 16 + ANSWERED * 72);
        netipc_client_config config = client_config(*state);
        if (few)
            config.max_request_payload = 16 + ASKED * 16;
        netipc_client *client = open_ready_client(&config);
        netipc_apps_lookup_result *result;
        expect_status(netipc_apps_lookup_call(client, pids, PIDS, rpc_ns(20000), &result), NETIPC_OK);
        netipc_apps_lookup_result_free(result);
        assert_int_equal(client_info(client).calls, few ? (PIDS + ASKED - 1) / ASKED : PIDS / ANSWERED);
        assert_int_equal(client_info(client).failures, 0);
        assert_int_equal(client_info(client).sessions, 1);
        netipc_client_close(client);
        netipc_server_close(server);
    }
}

/* Answers for the processes with the next higher pids, or, if the number says so, for none; or for one at a time, and
 * says of the first of several that it is oversized. */
enum { FOR_OTHERS, FOR_NONE, FOR_ONE };
static void answer_for_others(struct play *play)
{
    while (play_shake_hands(play, 0))
        while (play_receive(play)) {
            netipc_apps_lookup_request_view asked;
            netipc_apps_lookup_builder *builder;
            const netipc_app_lookup_answer unknown = {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET},
                                           oversized = {.status = NETIPC_APP_OVERSIZED, .uid = NETIPC_UID_UNSET};
            unsigned char bytes[1000];
            size_t length;
            uint32_t pid;
            assert_int_equal(netipc_apps_lookup_request_decode(play->got + 32, play->got_length - 32, &asked),
                             NETIPC_OK);
            assert_int_equal(netipc_apps_lookup_builder_new(&builder), NETIPC_OK);
            assert_int_equal(netipc_apps_lookup_builder_begin(builder, &asked, 3, 1000, 1000), NETIPC_OK);
            for (uint32_t i = 0; i < asked.item_count && play->number == FOR_OTHERS; i++)
                assert_int_equal(netipc_apps_lookup_builder_add(builder, &unknown), NETIPC_OK);
            if (play->number == FOR_ONE)
                assert_int_equal(netipc_apps_lookup_builder_add(builder, asked.item_count > 1 ? &oversized : &unknown),
                                 NETIPC_OK);
            assert_int_equal(netipc_apps_lookup_builder_write(builder, bytes, sizeof bytes, &length), NETIPC_OK);
            netipc_apps_lookup_builder_free(builder);
            for (uint32_t i = 0; i < asked.item_count; i++) {
                unsigned char *item = bytes + 16 + asked.item_count * 8 + i * 64;
                memcpy(&pid, item + 8, sizeof pid);
                pid += play->number == FOR_OTHERS;
                memcpy(item + 8, &pid, sizeof pid);
            }
            play->requests++;
            struct netipc_envelope envelope = play_answer(play, (uint32_t)length);
            play_send_message(play, &envelope, bytes, length);
        }
}

static void a_server_that_answers_for_other_processes_or_for_none_is_found_out(void **state)
{
    static const char *const details[] = {"for process 6, not 5", "no room in an answer to one key"};
    static const uint32_t pids[] = {5, 6, 7};
    for (uint64_t none = 0; none < 2; none++) {
        static struct play play;
        netipc_apps_lookup_result *result;
        play_open(&play, *state, 1);
        play.number = none;
        play_begin(&play, answer_for_others, NULL);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        expect_status(netipc_apps_lookup_call(client, pids, 3, rpc_ns(20000), &result), NETIPC_PROTOCOL);
        assert_non_null(strstr(netipc_status_detail(), details[none]));
        assert_null(result);
        netipc_client_close(client);
        play_end(&play);
        play_close(&play);
        assert_int_equal(play.requests, none + 1);
    }
}

static void a_process_that_is_oversized_as_the_first_of_many_is_asked_for_alone(void **state)
{
    static const uint32_t pids[] = {5, 6, 7};
    static struct play play;
    netipc_apps_lookup_result *result;
    netipc_app_lookup_view item;
    play_open(&play, *state, 1);
    play.number = FOR_ONE;
    play_begin(&play, answer_for_others, NULL);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    expect_status(netipc_apps_lookup_call(client, pids, 3, rpc_ns(20000), &result), NETIPC_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(netipc_apps_lookup_result_item(result, i, &item), NETIPC_OK);
        assert_int_equal(item.status, NETIPC_APP_UNKNOWN);
    }
    netipc_apps_lookup_result_free(result);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

static void a_request_without_room_for_a_pid_gives_it_up(void **state)
{
    static const uint32_t pids[] = {1, 3};
    static struct office office;
    static netipc_apps_lookup_service service;
    office = (struct office){.generation = 4};
    netipc_server *server = open_office(&office, &service, *state, 500, 500);
    netipc_client_config config = client_config(*state);
    config.max_request_payload = 31;
    netipc_client *client = open_ready_client(&config);
    netipc_apps_lookup_result *result;
    netipc_app_lookup_view item;
    expect_status(netipc_apps_lookup_call(client, pids, 2, rpc_ns(20000), &result), NETIPC_OK);
    assert_int_equal(netipc_apps_lookup_result_generation(result), 4);
    assert_int_equal(netipc_apps_lookup_result_item(result, 1, &item), NETIPC_OK);
    assert_int_equal(item.status, NETIPC_APP_OVERSIZED);
    assert_int_equal(item.pid, 3);
    assert_string_equal(item.comm, "");
    netipc_apps_lookup_result_free(result);
    netipc_client_close(client);
    netipc_server_close(server);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(processes_are_asked_for_in_parts_and_joined),
        test(processes_of_two_generations_are_not_joined),
        test(no_more_processes_are_asked_for_than_a_request_and_its_answer_hold),
        test(a_server_that_answers_for_other_processes_or_for_none_is_found_out),
        test(a_process_that_is_oversized_as_the_first_of_many_is_asked_for_alone),
        test(a_request_without_room_for_a_pid_gives_it_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
