/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups as hosts have them, on every way to a consumer: by copy, in place, by request, and in caches of both. */
#include "tests/corpus/cgroups.h"
#include "tests/publish/asking.h"
#include "tests/publish/cached.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cgroups_payload payload;

static int build(void **state)
{
    netipc_cgroups_snapshot_builder *builder;
    if (service_setup(state) != 0 || netipc_cgroups_snapshot_builder_new(&builder) != NETIPC_OK)
        return -1;
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        assert_int_equal(netipc_cgroups_snapshot_builder_add(builder,
                                                             netipc_key_hash(cgroup->name, strlen(cgroup->name)),
                                                             (uint32_t)i, cgroup->enabled, cgroup->name, cgroup->id),
                         NETIPC_OK);
    }
    payload = cgroups_built(builder, 1);
    netipc_cgroups_snapshot_builder_free(builder);
    return payload.bytes != NULL ? 0 : -1;
}

static int drop(void **state)
{
    free(payload.bytes);
    return service_teardown(state);
}

static netipc_publisher *publish(const netipc_service_config *requests)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    config.schema = netipc_cgroups_schema();
    config.requests = requests;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, payload.bytes, payload.length, NULL), NETIPC_OK);
    return publisher;
}

/* The first that has the name of that one. */
static const corpus_cgroup *first_named(const char *name)
{
    const corpus_cgroup *cgroup = corpus_cgroups;
    while (strcmp(cgroup->name, name) != 0)
        cgroup++;
    return cgroup;
}

static void expect(const netipc_cgroup_view *cgroup, const corpus_cgroup *wanted)
{
    assert_int_equal(cgroup->options, wanted - corpus_cgroups);
    assert_int_equal(cgroup->enabled, wanted->enabled);
    assert_int_equal(cgroup->name_length, strlen(wanted->name));
    assert_memory_equal(cgroup->name, wanted->name, cgroup->name_length + 1);
    assert_int_equal(cgroup->path_length, strlen(wanted->id));
    assert_memory_equal(cgroup->path, wanted->id, cgroup->path_length + 1);
}

static void every_cgroup_is_found_in_place(void **state)
{
    (void)state;
    netipc_publisher *publisher = publish(NULL);
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    netipc_reader *reader;
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_index index;
    const void *data;
    config.leases = 1;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_open(subscriber, &reader), NETIPC_OK);
    assert_int_equal(netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &data, &info), NETIPC_OK);
    assert_int_equal(info.length, payload.length);
    assert_memory_equal(data, payload.bytes, payload.length);
    assert_int_equal(netipc_reader_index(reader, netipc_cgroups_schema(), &index), NETIPC_OK);
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const char *name = corpus_cgroups[i].name;
        netipc_cgroup_view cgroup;
        size_t length = strlen(name);
        assert_int_equal(netipc_cgroups_find(&index, name, length, netipc_key_hash(name, length), &cgroup), NETIPC_OK);
        expect(&cgroup, first_named(name));
    }
    assert_int_equal(netipc_reader_release(reader), NETIPC_OK);
    netipc_reader_close(reader);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void a_request_is_answered_with_the_same_bytes(void **state)
{
    (void)state;
    netipc_service_config requests = asking_requests(NETIPC_METHOD_CGROUPS_SNAPSHOT);
    netipc_publisher *publisher = publish(&requests);
    netipc_client *client = asking_client();
    netipc_client_request request;
    assert_int_equal(asking_try(client, NETIPC_METHOD_CGROUPS_SNAPSHOT, &request), NETIPC_OK);
    assert_int_equal(request.answer_length, payload.length);
    assert_memory_equal(request.answer, payload.bytes, payload.length);
    netipc_client_close(client);
    netipc_publisher_close(publisher);
}

static void expect_cached(netipc_cache *cache, uint32_t source)
{
    const netipc_cache_snapshot *snapshot;
    netipc_cgroup_view cgroup;
    cached_refresh(cache, NETIPC_OK, true);
    assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_OK);
    assert_int_equal(snapshot->source, source);
    assert_int_equal(snapshot->count, corpus_cgroup_count);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        assert_int_equal(netipc_cgroup_of_item(netipc_cache_item(snapshot, i), &cgroup), NETIPC_OK);
        expect(&cgroup, &corpus_cgroups[i]);
        assert_int_equal(netipc_cgroup_of_item(cached_find(snapshot, corpus_cgroups[i].name), &cgroup), NETIPC_OK);
        expect(&cgroup, first_named(corpus_cgroups[i].name));
    }
    netipc_cache_leave(snapshot);
    netipc_cache_close(cache);
}

static void a_cache_of_the_region_holds_every_cgroup(void **state)
{
    (void)state;
    netipc_publisher *publisher = publish(NULL);
    expect_cached(cached_open(0), NETIPC_CACHE_REGION);
    netipc_publisher_close(publisher);
}

static netipc_status answer(void *context, const netipc_request *request, netipc_answer *answer)
{
    (void)context;
    (void)request;
    return netipc_answer_write(answer, payload.bytes, payload.length);
}

static void a_cache_of_answers_holds_the_same(void **state)
{
    (void)state;
    netipc_server_config config;
    netipc_service_config service;
    netipc_server *server;
    netipc_server_config_init(&config);
    config.run_dir = service_dir;
    netipc_service_config_init(&service);
    service.service = SERVICE_NAME;
    service.method = NETIPC_METHOD_CGROUPS_SNAPSHOT;
    service.handler = answer;
    assert_int_equal(netipc_server_open(&config, &server), NETIPC_OK);
    assert_int_equal(netipc_server_add(server, &service), NETIPC_OK);
    assert_int_equal(netipc_server_start(server), NETIPC_OK);
    expect_cached(cached_open(0), NETIPC_CACHE_REQUEST);
    netipc_server_close(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_cgroup_is_found_in_place, build, drop),
        cmocka_unit_test_setup_teardown(a_request_is_answered_with_the_same_bytes, build, drop),
        cmocka_unit_test_setup_teardown(a_cache_of_the_region_holds_every_cgroup, build, drop),
        cmocka_unit_test_setup_teardown(a_cache_of_answers_holds_the_same, build, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
