/* SPDX-License-Identifier: Apache-2.0 */
/* Views between processes: held for long, by many, by the stopped, the killed and the hostile. */

#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/raw_client.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"
#include "tests/publish/syscalls.h"

#include <netipc/reader.h>

#include "shm/layout.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct peer *start_publisher(unsigned slots, unsigned history)
{
    struct peer *publisher = peer_start("publisher");
    uint64_t status;
    peer_ask(publisher, &status, 1, "open %u 4096 0 %u", slots, history);
    assert_int_equal(status, NETIPC_OK);
    return publisher;
}

static void publish(struct peer *publisher, unsigned count)
{
    uint64_t published[2];
    peer_ask(publisher, published, 2, "publish 1000 %u", count);
    assert_int_equal(published[0], NETIPC_OK);
}

static uint64_t attach_with_readers(struct peer *subscriber, unsigned readers)
{
    uint64_t granted, attached[3];
    peer_ask(subscriber, attached, 3, "attach");
    assert_int_equal(attached[0], NETIPC_OK);
    peer_ask(subscriber, &granted, 1, "readers %u", readers);
    return granted;
}

/* Attached, with so many readers. Leases of a session that has just ended come back a moment after it is gone. */
static struct peer *start_subscriber(unsigned leases, unsigned readers, unsigned granted)
{
    for (uint64_t end = now_ns() + patience_ns(30);; pause_ms(1)) {
        struct peer *subscriber = peer_start("subscriber");
        uint64_t status;
        peer_ask(subscriber, &status, 1, "open 1000 10000 0 %u", leases);
        assert_int_equal(status, NETIPC_OK);
        uint64_t got = attach_with_readers(subscriber, readers);
        if (got == granted || now_ns() >= end) {
            assert_int_equal(got, granted);
            return subscriber;
        }
        peer_end(subscriber);
    }
}

static void acquire(struct peer *subscriber, unsigned first, unsigned count)
{
    uint64_t acquired[2];
    peer_ask(subscriber, acquired, 2, "acquire %u %u 0", first, count);
    assert_int_equal(acquired[1], NETIPC_OK);
    assert_int_equal(acquired[0], count);
}

static void expect_views(struct peer *subscriber, unsigned count, unsigned milliseconds)
{
    uint64_t checked[3];
    peer_ask(subscriber, checked, 3, "check %u", milliseconds);
    assert_int_equal(checked[0], count);
    assert_int_equal(checked[1], 0);
}

static void release(struct peer *subscriber, unsigned count)
{
    uint64_t released[3];
    peer_ask(subscriber, released, 3, "release");
    assert_int_equal(released[0], count);
    assert_int_equal(released[2], NETIPC_OK);
    assert_int_equal(released[1], 0);
}

/* That many generations can be read by their numbers, up to the latest. */
static void expect_history(struct peer *subscriber, uint64_t least, uint64_t most)
{
    uint64_t history[4];
    peer_ask(subscriber, history, 4, "history");
    assert_in_range(history[0], least, most);
    assert_int_equal(history[2] - history[1] + 1, history[0]);
    assert_int_equal(history[3], 0);
}

static uint64_t stop_flat_out(struct peer *publisher)
{
    uint64_t published[2];
    peer_tell(publisher, "stop");
    peer_hear(publisher, published, 2);
    assert_int_equal(published[0], NETIPC_OK);
    return published[1];
}

static void await_attached(struct peer *publisher, uint64_t wanted)
{
    uint64_t stats[6] = {0};
    for (uint64_t deadline = now_ns() + patience_ns(30); now_ns() < deadline; pause_ms(2)) {
        peer_ask(publisher, stats, 6, "stats");
        if (stats[3] == wanted)
            return;
    }
    fail_msg("%llu sessions are attached", (unsigned long long)stats[3]);
}

static void views_held_beside_a_publisher_without_pause_keep_their_bytes(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher(8, 0);
    publish(publisher, 1);
    struct peer *holders[2] = {start_subscriber(3, 3, 3), start_subscriber(3, 3, 3)};
    peer_tell(publisher, "flat_out 4096");
    for (unsigned i = 0; i < 3; i++)
        for (size_t at = 0; at < 2; at++) {
            acquire(holders[at], i, 1);
            expect_views(holders[at], i + 1, 20);
        }
    for (size_t at = 0; at < 2; at++)
        peer_tell(holders[at], "check %d", 1500);
    for (size_t at = 0; at < 2; at++) {
        uint64_t checked[3];
        peer_hear(holders[at], checked, 3);
        assert_int_equal(checked[0], 3);
        assert_int_equal(checked[1], 0);
    }
    for (int lap = 0; lap < 200; lap++) { /* and for short */
        release(holders[lap % 2], 3);
        acquire(holders[lap % 2], 0, 3);
    }
    uint64_t generation = stop_flat_out(publisher);
    release(holders[0], 3);
    release(holders[1], 3);
    assert_true(generation > 1000);
}

