/* SPDX-License-Identifier: Apache-2.0 */
/* States, counters, and when a client connects. */
#include "tests/client/stage.h"

#include <netipc/publisher.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MS UINT64_C(1000000)

static void expect_state(netipc_client *client, netipc_client_state state, netipc_status last_error)
{
    netipc_client_info info = client_info(client);
    if (info.state != state)
        fail_msg("%s, not %s", netipc_client_state_name(info.state), netipc_client_state_name(state));
    assert_int_equal(info.last_error, last_error);
    assert_int_equal(netipc_client_ready(client), state == NETIPC_CLIENT_READY);
}

/* --- where there is no server that would do --- */

static void opening_needs_no_server_and_touches_nothing(void **state)
{
    struct scene *scene = *state;
    netipc_client_config config = client_config(scene);
    config.run_dir = "/nowhere/at/all";
    netipc_client *client = open_client(&config);
    expect_state(client, NETIPC_CLIENT_DISCONNECTED, NETIPC_OK);
    assert_int_equal(client_info(client).connects, 0);
    expect_status(call_increment(client, 1), NETIPC_NOT_READY);
    expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    expect_state(client, NETIPC_CLIENT_NOT_FOUND, NETIPC_NOT_FOUND);
    netipc_client_close(client);
}

static void every_configuration_out_of_range_is_refused(void **state)
{
    struct scene *scene = *state;
    const netipc_client_config good = client_config(scene);
    static const uint32_t overflow_uid = 65534;
    netipc_client *client = (void *)&client;
    expect_status(netipc_client_open(NULL, &client), NETIPC_INVALID_ARGUMENT);
    assert_null(client);
    expect_status(netipc_client_open(&good, NULL), NETIPC_INVALID_ARGUMENT);
#define refused(change)                                                                                                \
    do {                                                                                                               \
        netipc_client_config config = good;                                                                            \
        change;                                                                                                        \
        client = (void *)&config;                                                                                      \
        if (netipc_client_open(&config, &client) != NETIPC_INVALID_ARGUMENT || client != NULL)                         \
            fail_msg("%s is taken", #change);                                                                          \
        assert_true(netipc_status_detail()[0] != '\0');                                                                \
    } while (0)
    refused(config.size = 0);
    refused(config.run_dir = NULL);
    refused(config.service = NULL);
    refused(config.service = "a/b");
    refused(config.max_request_payload = 0);
    refused(config.max_request_payload = NETIPC_PAYLOAD_MAX + 1);
    refused(config.max_batch_items = 0);
    refused(config.max_batch_items = NETIPC_BATCH_ITEMS_MAX + 1);
    refused(config.max_response_payload = 0);
    refused(config.max_response_payload = NETIPC_PAYLOAD_MAX + 1);
    refused(config.response_payload = 0);
    refused(config.response_payload = config.max_response_payload + 1);
    refused(config.connect_timeout_ns = 0);
    refused(config.call_timeout_ns = 0);
    refused(config.checksum = 8);
    refused(config.reserved2 = 1);
    refused(config.allowed_uid_count = 1);
    refused((config.allowed_uids = &overflow_uid, config.allowed_uid_count = 1));
#undef refused
}

static void every_request_out_of_range_is_refused(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, play_increments, NULL);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    const uint64_t value = 1;
    const netipc_client_request good = {
        .size = sizeof good, .method = 1, .payload = &value, .length = sizeof value, .item_count = 1};
    expect_status(netipc_client_call(client, NULL), NETIPC_INVALID_ARGUMENT);
    expect_status(netipc_client_call(NULL, NULL), NETIPC_INVALID_ARGUMENT);
#define refused(change)                                                                                                \
    do {                                                                                                               \
        netipc_client_request request = good;                                                                          \
        change;                                                                                                        \
        expect_status(netipc_client_call(client, &request), NETIPC_INVALID_ARGUMENT);                                  \
    } while (0)
    refused(request.size = 0);
    refused(request.size = sizeof request - 1);
    refused(request.method = 0);
    refused(request.method = 65536);
    refused(request.payload = NULL);
    refused(request.item_count = 0);
    refused(request.item_count = NETIPC_BATCH_ITEMS_MAX + 1);
    refused(request.reserved = 1);
#undef refused
    assert_int_equal(client_info(client).calls, 0);
    expect_status(call_increment(client, 1), NETIPC_OK);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

static void a_wrong_token_is_told_as_such(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    plan.token = SCENE_TOKEN + 1;
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_client(&config);
    expect_status(netipc_client_refresh(client), NETIPC_AUTH_FAILED);
    expect_state(client, NETIPC_CLIENT_AUTH_FAILED, NETIPC_AUTH_FAILED);
    netipc_client_close(client);
    kill_server(&server);
}

static void a_server_of_another_uid_is_not_spoken_to(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    netipc_client_config config = client_config(*state);
    const uint32_t uids[] = {getuid() + 4711};
    config.allowed_uids = uids;
    config.allowed_uid_count = 1;
    netipc_client *client = open_client(&config);
    netipc_status status = netipc_client_refresh(client);
    /* The directory is not theirs, either. */
    assert_true(status == NETIPC_AUTH_FAILED || status == NETIPC_UNSAFE_DIRECTORY);
    expect_state(client, NETIPC_CLIENT_AUTH_FAILED, status);
    netipc_client_close(client);
    play_close(&play);
}

static void a_directory_that_others_can_write_is_not_used(void **state)
{
    struct scene *scene = *state;
    struct play play;
    play_open(&play, scene, 1);
    assert_int_equal(chmod(scene->run_dir, 0777), 0);
    netipc_client_config config = client_config(scene);
    netipc_client *client = open_client(&config);
    expect_status(netipc_client_refresh(client), NETIPC_UNSAFE_DIRECTORY);
    expect_state(client, NETIPC_CLIENT_AUTH_FAILED, NETIPC_UNSAFE_DIRECTORY);
    assert_int_equal(chmod(scene->run_dir, 0700), 0);
    play_begin(&play, play_increments, NULL);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 5), NETIPC_OK);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

