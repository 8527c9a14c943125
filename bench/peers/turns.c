/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/peers/turns.h"

#include "bench/audience.h"
#include "bench/batch.h"
#include "bench/clock.h"
#include "bench/pace.h"
#include "bench/payload.h"
#include "bench/usage.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/*
 * Flat out, filling a message would be the most of the publisher's work. So there are CONTENTS of them, filled before,
 * which take turns, and the number of a message is its stamp. That is no divisor of what rings and pools count in, so
 * that what lies in a place of such differs from what was there before.
 */
enum { CONTENTS = 3 };
#define FIRST_CONTENT (UINT64_C(1) << 32) /* generations of payload.h; those of other messages are their numbers */

/* Between looks at the clock and at the end. */
enum { BATCH_BYTES = 65536, BATCH_MOST = 64, LOST_NS = 10000000, LOST_LOOKS = 100 };

static size_t bytes_of(unsigned readers)
{
    return sizeof(struct turns) + (size_t)readers * PEER_WAYS * sizeof(struct turns_reading);
}

struct turns *turns_make(const struct peer *peer, const struct turns_plan *plan)
{
    struct turns *turns = crew_shared(bytes_of(plan->readers));
    if (turns == NULL)
        return NULL;
    turns->peer = peer;
    turns->plan = *plan;
    turns->link.size = plan->size;
    turns->link.readers = plan->readers;
    return turns;
}

void turns_free(struct turns *turns)
{
    if (turns != NULL)
        crew_shared_free(turns, bytes_of(turns->plan.readers));
}

unsigned turns_parts(const struct peer *peer, unsigned ways)
{
    unsigned parts = peer->reread != NULL;
    for (unsigned way = 0; way < PEER_WAYS; way++)
        if (peer->ways & ways & 1u << way)
            parts += 2;
    return parts;
}

static double rate(uint64_t messages, uint64_t ns)
{
    return (double)messages * 1e9 / (double)(ns > 0 ? ns : 1);
}

/* --- the publisher --- */

struct publisher {
    const struct station *station;
    struct turns *turns;
    void *handle;
    unsigned char *contents[CONTENTS], *payload;
    uint64_t published;
    uint32_t parts; /* at their end */
};

static void publish_content(struct publisher *publisher)
{
    uint64_t number = ++publisher->published, content = number % CONTENTS;
    payload_stamp(publisher->contents[content], FIRST_CONTENT + content, number);
    publisher->turns->peer->publish(publisher->handle, publisher->contents[content]);
}

/* Readers know the end of a part by its last message. Who loses messages is given another one until all have had one.
 */
static void end_part_of_publisher(struct publisher *publisher)
{
    const struct timespec pause = {.tv_nsec = LOST_NS / LOST_LOOKS};
    struct turns *turns = publisher->turns;
    uint32_t all = ++publisher->parts * turns->plan.readers;
    for (unsigned looks = 1; turns->peer->delivery == PEER_SOME && atomic_load(&turns->done) != all; looks++) {
        if (looks % LOST_LOOKS == 0)
            publish_content(publisher);
        nanosleep(&pause, NULL);
    }
    atomic_store(&turns->published[publisher->parts % 2], publisher->published);
}

static void publish_flat_out(struct publisher *publisher, struct turns_publishing *publishing)
{
    const struct turns_plan *plan = &publisher->turns->plan;
    struct turns_count *count = &publishing->flat_out;
    uint64_t batch = BATCH_BYTES / plan->size, first = publisher->published;
    batch = batch < 1 ? 1 : batch > BATCH_MOST ? BATCH_MOST : batch;
    uint64_t cpu_ns = usage_process_ns(), start_ns = clock_now_ns(), now_ns;
    do {
        for (uint64_t i = 0; i < batch; i++)
            publish_content(publisher);
        now_ns = clock_now_ns();
    } while (now_ns < start_ns + plan->part_ns);
    count->cpu_ns += usage_process_ns() - cpu_ns;
    count->wall_ns += now_ns - start_ns;
    series_add(&publishing->per_second, rate(publisher->published - first, now_ns - start_ns));
    atomic_store(&publisher->turns->last, publisher->published + 1);
    publish_content(publisher);
    count->messages += publisher->published - first;
    end_part_of_publisher(publisher);
}

