/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peer.h"

#include <netipc/reader.h>

#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/stream.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { POLLS_A_TURN = 64, LISTED_MOST = 64, RETRY_MS = 5, WAIT_NS = 100000000 };

struct stream {
    netipc_subscriber *subscriber;
    netipc_reader *reader;
    uint64_t kind, most;
    unsigned char *room;
    int epoll;
    bool armed;
    netipc_snapshot_info newest; /* of what was looked at */
    uint64_t seen;               /* for poll, wait and arm: 0 when refresh has told of something else since */
    uint64_t numbers[STREAM_NUMBERS];
};

/* --- statuses --- */

/* Ends the process unless status is NETIPC_OK or one of those, which end with NETIPC_OK. */
static netipc_status allow(struct stream *stream, netipc_status status, const char *call, const netipc_status *allowed)
{
    static const struct {
        netipc_status status;
        enum stream_number number;
    } counted[] = {{NETIPC_OVERRUN, STREAM_OVERRUNS},  {NETIPC_EXPIRED, STREAM_EXPIRED},
                   {NETIPC_NO_LEASE, STREAM_NO_LEASE}, {NETIPC_SUPERSEDED, STREAM_SUPERSEDED},
                   {NETIPC_GONE, STREAM_ENDED},        {NETIPC_CLOSED, STREAM_ENDED}};
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        stream->numbers[counted[i].number] += status == counted[i].status;
    for (; *allowed != NETIPC_OK && *allowed != status;)
        allowed++;
    if (*allowed != status)
        peer_fail("%s gave %s: %s", call, netipc_status_name(status), netipc_status_detail());
    return status;
}

/* Publishers come and go. */
static void refresh(struct stream *stream)
{
    static const netipc_status allowed[] = {NETIPC_NOT_FOUND, NETIPC_GONE, NETIPC_CLOSED, NETIPC_DISCONNECTED,
                                            NETIPC_OK};
    int changed;
    if (allow(stream, netipc_subscriber_refresh(stream->subscriber, &changed), "refresh", allowed) != NETIPC_OK)
        pause_ms(RETRY_MS);
    if (changed)
        stream->seen = 0;
}

/* --- looking at snapshots --- */

static bool same_publisher(const netipc_snapshot_info *one, const netipc_snapshot_info *other)
{
    return memcmp(one->incarnation, other->incarnation, sizeof one->incarnation) == 0;
}

static void check(struct stream *stream, const void *data, const netipc_snapshot_info *info)
{
    uint64_t length = pattern_run_length(info->incarnation, info->generation, stream->most);
    if (info->length != length)
        peer_fail("generation %" PRIu64 " has %" PRIu64 " bytes, not %" PRIu64, info->generation, info->length, length);
    if (!pattern_ok(data, length, pattern_key(info->incarnation, info->generation)))
        peer_fail("generation %" PRIu64 " of %" PRIu64 " bytes has bytes that are not its own", info->generation,
                  length);
    stream->numbers[STREAM_CHECKED]++;
    if (length > stream->numbers[STREAM_LONGEST])
        stream->numbers[STREAM_LONGEST] = length;
}

static void advance(struct stream *stream, const netipc_snapshot_info *info)
{
    if (!same_publisher(info, &stream->newest))
        stream->numbers[STREAM_PUBLISHERS]++;
    else if (info->generation < stream->newest.generation)
        peer_fail("from generation %" PRIu64 " back to %" PRIu64, stream->newest.generation, info->generation);
    stream->newest = *info;
    stream->seen = info->generation;
    stream->numbers[STREAM_INCARNATION] = info->incarnation[0];
    stream->numbers[STREAM_GENERATION] = info->generation;
    stream->numbers[STREAM_SUPERSEDED] += info->publisher_state == NETIPC_PUBLISHER_SUPERSEDED;
}

static netipc_status take_copy(struct stream *stream)
{
    static const netipc_status allowed[] = {NETIPC_OVERRUN, NETIPC_EMPTY, NETIPC_DISCONNECTED, NETIPC_OK};
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_subscriber_read(stream->subscriber, stream->room, stream->most, &info);
    if (allow(stream, status, "a read", allowed) == NETIPC_OK) {
        check(stream, stream->room, &info);
        advance(stream, &info);
    }
    return status;
}

