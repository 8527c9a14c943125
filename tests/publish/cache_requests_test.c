/* SPDX-License-Identifier: Apache-2.0 */
/* A cache of what a server without a region answers. */
#include "tests/publish/cached.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <netipc/server.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What the handler answers; set by the test while no request is under way. */
static struct answer {
    pthread_mutex_t lock;
    struct cgroups_payload payload;
    netipc_status status;
    unsigned asked;
    bool request_was_right;
} given = {.lock = PTHREAD_MUTEX_INITIALIZER};

static netipc_status answer(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    const netipc_schema *schema = netipc_cgroups_schema();
    pthread_mutex_lock(&given.lock);
    given.asked++;
    given.request_was_right =
        request->length == schema->request_length && memcmp(request->payload, schema->request, request->length) == 0;
    netipc_status status = given.status;
    if (status == NETIPC_OK)
        status = netipc_answer_write(answer, given.payload.bytes, given.payload.length);
    pthread_mutex_unlock(&given.lock);
    return status;
}

static void will_answer(struct cgroups_payload payload, netipc_status status)
{
    pthread_mutex_lock(&given.lock);
    free(given.payload.bytes);
    given.payload = payload;
    given.status = status;
    pthread_mutex_unlock(&given.lock);
}

static void will_answer_cgroups(uint32_t count, uint64_t value)
{
    will_answer(cgroups_payload(count, value), NETIPC_OK);
}

static unsigned asked(void)
{
    pthread_mutex_lock(&given.lock);
    unsigned count = given.asked;
    pthread_mutex_unlock(&given.lock);
    return count;
}

static netipc_server *serve(void)
{
    netipc_server_config config;
    netipc_server_config_init(&config);
    config.run_dir = service_dir;
    config.workers = 1; /* so that sessions go on beside a handler that does not return */
    netipc_server *server;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    netipc_service_config service;
    netipc_service_config_init(&service);
    service.service = SERVICE_NAME;
    service.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    service.handler = answer;
    service.max_response_payload = 64 << 20;
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    return server;
}

static int setup(void **state)
{
    given.asked = 0;
    return service_setup(state);
}

static int teardown(void **state)
{
    will_answer((struct cgroups_payload){NULL, 0}, NETIPC_OK);
    return service_teardown(state);
}

/* Connects whenever it is asked to, whatever has failed before. */
static netipc_cache *open_eager_for(uint32_t flags, uint64_t call_timeout_ns)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    subscriber.reconnect_ns = 1000000;
    netipc_client_config client;
    netipc_client_config_init(&client);
    client.run_dir = service_dir;
    client.service = SERVICE_NAME;
    client.backoff_first_ns = 0;
    client.breaker_failures = 0;
    client.connect_timeout_ns = patience_ns(30);
    client.call_timeout_ns = call_timeout_ns;
    config.client = &client;
    config.flags = flags;
    return cached_open_with(&config);
}

static netipc_cache *open_eager(uint32_t flags)
{
    return open_eager_for(flags, patience_ns(30));
}

static void a_server_without_a_region_is_asked_by_request(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(NETIPC_CACHE_CHANGES);
    netipc_server *server = serve();
    static const uint32_t counts[] = {0, 1, 1000, 30000, 5};
    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        will_answer_cgroups(counts[i], 100 + i);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, counts[i], 100 + i);
        const netipc_cache_info info = cached_info(cache);
        assert_int_equal(info.source, NETIPC_CACHE_REQUEST);
        assert_int_equal(info.generation, 100 + i);
        assert_int_equal(info.incarnation[0], 0);
        pthread_mutex_lock(&given.lock);
        assert_true(given.request_was_right);
        pthread_mutex_unlock(&given.lock);
    }
    /* Nothing is known of what it would answer. */
    assert_false(netipc_cache_changed(cache));
    assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_DISCONNECTED);
    netipc_server_close(server);
    netipc_cache_close(cache);
}

static void an_equal_answer_rebuilds_nothing(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(0);
    netipc_server *server = serve();
    will_answer_cgroups(500, 1);
    cached_refresh(cache, NETIPC_OK, true);
    for (int i = 0; i < 5; i++)
        cached_refresh(cache, NETIPC_OK, false);
    assert_int_equal(cached_info(cache).builds, 1);
    assert_int_equal(cached_info(cache).requests, 6);
    will_answer_cgroups(500, 2);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 500, 2);
    netipc_server_close(server);
    netipc_cache_close(cache);
}

static uint64_t knocks(const netipc_server *server)
{
    netipc_service_info info = {.size = sizeof info};
    assert_int_equal(netipc_server_stats(server, SERVICE_NAME, &info), NETIPC_OK);
    return info.sessions_total + info.refused_other;
}

