/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/audience.h"
#include "bench/peers/peer.h"

#include <stdlib.h>

/*
 * This library, in its default configuration: readers that block wait by netipc_subscriber_wait(), which spins when it
 * expects the next snapshot within 50 us, else sleeps; those that spin load netipc_subscriber_generation().
 */
struct publisher {
    const struct station *station;
    const struct peer_link *link;
    netipc_publisher *publisher;
    uint64_t published;
};

struct reader {
    const struct station *station;
    size_t size;
    netipc_subscriber *subscriber;
    uint64_t seen, reads;
};

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    struct audience audience = {.run_dir = link->dir, .size = link->size};
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->station = station;
    publisher->link = link;
    publisher->publisher = audience_open_publisher(station, &audience);
    return publisher;
}

static void await_readers(void *context)
{
    const struct publisher *publisher = context;
    audience_expect_attached(publisher->station, publisher->publisher, publisher->link->readers);
}

static void publish(void *context, const void *bytes)
{
    struct publisher *publisher = context;
    uint64_t generation = 0;
    netipc_status status = netipc_publish(publisher->publisher, bytes, publisher->link->size, &generation);
    if (status != NETIPC_OK)
        station_fail_status(publisher->station, status, "cannot publish");
    if (generation != ++publisher->published)
        station_fail(publisher->station, NETIPC_CORRUPT, "publication %llu is generation %llu",
                     (unsigned long long)publisher->published, (unsigned long long)generation);
}

static void close_publisher(void *context, uint64_t published)
{
    struct publisher *publisher = context;
    netipc_publisher_info info = {.size = sizeof info};
    netipc_status status = netipc_publisher_stats(publisher->publisher, &info);
    if (status != NETIPC_OK || info.publications != published || info.generation != published ||
        info.bytes != published * publisher->link->size)
        station_fail(publisher->station, NETIPC_CORRUPT,
                     "netipc counts %llu publications up to generation %llu, of %llu bytes, not %llu",
                     (unsigned long long)info.publications, (unsigned long long)info.generation,
                     (unsigned long long)info.bytes, (unsigned long long)published);
    netipc_publisher_close(publisher->publisher);
    free(publisher);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    struct audience audience = {.run_dir = link->dir, .size = link->size};
    netipc_subscriber_config config;
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    netipc_subscriber_config_init(&config);
    reader->station = station;
    reader->size = link->size;
    reader->subscriber = audience_attach(station, &audience, &config);
    return reader;
}

/* The latest one, if it is at least that of this generation. */
static bool take(struct reader *reader, uint64_t least, void *buffer)
{
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_read(reader->subscriber, buffer, reader->size, &info);
    if (status == NETIPC_OVERRUN)
        return false;
    if (status != NETIPC_OK)
        station_fail_status(reader->station, status, "cannot read");
    if (info.length != reader->size || info.generation < least)
        station_fail(reader->station, NETIPC_CORRUPT, "read %llu bytes of generation %llu after %llu",
                     (unsigned long long)info.length, (unsigned long long)info.generation,
                     (unsigned long long)reader->seen);
    reader->seen = info.generation;
    reader->reads++;
    return true;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    struct reader *reader = context;
    if (way == PEER_SPIN) {
        if (netipc_subscriber_generation(reader->subscriber) == reader->seen)
            return false;
    } else {
        netipc_status status = netipc_subscriber_wait(reader->subscriber, reader->seen, UINT64_C(1000000000));
        if (status == NETIPC_TIMED_OUT)
            return false;
        if (status != NETIPC_OK)
            station_fail_status(reader->station, status, "cannot wait");
    }
    return take(reader, reader->seen + 1, buffer);
}

static void reread(void *context, void *buffer)
{
    struct reader *reader = context;
    if (!take(reader, reader->seen, buffer))
        station_fail(reader->station, NETIPC_OVERRUN, "overtaken while nothing is published");
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_status(reader->subscriber, &info);
    if (status != NETIPC_OK || info.reads != reader->reads || info.generation != reader->seen)
        station_fail(reader->station, NETIPC_CORRUPT,
                     "netipc counts %llu reads up to generation %llu, not %llu to %llu", (unsigned long long)info.reads,
                     (unsigned long long)info.generation, (unsigned long long)reader->reads,
                     (unsigned long long)reader->seen);
    netipc_subscriber_close(reader->subscriber);
    free(reader);
}

const struct peer peer_netipc = {
    .name = "netipc",
    .delivery = PEER_LATEST,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .open_publisher = open_publisher,
    .await_readers = await_readers,
    .publish = publish,
    .close_publisher = close_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .reread = reread,
    .close_reader = close_reader,
};