static void publish_at_rate(struct publisher *publisher, struct turns_publishing *publishing)
{
    struct turns *turns = publisher->turns;
    const struct turns_plan *plan = &turns->plan;
    struct turns_count *count = &publishing->at_rate;
    struct pace pace;
    uint64_t messages = (uint64_t)(plan->hz * (double)plan->part_ns / 1e9 + 0.5);
    messages = messages < 1 ? 1 : messages;
    atomic_store(&turns->last, publisher->published + messages);
    uint64_t cpu_ns = usage_process_ns(), start_ns = clock_now_ns();
    pace_start(&pace, plan->hz);
    for (uint64_t i = 0; i < messages; i++) {
        uint64_t number = ++publisher->published;
        payload_fill(publisher->payload, plan->size, number);
        pace_wait(&pace, &publishing->lag_ns);
        payload_stamp(publisher->payload, number, clock_now_ns());
        turns->peer->publish(publisher->handle, publisher->payload);
    }
    count->cpu_ns += usage_process_ns() - cpu_ns;
    count->wall_ns += clock_now_ns() - start_ns;
    count->messages += messages;
    end_part_of_publisher(publisher);
}

static void prepare_publisher(struct publisher *publisher)
{
    size_t size = publisher->turns->plan.size;
    publisher->payload = audience_buffer(publisher->station, size);
    for (uint64_t i = 0; i < CONTENTS; i++) {
        publisher->contents[i] = audience_buffer(publisher->station, size);
        payload_fill(publisher->contents[i], size, FIRST_CONTENT + i);
    }
}

void turns_publish(struct station *station, void *context)
{
    struct turns *turns = context;
    const struct peer *peer = turns->peer;
    struct publisher publisher = {.station = station, .turns = turns};
    prepare_publisher(&publisher);
    publisher.handle = peer->open_publisher(station, &turns->link);
    station_meet(station);
    station_meet(station); /* the readers are open */
    if (peer->await_readers != NULL)
        peer->await_readers(publisher.handle);
    for (uint64_t run = 0; run < turns->plan.runs; run++) {
        for (unsigned way = 0; way < PEER_WAYS; way++) {
            if ((peer->ways & turns->plan.ways & 1u << way) == 0)
                continue;
            station_meet(station);
            publish_flat_out(&publisher, &turns->publishing[way]);
            station_meet(station);
            publish_at_rate(&publisher, &turns->publishing[way]);
        }
        if (peer->reread != NULL)
            station_meet(station);
    }
    station_meet(station); /* nobody reads any more */
    peer->close_publisher(publisher.handle, publisher.published);
}

/* --- a reader --- */

struct reader {
    const struct station *station;
    struct turns *turns;
    void *handle;
    unsigned char *buffer;
    uint64_t seen;  /* the number of the latest message */
    uint32_t parts; /* at their end */
    struct distribution run_ns;
};

/* The number of the message in the buffer, which is whole. */
static uint64_t number_of(const struct reader *reader, bool every_byte)
{
    size_t size = reader->turns->plan.size;
    uint64_t generation, stamp;
    payload_front(reader->buffer, &generation, &stamp);
    uint64_t number = generation >= FIRST_CONTENT ? stamp : generation;
    if (generation >= FIRST_CONTENT && generation != FIRST_CONTENT + number % CONTENTS)
        number = 0;
    if (number == 0 || !(every_byte ? payload_check(reader->buffer, size, generation, NULL)
                                    : payload_check_piece(reader->buffer, size, generation, number)))
        station_fail(reader->station, NETIPC_CORRUPT, "the bytes of message %llu are wrong (%s, %zu bytes)",
                     (unsigned long long)number, reader->turns->peer->name, size);
    return number;
}

/* Takes the message in the buffer into account. False: it is none. A transport that loses some has old ones on their
 * way; and a reader of LMDB that begins between two publications may be told of the first and be given the second. */
static bool take(struct reader *reader, bool every_byte, struct turns_count *count)
{
    uint64_t number = number_of(reader, every_byte);
    enum peer_delivery delivery = reader->turns->peer->delivery;
    if (delivery == PEER_SOME ? number <= reader->seen : reader->turns->peer->repeats && number == reader->seen)
        return false;
    if (number <= reader->seen || (delivery == PEER_EACH && number != reader->seen + 1))
        station_fail(reader->station, NETIPC_CORRUPT, "message %llu came after %llu (%s)", (unsigned long long)number,
                     (unsigned long long)reader->seen, reader->turns->peer->name);
    count->messages++;
    count->missed += number - reader->seen - 1;
    reader->seen = number;
    return true;
}

/* What is older than this part is nothing that it waits for. */
static uint64_t begin_part(struct reader *reader, struct turns_count *count)
{
    uint64_t published = atomic_load(&reader->turns->published[reader->parts % 2]);
    if (reader->seen != published && reader->turns->peer->delivery != PEER_SOME)
        station_fail(reader->station, NETIPC_CORRUPT, "read message %llu, and %llu was the last one (%s)",
                     (unsigned long long)reader->seen, (unsigned long long)published, reader->turns->peer->name);
    count->missed += published - reader->seen;
    reader->seen = published;
    return published;
}

static bool has_all(const struct reader *reader, uint64_t before)
{
    uint64_t last = atomic_load_explicit(&reader->turns->last, memory_order_acquire);
    return last > before && reader->seen >= last;
}

