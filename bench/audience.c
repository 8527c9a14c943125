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

struct idler {
    const struct station *station;
    const struct audience *audience;
    netipc_subscriber *subscriber;
    netipc_reader *reader;
    void *buffer;
    uint64_t reads;
};

static void look_at(struct idler *idler, uint64_t wanted, uint64_t expected)
{
    netipc_snapshot_info info = {.size = sizeof info};
    size_t size = idler->audience->size;
    netipc_status status = netipc_reader_read(idler->reader, wanted, idler->buffer, size, &info);
    if (status != NETIPC_OK)
        station_fail_status(idler->station, status, "cannot read");
    if (info.generation != expected || info.length != size || !payload_check(idler->buffer, size, expected, NULL))
        station_fail(idler->station, NETIPC_CORRUPT, "read %llu bytes of generation %llu, which are not those of %llu",
                     (unsigned long long)info.length, (unsigned long long)info.generation,
                     (unsigned long long)expected);
    idler->reads++;
}

/* At the latest snapshot; and the first of the processes at all that are still in the ring. */
static void look(struct idler *idler)
{
    uint64_t published = atomic_load(&idler->audience->published), generations[NETIPC_SLOTS_MAX];
    size_t count = 0;
    look_at(idler, NETIPC_GENERATION_LATEST, published);
    if (idler->station->number != 1)
        return;
    netipc_status status = netipc_reader_history(idler->reader, generations, NETIPC_SLOTS_MAX, &count);
    if (status != NETIPC_OK)
        station_fail_status(idler->station, status, "cannot list the history");
    for (size_t i = 0; i < count; i++)
        look_at(idler, generations[i], published - (count - 1 - i));
}

static void check_reads(const struct idler *idler)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_status(idler->subscriber, &info);
    if (status != NETIPC_OK || info.reads != idler->reads)
        station_fail(idler->station, NETIPC_CORRUPT, "the subscriber counts %llu reads where %llu were made",
                     (unsigned long long)info.reads, (unsigned long long)idler->reads);
}

void audience_idle(struct station *station, void *context)
{
    struct audience *audience = context;
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    struct idler idler = {.station = station, .audience = audience};
    idler.subscriber = audience_attach(station, audience, &config);
    idler.buffer = audience_buffer(station, audience->size);
    netipc_status status = netipc_reader_open(idler.subscriber, &idler.reader);
    if (status != NETIPC_OK)
        station_fail_status(station, status, "cannot open a reader");
    station_meet(station);
    struct audience_start start = audience_start();
    for (uint64_t own_ns = 0;;) {
        station_meet(station);
        uint64_t before_ns = usage_thread_ns();
        if (atomic_load(&audience->over) != 0) {
            audience_end_subscriber(audience, &start, own_ns);
            break;
        }
        look(&idler);
        own_ns += usage_thread_ns() - before_ns;
    }
    check_reads(&idler);
    netipc_reader_close(idler.reader);
    netipc_subscriber_close(idler.subscriber);
    free(idler.buffer);
}
