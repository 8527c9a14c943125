/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that a cache's owner makes fails once, as in failing_calls_test.c. */
#include "tests/publish/cached.h"
#include "tests/publish/failing_calls.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <netipc/server.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CALLS_MOST = 200 };

static void opening_a_cache_survives_every_failing_call(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    const netipc_cache_config config = cached_config(&subscriber);
    bool failed = true;
    long number = 0, failures = 0;
    bool no_thread = false;
    for (; failed && number < CALLS_MOST; number++) {
        long blocks = calls_live_blocks();
        size_t descriptors = open_descriptors();
        netipc_cache *cache;
        const char *name;
        calls_arm(number);
        netipc_status status = netipc_cache_open(&config, &cache);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            assert_true(failed);
            assert_null(cache);
            calls_expect_told(status, name);
            failures++;
            no_thread = no_thread || strcmp(name, "pthread_create") == 0;
        }
        netipc_cache_close(cache);
        assert_int_equal(calls_live_blocks(), blocks);
        assert_int_equal(open_descriptors(), descriptors);
    }
    assert_false(failed);
    assert_true(no_thread);
    assert_in_range(failures, 5, number);
}

/* One round: what publish makes of a value is fetched although a call fails, or what was there before stays. */
static bool refresh_once(netipc_cache *cache, long number, uint32_t count, uint64_t value, uint32_t count_before,
                         uint64_t value_before, const char **name)
{
    int changed;
    calls_arm(number);
    netipc_status status = netipc_cache_refresh(cache, &changed);
    bool failed = calls_disarm(name);
    if (status != NETIPC_OK) {
        assert_true(failed);
        calls_expect_told(status, *name);
    }
    if (changed)
        cached_expect(cache, count, value);
    else
        cached_expect(cache, count_before, value_before);
    /* The next one, or the one after a session that broke, works. */
    for (int i = 0; i < 3 && netipc_cache_refresh(cache, NULL) != NETIPC_OK; i++)
        ;
    cached_expect(cache, count, value);
    return failed;
}

static void refreshing_survives_every_failing_call(void **state)
{
    (void)state;
    long blocks = calls_live_blocks();
    netipc_publisher *publisher = cached_publisher();
    bool failed = true;
    long number = 0, no_memory = 0;
    uint64_t value = 0;
    for (; failed && number < CALLS_MOST; number++) {
        netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
        const char *name;
        /* In a region that is attached to already, with larger blocks than those at hand. */
        cached_publish_cgroups(publisher, 3, ++value);
        cached_refresh(cache, NETIPC_OK, true);
        cached_publish_cgroups(publisher, 25, ++value);
        failed = refresh_once(cache, number, 25, value, 3, value - 1, &name);
        no_memory += failed && strcmp(name, "malloc") == 0;
        netipc_cache_close(cache);
    }
    assert_false(failed);
    assert_true(no_memory >= 4); /* payload, table, changes, partners */
    netipc_publisher_close(publisher);
    assert_int_equal(calls_live_blocks(), blocks);
}

static void following_to_another_publisher_survives_every_failing_call(void **state)
{
    (void)state;
    bool failed = true;
    long number = 0;
    for (; failed && number < CALLS_MOST; number++) {
        netipc_cache *cache = cached_open(0);
        netipc_publisher *publisher = cached_publisher();
        cached_publish_cgroups(publisher, 3, 1);
        cached_refresh(cache, NETIPC_OK, true);
        netipc_publisher_close(publisher);
        publisher = cached_publisher();
        cached_publish_cgroups(publisher, 25, 2);
        const char *name;
        failed = refresh_once(cache, number, 25, 2, 3, 1, &name);
        netipc_publisher_close(publisher);
        netipc_cache_close(cache);
    }
    assert_false(failed);
    assert_true(number > 10);
}

/* --- by request --- */

static struct cgroups_payload given;

static netipc_status answer(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    (void)request;
    return netipc_answer_write(answer, given.bytes, given.length);
}

static netipc_server *serve(void)
{
    netipc_server_config config;
    netipc_server_config_init(&config);
    config.run_dir = service_dir;
    netipc_server *server;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    netipc_service_config service;
    netipc_service_config_init(&service);
    service.service = SERVICE_NAME;
    service.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    service.handler = answer;
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    return server;
}

static void requests_survive_every_failing_call(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    netipc_client_config client;
    netipc_client_config_init(&client);
    client.run_dir = service_dir;
    client.service = SERVICE_NAME;
    client.backoff_first_ns = 0;
    client.backoff_most_ns = 1;
    client.breaker_failures = 0;
    client.connect_timeout_ns = client.call_timeout_ns = patience_ns(30);
    config.client = &client;
    bool failed = true;
    long number = 0;
    for (; failed && number < CALLS_MOST; number++) {
        netipc_cache *cache = cached_open_with(&config);
        given = cgroups_payload(3, 1);
        assert_non_null(given.bytes);
        netipc_server *server = serve();
        cached_refresh(cache, NETIPC_OK, true);
        netipc_server_close(server); /* so that it connects again, as often in each round */
        free(given.bytes);
        given = cgroups_payload(25, 2);
        assert_non_null(given.bytes);
        server = serve();
        const char *name;
        failed = refresh_once(cache, number, 25, 2, 3, 1, &name);
        netipc_server_close(server);
        free(given.bytes);
        netipc_cache_close(cache);
    }
    assert_false(failed);
    assert_true(number > 10);
}

#define cache_test(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(opening_a_cache_survives_every_failing_call),
        cache_test(refreshing_survives_every_failing_call),
        cache_test(following_to_another_publisher_survives_every_failing_call),
        cache_test(requests_survive_every_failing_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