static void read_flat_out(struct reader *reader, enum peer_way way, struct turns_reading *reading)
{
    const struct peer *peer = reader->turns->peer;
    struct turns_count *count = &reading->flat_out;
    uint64_t before = begin_part(reader, count), messages = count->messages;
    uint64_t cpu_ns = usage_process_ns(), start_ns = clock_now_ns();
    while (!has_all(reader, before)) {
        if (peer->read(reader->handle, way, reader->buffer))
            take(reader, false, count);
        else
            clock_relax();
    }
    uint64_t taken_ns = clock_now_ns() - start_ns;
    count->cpu_ns += usage_process_ns() - cpu_ns;
    count->wall_ns += taken_ns;
    series_add(&reading->per_second, rate(count->messages - messages, taken_ns));
}

static void read_at_rate(struct reader *reader, enum peer_way way, struct turns_reading *reading)
{
    const struct peer *peer = reader->turns->peer;
    struct turns_count *count = &reading->at_rate;
    uint64_t before = begin_part(reader, count), cpu_ns = usage_process_ns(), start_ns = clock_now_ns();
    memset(&reader->run_ns, 0, sizeof reader->run_ns);
    while (!has_all(reader, before)) {
        if (!peer->read(reader->handle, way, reader->buffer)) {
            clock_relax();
            continue;
        }
        uint64_t now_ns = clock_now_ns(), generation, stamp;
        payload_front(reader->buffer, &generation, &stamp);
        if (take(reader, true, count) && generation < FIRST_CONTENT)
            distribution_add(&reader->run_ns, now_ns - stamp);
    }
    count->cpu_ns += usage_process_ns() - cpu_ns;
    count->wall_ns += clock_now_ns() - start_ns;
    distribution_merge(&reading->latency_ns, &reader->run_ns);
    series_add(&reading->latency_p50_ns, distribution_quantile(&reader->run_ns, 0.5));
}

static void reread(void *context, uint64_t times)
{
    const struct reader *reader = context;
    for (uint64_t i = 0; i < times; i++)
        reader->turns->peer->reread(reader->handle, reader->buffer);
}

static void check_again(void *context, uint64_t times)
{
    const struct reader *reader = context;
    (void)times;
    uint64_t number = number_of(reader, true);
    if (number != reader->seen)
        station_fail(reader->station, NETIPC_CORRUPT, "message %llu was read again as %llu (%s)",
                     (unsigned long long)reader->seen, (unsigned long long)number, reader->turns->peer->name);
}

static void read_again(struct reader *reader)
{
    struct turns *turns = reader->turns;
    const struct batch batch = {
        .timed = reread, .check = check_again, .context = reader, .times = batch_times(turns->plan.size)};
    series_add(&turns->again_ns, batch_measure(&batch, turns->plan.part_ns));
}

static void end_part(struct reader *reader)
{
    reader->parts++;
    atomic_fetch_add(&reader->turns->done, 1);
}

/* What was published, and what was read or told to be missing, is the same. */
static void check_counts(struct reader *reader, struct turns_reading *readings)
{
    struct turns_count end = {0};
    uint64_t published = begin_part(reader, &end), known = end.missed;
    for (unsigned way = 0; way < PEER_WAYS; way++)
        known += readings[way].flat_out.messages + readings[way].flat_out.missed + readings[way].at_rate.messages +
                 readings[way].at_rate.missed;
    if (known != published)
        station_fail(reader->station, NETIPC_CORRUPT, "%llu messages read and missed, of %llu (%s)",
                     (unsigned long long)known, (unsigned long long)published, reader->turns->peer->name);
}

void turns_read(struct station *station, void *context)
{
    struct turns *turns = context;
    const struct peer *peer = turns->peer;
    unsigned number = station->number - (unsigned)turns->first - 1;
    struct turns_reading *readings = &turns->readings[(size_t)number * PEER_WAYS];
    struct reader reader = {.station = station, .turns = turns};
    reader.buffer = audience_buffer(station, turns->plan.size);
    memset(reader.buffer, 0, turns->plan.size);
    reader.handle = peer->open_reader(station, &turns->link, number);
    station_meet(station);
    for (uint64_t run = 0; run < turns->plan.runs; run++) {
        for (unsigned way = 0; way < PEER_WAYS; way++) {
            if ((peer->ways & turns->plan.ways & 1u << way) == 0)
                continue;
            station_meet(station);
            read_flat_out(&reader, (enum peer_way)way, &readings[way]);
            end_part(&reader);
            station_meet(station);
            read_at_rate(&reader, (enum peer_way)way, &readings[way]);
            end_part(&reader);
        }
        if (peer->reread == NULL)
            continue;
        station_meet(station);
        if (number == 0)
            read_again(&reader);
    }
    station_meet(station);
    check_counts(&reader, readings);
    peer->close_reader(reader.handle);
}
