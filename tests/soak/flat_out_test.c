/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"
#include "tests/publish/stream.h"

#include <netipc/status.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* SLOTS - 2 - HISTORY lease words are granted: one of the four readers that want one gets none. */
enum {
    EACH = 4,
    READERS = EACH * STREAM_KINDS,
    SLOTS = 8,
    HISTORY = 3,
    FIRST_CAPACITY = 4096,
    MOST = SCALED(8 << 20, 1 << 20)
};
/* Every writer comes to its first run of longest snapshots (pattern.h) before it is replaced. */
enum { GROWN_BY = 41 * 16, LEAST_WRITERS = 2, LEAST_REPLACED = 2 };
enum {
    SHORT_S = 6,
    LONG_S = SCALED(3600, 300),
    DAY_S = 24 * 3600,
    LOOK_MS = 100,
    LINE_S = 60,
    STUCK_S = 60,
    SPARE_S = 400
};

static const char *const kind_names[] = {"copy", "lease", "history", "wait", "descriptor"};

struct reader {
    struct peer *peer;
    enum stream_kind kind;
    uint64_t numbers[STREAM_NUMBERS];
    uint64_t moved_ns; /* when it was last seen to have got further */
};

static struct peer *writer;
static struct reader readers[READERS];
static uint64_t totals[STREAM_KINDS][STREAM_NUMBERS]; /* of those that have ended */
static uint64_t writers, replaced, published;         /* published: by the writers before this one */

/* --- the peers --- */

static void start_writer(void)
{
    uint64_t status;
    writer = peer_start("publisher");
    peer_ask(writer, &status, 1, "open %d %d 0 %d", SLOTS, FIRST_CAPACITY, HISTORY);
    assert_int_equal(status, NETIPC_OK);
    peer_tell(writer, "stream %d", MOST);
    writers++;
}

static void start_reader(struct reader *reader)
{
    uint64_t status;
    reader->peer = peer_start("subscriber");
    peer_ask(reader->peer, &status, 1, "open 1000 10000 0 %d", reader->kind == STREAM_LEASE);
    assert_int_equal(status, NETIPC_OK);
    peer_tell(reader->peer, "stream %d %d", (int)reader->kind, MOST);
    memset(reader->numbers, 0, sizeof reader->numbers);
    reader->moved_ns = now_ns();
}

static void look(struct reader *reader)
{
    uint64_t before[STREAM_NUMBERS];
    memcpy(before, reader->numbers, sizeof before);
    peer_hear(reader->peer, reader->numbers, STREAM_NUMBERS);
    if (before[STREAM_GENERATION] != reader->numbers[STREAM_GENERATION] ||
        before[STREAM_INCARNATION] != reader->numbers[STREAM_INCARNATION])
        reader->moved_ns = now_ns();
    else if (now_ns() - reader->moved_ns > patience_ns(STUCK_S))
        fail_msg("%s reader %d is stuck at generation %" PRIu64, kind_names[reader->kind], (int)reader->peer->pid,
                 reader->numbers[STREAM_GENERATION]);
}

static void look_at_all(void)
{
    for (size_t i = 0; i < READERS; i++)
        peer_tell(readers[i].peer, "progress");
    for (size_t i = 0; i < READERS; i++)
        look(&readers[i]);
}

/* Until everybody has got to this incarnation, and of it to at least that generation. */
static void await_all_at(const uint64_t position[2])
{
    for (bool there = false; !there; pause_ms(LOOK_MS)) {
        look_at_all();
        there = true;
        for (size_t i = 0; i < READERS; i++) {
            if (readers[i].numbers[STREAM_INCARNATION] == position[0] &&
                readers[i].numbers[STREAM_GENERATION] >= position[1])
                readers[i].moved_ns = now_ns(); /* it may rest here */
            else
                there = false;
        }
    }
}

static void add_to_totals(const struct reader *reader)
{
    uint64_t *sum = totals[reader->kind], longest = sum[STREAM_LONGEST];
    for (size_t i = 0; i < STREAM_NUMBERS; i++)
        sum[i] += reader->numbers[i];
    sum[STREAM_LONGEST] = reader->numbers[STREAM_LONGEST] > longest ? reader->numbers[STREAM_LONGEST] : longest;
}

static void replace_a_reader(void)
{
    struct reader *reader = &readers[replaced++ * 7 % READERS];
    add_to_totals(reader);
    peer_kill(reader->peer);
    start_reader(reader);
}

/* What it has come to. */
static void await_grown(uint64_t position[2])
{
    uint64_t deadline = now_ns() + patience_ns(STUCK_S);
    do {
        peer_ask(writer, position, 2, "progress");
        if (now_ns() >= deadline)
            fail_msg("the writer is at generation %" PRIu64 " only", position[1]);
    } while (position[1] < GROWN_BY);
}

static void replace_the_writer(void)
{
    uint64_t position[2];
    await_grown(position);
    await_all_at(position);
    peer_kill(writer);
    published += position[1];
    start_writer();
}

/* --- the run --- */

static uint64_t seconds(void)
{
    const char *text = getenv("NETIPC_SOAK_SECONDS"), *is_long = getenv("NETIPC_TEST_LONG");
    if (text == NULL)
        return is_long != NULL && strcmp(is_long, "1") == 0 ? LONG_S : SHORT_S;
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (value == 0 || value > DAY_S || *end != '\0')
        fail_msg("NETIPC_SOAK_SECONDS is \"%s\", not a number from 1 to %d", text, DAY_S);
    return value;
}