static void put_nothing(const struct scene *scene)
{
    (void)scene;
}

static void put_file(const struct scene *scene)
{
    int fd = open(scene->socket_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_return_code(fd, errno);
    close(fd);
}

static void put_directory(const struct scene *scene)
{
    assert_int_equal(mkdir(scene->socket_path, 0700), 0);
}

static void put_pipe(const struct scene *scene)
{
    assert_int_equal(mkfifo(scene->socket_path, 0600), 0);
}

static void put_loop(const struct scene *scene)
{
    assert_int_equal(symlink(scene->socket_path, scene->socket_path), 0);
}

static void put_dangling_link(const struct scene *scene)
{
    assert_int_equal(symlink("/nowhere/at/all", scene->socket_path), 0);
}

static int put_socket(const struct scene *scene, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, scene->socket_path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (type != SOCK_DGRAM)
        assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static int foreign_socket = -1;

static void put_stream(const struct scene *scene)
{
    foreign_socket = put_socket(scene, SOCK_STREAM);
}

static void put_datagram(const struct scene *scene)
{
    foreign_socket = put_socket(scene, SOCK_DGRAM);
}

static void put_stale(const struct scene *scene)
{
    close(put_socket(scene, SOCK_SEQPACKET));
}

static void what_stands_in_the_place_of_a_socket_is_told(void **state)
{
    static const struct {
        void (*put)(const struct scene *scene);
        netipc_status status;
        netipc_client_state state;
    } all[] = {
        {put_nothing, NETIPC_NOT_FOUND, NETIPC_CLIENT_NOT_FOUND},
        {put_file, NETIPC_NOT_FOUND, NETIPC_CLIENT_NOT_FOUND},
        {put_directory, NETIPC_NOT_FOUND, NETIPC_CLIENT_NOT_FOUND},
        {put_pipe, NETIPC_NOT_FOUND, NETIPC_CLIENT_NOT_FOUND},
        {put_loop, NETIPC_SYSTEM, NETIPC_CLIENT_BROKEN},
        {put_dangling_link, NETIPC_NOT_FOUND, NETIPC_CLIENT_NOT_FOUND},
        {put_stream, NETIPC_INCOMPATIBLE, NETIPC_CLIENT_INCOMPATIBLE},
        {put_datagram, NETIPC_INCOMPATIBLE, NETIPC_CLIENT_INCOMPATIBLE},
        {put_stale, NETIPC_NOT_FOUND, NETIPC_CLIENT_NOT_FOUND},
    };
    struct scene *scene = *state;
    netipc_client_config config = client_config(scene);
    netipc_client *client = open_client(&config);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        unsigned descriptors = count_descriptors(getpid());
        all[i].put(scene);
        descriptors += foreign_socket >= 0;
        expect_status(netipc_client_refresh(client), all[i].status);
        expect_state(client, all[i].state, all[i].status);
        assert_int_equal(count_descriptors(getpid()), descriptors);
        remove(scene->socket_path);
        if (foreign_socket >= 0)
            close(foreign_socket);
        foreign_socket = -1;
    }
    /* And once a server is there, all is well. */
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(scene, &plan, &server);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 41), NETIPC_OK);
    netipc_client_close(client);
    kill_server(&server);
}

