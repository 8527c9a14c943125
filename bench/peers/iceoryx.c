/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/roudi.h"

#include <errno.h>
#include <iceoryx_binding_c/chunk.h>
#include <iceoryx_binding_c/config.h>
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <iceoryx_binding_c/wait_set.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * iceoryx 2, in chunks that are lent: a publication fills one and gives it away, a read takes one and gives back the
 * one before. A subscriber's queue is of one chunk, which a later one replaces. Who blocks waits for a wait set that
 * tells that there is one; who spins tries to take one.
 */
enum { CHUNKS = 8, CHUNKS_A_READER = 4, LOOKS = 10000, LOOK_NS = 1000000, WAIT_S = 1 };

struct publisher {
    const struct station *station;
    uint32_t size;
    iox_pub_storage_t storage;
    iox_pub_t publisher;
};

struct reader {
    const struct station *station;
    size_t size;
    iox_sub_storage_t storage;
    iox_sub_t subscriber;
    iox_ws_storage_t wait_set_storage;
    iox_ws_t wait_set;
    const void *held; /* the latest chunk; NULL: none yet */
};

static enum peer_ready prepare(struct peer_link *link)
{
    if (link->readers > iox_cfg_max_subscribers_per_publisher())
        return peer_explain(link, PEER_UNABLE, "it has at most %u readers", iox_cfg_max_subscribers_per_publisher());
    struct roudi *roudi = malloc(sizeof *roudi);
    if (roudi == NULL)
        return peer_explain(link, PEER_FAILED, "no memory");
    enum peer_ready ready = roudi_start(roudi, link, link->size, CHUNKS + CHUNKS_A_READER * link->readers);
    if (ready != PEER_READY)
        free(roudi);
    else
        link->made = roudi;
    return ready;
}

static void clear(struct peer_link *link)
{
    roudi_stop(link->made);
    free(link->made);
}

static void join(const struct station *station, const struct peer_link *link)
{
    char name[48];
    if (!roudi_enter(link->made))
        station_fail(station, NETIPC_SYSTEM, "cannot enter the mounts of iox-roudi: %s", strerror(errno));
    snprintf(name, sizeof name, "shmbench-%u", station->number);
    iox_set_loglevel(Iceoryx_LogLevel_Off);
    iox_runtime_init(name);
}

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    iox_pub_options_t options;
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->station = station;
    publisher->size = (uint32_t)link->size;
    join(station, link);
    iox_pub_options_init(&options);
    publisher->publisher = iox_pub_init(&publisher->storage, "shmbench", "peers", "snapshot", &options);
    if (publisher->publisher == NULL)
        station_fail(station, NETIPC_SYSTEM, "iceoryx cannot make a publisher");
    return publisher;
}

static void publish(void *context, const void *bytes)
{
    const struct publisher *publisher = context;
    void *chunk;
    enum iox_AllocationResult result = iox_pub_loan_chunk(publisher->publisher, &chunk, publisher->size);
    if (result != AllocationResult_SUCCESS)
        station_fail(publisher->station, NETIPC_SYSTEM, "iceoryx lends no chunk: AllocationResult %d", (int)result);
    memcpy(chunk, bytes, publisher->size);
    iox_pub_publish_chunk(publisher->publisher, chunk);
}

static void close_publisher(void *context, uint64_t published)
{
    struct publisher *publisher = context;
    (void)published;
    iox_pub_deinit(publisher->publisher);
    iox_runtime_shutdown();
    free(publisher);
}

static void await_subscription(const struct reader *reader)
{
    const struct timespec pause = {.tv_nsec = LOOK_NS};
    for (unsigned looks = 0; iox_sub_get_subscription_state(reader->subscriber) != SubscribeState_SUBSCRIBED; looks++) {
        if (looks == LOOKS)
            station_fail(reader->station, NETIPC_TIMED_OUT, "iceoryx does not connect the subscriber");
        nanosleep(&pause, NULL);
    }
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    iox_sub_options_t options;
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    reader->station = station;
    reader->size = link->size;
    join(station, link);
    iox_sub_options_init(&options);
    options.queueCapacity = 1;
    options.queueFullPolicy = QueueFullPolicy_DISCARD_OLDEST_DATA;
    reader->subscriber = iox_sub_init(&reader->storage, "shmbench", "peers", "snapshot", &options);
    if (reader->subscriber == NULL)
        station_fail(station, NETIPC_SYSTEM, "iceoryx cannot make a subscriber");
    await_subscription(reader);
    reader->wait_set = iox_ws_init(&reader->wait_set_storage);
    if (iox_ws_attach_subscriber_state(reader->wait_set, reader->subscriber, SubscriberState_HAS_DATA, 0, NULL) !=
        WaitSetResult_SUCCESS)
        station_fail(station, NETIPC_SYSTEM, "iceoryx cannot wait for the subscriber");
    return reader;
}

static bool take(struct reader *reader)
{
    const void *chunk;
    enum iox_ChunkReceiveResult result = iox_sub_take_chunk(reader->subscriber, &chunk);
    if (result == ChunkReceiveResult_NO_CHUNK_AVAILABLE)
        return false;
    if (result != ChunkReceiveResult_SUCCESS)
        station_fail(reader->station, NETIPC_SYSTEM, "iceoryx gives no chunk: ChunkReceiveResult %d", (int)result);
    if (reader->held != NULL)
        iox_sub_release_chunk(reader->subscriber, reader->held);
    reader->held = chunk;
    return true;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    struct reader *reader = context;
    if (way == PEER_BLOCK) {
        iox_notification_info_t told[1];
        uint64_t untold;
        if (iox_ws_timed_wait(reader->wait_set, (struct timespec){.tv_sec = WAIT_S}, told, 1, &untold) == 0)
            return false;
    }
    if (!take(reader))
        return false;
    memcpy(buffer, reader->held, reader->size);
    return true;
}

static void reread(void *context, void *buffer)
{
    struct reader *reader = context;
    take(reader);
    memcpy(buffer, reader->held, reader->size);
}

static void close_reader(void *context)
{
    struct reader *reader = context;
    iox_ws_detach_subscriber_state(reader->wait_set, reader->subscriber, SubscriberState_HAS_DATA);
    iox_ws_deinit(reader->wait_set);
    if (reader->held != NULL)
        iox_sub_release_chunk(reader->subscriber, reader->held);
    iox_sub_deinit(reader->subscriber);
    iox_runtime_shutdown();
    free(reader);
}

const struct peer peer_iceoryx = {
    .name = "iceoryx",
    .delivery = PEER_LATEST,
    .ways = 1u << PEER_BLOCK | 1u << PEER_SPIN,
    .prepare = prepare,
    .clear = clear,
    .open_publisher = open_publisher,
    .publish = publish,
    .close_publisher = close_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .reread = reread,
    .close_reader = close_reader,
};