static void say_how_far(uint64_t start)
{
    uint64_t position[2], checked = 0;
    peer_ask(writer, position, 2, "progress");
    for (size_t i = 0; i < READERS; i++)
        checked += readers[i].numbers[STREAM_CHECKED];
    for (size_t i = 0; i < STREAM_KINDS; i++)
        checked += totals[i][STREAM_CHECKED];
    fprintf(stderr,
            "after %" PRIu64 " s: writer %" PRIu64 ", %" PRIu64 " generations published, %" PRIu64
            " snapshots checked, %" PRIu64 " readers replaced\n",
            (now_ns() - start) / 1000000000, writers, published + position[1], checked, replaced);
}

/* A writer and readers are killed and replaced as often as a short run allows, and in a long run seldom enough for
 * everybody to get to full speed. */
static void run(uint64_t run_s)
{
    uint64_t start = now_ns(), duration = run_s * 1000000000;
    uint64_t writer_every = run_s <= 60 ? 2000000000 : 20000000000, reader_every = writer_every / 5;
    uint64_t next_writer = writer_every, next_reader = reader_every, next_line = UINT64_C(1000000000) * LINE_S;
    for (uint64_t at = 0; at < duration || writers < LEAST_WRITERS || replaced < LEAST_REPLACED; pause_ms(LOOK_MS)) {
        at = now_ns() - start;
        look_at_all();
        if (at >= next_reader) {
            replace_a_reader();
            next_reader = at + reader_every;
        }
        if (at >= next_writer) {
            replace_the_writer();
            next_writer = now_ns() - start + writer_every;
        }
        if (at >= next_line) {
            say_how_far(start);
            next_line += UINT64_C(1000000000) * LINE_S;
        }
    }
}

/* The writer has stopped: everybody gets to its last generation, and what it has counted agrees. */
static void end_together(void)
{
    uint64_t last[2], stats[6];
    await_grown(last);
    peer_ask(writer, last, 2, "stop");
    published += last[1];
    await_all_at(last);
    peer_ask(writer, stats, 6, "stats");
    assert_int_equal(stats[0], last[1]); /* publications, generations */
    assert_true(stats[5] >= MOST);       /* it has grown as far as it goes */
    for (size_t i = 0; i < READERS; i++) {
        struct reader *reader = &readers[i];
        peer_ask(reader->peer, reader->numbers, STREAM_NUMBERS, "stop");
        assert_int_equal(reader->numbers[STREAM_INCARNATION], last[0]);
        assert_int_equal(reader->numbers[STREAM_GENERATION], last[1]);
        assert_int_equal(reader->numbers[STREAM_READS_TOLD], reader->numbers[STREAM_CHECKED]);
        assert_int_equal(reader->numbers[STREAM_OVERRUNS_TOLD], reader->numbers[STREAM_OVERRUNS]);
        add_to_totals(reader);
        peer_end(reader->peer);
    }
    peer_end(writer);
}

static void expect_work_of_every_kind(void)
{
    for (size_t i = 0; i < STREAM_KINDS; i++) {
        const uint64_t *sum = totals[i];
        print_message("%-10s %8" PRIu64 " snapshots, the longest of %7" PRIu64 " bytes, %6" PRIu64
                      " in place; %6" PRIu64 " tries overtaken, %6" PRIu64 " overrun, %6" PRIu64 " expired, %6" PRIu64
                      " without a lease, %4" PRIu64 " superseded, %3" PRIu64 " ends, %6" PRIu64 " sleeps\n",
                      kind_names[i], sum[STREAM_CHECKED], sum[STREAM_LONGEST], sum[STREAM_VIEWS], sum[STREAM_OVERTAKEN],
                      sum[STREAM_OVERRUNS], sum[STREAM_EXPIRED], sum[STREAM_NO_LEASE], sum[STREAM_SUPERSEDED],
                      sum[STREAM_ENDED], sum[STREAM_SLEEPS]);
        assert_true(sum[STREAM_CHECKED] >= READERS);
        assert_true(sum[STREAM_LONGEST] > FIRST_CAPACITY);
        assert_true(sum[STREAM_PUBLISHERS] >= writers * EACH);
    }
    assert_true(totals[STREAM_LEASE][STREAM_VIEWS] > 0);
    assert_true(totals[STREAM_LEASE][STREAM_NO_LEASE] > 0);
    assert_true(totals[STREAM_WAIT][STREAM_SLEEPS] > 0);
    assert_true(totals[STREAM_DESCRIPTOR][STREAM_SLEEPS] > 0);
}

static void twenty_readers_of_five_kinds_keep_up_with_a_writer_flat_out(void **state)
{
    (void)state;
    uint64_t run_s = seconds();
    alarm((unsigned)(run_s + patience_ns(SPARE_S) / 1000000000)); /* ctest allows for the longest run */
    start_writer();
    for (size_t i = 0; i < READERS; i++) {
        readers[i].kind = (enum stream_kind)(i % STREAM_KINDS);
        start_reader(&readers[i]);
    }
    run(run_s);
    end_together();
    print_message("%" PRIu64 " generations of %" PRIu64 " writers, %" PRIu64 " readers replaced\n", published, writers,
                  replaced);
    expect_work_of_every_kind();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(twenty_readers_of_five_kinds_keep_up_with_a_writer_flat_out, peers_setup,
                                        peers_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