static void leases_are_granted_first_come_first_served_and_given_back(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher(7, 1);
    publish(publisher, 1);
    struct peer *first = start_subscriber(3, 4, 3), *second = start_subscriber(3, 2, 1);
    struct peer *third = start_subscriber(28, 1, 0);
    uint64_t acquired[2], ignored;
    acquire(first, 0, 3);
    peer_ask(first, acquired, 2, "acquire 3 1 0"); /* the fourth reader of three leases */
    assert_int_equal(acquired[1], NETIPC_NO_LEASE);
    acquire(second, 0, 1);
    peer_ask(second, acquired, 2, "acquire 1 1 0");
    assert_int_equal(acquired[1], NETIPC_NO_LEASE);
    peer_ask(third, acquired, 2, "acquire 0 1 0");
    assert_int_equal(acquired[1], NETIPC_NO_LEASE);
    publish(publisher, 100);
    expect_history(first, 2, 6);
    expect_history(third, 2, 6); /* by copy */
    expect_views(first, 3, 0);

    peer_ask(first, &ignored, 1, "leave");
    await_attached(publisher, 2);
    struct peer *fourth = start_subscriber(2, 2, 2), *fifth = start_subscriber(2, 2, 1);
    acquire(fourth, 0, 2);
    acquire(fifth, 0, 1);
    publish(publisher, 100);
    expect_history(third, 2, 6);
    expect_views(second, 1, 0);
    release(second, 1);
    release(fourth, 2);
    release(fifth, 1);
}

static void a_killed_subscriber_gives_its_slots_back(void **state)
{
    (void)state;
    enum { SLOTS = 12 };
    struct peer *publisher = start_publisher(SLOTS, 1);
    publish(publisher, 1);
    struct peer *watcher = start_subscriber(1, 1, 1);
    for (int lap = 0; lap < SCALED(10, 4); lap++) {
        struct peer *victim = start_subscriber(8, 8, 8);
        for (unsigned i = 0; i < 8; i++) {
            acquire(victim, i, 1);
            publish(publisher, 1);
        }
        publish(publisher, 3 * SLOTS);
        expect_history(watcher, 2, SLOTS - 1 - 8);
        if (lap % 2 == 0)
            peer_tell(publisher, "flat_out 4096");
        peer_kill(victim);
        if (lap % 2 == 0)
            stop_flat_out(publisher);
        await_attached(publisher, 1);
        publish(publisher, 3 * SLOTS);
        expect_history(watcher, SLOTS - 1, SLOTS - 1);
    }
}

static void tell_to_publish(void *publisher)
{
    peer_tell(publisher, "mark 1000 2000");
}

static void a_stopped_subscriber_that_holds_all_leases_costs_no_system_call(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher(10, 2);
    publish(publisher, 1);
    struct peer *holder = start_subscriber(6, 6, 6);
    for (unsigned i = 0; i < 6; i++) {
        acquire(holder, i, 1);
        publish(publisher, 1);
    }
    assert_return_code(kill(holder->pid, SIGSTOP), 0);
    peer_await_stop(holder);
    struct peer *other = start_subscriber(1, 1, 0);
    struct syscall_counts counts;
    uint64_t published[2];
    if (!syscalls_between_marks(publisher->pid, tell_to_publish, publisher, &counts)) {
        print_message("skip: this process may not trace another\n");
        skip();
    }
    peer_hear(publisher, published, 2);
    assert_int_equal(published[0], NETIPC_OK);
    assert_int_equal(published[1], 2007);
    assert_int_equal(counts.all - SCALED(0, counts.memory), 0);
    expect_history(other, 3, 3);
    assert_return_code(kill(holder->pid, SIGCONT), 0);
    expect_views(holder, 6, 0);
    release(holder, 6);
    publish(publisher, 30);
    expect_history(other, 9, 9);
}