static void the_session_above_the_limit_is_told_busy(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *clients[17];
    for (size_t i = 0; i < 16; i++)
        clients[i] = open_ready_client(&config);
    clients[16] = open_client(&config);
    uint64_t start = now_ms();
    expect_status(netipc_client_refresh(clients[16]), NETIPC_BUSY);
    assert_in_range(now_ms() - start, 0, slow_ms(2000));
    expect_state(clients[16], NETIPC_CLIENT_BROKEN, NETIPC_BUSY);
    for (size_t i = 0; i < 16; i++)
        expect_status(call_increment(clients[i], i), NETIPC_OK);
    netipc_client_close(clients[0]);
    assert_true(server_sessions_become(&server, 15));
    expect_status(netipc_client_refresh(clients[16]), NETIPC_OK);
    for (size_t i = 1; i < 17; i++) {
        expect_status(call_increment(clients[i], i), NETIPC_OK);
        netipc_client_close(clients[i]);
    }
    kill_server(&server);
}

/* --- with a server --- */

static void the_counters_tell_what_was_done(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.state, NETIPC_CLIENT_READY);
    assert_int_equal(info.server_pid, server.pid);
    assert_int_equal(info.session, 1);
    assert_int_equal(info.max_request_payload, 65536);
    assert_int_equal(info.max_batch_items, 1024);
    assert_true(info.packet_size >= 4096);
    for (uint64_t value = 0; value < 100; value++)
        expect_status(call_increment(client, value), NETIPC_OK);
    netipc_client_request request;
    expect_status(call_u64(client, 99, 0, 0, &request), NETIPC_UNSUPPORTED);
    assert_true(netipc_client_ready(client)); /* that costs no session */
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    info = client_info(client);
    assert_int_equal(info.connects, 1);
    assert_int_equal(info.sessions, 1);
    assert_int_equal(info.breaks, 0);
    assert_int_equal(info.calls, 101);
    assert_int_equal(info.answers, 100);
    assert_int_equal(info.failures, 1);
    assert_int_equal(info.resends, 0);
    assert_int_equal(info.growths, 0);
    assert_int_equal(info.bytes_out, 101 * 8);
    assert_int_equal(info.bytes_in, 100 * 8);
    assert_int_equal(info.last_error, NETIPC_UNSUPPORTED);
    assert_int_equal(atomic_load(&server.board->handled), 100);
    netipc_client_close(client);
    kill_server(&server);
}

