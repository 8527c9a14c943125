/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"

#include <netipc/subscriber.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { READERS = 3, SMALLEST = 4096, LARGEST = SCALED(64 << 20, 8 << 20), TIMES = 3 };

static void snapshots_grow_to_64_mib_under_readers_that_never_pause(void **state)
{
    (void)state;
    struct peer *publisher = publisher_start(4, SMALLEST, 0);
    struct peer *readers[READERS];
    uint64_t attached[3], published[2], followed[4], stats[6], last = 0, regions = 0;
    for (uint64_t length = SMALLEST; length <= LARGEST; length *= 2, regions++)
        last += TIMES;
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = subscriber_start(1000);
        peer_ask(readers[i], attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        peer_tell(readers[i], "follow %llu", (unsigned long long)last);
    }
    peer_ask(publisher, published, 2, "double %d %d %d", SMALLEST, LARGEST, TIMES);
    assert_int_equal(published[0], NETIPC_OK);
    assert_int_equal(published[1], last);
    for (size_t i = 0; i < READERS; i++) {
        peer_hear(readers[i], followed, 4);
        assert_int_equal(followed[0], NETIPC_PUBLISHER_LIVE);
        assert_int_equal(followed[1], last);
        assert_int_equal(followed[3], 0); /* neither torn nor backwards */
    }
    peer_ask(publisher, stats, 6, "stats");
    assert_int_equal(stats[4], regions);
    assert_true(stats[5] >= LARGEST);
}

static void who_does_not_refresh_keeps_the_snapshot_from_before_the_growth(void **state)
{
    (void)state;
    struct peer *publisher = publisher_start(4, SMALLEST, 0);
    struct peer *reader = subscriber_start(1000);
    uint64_t published[2], attached[3], read[5], refreshed[2], status, generation = 1;
    peer_ask(publisher, published, 2, "publish %d 1", SMALLEST);
    peer_ask(reader, attached, 3, "attach");
    for (uint64_t length = SMALLEST; length < 1 << 20; length *= 2) {
        peer_ask(publisher, published, 2, "publish %llu 3", (unsigned long long)length * 2);
        assert_int_equal(published[0], NETIPC_OK);
        peer_ask(reader, read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[1], NETIPC_PUBLISHER_SUPERSEDED);
        assert_int_equal(read[2], generation);
        assert_int_equal(read[3], length);
        assert_int_equal(read[4], 0);
        peer_ask(reader, &status, 1, "wait %llu 60000", (unsigned long long)generation);
        assert_int_equal(status, NETIPC_SUPERSEDED);
        peer_ask(reader, refreshed, 2, "refresh");
        assert_int_equal(refreshed[0], NETIPC_OK);
        assert_int_equal(refreshed[1], 1);
        generation += 3;
        peer_ask(reader, read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[1], NETIPC_PUBLISHER_LIVE);
        assert_int_equal(read[2], generation);
        assert_int_equal(read[3], length * 2);
        assert_int_equal(read[4], 0);
    }
}

static void a_superseded_region_whose_successor_was_never_fetched_stays_readable_when_the_publisher_dies(void **state)
{
    (void)state;
    struct peer *publisher = publisher_start(4, SMALLEST, 0);
    struct peer *reader = subscriber_start(1000);
    uint64_t published[2], attached[3], read[5], refreshed[2];
    peer_ask(publisher, published, 2, "publish %d 1", SMALLEST);
    peer_ask(reader, attached, 3, "attach");
    peer_ask(publisher, published, 2, "publish %d 1", SMALLEST * 2);
    peer_kill(publisher);
    peer_ask(reader, refreshed, 2, "refresh");
    assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
    assert_int_equal(refreshed[1], 0);
    peer_ask(reader, read, 5, "read");
    assert_int_equal(read[0], NETIPC_OK);
    assert_int_equal(read[1], NETIPC_PUBLISHER_GONE);
    assert_int_equal(read[2], 1);
    assert_int_equal(read[4], 0);
}

#define growing(test) cmocka_unit_test_setup_teardown(test, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        growing(snapshots_grow_to_64_mib_under_readers_that_never_pause),
        growing(who_does_not_refresh_keeps_the_snapshot_from_before_the_growth),
        growing(a_superseded_region_whose_successor_was_never_fetched_stays_readable_when_the_publisher_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
