/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"

#include <netipc/subscriber.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

enum { SUBSCRIBERS = 3, GRACE_MS = 50, KILLS = SCALED(20, 5), KILLS_IN_GROWTH = SCALED(12, 4) };

static struct peer *subscribers[SUBSCRIBERS];
static uint64_t incarnation; /* of the publisher before */

static void start_subscribers(void)
{
    incarnation = 0;
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        subscribers[i] = subscriber_start(GRACE_MS);
}

static struct peer *start_publisher(void)
{
    struct peer *publisher = publisher_start(4, 4096, 0);
    uint64_t published[2];
    peer_ask(publisher, published, 2, "publish 100 1");
    assert_int_equal(published[0], NETIPC_OK);
    return publisher;
}

static void attach_all(void)
{
    uint64_t attached[3];
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        peer_ask(subscribers[i], attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        assert_int_equal(attached[1], 1);
        assert_int_not_equal(attached[2], incarnation);
    }
    incarnation = attached[2];
}

static void follow_all(void)
{
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_tell(subscribers[i], "follow 0");
}

/* Everybody read nothing but whole snapshots, knows that the publisher is gone, and still reads the last one. */
static void expect_the_last_snapshot(uint64_t deaths)
{
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        uint64_t followed[4], read[5], refreshed[2], status[7];
        peer_hear(subscribers[i], followed, 4);
        assert_int_equal(followed[0], NETIPC_PUBLISHER_GONE);
        assert_int_equal(followed[3], 0);
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[1], NETIPC_PUBLISHER_GONE);
        assert_int_equal(read[2], followed[1]);
        assert_int_equal(read[4], 0);
        peer_ask(subscribers[i], refreshed, 2, "refresh");
        assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
        assert_int_equal(refreshed[1], 0);
        peer_ask(subscribers[i], status, 7, "status");
        assert_int_equal(status[0], NETIPC_STATE_NOT_FOUND);
        assert_int_equal(status[1], NETIPC_PUBLISHER_GONE);
        assert_int_equal(status[5], deaths);
    }
}

static void a_killed_publisher_leaves_the_last_snapshot_readable(void **state)
{
    (void)state;
    start_subscribers();
    for (uint64_t kills = 1; kills <= KILLS; kills++) {
        struct peer *publisher = start_publisher();
        attach_all();
        peer_tell(publisher, "flat_out 16384");
        follow_all();
        pause_ms((uint64_t)rand() % 30);
        peer_kill(publisher);
        expect_the_last_snapshot(kills);
    }
}

static void a_publisher_killed_while_it_grows_leaves_the_last_snapshot_readable(void **state)
{
    (void)state;
    start_subscribers();
    for (uint64_t kills = 1; kills <= KILLS_IN_GROWTH; kills++) {
        struct peer *publisher = start_publisher();
        attach_all();
        peer_tell(publisher, "double 4096 %d 2", SCALED(32 << 20, 8 << 20));
        follow_all();
        pause_ms((uint64_t)rand() % 120);
        peer_kill(publisher);
        expect_the_last_snapshot(kills);
    }
}

static void a_child_of_a_killed_publisher_that_holds_its_descriptors_hides_nothing(void **state)
{
    (void)state;
    start_subscribers();
    for (uint64_t kills = 1; kills <= 3; kills++) {
        struct peer *publisher = start_publisher();
        attach_all();
        uint64_t child, refreshed[2];
        peer_ask(publisher, &child, 1, "fork");
        peer_tell(publisher, "flat_out 4096");
        follow_all();
        pause_ms(10);
        peer_kill(publisher);
        expect_the_last_snapshot(kills);
        /* Oftener than the backlog of the socket that the child keeps open has room for. */
        peer_ask(subscribers[0], refreshed, 2, "refresh %d", SOMAXCONN + 500);
        assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
        assert_int_equal(refreshed[1], 0);
        assert_return_code(kill((pid_t)child, 0), 0);
    }
    struct peer *successor = start_publisher();
    attach_all();
    peer_end(successor);
}

