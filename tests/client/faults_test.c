/* SPDX-License-Identifier: Apache-2.0 */
/* Servers and clients that die, with real processes. */
#include "tests/client/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_server_killed_while_idle_is_noticed_by_refresh(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    expect_status(call_increment(client, 1), NETIPC_OK);
    unsigned descriptors = count_descriptors(getpid());
    kill_server(&server);
    assert_true(netipc_client_ready(client));
    expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
    assert_int_equal(client_info(client).state, NETIPC_CLIENT_NOT_FOUND);
    assert_int_equal(client_info(client).breaks, 1);
    assert_int_equal(count_descriptors(getpid()), descriptors - 2);
    start_server(*state, &plan, &server);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 2), NETIPC_OK);
    netipc_client_close(client);
    kill_server(&server);
}

static void a_call_to_a_server_killed_while_idle_fails_at_once_when_there_is_no_other(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    kill_server(&server);
    uint64_t start = now_ms();
    expect_status(call_increment(client, 1), NETIPC_NOT_FOUND);
    assert_in_range(now_ms() - start, 0, slow_ms(2000));
    assert_int_equal(client_info(client).resends, 1);
    expect_status(call_increment(client, 1), NETIPC_NOT_READY);
    netipc_client_close(client);
}

static void *kill_soon(void *context)
{
    const struct server_process *server = context;
    pause_ms(50);
    kill(server->pid, SIGKILL);
    return NULL;
}

static void a_server_killed_during_a_call_ends_it_at_once(void **state)
{
    for (int stopped = 0; stopped < 2; stopped++) {
        struct server_process server;
        struct server_plan plan = server_plan();
        plan.delay_ms = stopped ? 0 : 60000;
        start_server(*state, &plan, &server);
        netipc_client_config config = client_config(*state);
        netipc_client *client = open_ready_client(&config);
        if (stopped) {
            kill(server.pid, SIGSTOP);
            assert_int_equal(waitpid(server.pid, NULL, WUNTRACED), server.pid); /* it takes a moment */
        }
        pthread_t thread;
        uint64_t start = now_ms();
        assert_int_equal(pthread_create(&thread, NULL, kill_soon, &server), 0);
        expect_status(call_increment(client, 1), NETIPC_NOT_FOUND); /* nobody took its place */
        assert_in_range(now_ms() - start, 40, slow_ms(5000));
        pthread_join(thread, NULL);
        assert_int_equal(client_info(client).breaks, 1);
        netipc_client_close(client);
        kill_server(&server);
    }
}

/* --- a restart under steady calls --- */

static void restarts_under_steady_calls_lose_nothing_and_are_counted(void **state)
{
    enum { RESTARTS = 8 };
    struct server_plan plan = server_plan();
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_client(&config);
    uint64_t handled = 0, answers = 0, asked = 0;
    for (int restart = 0; restart < RESTARTS; restart++) {
        struct server_process server;
        start_server(*state, &plan, &server);
        pthread_t thread;
        expect_status(netipc_client_refresh(client), NETIPC_OK);
        expect_status(call_increment(client, asked++), NETIPC_OK);
        answers++;
        assert_int_equal(pthread_create(&thread, NULL, kill_soon, &server), 0);
        for (uint64_t end = now_ms() + slow_ms(20000); now_ms() < end;) {
            if (!netipc_client_ready(client) && netipc_client_refresh(client) != NETIPC_OK)
                break;
            netipc_status status = call_increment(client, asked++);
            answers += status == NETIPC_OK;
            if (status != NETIPC_OK && status != NETIPC_NOT_FOUND)
                fail_msg("%s (%s)", netipc_status_name(status), netipc_status_detail());
        }
        pthread_join(thread, NULL);
        handled += atomic_load(&server.board->handled);
        kill_server(&server);
    }
    netipc_client_info info = client_info(client);
    assert_int_equal(info.answers, answers);
    assert_int_equal(info.calls, asked);
    assert_int_equal(info.failures, asked - answers);
    assert_true(handled >= answers);
    assert_true(handled - answers <= info.resends + info.failures);
    assert_in_range(info.resends, 1, RESTARTS);
    netipc_client_close(client);
}

/* The successor is there before anybody notices: then no call fails at all. */
static void a_call_moves_to_the_successor_that_is_there_already(void **state)
{
    enum { SUCCESSORS = 20 };
    struct server_plan plan = server_plan();
    netipc_client_config config = client_config(*state);
    struct server_process server;
    start_server(*state, &plan, &server);
    netipc_client *client = open_ready_client(&config);
    uint64_t handled = 0;
    for (uint64_t i = 0; i < SUCCESSORS; i++) {
        expect_status(call_increment(client, i), NETIPC_OK);
        handled += atomic_load(&server.board->handled);
        kill_server(&server);
        start_server(*state, &plan, &server);
    }
    expect_status(call_increment(client, 1), NETIPC_OK);
    handled += atomic_load(&server.board->handled);
    netipc_client_info info = client_info(client);
    assert_int_equal(info.answers, SUCCESSORS + 1);
    assert_int_equal(info.failures, 0);
    assert_int_equal(info.resends, SUCCESSORS);
    assert_int_equal(info.breaks, SUCCESSORS);
    assert_int_equal(handled, SUCCESSORS + 1); /* they died idle: nothing was done twice */
    netipc_client_close(client);
    kill_server(&server);
}

