/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/cached.h"

#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

netipc_cache_config cached_config(netipc_subscriber_config *subscriber)
{
    *subscriber = service_subscriber_config();
    netipc_cache_config config;
    netipc_cache_config_init(&config);
    config.schema = netipc_cgroups_schema();
    config.subscriber = subscriber;
    return config;
}

netipc_cache *cached_open_with(const netipc_cache_config *config)
{
    netipc_cache *cache;
    netipc_status status = netipc_cache_open(config, &cache);
    if (status != NETIPC_OK)
        fail_msg("%s: %s", netipc_status_name(status), netipc_status_detail());
    return cache;
}

netipc_cache *cached_open(uint32_t flags)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    config.flags = flags;
    return cached_open_with(&config);
}

netipc_publisher *cached_publisher(void)
{
    netipc_publisher_config config = service_publisher_config();
    config.schema_id = netipc_cgroups_schema()->id;
    config.schema_version = netipc_cgroups_schema()->version;
    netipc_publisher *publisher;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    return publisher;
}

void cached_publish(netipc_publisher *publisher, struct cgroups_payload payload)
{
    assert_non_null(payload.bytes);
    assert_int_equal(netipc_publish(publisher, payload.bytes, payload.length, NULL), NETIPC_OK);
    free(payload.bytes);
}

void cached_publish_cgroups(netipc_publisher *publisher, uint32_t count, uint64_t value)
{
    cached_publish(publisher, cgroups_payload(count, value));
}

void cached_refresh(netipc_cache *cache, netipc_status expected, bool changed)
{
    int said = -1;
    netipc_status status = netipc_cache_refresh(cache, &said);
    if (status != expected)
        fail_msg("%s, not %s: %s", netipc_status_name(status), netipc_status_name(expected), netipc_status_detail());
    assert_int_equal(said, changed);
}

const netipc_item *cached_find(const netipc_cache_snapshot *snapshot, const char *name)
{
    return netipc_cache_find(snapshot, name, strlen(name), netipc_key_hash(name, strlen(name)));
}

uint32_t cached_value(const netipc_item *item)
{
    netipc_cgroup_view cgroup;
    assert_non_null(item);
    assert_int_equal(netipc_cgroup_of_item(item, &cgroup), NETIPC_OK);
    return cgroup.options;
}

void cached_expect(netipc_cache *cache, uint32_t count, uint64_t value)
{
    const netipc_cache_snapshot *snapshot;
    assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_OK);
    assert_int_equal(snapshot->count, count);
    assert_int_equal(snapshot->items.generation, value);
    char name[32];
    for (uint32_t i = 0; i < count; i++) {
        cgroups_name(name, i);
        const netipc_item *item = cached_find(snapshot, name);
        if (item == NULL || item != netipc_cache_item(snapshot, i) || item->index != i || cached_value(item) != value)
            fail_msg("%s is not as it was published", name);
    }
    assert_null(netipc_cache_item(snapshot, count));
    cgroups_name(name, count);
    assert_null(cached_find(snapshot, name));
    netipc_cache_leave(snapshot);
}

void cached_expect_empty(netipc_cache *cache)
{
    const netipc_cache_snapshot *snapshot = (const netipc_cache_snapshot *)(const void *)cache;
    assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_EMPTY);
    assert_null(snapshot);
}

netipc_cache_info cached_info(netipc_cache *cache)
{
    netipc_cache_info info = {.size = sizeof info};
    assert_int_equal(netipc_cache_status(cache, &info), NETIPC_OK);
    return info;
}

void cached_await_reclaimed(netipc_cache *cache)
{
    uint64_t deadline = now_ns() + patience_ns(30);
    while (cached_info(cache).retired != 0) {
        assert_true(now_ns() < deadline);
        pause_ms(1);
    }
}