static void a_refresh_notices_the_death_at_once(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher();
    struct peer *subscriber = subscriber_start(3600000); /* no grace will end in this test */
    uint64_t attached[3], refreshed[2], status[7], read[5];
    peer_ask(subscriber, attached, 3, "attach");
    peer_kill(publisher);
    peer_ask(subscriber, read, 5, "read");
    assert_int_equal(read[1], NETIPC_PUBLISHER_LIVE); /* a read asks nobody */
    peer_ask(subscriber, refreshed, 2, "refresh");
    assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
    assert_int_equal(refreshed[1], 0);
    peer_ask(subscriber, status, 7, "status");
    assert_int_equal(status[1], NETIPC_PUBLISHER_GONE);
    assert_int_equal(status[5], 1);
    peer_ask(subscriber, read, 5, "read");
    assert_int_equal(read[0], NETIPC_OK);
    assert_int_equal(read[1], NETIPC_PUBLISHER_GONE);
}

static void a_sleeping_wait_learns_of_the_death(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher();
    struct peer *subscriber = subscriber_start(GRACE_MS);
    uint64_t attached[3], status;
    peer_ask(subscriber, attached, 3, "attach");
    peer_tell(subscriber, "wait 1 3600000");
    peer_await_sleep(subscriber);
    peer_kill(publisher);
    peer_hear(subscriber, &status, 1);
    assert_int_equal(status, NETIPC_GONE);
    peer_ask(subscriber, &status, 1, "wait 1 3600000"); /* not for so long: nobody is there */
    assert_int_equal(status, NETIPC_DISCONNECTED);
}

static void an_equal_generation_of_a_new_publisher_is_a_change_and_is_told_once(void **state)
{
    (void)state;
    struct peer *subscriber = subscriber_start(GRACE_MS);
    uint64_t attached[3], refreshed[2], before = 0;
    for (int i = 0; i < 3; i++) {
        struct peer *publisher = start_publisher();
        peer_ask(subscriber, attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        assert_int_equal(attached[1], 1);
        assert_int_not_equal(attached[2], before);
        before = attached[2];
        peer_ask(subscriber, refreshed, 2, "refresh");
        assert_int_equal(refreshed[0], NETIPC_OK);
        assert_int_equal(refreshed[1], 0);
        peer_kill(publisher);
        peer_ask(subscriber, refreshed, 2, "refresh");
        assert_int_equal(refreshed[1], 0);
    }
}

static void publishers_that_come_and_go_at_any_moment_are_followed(void **state)
{
    (void)state;
    enum { PUBLISHERS = SCALED(40, 10) };
    uint64_t published[2], roamed[3], read[5];
    start_subscribers();
    for (size_t i = 0; i < SUBSCRIBERS; i++)
        peer_tell(subscribers[i], "roam");
    for (int i = 0; i < PUBLISHERS; i++) {
        struct peer *publisher = publisher_start(4, 256, 0);
        peer_tell(publisher, "flat_out %d", i % 3 == 0 ? 65536 : 200);
        pause_ms((uint64_t)rand() % 12);
        if (i % 2 == 0) {
            peer_kill(publisher);
        } else {
            peer_tell(publisher, "stop");
            peer_hear(publisher, published, 2);
            assert_int_equal(published[0], NETIPC_OK);
            peer_end(publisher);
        }
    }
    struct peer *last = start_publisher();
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        peer_tell(subscribers[i], "stop");
        peer_hear(subscribers[i], roamed, 3);
        assert_int_equal(roamed[2], 0);
    }
    for (size_t i = 0; i < SUBSCRIBERS; i++) {
        uint64_t attached[3];
        peer_ask(subscribers[i], attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[1], NETIPC_PUBLISHER_LIVE);
        assert_int_equal(read[2], 1);
        assert_int_equal(read[3], 100);
        assert_int_equal(read[4], 0);
    }
    peer_end(last);
}

#define killing(test) cmocka_unit_test_setup_teardown(test, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        killing(a_killed_publisher_leaves_the_last_snapshot_readable),
        killing(a_publisher_killed_while_it_grows_leaves_the_last_snapshot_readable),
        killing(a_child_of_a_killed_publisher_that_holds_its_descriptors_hides_nothing),
        killing(publishers_that_come_and_go_at_any_moment_are_followed),
        killing(a_refresh_notices_the_death_at_once),
        killing(a_sleeping_wait_learns_of_the_death),
        killing(an_equal_generation_of_a_new_publisher_is_a_change_and_is_told_once),
    };
    srand((unsigned)now_ns());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
