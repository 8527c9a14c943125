/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"

#include "bench/cgroups.h"
#include "bench/clock.h"
#include "bench/document.h"
#include "bench/payload.h"

#include <stdlib.h>
#include <time.h>

enum { PATIENCE_S = 30, ALIGNMENT = 128 };

static const char service[] = "shmbench";

static bool pause_until(uint64_t deadline_ns)
{
    struct timespec pause = {.tv_nsec = 1000000};
    nanosleep(&pause, NULL);
    return clock_now_ns() < deadline_ns;
}

void audience_of_cgroups(struct audience *audience, uint32_t count)
{
    audience->size = cgroups_payload_length(count);
    audience->index_size = (size_t)netipc_index_length(count);
    audience->schema = netipc_cgroups_schema();
}

netipc_publisher *audience_open_publisher(const struct station *station, const struct audience *audience)
{
    netipc_publisher_config config;
    netipc_publisher *publisher;
    netipc_publisher_config_init(&config);
    config.run_dir = audience->run_dir;
    config.service = service;
    config.schema = audience->schema;
    config.profile = audience->profile;
    uint64_t needed = (audience->size + 7) / 8 * 8 + audience->index_size;
    if (config.capacity < needed)
        config.capacity = needed;
    if (audience->slots > 0) { /* many: nobody would leave room in each */
        config.capacity = needed;
        config.slots = audience->slots;
        config.history = audience->history;
    }
    netipc_status status = netipc_publisher_open(&config, &publisher);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot open a publisher");
    return publisher;
}

void audience_address(const struct audience *audience, netipc_subscriber_config *config)
{
    config->run_dir = audience->run_dir;
    config->service = service;
    config->profile = audience->profile;
}

netipc_subscriber *audience_attach(const struct station *station, const struct audience *audience,
                                   const netipc_subscriber_config *wanted)
{
    netipc_subscriber_config config = *wanted;
    netipc_subscriber *subscriber;
    audience_address(audience, &config);
    netipc_status status = netipc_subscriber_open(&config, &subscriber);
    if (status == NETIPC_OK)
        status = netipc_subscriber_refresh(subscriber, NULL);
    /* Many that connect at once find the backlog of the socket full. */
    for (uint64_t deadline_ns = clock_now_ns() + PATIENCE_S * UINT64_C(1000000000);
         status != NETIPC_OK && subscriber != NULL && pause_until(deadline_ns);)
        status = netipc_subscriber_refresh(subscriber, NULL);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot attach to the publisher");
    return subscriber;
}

void audience_expect_attached(const struct station *station, netipc_publisher *publisher, uint64_t sessions)
{
    netipc_publisher_info info = {.size = sizeof info};
    uint64_t deadline_ns = clock_now_ns() + PATIENCE_S * UINT64_C(1000000000);
    while (netipc_publisher_stats(publisher, &info) == NETIPC_OK && info.attached != sessions)
        if (!pause_until(deadline_ns))
            station_fail(station, NETIPC_DISCONNECTED, "%llu sessions are attached where %llu should be",
                         (unsigned long long)info.attached, (unsigned long long)sessions);
}

struct audience_start audience_start(void)
{
    return (struct audience_start){.cpu_ns = usage_process_ns(), .start_ns = clock_now_ns()};
}

void audience_weigh_publisher(struct audience *audience, const netipc_publisher_info *info)
{
    audience->region_bytes = info->region_size;
    audience->publisher_memory = usage_memory();
}

void audience_weigh_subscriber(struct audience *audience)
{
    if (audience->subscriber_memory.rss_bytes == 0)
        audience->subscriber_memory = usage_memory();
}

void audience_end_publisher(struct audience *audience, const struct audience_start *start,
                            const netipc_publisher_info *info)
{
    audience->publisher_cpu_ns = usage_process_ns() - start->cpu_ns;
    audience->runs_ns = clock_now_ns() - start->start_ns;
    audience_weigh_publisher(audience, info);
}

void audience_end_subscriber(struct audience *audience, const struct audience_start *start, uint64_t own_ns)
{
    atomic_fetch_add(&audience->subscribers_cpu_ns, usage_process_ns() - start->cpu_ns - own_ns);
    audience_weigh_subscriber(audience);
}

void audience_report_memory(const struct audience *audience, struct json_object *results)
{
    document_count(results, "region_bytes", audience->region_bytes);
    document_count(results, "publisher_rss_bytes", audience->publisher_memory.rss_bytes);
    document_count(results, "subscriber_rss_bytes", audience->subscriber_memory.rss_bytes);
}

void audience_report(const struct audience *audience, struct json_object *results)
{
    document_number(results, "publisher_cpu_percent", usage_percent(audience->publisher_cpu_ns, audience->runs_ns));
    document_number(results, "subscribers_cpu_percent", usage_percent(audience->subscribers_cpu_ns, audience->runs_ns));
    audience_report_memory(audience, results);
}

void *audience_buffer(const struct station *station, size_t size)
{
    void *buffer = aligned_alloc(ALIGNMENT, (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (buffer == NULL)
        station_fail(station, NETIPC_NO_MEMORY, "no memory for %zu bytes", size);
    return buffer;
}

static void look(const struct station *station, const struct audience *audience, netipc_subscriber *subscriber,
                 void *buffer)
{
    netipc_snapshot_info info = {.size = sizeof info};
    uint64_t published = atomic_load(&audience->published);
    netipc_status status = netipc_subscriber_read(subscriber, buffer, audience->size, &info);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot read");
    if (info.generation != published || info.length != audience->size ||
        !payload_check(buffer, audience->size, published, NULL))
        station_fail(station, NETIPC_CORRUPT, "read %llu bytes of generation %llu, which are not those of %llu",
                     (unsigned long long)info.length, (unsigned long long)info.generation,
                     (unsigned long long)published);
}

void audience_idle(struct station *station, void *context)
{
    struct audience *audience = context;
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    netipc_subscriber *subscriber = audience_attach(station, audience, &config);
    void *buffer = audience_buffer(station, audience->size);
    station_meet(station);
    struct audience_start start = audience_start();
    for (uint64_t own_ns = 0;;) {
        station_meet(station);
        uint64_t before_ns = usage_thread_ns();
        if (atomic_load(&audience->over) != 0) {
            audience_end_subscriber(audience, &start, own_ns);
            break;
        }
        look(station, audience, subscriber, buffer);
        own_ns += usage_thread_ns() - before_ns;
    }
    netipc_subscriber_close(subscriber);
    free(buffer);
}