/* --- clients that come and are killed --- */

static int come_and_call(void *context)
{
    netipc_client_config config = client_config(context);
    netipc_client *client;
    if (netipc_client_open(&config, &client) != NETIPC_OK || netipc_client_refresh(client) != NETIPC_OK)
        return 1;
    for (uint64_t i = 0;; i++)
        if (call_increment(client, i) != NETIPC_OK)
            return 2;
}

static void clients_come_and_are_killed(struct scene *scene, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        pid_t pid = start_child(come_and_call, scene);
        usleep(500 + i * 131 % 2500); /* at any moment of connecting and calling */
        kill_and_reap(pid);
    }
}

static void clients_that_are_killed_leave_nothing_at_the_server(void **state)
{
    enum { CYCLES = 1000, WARM = 100 };
    struct server_process server;
    struct server_plan plan = server_plan();
    plan.max_sessions = 64;
    start_server(*state, &plan, &server);
    unsigned descriptors = count_descriptors(server.pid);
    clients_come_and_are_killed(*state, WARM);
    assert_true(server_sessions_become(&server, 0));
    assert_true(descriptors_become(server.pid, descriptors));
    uint64_t resident = resident_bytes(server.pid);
    clients_come_and_are_killed(*state, CYCLES - WARM);
    assert_true(server_sessions_become(&server, 0));
    assert_true(descriptors_become(server.pid, descriptors));
    assert_false(resident_has_grown(server.pid, resident, UINT64_C(1) << 20));
    assert_true(atomic_load(&server.board->handled) > 0);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    expect_status(call_increment(client, 1), NETIPC_OK);
    netipc_client_close(client);
    kill_server(&server);
}

/* --- the same for the client, with servers that are killed --- */

static void a_client_of_many_servers_owns_no_more_than_one_of_one(void **state)
{
    enum { SERVERS = 40 };
    struct server_plan plan = server_plan();
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_client(&config);
    unsigned descriptors = count_descriptors(getpid());
    for (int i = 0; i < SERVERS; i++) {
        struct server_process server;
        start_server(*state, &plan, &server);
        expect_status(netipc_client_refresh(client), NETIPC_OK);
        assert_int_equal(count_descriptors(getpid()), descriptors + 2);
        kill_server(&server);
        expect_status(netipc_client_refresh(client), NETIPC_NOT_FOUND);
        assert_int_equal(count_descriptors(getpid()), descriptors);
    }
    netipc_client_close(client);
}

/* --- fork --- */

static int be_the_child(void *context)
{
    netipc_client *client = context;
    netipc_client_info info = {.size = sizeof info};
    netipc_client_request request;
    if (netipc_client_refresh(client) != NETIPC_FORKED || call_u64(client, 1, 1, 0, &request) != NETIPC_FORKED ||
        netipc_client_status(client, &info) != NETIPC_FORKED || netipc_client_retry_in(client) != 0 ||
        netipc_client_ready(client) != 0)
        return 1;
    netipc_client_abort(client);
    netipc_client_resume(client);
    netipc_client_close(client);
    return 0;
}

static void a_forked_childs_copy_is_dead_and_the_session_goes_on(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    expect_status(call_increment(client, 1), NETIPC_OK);
    pid_t child = start_child(be_the_child, client);
    assert_int_equal(wait_child(child, slow_ms(20000)), 0);
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    expect_status(call_increment(client, 2), NETIPC_OK);
    assert_int_equal(client_info(client).sessions, 1);
    netipc_client_close(client);
    assert_true(server_sessions_become(&server, 0));
    kill_server(&server);
}

static int hold_on(void *context)
{
    (void)context;
    return pause();
}

/* A child that was forked meanwhile holds the socket: the session ends at close all the same. */
static void a_session_ends_at_close_although_a_child_holds_its_socket(void **state)
{
    struct server_process server;
    struct server_plan plan = server_plan();
    start_server(*state, &plan, &server);
    netipc_client_config config = client_config(*state);
    netipc_client *client = open_ready_client(&config);
    pid_t child = start_child(hold_on, NULL);
    netipc_client_close(client);
    assert_true(server_sessions_become(&server, 0));
    kill_and_reap(child);
    kill_server(&server);
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_server_killed_while_idle_is_noticed_by_refresh),
        test(a_call_to_a_server_killed_while_idle_fails_at_once_when_there_is_no_other),
        test(a_server_killed_during_a_call_ends_it_at_once),
        test(restarts_under_steady_calls_lose_nothing_and_are_counted),
        test(a_call_moves_to_the_successor_that_is_there_already),
        test(clients_that_are_killed_leave_nothing_at_the_server),
        test(a_client_of_many_servers_owns_no_more_than_one_of_one),
        test(a_forked_childs_copy_is_dead_and_the_session_goes_on),
        test(a_session_ends_at_close_although_a_child_holds_its_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
