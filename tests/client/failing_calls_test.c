/* SPDX-License-Identifier: Apache-2.0 */
/* Every call of malloc and of the system that the client makes fails once: the first in the first round, the second in
 * the next one, and so on until an operation makes fewer calls than that. */
#include "tests/client/stage.h"
#include "tests/publish/failing_calls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CALLS_MOST = 400, LARGE = 700000 };

struct property {
    unsigned descriptors;
    long blocks;
};

static struct property property(void)
{
    return (struct property){count_descriptors(getpid()), calls_live_blocks()};
}

static void expect_property(struct property before, const char *failed)
{
    struct property now = property();
    if (now.descriptors != before.descriptors || now.blocks != before.blocks)
        fail_msg("after %s failed: %u descriptors, %u before; %ld blocks, %ld before", failed, now.descriptors,
                 before.descriptors, now.blocks, before.blocks);
}

static void opening_survives_every_failing_call(void **state)
{
    static const uint32_t uids[] = {0, 1};
    netipc_client_config config = client_config(*state);
    config.allowed_uids = uids;
    config.allowed_uid_count = 2;
    bool failed = true;
    long number = 0, failures = 0;
    for (; failed && number < CALLS_MOST; number++) {
        struct property before = property();
        netipc_client *client = (void *)&before;
        const char *name;
        calls_arm(number);
        netipc_status status = netipc_client_open(&config, &client);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            calls_expect_told(status, name);
            assert_null(client);
            failures++;
        }
        netipc_client_close(client);
        expect_property(before, name);
    }
    assert_false(failed);
    assert_in_range(failures, 5, number);
}

/* --- with a session --- */

struct act {
    void (*prepare)(netipc_client *client, struct server_process *server, const struct scene *scene);
    netipc_status (*run)(netipc_client *client);
    long failures_least;
};

static void nothing(netipc_client *client, struct server_process *server, const struct scene *scene)
{
    (void)client;
    (void)server;
    (void)scene;
}

static void connect_first(netipc_client *client, struct server_process *server, const struct scene *scene)
{
    (void)server;
    (void)scene;
    expect_status(netipc_client_refresh(client), NETIPC_OK);
}

static struct server_plan maker_plan(void)
{
    struct server_plan plan = server_plan();
    plan.method = METHOD_MAKE;
    return plan;
}

static void connect_and_restart(netipc_client *client, struct server_process *server, const struct scene *scene)
{
    const struct server_plan plan = maker_plan();
    expect_status(netipc_client_refresh(client), NETIPC_OK);
    kill_server(server);
    start_server(scene, &plan, server);
}

static netipc_status make(netipc_client *client, uint64_t length)
{
    netipc_client_request request;
    netipc_status status = call_u64(client, METHOD_MAKE, length, slow_ms(20000), &request);
    if (status != NETIPC_OK)
        return status;
    assert_int_equal(request.answer_length, length);
    const unsigned char *bytes = request.answer;
    assert_true(length == 0 || bytes[length - 1] == made_byte(length, (size_t)length - 1));
    return status;
}

static netipc_status make_small(netipc_client *client)
{
    return make(client, 100);
}

/* In several packets, after growth. */
static netipc_status make_large(netipc_client *client)
{
    return make(client, LARGE);
}

/* In several packets, too, which the server cannot make sense of. */
static netipc_status ask_large(netipc_client *client)
{
    static unsigned char payload[LARGE];
    netipc_client_request request = {.size = sizeof request,
                                     .method = METHOD_MAKE,
                                     .payload = payload,
                                     .length = sizeof payload,
                                     .item_count = 1,
                                     .timeout_ns = (uint64_t)slow_ms(20000) * 1000000};
    netipc_status status = netipc_client_call(client, &request);
    return status == NETIPC_CORRUPT ? NETIPC_OK : status;
}

static void survives(struct scene *scene, const struct act *act)
{
    const struct server_plan plan = maker_plan();
    struct server_process server;
    start_server(scene, &plan, &server);
    netipc_client_config config = client_config(scene);
    config.max_request_payload = LARGE;
    bool failed = true;
    long number = 0, failures = 0;
    for (; failed && number < CALLS_MOST; number++) {
        struct property before = property();
        const char *name;
        netipc_client *client = open_client(&config);
        act->prepare(client, &server, scene);
        calls_arm(number);
        netipc_status status = act->run(client);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            assert_true(failed);
            calls_expect_told(status, name);
            failures++;
        }
        assert_int_equal(client_info(client).failures == 0 || status != NETIPC_OK || act->run == ask_large, 1);
        /* The next try works. */
        expect_status(netipc_client_refresh(client), NETIPC_OK);
        expect_status(make_small(client), NETIPC_OK);
        netipc_client_close(client);
        expect_property(before, name);
    }
    assert_false(failed);
    assert_in_range(failures, act->failures_least, number);
    kill_server(&server);
}

static void connecting_survives_every_failing_call(void **state)
{
    survives(*state, &(struct act){nothing, netipc_client_refresh, 5});
}

static void looking_survives_every_failing_call(void **state)
{
    survives(*state, &(struct act){connect_first, netipc_client_refresh, 0});
}

static void calling_survives_every_failing_call(void **state)
{
    survives(*state, &(struct act){connect_first, make_small, 3});
}

static void large_answers_survive_every_failing_call(void **state)
{
    survives(*state, &(struct act){connect_first, make_large, 10});
}

static void large_requests_survive_every_failing_call(void **state)
{
    survives(*state, &(struct act){connect_first, ask_large, 5});
}

static void sending_once_more_survives_every_failing_call(void **state)
{
    survives(*state, &(struct act){connect_and_restart, make_small, 5});
}

#define test(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(opening_survives_every_failing_call),           test(connecting_survives_every_failing_call),
        test(looking_survives_every_failing_call),           test(calling_survives_every_failing_call),
        test(large_answers_survive_every_failing_call),      test(large_requests_survive_every_failing_call),
        test(sending_once_more_survives_every_failing_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