static void a_failed_request_ends_the_session_and_the_next_one_is_as_good(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    netipc_client_request request = {
        .size = sizeof request, .method = NETIPC_METHOD_INCREMENT, .payload = "abc", .length = 3, .item_count = 1};
    expect_status(netipc_client_call(client, &request), NETIPC_CORRUPT);
    expect_state(client, NETIPC_CLIENT_DISCONNECTED, NETIPC_CORRUPT);
    expect_status(call_increment(client, 1), NETIPC_NOT_READY);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 1), NETIPC_OK);
    assert_int_equal(client_info(client).breaks, 0);
    assert_int_equal(client_info(client).sessions, 2);
    netipc_client_close(client);
    kill_server(&server);
}

/* What comes unasked between two calls ends the session, at the next refresh. */
static void speak_unasked(struct play *play)
{
    if (!play_shake_hands(play, 0))
        return;
    play->request.message_id = 1;
    const struct netipc_envelope answer = play_answer(play, 0);
    play_send_message(play, &answer, NULL, 0);
    play->number = 1;
    play_wait_for_end(play);
    if (play_shake_hands(play, 0))
        play_wait_for_end(play);
}

static void ready_is_what_the_last_look_said(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, speak_unasked, NULL);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_client(&config);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    pause_ms(20);
    assert_true(netipc_client_ready(client)); /* cached: nobody has looked */
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.sessions, 2);
    assert_int_equal(info.breaks, 1);
    assert_int_equal(info.session, 2);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

/* --- when it connects --- */

static void a_refresh_in_the_wait_says_what_the_last_one_said_and_does_nothing(void **state)
{
    netipc_client_config config = client_config(*state);
    config.backoff_first_ns = config.backoff_most_ns = 3600 * 1000 * MS;
    netipc_client *client = open_client(&config);
    assert_int_equal(netipc_client_retry_in(client), 0);
    expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    assert_in_range(netipc_client_retry_in(client), 1700 * 1000 * MS, 3600 * 1000 * MS);
    struct play play;
    play_open(&play, *state, 1);
    for (int i = 0; i < 10; i++)
        expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    assert_int_equal(client_info(client).connects, 1);
    netipc_client_close(client);
    play_close(&play);
}

static void the_wait_ends_by_itself(void **state)
{
    netipc_client_config config = client_config(*state);
    config.backoff_first_ns = config.backoff_most_ns = 20 * MS;
    netipc_client *client = open_client(&config);
    expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, play_increments, NULL);
    uint64_t end = now_ms() + slow_ms(10000);
    while (netipc_client_refresh(client) != NETIPC_OK && now_ms() < end)
        pause_ms((unsigned)(netipc_client_retry_in(client) / MS) + 1);
    assert_true(netipc_client_ready(client));
    assert_int_equal(netipc_client_retry_in(client), 0);
    assert_int_equal(client_info(client).connects, 2);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

static void a_fatal_failure_is_not_tried_again_soon(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    plan.token = 1;
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    config.backoff_first_ns = 1;
    config.backoff_most_ns = 3600 * 1000 * MS;
    netipc_client *client = open_client(&config);
    expect_status(netipc_client_refresh(client), NETIPC_AUTH_FAILED);
    assert_in_range(netipc_client_retry_in(client), 1700 * 1000 * MS, 3600 * 1000 * MS);
    netipc_client_close(client);
    kill_server(&server);
}

static void the_breaker_opens_and_lets_one_attempt_through(void **state)
{
    netipc_client_config config = client_config(*state);
    config.breaker_failures = 3;
    config.breaker_ns = 50 * MS;
    netipc_client *client = open_client(&config);
    for (int i = 0; i < 3; i++)
        expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    assert_int_equal(client_info(client).breaker_trips, 1);
    assert_int_equal(client_info(client).connects, 3);
    expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    assert_in_range(client_info(client).connects, 3, 4); /* 4: more than 50 ms have passed */
    pause_ms(60);
    expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    assert_in_range(client_info(client).connects, 4, 5);
    assert_int_equal(client_info(client).breaker_trips, client_info(client).connects - 2);
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, play_increments, NULL);
    pause_ms(60);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