static void a_history_of_300_is_read_by_number_while_others_hold_leases(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher(310, 300);
    publish(publisher, 1);
    struct peer *holder = start_subscriber(28, 8, 8), *reader = start_subscriber(1, 1, 0);
    uint64_t published[2];
    for (unsigned i = 0; i < 8; i++) {
        acquire(holder, i, 1);
        peer_ask(publisher, published, 2, "publish 4096 40");
        assert_int_equal(published[0], NETIPC_OK);
    }
    for (int lap = 0; lap < 3; lap++) {
        peer_ask(publisher, published, 2, "publish 4096 333");
        assert_int_equal(published[0], NETIPC_OK);
        expect_history(reader, 301, 301); /* all leases hold a slot apart by now */
        expect_views(holder, 8, 0);
    }
    release(holder, 8);
    peer_ask(publisher, published, 2, "publish 4096 400");
    expect_history(reader, 309, 309);
}

/* --- readers beside the owner's refresh --- */

static void expect_a_good_crowd(struct peer *subscriber, uint64_t mappings)
{
    uint64_t crowd[5];
    peer_tell(subscriber, "stop");
    peer_hear(subscriber, crowd, 5);
    assert_true(crowd[0] > 0 && crowd[1] > 0 && crowd[2] > 0);
    assert_int_equal(crowd[3], 0);
    assert_int_equal(crowd[4], mappings);
    print_message("%llu reads, %llu views, %llu waits\n", (unsigned long long)crowd[0], (unsigned long long)crowd[1],
                  (unsigned long long)crowd[2]);
}

enum { MAPPINGS = 4 }; /* of a subscriber: the region and its page, the window on each */

static void threads_read_through_growth_and_old_regions_are_unmapped(void **state)
{
    (void)state;
    struct peer *publisher = start_publisher(6, 1);
    publish(publisher, 1);
    struct peer *subscriber = start_subscriber(3, 0, 3);
    uint64_t published[2];
    peer_tell(subscriber, "crowd 4");
    for (unsigned length = 4096; length <= 1 << 20; length *= 2) {
        peer_ask(publisher, published, 2, "publish %u %d", length, 20);
        assert_int_equal(published[0], NETIPC_OK);
        peer_tell(publisher, "flat_out 4096");
        pause_ms(30);
        stop_flat_out(publisher);
    }
    expect_a_good_crowd(subscriber, MAPPINGS);
}

static void threads_read_while_publishers_close_are_killed_and_come_again(void **state)
{
    (void)state;
    enum { PUBLISHERS = SCALED(24, 8) };
    struct peer *publisher = start_publisher(6, 0);
    publish(publisher, 1);
    struct peer *subscriber = start_subscriber(3, 0, 3);
    peer_tell(subscriber, "crowd 4");
    for (int i = 0; i < PUBLISHERS; i++) {
        peer_tell(publisher, "flat_out %d", i % 3 == 0 ? 65536 : 3000);
        pause_ms((uint64_t)rand() % 40);
        if (i % 2 == 0) {
            peer_kill(publisher);
        } else {
            stop_flat_out(publisher);
            peer_end(publisher);
        }
        publisher = start_publisher(6, 0);
    }
    publish(publisher, 10);
    uint64_t attached = 0, stats[6];
    for (uint64_t deadline = now_ns() + patience_ns(30); attached == 0 && now_ns() < deadline; pause_ms(5)) {
        peer_ask(publisher, stats, 6, "stats");
        attached = stats[3];
    }
    assert_int_equal(attached, 1);
    pause_ms(20);
    expect_a_good_crowd(subscriber, MAPPINGS);
}

static void views_outlive_growth_the_close_and_the_death_of_their_publisher(void **state)
{
    (void)state;
    for (int end = 0; end < 2; end++) {
        struct peer *publisher = start_publisher(8, 0);
        publish(publisher, 1);
        struct peer *holder = start_subscriber(6, 6, 6);
        uint64_t published[2], refreshed[2], stats[6];
        acquire(holder, 0, 1);
        publish(publisher, 50); /* its slot is held apart */
        acquire(holder, 1, 1);
        peer_ask(publisher, published, 2, "publish 10000 1");
        expect_views(holder, 2, 0);
        peer_ask(holder, refreshed, 2, "refresh");
        assert_int_equal(refreshed[0], NETIPC_OK);
        acquire(holder, 2, 1);
        publish(publisher, 50);
        acquire(holder, 3, 1);
        peer_ask(publisher, stats, 6, "stats");
        assert_int_equal(stats[4], 2);
        if (end == 0)
            peer_kill(publisher);
        else
            peer_ask(publisher, published, 1, "close"); /* its process lives on */
        expect_views(holder, 4, 0);
        peer_ask(holder, refreshed, 2, "refresh");
        assert_int_equal(refreshed[0], NETIPC_NOT_FOUND);
        expect_views(holder, 4, 0);
        acquire(holder, 4, 1); /* the last snapshot, of nobody */
        struct peer *successor = start_publisher(8, 0);
        publish(successor, 3);
        peer_ask(holder, refreshed, 2, "refresh");
        assert_int_equal(refreshed[0], NETIPC_OK);
        acquire(holder, 5, 1);
        publish(successor, 30);
        expect_views(holder, 6, 0);
        release(holder, 6);
        peer_end(holder);
        peer_end(successor);
    }
}