static void another_server_is_asked_for_a_region_once(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(0);
    for (uint64_t round = 0; round < 3; round++) {
        netipc_server *server = serve();
        will_answer_cgroups(5, 2 * round);
        cached_refresh(cache, NETIPC_OK, true); /* the client has found it by itself, after the first one */
        will_answer_cgroups(5, 2 * round + 1);
        cached_refresh(cache, NETIPC_OK, true);
        uint64_t before = knocks(server);
        assert_true(before >= 2);
        for (int i = 0; i < 3; i++)
            cached_refresh(cache, NETIPC_OK, false);
        assert_int_equal(knocks(server), before);
        cached_expect(cache, 5, 2 * round + 1);
        netipc_server_close(server);
    }
    netipc_cache_close(cache);
}

static void both_ways_give_the_same(void **state)
{
    (void)state;
    netipc_cgroups_snapshot_builder *builder;
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    static char name[4001];
    for (uint32_t i = 0; i < 300; i++) {
        memset(name, 'a' + (int)(i % 7), sizeof name - 1);
        name[i % 5 == 0 ? 0 : i % 11 == 0 ? 4000 : i % 50] = 0;
        assert_int_equal(
            netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(name, strlen(name)), i, i % 2, name, "/"),
            NETIPC_OK);
    }
    netipc_cache *by_request = open_eager(0), *by_region = cached_open(0);
    netipc_server *server = serve();
    will_answer(cgroups_built(builder, 9), NETIPC_OK);
    cached_refresh(by_request, NETIPC_OK, true);
    netipc_server_close(server);
    netipc_publisher *publisher = cached_publisher();
    cached_publish(publisher, cgroups_built(builder, 9));
    cached_refresh(by_region, NETIPC_OK, true);
    netipc_cgroups_snapshot_builder_free(builder);

    const netipc_cache_snapshot *request, *region;
    assert_int_equal(netipc_cache_enter(by_request, &request), NETIPC_OK);
    assert_int_equal(netipc_cache_enter(by_region, &region), NETIPC_OK);
    assert_int_equal(request->count, 300);
    assert_int_equal(region->count, 300);
    assert_int_equal(request->items.length, region->items.length);
    assert_memory_equal(request->items.bytes, region->items.bytes, region->items.length);
    for (uint32_t i = 0; i < 300; i++) {
        const netipc_item *a = netipc_cache_item(request, i), *b = netipc_cache_item(region, i);
        const netipc_item *found_a = netipc_cache_find(request, b->key, b->key_length, b->hash);
        const netipc_item *found_b = netipc_cache_find(region, a->key, a->key_length, a->hash);
        assert_int_equal(a->length, b->length);
        assert_memory_equal(a->bytes, b->bytes, b->length);
        assert_int_equal(found_a->index, found_b->index);
        assert_true(found_a->index <= i);
    }
    netipc_cache_leave(region);
    netipc_cache_leave(request);
    netipc_publisher_close(publisher);
    netipc_cache_close(by_request);
    netipc_cache_close(by_region);
}

static void wrong_answers_are_told_and_not_taken(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(0);
    netipc_server *server = serve();
    will_answer_cgroups(10, 1);
    cached_refresh(cache, NETIPC_OK, true);
    struct cgroups_payload cut = cgroups_payload(10, 2);
    cut.length -= 20;
    will_answer(cut, NETIPC_OK);
    cached_refresh(cache, NETIPC_CORRUPT, false);
    cached_expect(cache, 10, 1);
    will_answer((struct cgroups_payload){NULL, 0}, NETIPC_OK);
    cached_refresh(cache, NETIPC_CORRUPT, false);
    will_answer((struct cgroups_payload){NULL, 0}, NETIPC_NO_MEMORY);
    cached_refresh(cache, NETIPC_REQUEST_FAILED, false);
    cached_expect(cache, 10, 1);
    will_answer_cgroups(10, 3);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 10, 3);
    netipc_server_close(server);
    cached_refresh(cache, NETIPC_NOT_FOUND, false);
    cached_expect(cache, 10, 3);
    netipc_cache_close(cache);
}

static void a_publisher_takes_over_from_a_server_and_back(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(0);
    for (uint64_t round = 0; round < 3; round++) {
        netipc_server *server = serve();
        will_answer_cgroups(20, 1 + 10 * round);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, 20, 1 + 10 * round);
        netipc_server_close(server);
        /* Not back to what a region held that is older. */
        cached_refresh(cache, NETIPC_NOT_FOUND, false);
        cached_expect(cache, 20, 1 + 10 * round);
        netipc_publisher *publisher = cached_publisher();
        cached_publish_cgroups(publisher, 20, 2 + 10 * round);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, 20, 2 + 10 * round);
        assert_int_equal(cached_info(cache).source, NETIPC_CACHE_REGION);
        netipc_publisher_close(publisher);
    }
    netipc_cache_close(cache);
}