static netipc_status take_view(struct stream *stream)
{
    static const netipc_status acquiring[] = {NETIPC_OVERRUN, NETIPC_EMPTY, NETIPC_DISCONNECTED, NETIPC_NO_LEASE,
                                              NETIPC_OK};
    static const netipc_status releasing[] = {NETIPC_OK};
    netipc_snapshot_info info = {.size = sizeof info};
    const void *data;
    netipc_status status = netipc_reader_acquire(stream->reader, NETIPC_GENERATION_LATEST, &data, &info);
    allow(stream, status, "an acquire", acquiring);
    if (status == NETIPC_NO_LEASE)
        return take_copy(stream);
    if (status == NETIPC_OK) {
        check(stream, data, &info);
        allow(stream, netipc_reader_release(stream->reader), "a release", releasing);
        advance(stream, &info);
        stream->numbers[STREAM_VIEWS]++;
    }
    return status;
}

static void take_generation(struct stream *stream, uint64_t generation)
{
    static const netipc_status allowed[] = {NETIPC_OVERRUN, NETIPC_EXPIRED, NETIPC_OK};
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_reader_read(stream->reader, generation, stream->room, stream->most, &info);
    if (allow(stream, status, "a read by number", allowed) != NETIPC_OK)
        return;
    if (info.generation != generation)
        peer_fail("generation %" PRIu64 " in the place of %" PRIu64, info.generation, generation);
    check(stream, stream->room, &info);
    /* A list is made slot by slot, and the publisher does not wait: it may hold fewer new ones than the list before. */
    if (!same_publisher(&info, &stream->newest) || info.generation >= stream->newest.generation)
        advance(stream, &info);
}

static netipc_status take_history(struct stream *stream)
{
    static const netipc_status allowed[] = {NETIPC_DISCONNECTED, NETIPC_OK};
    uint64_t generations[LISTED_MOST];
    size_t count = 0;
    netipc_status status = netipc_reader_history(stream->reader, generations, LISTED_MOST, &count);
    allow(stream, status, "a history", allowed);
    for (size_t i = 0; i < count; i++) {
        if (generations[i] == 0 || (i > 0 && generations[i] <= generations[i - 1]))
            peer_fail("a history has %" PRIu64 " at place %zu", generations[i], i);
        take_generation(stream, generations[i]);
    }
    return status;
}

/* --- the ways to follow --- */

static void follow_by_polling(struct stream *stream)
{
    netipc_status (*const take[])(struct stream *) = {take_copy, take_view, take_history};
    for (int i = 0; i < POLLS_A_TURN; i++) {
        uint64_t polled = netipc_subscriber_generation(stream->subscriber);
        if (polled == 0 || polled == stream->seen)
            continue;
        netipc_status status = take[stream->kind](stream);
        if (status == NETIPC_OK && stream->kind != STREAM_HISTORY && stream->newest.generation < polled)
            peer_fail("a poll showed generation %" PRIu64 ", a read gave %" PRIu64, polled, stream->newest.generation);
        if (stream->newest.publisher_state != NETIPC_PUBLISHER_LIVE)
            break;
    }
    refresh(stream);
    sched_yield();
}

/* After somebody said that there is something new. */
static void take_news(struct stream *stream)
{
    netipc_snapshot_info before = stream->newest;
    uint64_t seen = stream->seen;
    if (take_copy(stream) == NETIPC_OK && seen != 0 && same_publisher(&before, &stream->newest) &&
        before.generation == stream->newest.generation)
        peer_fail("news after generation %" PRIu64 ", and there is none", seen);
}

static void follow_by_waiting(struct stream *stream)
{
    static const netipc_status allowed[] = {NETIPC_TIMED_OUT, NETIPC_SUPERSEDED,   NETIPC_GONE,
                                            NETIPC_CLOSED,    NETIPC_DISCONNECTED, NETIPC_OK};
    netipc_status status = netipc_subscriber_wait(stream->subscriber, stream->seen, WAIT_NS);
    if (allow(stream, status, "a wait", allowed) == NETIPC_OK)
        take_news(stream);
    else if (status != NETIPC_TIMED_OUT)
        refresh(stream);
}

/* Until the descriptor is readable, or a line has come. Whether it is the descriptor. */
static bool sleep_in_epoll(struct stream *stream)
{
    struct epoll_event events[2];
    int count = epoll_wait(stream->epoll, events, 2, -1);
    for (int i = 0; i < count; i++)
        if (events[i].data.fd != STDIN_FILENO)
            return true;
    return false;
}