/* --- a hostile session --- */

struct hostile {
    struct netipc_session_line *line;
    uint64_t ordinal;
    uint32_t slots;
    bool steady;
    atomic_bool stop;
};

static void *be_hostile(void *context)
{
    struct hostile *hostile = context;
    uint64_t random = 1;
    while (!atomic_load(&hostile->stop))
        for (uint32_t i = 0; i < NETIPC_SESSION_LEASES; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            uint64_t word = netipc_lease_word(hostile->ordinal, (uint32_t)(random >> 40) % hostile->slots);
            if (hostile->steady)
                word = netipc_lease_word(hostile->ordinal, i % hostile->slots);
            else if (random >> 61 == 0)
                word = random;
            netipc_store(netipc_line_lease(hostile->line, i), word, relaxed);
            if (!hostile->steady)
                netipc_store(netipc_line_wake(hostile->line), (uint32_t)(random >> 33) & ~1u, relaxed);
        }
    return NULL;
}

static void a_hostile_session_holds_up_nobody(bool steady)
{
    enum { SLOTS = 16, HISTORY = 3, QUOTA = SLOTS - 2 - HISTORY };
    struct peer *publisher = start_publisher(SLOTS, HISTORY);
    publish(publisher, 20);
    struct peer *holder = start_subscriber(4, 4, 4);
    int socket = raw_connect();
    struct raw_region received;
    raw_attach_with_leases(socket, 31, &received);
    assert_int_equal(received.offer.lease_quota, QUOTA - 4);
    void *page = mmap(NULL, received.offer.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, received.page, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_true(raw_confirm(socket, &received));
    struct hostile hostile = {.line = (void *)((unsigned char *)page + received.offer.line_offset),
                              .ordinal = received.offer.ordinal,
                              .slots = SLOTS,
                              .steady = steady};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, be_hostile, &hostile), 0);
    acquire(holder, 0, 2);
    peer_tell(publisher, "flat_out 4096");
    for (int lap = 0; lap < 20; lap++) {
        acquire(holder, 2, 2);
        expect_views(holder, 4, 20);
        release(holder, 4);
        acquire(holder, 0, 2);
    }
    assert_true(stop_flat_out(publisher) > 1000);
    publish(publisher, 50);
    expect_history(holder, HISTORY + 1, SLOTS - 1);
    release(holder, 2);
    atomic_store(&hostile.stop, true);
    pthread_join(thread, NULL);
    munmap(page, received.offer.page_size);
    close(received.region);
    close(received.page);
    close(socket);
    await_attached(publisher, 1);
    publish(publisher, 50);
    expect_history(holder, SLOTS - 1, SLOTS - 1);
}

static void a_session_that_takes_all_it_can_and_never_gives_back_holds_up_nobody(void **state)
{
    (void)state;
    a_hostile_session_holds_up_nobody(true);
}

static void a_session_whose_lease_words_flap_holds_up_nobody(void **state)
{
    (void)state;
    a_hostile_session_holds_up_nobody(false);
}

#define leasing(test) cmocka_unit_test_setup_teardown(test, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        leasing(views_held_beside_a_publisher_without_pause_keep_their_bytes),
        leasing(leases_are_granted_first_come_first_served_and_given_back),
        leasing(a_killed_subscriber_gives_its_slots_back),
        leasing(a_stopped_subscriber_that_holds_all_leases_costs_no_system_call),
        leasing(a_history_of_300_is_read_by_number_while_others_hold_leases),
        leasing(threads_read_through_growth_and_old_regions_are_unmapped),
        leasing(threads_read_while_publishers_close_are_killed_and_come_again),
        leasing(views_outlive_growth_the_close_and_the_death_of_their_publisher),
        leasing(a_session_that_takes_all_it_can_and_never_gives_back_holds_up_nobody),
        leasing(a_session_whose_lease_words_flap_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