static void hang_up_first(struct play *play)
{
    if (play_shake_hands(play, 0)) {
        play_receive(play);
        play_hang_up(play);
    }
    play_increments(play);
}

/* The server was well a moment ago: a broken session is replaced at once, whatever the backoff. */
static void a_call_on_a_broken_session_is_sent_once_more(void **state)
{
    struct play play;
    play_open(&play, *state, 1);
    play_begin(&play, hang_up_first, NULL);
    netipc_client_config config = client_config(*state);
    config.backoff_first_ns = config.backoff_most_ns = 3600 * 1000 * MS;
    netipc_client *client = open_ready_client(&config);
    expect_status(call_increment(client, 41), NETIPC_OK);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.resends, 1);
    assert_int_equal(info.breaks, 1);
    assert_int_equal(info.sessions, 2);
    assert_int_equal(info.calls, 1);
    assert_int_equal(info.answers, 1);
    assert_int_equal(info.failures, 0);
    netipc_client_close(client);
    play_end(&play);
    play_close(&play);
}

/* --- the small ones --- */

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_DISCONNECTED), "DISCONNECTED");
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_CONNECTING), "CONNECTING");
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_READY), "READY");
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_AUTH_FAILED), "AUTH_FAILED");
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_INCOMPATIBLE), "INCOMPATIBLE");
    assert_string_equal(netipc_client_state_name(NETIPC_CLIENT_BROKEN), "BROKEN");
    assert_string_equal(netipc_client_state_name((netipc_client_state)7), "unknown");
}

static void without_a_client_nothing_happens(void **state)
{
    (void)state;
    netipc_client_info info = {.size = sizeof info};
    expect_status(netipc_client_refresh(NULL), NETIPC_INVALID_ARGUMENT);
    expect_status(netipc_client_status(NULL, &info), NETIPC_INVALID_ARGUMENT);
    assert_false(netipc_client_ready(NULL));
    assert_int_equal(netipc_client_retry_in(NULL), 0);
    netipc_client_abort(NULL);
    netipc_client_resume(NULL);
    netipc_client_close(NULL);
}

static void an_older_caller_gets_no_more_than_it_knows(void **state)
{
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_client(&config);
    netipc_client_info info;
    memset(&info, 0xa5, sizeof info);
    info.size = offsetof(netipc_client_info, session);
    expect_status(netipc_client_status(client, &info), NETIPC_OK);
    assert_int_equal(info.state, NETIPC_CLIENT_DISCONNECTED);
    assert_int_equal(info.session, UINT64_C(0xa5a5a5a5a5a5a5a5));
    info.size = 0;
    expect_status(netipc_client_status(client, &info), NETIPC_INVALID_ARGUMENT);
    netipc_client_close(client);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(opening_needs_no_server_and_touches_nothing),
        test(every_configuration_out_of_range_is_refused),
        test(every_request_out_of_range_is_refused),
        test(a_wrong_token_is_told_as_such),
        test(a_server_of_another_uid_is_not_spoken_to),
        test(a_directory_that_others_can_write_is_not_used),
        test(what_stands_in_the_place_of_a_socket_is_told),
        test(the_session_above_the_limit_is_told_busy),
        test(the_counters_tell_what_was_done),
        test(a_failed_request_ends_the_session_and_the_next_one_is_as_good),
        test(ready_is_what_the_last_look_said),
        test(a_refresh_in_the_wait_says_what_the_last_one_said_and_does_nothing),
        test(the_wait_ends_by_itself),
        test(a_fatal_failure_is_not_tried_again_soon),
        test(the_breaker_opens_and_lets_one_attempt_through),
        test(a_call_on_a_broken_session_is_sent_once_more),
        test(states_have_names),
        test(without_a_client_nothing_happens),
        test(an_older_caller_gets_no_more_than_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
