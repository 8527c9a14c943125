/* SPDX-License-Identifier: Apache-2.0 */
#include <netipc/netipc.h>

#include <stdio.h>
#include <string.h>

/* A program of somebody else, in what C11 and C++17 have in common: publishes to itself, in ./run. */
static const char hello[] = "hello";

static int failed(const char *what, netipc_status status)
{
    fprintf(stderr, "%s: %s: %s\n", what, netipc_status_name(status), netipc_status_detail());
    return 1;
}

static int receive(netipc_subscriber *subscriber)
{
    char buffer[64];
    int changed = 0;
    netipc_snapshot_info info;
    info.size = sizeof info;
    netipc_status status = netipc_subscriber_refresh(subscriber, &changed);
    if (status != NETIPC_OK || !changed)
        return failed("refresh", status);
    status = netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info);
    if (status != NETIPC_OK || info.length != sizeof hello || memcmp(buffer, hello, sizeof hello) != 0)
        return failed("read", status);
    uint64_t (*const volatile poll)(const netipc_subscriber *) = netipc_subscriber_generation;
    if (netipc_subscriber_generation(subscriber) != info.generation || poll(subscriber) != info.generation)
        return failed("poll", NETIPC_CORRUPT);
    printf("generation %llu: %s\n", (unsigned long long)info.generation, buffer);
    return 0;
}

static int subscribe(void)
{
    netipc_subscriber_config config;
    netipc_subscriber *subscriber;
    netipc_subscriber_config_init(&config);
    config.run_dir = "run";
    config.service = "consumer";
    netipc_status status = netipc_subscriber_open(&config, &subscriber);
    if (status != NETIPC_OK)
        return failed("subscriber", status);
    int result = receive(subscriber);
    netipc_subscriber_close(subscriber);
    return result;
}

/* What a cache of cgroups has of one, which is published by nobody: so it has nothing. */
static int look_up(void)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config;
    netipc_cache *cache;
    const netipc_cache_snapshot *snapshot;
    netipc_subscriber_config_init(&subscriber);
    subscriber.run_dir = "run";
    subscriber.service = "nobody";
    netipc_cache_config_init(&config);
    config.schema = netipc_cgroups_schema();
    config.subscriber = &subscriber;
    netipc_status status = netipc_cache_open(&config, &cache);
    if (status != NETIPC_OK)
        return failed("cache", status);
    status = netipc_cache_refresh(cache, NULL);
    int result = status == NETIPC_NOT_FOUND ? 0 : failed("refresh of a cache", status);
    status = netipc_cache_enter(cache, &snapshot);
    if (status != NETIPC_EMPTY)
        result = failed("enter", status);
    netipc_cache_close(cache);
    return result;
}

int main(void)
{
    netipc_publisher_config config;
    netipc_publisher *publisher;
    netipc_publisher_config_init(&config);
    config.run_dir = "run";
    config.service = "consumer";
    netipc_status status = netipc_publisher_open(&config, &publisher);
    if (status != NETIPC_OK)
        return failed("publisher", status);
    status = netipc_publish(publisher, hello, sizeof hello, NULL);
    int result = status == NETIPC_OK ? subscribe() : failed("publish", status);
    netipc_publisher_close(publisher);
    return result != 0 ? result : look_up();
}