/* Arms once for each sleep: a line that comes meanwhile must not make up for a doorbell that was lost. */
static void follow_by_descriptor(struct stream *stream)
{
    static const netipc_status allowed[] = {NETIPC_UNCHANGED, NETIPC_CLOSED, NETIPC_SUPERSEDED, NETIPC_DISCONNECTED,
                                            NETIPC_OK};
    if (!stream->armed) {
        netipc_status status = netipc_subscriber_arm(stream->subscriber, stream->seen);
        allow(stream, status, "arming", allowed);
        stream->armed = status == NETIPC_UNCHANGED;
        if (status == NETIPC_OK)
            take_news(stream);
        else if (status != NETIPC_UNCHANGED)
            refresh(stream);
    } else if (sleep_in_epoll(stream)) {
        stream->armed = false;
        stream->numbers[STREAM_SLEEPS]++;
        refresh(stream);
    }
}

/* --- the commands --- */

static int watch(int fd, int epoll)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static int open_epoll(netipc_subscriber *subscriber)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0 || watch(netipc_subscriber_fd(subscriber), epoll) < 0)
        peer_fail("no epoll descriptor");
    return epoll;
}

static void answer_numbers(struct stream *stream)
{
    netipc_subscriber_info info = {.size = sizeof info};
    netipc_subscriber_status(stream->subscriber, &info);
    stream->numbers[STREAM_READS_TOLD] = info.reads;
    stream->numbers[STREAM_OVERRUNS_TOLD] = info.overruns;
    stream->numbers[STREAM_OVERTAKEN] = info.read_retries;
    if (stream->kind == STREAM_WAIT)
        stream->numbers[STREAM_SLEEPS] = info.sleeps;
    for (size_t i = 0; i + 1 < STREAM_NUMBERS; i++)
        printf("%" PRIu64 " ", stream->numbers[i]);
    peer_answer("%" PRIu64, stream->numbers[STREAM_NUMBERS - 1]);
}

static void follow_stream(netipc_subscriber *subscriber, const uint64_t *arguments)
{
    void (*const follow[])(struct stream *) = {follow_by_polling, follow_by_polling, follow_by_polling,
                                               follow_by_waiting, follow_by_descriptor};
    struct stream stream = {.subscriber = subscriber, .kind = arguments[0], .most = arguments[1]};
    stream.room = malloc(stream.most);
    if (stream.kind >= STREAM_KINDS || stream.room == NULL ||
        netipc_reader_open(subscriber, &stream.reader) != NETIPC_OK)
        peer_fail("no stream");
    stream.epoll = open_epoll(subscriber);
    watch(STDIN_FILENO, stream.epoll);
    char name[32] = "";
    uint64_t ignored[PEER_ARGUMENTS];
    while (strcmp(name, "stop") != 0) {
        while (!peer_is_called())
            follow[stream.kind](&stream);
        if (!peer_command(name, ignored))
            break;
        answer_numbers(&stream);
    }
    close(stream.epoll);
    netipc_reader_close(stream.reader);
    free(stream.room);
}

/* doze GENERATION: arms, and sleeps in epoll_wait() without a timeout until there is something to refresh → statuses of
 * arming and of the refresh, generation */
static void doze(netipc_subscriber *subscriber, const uint64_t *arguments)
{
    int epoll = open_epoll(subscriber);
    netipc_status armed = netipc_subscriber_arm(subscriber, arguments[0]);
    struct epoll_event event;
    while (armed == NETIPC_UNCHANGED && epoll_wait(epoll, &event, 1, -1) < 1)
        ;
    netipc_status refreshed = netipc_subscriber_refresh(subscriber, NULL);
    close(epoll);
    peer_answer("%d %d %" PRIu64, (int)armed, (int)refreshed, netipc_subscriber_generation(subscriber));
}

bool peer_streamer(netipc_subscriber *subscriber, const char *name, const uint64_t arguments[PEER_ARGUMENTS])
{
    if (strcmp(name, "stream") == 0)
        follow_stream(subscriber, arguments);
    else if (strcmp(name, "doze") == 0)
        doze(subscriber, arguments);
    else
        return false;
    return true;
}
