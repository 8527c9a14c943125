/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"

#include <netipc/subscriber.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { ROUNDS = 5, GRACE_MS = 1000, IDLE_MS = 1500, MOST = 64, HANDFUL = 8 };

static struct peer *subscribers[MOST];

static void attach_all(size_t count, uint64_t incarnation_before)
{
    for (size_t i = 0; i < count; i++)
        peer_tell(subscribers[i], "attach");
    for (size_t i = 0; i < count; i++) {
        uint64_t attached[3];
        peer_hear(subscribers[i], attached, 3);
        assert_int_equal(attached[0], NETIPC_OK);
        assert_int_equal(attached[1], incarnation_before != 0);
        assert_int_not_equal(attached[2], incarnation_before);
    }
}

/* All told to follow; all asleep. */
static void follow_all(size_t count, uint64_t generation)
{
    for (size_t i = 0; i < count; i++)
        peer_tell(subscribers[i], "follow %llu", (unsigned long long)generation);
    for (size_t i = 0; i < count; i++)
        peer_await_sleep(subscribers[i]);
}

static void hear_all(size_t count, unsigned publisher_state, uint64_t generation)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t followed[4];
        peer_hear(subscribers[i], followed, 4);
        assert_int_equal(followed[0], publisher_state);
        assert_int_equal(followed[1], generation);
        assert_int_equal(followed[3], 0);
    }
}

static uint64_t sleeps_of(struct peer *subscriber)
{
    uint64_t status[7];
    peer_ask(subscriber, status, 7, "status");
    return status[4];
}

static void nobody_works_while_nothing_is_published(struct peer *publisher, size_t count)
{
    uint64_t before[MOST], start = now_ns();
    for (size_t i = 0; i < count; i++)
        before[i] = sleeps_of(subscribers[i]);
    for (size_t i = 0; i < count; i++)
        peer_tell(subscribers[i], "wait %d %d", ROUNDS, IDLE_MS);
    for (size_t i = 0; i < count; i++)
        peer_await_sleep(subscribers[i]);
    uint64_t switches = peer_switches(publisher).voluntary;
    for (size_t i = 0; i < count; i++) {
        uint64_t status;
        peer_hear(subscribers[i], &status, 1);
        assert_int_equal(status, NETIPC_TIMED_OUT);
    }
    switches = peer_switches(publisher).voluntary - switches;
    if (!SANITIZER_HAS_A_THREAD)
        assert_in_range(switches, 0, HANDFUL);
    uint64_t graces = (now_ns() - start) / 1000000 / GRACE_MS;
    for (size_t i = 0; i < count; i++)
        assert_in_range(sleeps_of(subscribers[i]) - before[i], 1, graces + 2);
}

static void serve(size_t count)
{
    struct peer *publisher = publisher_start(4, 4096, 0);
    for (size_t i = 0; i < count; i++)
        subscribers[i] = subscriber_start(GRACE_MS);
    attach_all(count, 0);
    uint64_t published[2], stats[6], status[7];
    for (uint64_t generation = 1; generation <= ROUNDS; generation++) {
        follow_all(count, generation);
        peer_ask(publisher, published, 2, "publish 1000 1");
        assert_int_equal(published[0], NETIPC_OK);
        assert_int_equal(published[1], generation);
        hear_all(count, NETIPC_PUBLISHER_LIVE, generation);
    }
    peer_ask(publisher, stats, 6, "stats");
    assert_int_equal(stats[0], ROUNDS);
    assert_int_equal(stats[1], ROUNDS * count); /* each slept each time, and was woken once for it */
    assert_int_equal(stats[2], 0);
    assert_int_equal(stats[3], count);
    nobody_works_while_nothing_is_published(publisher, count);

    follow_all(count, 0);
    peer_ask(publisher, published, 1, "close");
    hear_all(count, NETIPC_PUBLISHER_CLOSED, ROUNDS);
    peer_end(publisher);

    peer_ask(subscribers[0], status, 7, "status");
    publisher = publisher_start(4, 4096, 0);
    peer_ask(publisher, published, 2, "publish 100 %d", ROUNDS);
    attach_all(count, status[3]);
    for (size_t i = 0; i < count; i++) {
        uint64_t read[5];
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[1], NETIPC_PUBLISHER_LIVE);
        assert_int_equal(read[2], ROUNDS);
        assert_int_equal(read[4], 0);
        peer_end(subscribers[i]);
    }
    peer_end(publisher);
}

static void one_subscriber_is_served_woken_told_of_the_end_and_finds_the_successor(void **state)
{
    (void)state;
    serve(1);
}

static void eight_subscribers_are_served_woken_told_of_the_end_and_find_the_successor(void **state)
{
    (void)state;
    serve(8);
}

static void sixty_four_subscribers_are_served_woken_told_of_the_end_and_find_the_successor(void **state)
{
    (void)state;
    serve(64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_subscriber_is_served_woken_told_of_the_end_and_finds_the_successor,
                                        peers_setup, peers_teardown),
        cmocka_unit_test_setup_teardown(eight_subscribers_are_served_woken_told_of_the_end_and_find_the_successor,
                                        peers_setup, peers_teardown),
        cmocka_unit_test_setup_teardown(sixty_four_subscribers_are_served_woken_told_of_the_end_and_find_the_successor,
                                        peers_setup, peers_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
