/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/baseline.h"
#include "bench/peers/peer.h"

#include <stdatomic.h>
#include <stdlib.h>

/*
 * No transport, but what the machine can do: memcpy() into the next of eight buffers and one store; one load and
 * memcpy() out. A reader that was overtaken tries again, and nothing else is looked after.
 */
struct publisher {
    const struct baseline *baseline;
    uint64_t published;
};

struct reader {
    const struct baseline *baseline;
    uint64_t seen;
};

static enum peer_ready prepare(struct peer_link *link)
{
    struct baseline *baseline = malloc(sizeof *baseline);
    link->made = baseline;
    if (baseline != NULL && baseline_open(baseline, link->size))
        return PEER_READY;
    free(baseline);
    return peer_explain(link, PEER_FAILED, "no memory for messages of %zu bytes; take a smaller --size", link->size);
}

static void clear(struct peer_link *link)
{
    baseline_close(link->made);
    free(link->made);
    link->made = NULL;
}

static void *open_publisher(const struct station *station, struct peer_link *link)
{
    struct publisher *publisher = peer_allocate(station, sizeof *publisher);
    publisher->baseline = link->made;
    return publisher;
}

static void publish(void *context, const void *bytes)
{
    struct publisher *publisher = context;
    baseline_send(publisher->baseline, BASELINE_SPIN, bytes, ++publisher->published);
}

static void *open_reader(const struct station *station, struct peer_link *link, unsigned number)
{
    struct reader *reader = peer_allocate(station, sizeof *reader);
    (void)number;
    reader->baseline = link->made;
    return reader;
}

static bool read_one(void *context, enum peer_way way, void *buffer)
{
    struct reader *reader = context;
    (void)way;
    if (baseline_latest(reader->baseline) == reader->seen)
        return false;
    uint64_t number = baseline_receive(reader->baseline, BASELINE_SPIN, reader->seen, buffer);
    atomic_thread_fence(memory_order_acquire);
    /* The publisher writes the one behind the latest before it says so. */
    if (baseline_latest(reader->baseline) >= number + BASELINE_BUFFERS - 1)
        return false;
    reader->seen = number;
    return true;
}

static void reread(void *context, void *buffer)
{
    const struct reader *reader = context;
    baseline_receive(reader->baseline, BASELINE_SPIN, 0, buffer);
}

const struct peer peer_bare = {
    .name = "bare",
    .delivery = PEER_LATEST,
    .ways = 1u << PEER_SPIN,
    .prepare = prepare,
    .clear = clear,
    .open_publisher = open_publisher,
    .publish = publish,
    .close_publisher = peer_free_publisher,
    .open_reader = open_reader,
    .read = read_one,
    .reread = reread,
    .close_reader = free,
};