/* As the one above, but the last snapshot of the publisher was never fetched. */
static void what_a_publisher_left_is_no_news_beside_a_server(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, 20, 1);
    cached_refresh(cache, NETIPC_OK, true);
    cached_publish_cgroups(publisher, 20, 2);
    netipc_publisher_close(publisher);
    netipc_server *server = serve();
    will_answer_cgroups(20, 3);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 20, 3);
    /* A loop of refresh and wait does not run hot on it, … */
    assert_false(netipc_cache_changed(cache));
    assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_DISCONNECTED);
    cached_refresh(cache, NETIPC_OK, false);
    assert_false(netipc_cache_changed(cache));
    /* … and it does not come back. */
    netipc_server_close(server);
    cached_refresh(cache, NETIPC_NOT_FOUND, false);
    cached_expect(cache, 20, 3);
    netipc_cache_close(cache);
}

static void what_a_publisher_left_is_taken_when_a_server_fails(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, 20, 1);
    cached_refresh(cache, NETIPC_OK, true);
    cached_publish_cgroups(publisher, 20, 2);
    netipc_publisher_close(publisher);
    netipc_server *server = serve();
    will_answer((struct cgroups_payload){NULL, 0}, NETIPC_NO_MEMORY);
    cached_refresh(cache, NETIPC_REQUEST_FAILED, true);
    cached_expect(cache, 20, 2);
    assert_false(netipc_cache_changed(cache));
    assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_DISCONNECTED);
    will_answer_cgroups(20, 3);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 20, 3);
    netipc_server_close(server);
    netipc_cache_close(cache);
}

static void without_requests_a_server_is_of_no_use(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(NETIPC_CACHE_NO_REQUESTS);
    netipc_server *server = serve();
    cached_refresh(cache, NETIPC_UNSUPPORTED, false);
    netipc_cache_close(cache);

    /* Nor is it without a method to ask it by. */
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    netipc_schema mute = *config.schema;
    mute.method = 0;
    config.schema = &mute;
    cache = cached_open_with(&config);
    cached_refresh(cache, NETIPC_UNSUPPORTED, false);
    assert_int_equal(asked(), 0);
    netipc_server_close(server);
    netipc_cache_close(cache);
}

static void an_abort_ends_requests_too(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0); /* with a client of its own making */
    netipc_server *server = serve();
    will_answer_cgroups(3, 1);
    cached_refresh(cache, NETIPC_OK, true);
    netipc_cache_abort(cache);
    cached_refresh(cache, NETIPC_ABORTED, false);
    netipc_cache_resume(cache);
    will_answer_cgroups(3, 2);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 3, 2);
    netipc_server_close(server);
    netipc_cache_close(cache);
}

/* Both ways are not tried one after the other, each for as long as a request may take. */
static void a_server_that_does_not_answer_is_asked_once_a_refresh(void **state)
{
    (void)state;
    netipc_cache *cache = open_eager_for(0, patience_ns(30) / 100);
    netipc_server *server = serve();
    will_answer_cgroups(3, 1);
    cached_refresh(cache, NETIPC_OK, true);
    netipc_status status[2];
    uint64_t requests[3] = {cached_info(cache).requests};
    pthread_mutex_lock(&given.lock); /* nothing may fail while the handler waits for it */
    for (unsigned i = 0; i < 2; i++) {
        status[i] = netipc_cache_refresh(cache, NULL);
        requests[i + 1] = cached_info(cache).requests;
    }
    pthread_mutex_unlock(&given.lock);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(status[i], NETIPC_TIMED_OUT);
        assert_int_equal(requests[i + 1], requests[i] + 1);
    }
    cached_expect(cache, 3, 1);
    netipc_server_close(server);
    netipc_cache_close(cache);
}

#define cache_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(a_server_without_a_region_is_asked_by_request),
        cache_test(an_equal_answer_rebuilds_nothing),
        cache_test(another_server_is_asked_for_a_region_once),
        cache_test(both_ways_give_the_same),
        cache_test(wrong_answers_are_told_and_not_taken),
        cache_test(a_publisher_takes_over_from_a_server_and_back),
        cache_test(what_a_publisher_left_is_no_news_beside_a_server),
        cache_test(what_a_publisher_left_is_taken_when_a_server_fails),
        cache_test(without_requests_a_server_is_of_no_use),
        cache_test(an_abort_ends_requests_too),
        cache_test(a_server_that_does_not_answer_is_asked_once_a_refresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
