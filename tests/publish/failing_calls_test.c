/* SPDX-License-Identifier: Apache-2.0 */
/* Every call that the library makes fails once: the first in the first round, the second in the next one, and so on
 * until an operation makes fewer calls than that. */

#include "tests/publish/failing_calls.h"
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { CALLS_MOST = 400, FEWEST_FAILURES = 5 };

/* What this process owns. */
struct property {
    size_t descriptors, mappings;
    long blocks;
};

static struct property property(void)
{
    return (struct property){open_descriptors(), library_mappings(), calls_live_blocks()};
}

static void expect_property(struct property before, const char *failed)
{
    struct property now = property();
    if (now.descriptors != before.descriptors || now.mappings != before.mappings || now.blocks != before.blocks)
        fail_msg("after %s failed: %zu descriptors, %zu before; %zu mappings, %zu before; %ld blocks, %ld before",
                 failed, now.descriptors, before.descriptors, now.mappings, before.mappings, now.blocks, before.blocks);
}

static void opening_a_publisher_survives_every_failing_call(void **state)
{
    (void)state;
    const netipc_loop loops[] = {NETIPC_LOOP_OWN_THREAD, NETIPC_LOOP_CALLER};
    static const uint32_t uids[] = {0, 1};
    for (size_t i = 0; i < 2; i++) {
        netipc_publisher_config config = service_publisher_config();
        config.loop = loops[i];
        config.allowed_uids = uids;
        config.allowed_uid_count = 2;
        bool failed = true;
        long number = 0, failures = 0;
        for (; failed && number < CALLS_MOST; number++) {
            struct property before = property();
            netipc_publisher *publisher = NULL;
            const char *name;
            calls_arm(number);
            netipc_status status = netipc_publisher_open(&config, &publisher);
            failed = calls_disarm(&name);
            if (status != NETIPC_OK) {
                assert_true(failed);
                calls_expect_told(status, name);
                assert_null(publisher);
                if (access(service_socket(), F_OK) == 0)
                    fail_msg("%s failed, and left the socket", name);
                failures++;
            }
            netipc_publisher_close(publisher);
            expect_property(before, name);
        }
        assert_false(failed);
        assert_in_range(failures, FEWEST_FAILURES, number);
    }
}

/* Of those calls that only place memory none is missed; each is told of. */
static void placing_regions_survives_every_failing_call(void **state)
{
    (void)state;
    const uint32_t flags = NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK | NETIPC_PLACE_PREFAULT;
    netipc_publisher_config publisher_config = service_publisher_config();
    netipc_subscriber_config subscriber_config = service_subscriber_config();
    publisher_config.slots = 4;
    publisher_config.capacity = 1 << 20;
    publisher_config.placement = subscriber_config.placement = flags;
    publisher_config.numa_node = 0;
    bool failed = true;
    long number = 0, done_without = 0;
    for (; failed && number < CALLS_MOST; number++) {
        struct property before = property();
        netipc_publisher *publisher = NULL;
        netipc_subscriber *subscriber = NULL;
        netipc_publisher_info published = {.size = sizeof published};
        netipc_subscriber_info subscribed = {.size = sizeof subscribed};
        const char *name = NULL;
        assert_int_equal(netipc_subscriber_open(&subscriber_config, &subscriber), NETIPC_OK);
        calls_arm(number);
        netipc_status status = netipc_publisher_open(&publisher_config, &publisher);
        if (status == NETIPC_OK)
            status = netipc_subscriber_refresh(subscriber, NULL);
        failed = calls_disarm(&name);
        if (publisher != NULL) {
            assert_int_equal(netipc_publisher_stats(publisher, &published), NETIPC_OK);
            assert_int_equal(netipc_subscriber_status(subscriber, &subscribed), NETIPC_OK);
        }
        uint32_t refused = published.placement_refused | subscribed.placement_refused;
        uint32_t expected = 0;
        if (failed && strcmp(name, "mlock2") == 0)
            expected = NETIPC_PLACE_LOCK;
        else if (failed && (strcmp(name, "mbind") == 0 || strcmp(name, "move_pages") == 0))
            expected = NETIPC_PLACE_NUMA_NODE;
        if (expected != 0) {
            assert_int_equal(status, NETIPC_OK);
            assert_int_equal(refused & expected, expected);
            done_without++;
        }
        if (status != NETIPC_OK)
            calls_expect_told(status, name);
        if (publisher != NULL) { /* and the next try works */
            service_publish(publisher, 1 << 20, 1);
            assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
            service_expect(subscriber, 1, 1 << 20, NETIPC_PUBLISHER_LIVE);
        }
        netipc_subscriber_close(subscriber);
        netipc_publisher_close(publisher);
        expect_property(before, name);
    }
    assert_false(failed);
    assert_in_range(done_without, 3, number);
}

static void taking_over_a_stale_socket_survives_every_failing_call(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    bool failed = true;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        struct peer *dead = publisher_start(4, 4096, 0);
        peer_kill(dead);
        struct property before = property();
        netipc_publisher *publisher = NULL;
        const char *name;
        calls_arm(number);
        netipc_status status = netipc_publisher_open(&config, &publisher);
        failed = calls_disarm(&name);
        assert_true(failed || status == NETIPC_OK);
        netipc_publisher_close(publisher);
        expect_property(before, name);
    }
    assert_false(failed);
}

static void growth_survives_every_failing_call(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber *subscriber = service_subscriber();
    size_t length = 4096;
    uint64_t generation = 1;
    long failures = 0;
    service_publish(publisher, length, generation);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    bool failed = true;
    unsigned char *larger = calloc(1, 64 << 20);
    assert_non_null(larger);
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        struct property before = property();
        const char *name;
        calls_arm(number);
        netipc_status status = netipc_publish(publisher, larger, length * 2, NULL);
        failed = calls_disarm(&name);
        if (status == NETIPC_OK) { /* it did without that call */
            length *= 2;
            generation++;
            assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        } else {
            calls_expect_told(status, name);
            expect_property(before, name);
            service_expect(subscriber, generation, length, NETIPC_PUBLISHER_LIVE);
            failures++;
        }
        generation++;
        service_publish(publisher, length, generation); /* goes on in the region that there is */
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        service_expect(subscriber, generation, length, NETIPC_PUBLISHER_LIVE);
    }
    assert_false(failed);
    assert_in_range(failures, FEWEST_FAILURES, CALLS_MOST);
    free(larger);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void publishing_makes_no_call_that_could_fail(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber *subscriber = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    unsigned char bytes[4096] = {0};
    const char *name;
    calls_arm(0);
    netipc_status published = netipc_publish(publisher, bytes, sizeof bytes, NULL);
    netipc_status read = netipc_subscriber_read(subscriber, bytes, sizeof bytes, NULL);
    assert_false(calls_disarm(&name));
    assert_int_equal(published, NETIPC_OK);
    assert_int_equal(read, NETIPC_OK);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void opening_a_subscriber_survives_every_failing_call(void **state)
{
    (void)state;
    netipc_subscriber_config config = service_subscriber_config();
    static const uint32_t uids[] = {0, 1};
    config.allowed_uids = uids;
    config.allowed_uid_count = 2;
    bool failed = true;
    long failures = 0;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        struct property before = property();
        netipc_subscriber *subscriber = NULL;
        const char *name;
        calls_arm(number);
        netipc_status status = netipc_subscriber_open(&config, &subscriber);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            calls_expect_told(status, name);
            assert_null(subscriber);
            failures++;
        }
        netipc_subscriber_close(subscriber);
        expect_property(before, name);
    }
    assert_false(failed);
    assert_in_range(failures, FEWEST_FAILURES, CALLS_MOST);
}

static void opening_a_reader_survives_every_failing_call(void **state)
{
    (void)state;
    netipc_subscriber *subscriber = service_subscriber();
    bool failed = true;
    long failures = 0;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        struct property before = property();
        netipc_reader *reader = (void *)&before;
        const char *name;
        calls_arm(number);
        netipc_status status = netipc_reader_open(subscriber, &reader);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            assert_int_equal(status, NETIPC_NO_MEMORY);
            calls_expect_told(status, name);
            assert_null(reader);
            failures++;
        }
        netipc_reader_close(reader);
        expect_property(before, name);
    }
    assert_false(failed);
    assert_in_range(failures, 1, CALLS_MOST);
    netipc_subscriber_close(subscriber);
}

/* Reads and views need neither memory nor the system. */
static void leasing_makes_no_call_that_could_fail(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber *subscriber = service_subscriber();
    netipc_reader *reader;
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_open(subscriber, &reader), NETIPC_OK);
    service_publish(publisher, 1000, 1);
    unsigned char bytes[4096];
    const void *data;
    const char *name;
    calls_arm(0);
    netipc_status read = netipc_reader_read(reader, 1, bytes, sizeof bytes, NULL);
    netipc_status acquired = netipc_reader_acquire(reader, 1, &data, NULL);
    netipc_status released = netipc_reader_release(reader);
    assert_false(calls_disarm(&name));
    assert_int_equal(read, NETIPC_OK);
    assert_int_equal(acquired, NETIPC_OK);
    assert_int_equal(released, NETIPC_OK);
    netipc_reader_close(reader);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void attaching_survives_every_failing_call(void **state)
{
    (void)state;
    struct peer *publisher = publisher_start(4, 4096, 0);
    uint64_t published[2];
    peer_ask(publisher, published, 2, "publish 1000 1");
    bool failed = true;
    long failures = 0;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        netipc_subscriber *subscriber = service_subscriber();
        struct property before = property();
        const char *name;
        int changed = 1;
        calls_arm(number);
        netipc_status status = netipc_subscriber_refresh(subscriber, &changed);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            calls_expect_told(status, name);
            /* The page of a session that has ended stays mapped until the next one comes, if that was the last step. */
            before.mappings += library_mappings_writable();
            assert_in_range(library_mappings_writable(), 0, 1);
            expect_property(before, name);
            assert_int_equal(changed, 0);
            assert_int_equal(netipc_subscriber_generation(subscriber), 0);
            failures++;
            assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK); /* the next try works */
        }
        assert_int_equal(changed, 1);
        service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_LIVE);
        netipc_subscriber_close(subscriber);
    }
    assert_false(failed);
    assert_in_range(failures, FEWEST_FAILURES, CALLS_MOST);
}

static void following_a_growth_survives_every_failing_call(void **state)
{
    (void)state;
    bool failed = true;
    long failures = 0;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        struct peer *publisher = publisher_start(4, 4096, 0);
        uint64_t published[2];
        peer_ask(publisher, published, 2, "publish 4096 1");
        netipc_subscriber *subscriber = service_subscriber();
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        peer_ask(publisher, published, 2, "publish 8192 1");
        struct property before = property();
        const char *name;
        int changed = 1;
        calls_arm(number);
        netipc_status status = netipc_subscriber_refresh(subscriber, &changed);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            calls_expect_told(status, name);
            assert_int_equal(changed, 0);
            assert_in_range(library_mappings(), 1, before.mappings);
            service_expect(subscriber, 1, 4096, NETIPC_PUBLISHER_SUPERSEDED); /* what was there is still there */
            failures++;
            assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
        }
        assert_int_equal(changed, 1);
        service_expect(subscriber, 2, 8192, NETIPC_PUBLISHER_LIVE);
        if (failed)
            expect_property(before, name);
        netipc_subscriber_close(subscriber);
        peer_end(publisher);
    }
    assert_false(failed);
    assert_in_range(failures, FEWEST_FAILURES, CALLS_MOST);
}

static void attaching_to_a_successor_survives_every_failing_call(void **state)
{
    (void)state;
    bool failed = true;
    long failures = 0;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        uint64_t published[2];
        struct peer *publisher = publisher_start(4, 4096, 0);
        peer_ask(publisher, published, 2, "publish 4096 5");
        netipc_subscriber *subscriber = service_subscriber();
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        peer_kill(publisher);
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_NOT_FOUND);
        publisher = publisher_start(4, 4096, 0);
        peer_ask(publisher, published, 2, "publish 2000 2");
        const char *name;
        int changed = 1;
        calls_arm(number);
        netipc_status status = netipc_subscriber_refresh(subscriber, &changed);
        failed = calls_disarm(&name);
        if (status != NETIPC_OK) {
            calls_expect_told(status, name);
            assert_int_equal(changed, 0);
            assert_int_equal(netipc_subscriber_generation(subscriber), 5); /* all of it is of the old one */
            service_expect(subscriber, 5, 4096, NETIPC_PUBLISHER_GONE);
            failures++;
            assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
        }
        assert_int_equal(changed, 1);
        assert_int_equal(netipc_subscriber_generation(subscriber), 2);
        service_expect(subscriber, 2, 2000, NETIPC_PUBLISHER_LIVE);
        netipc_subscriber_close(subscriber);
        peer_end(publisher);
    }
    assert_false(failed);
    assert_in_range(failures, FEWEST_FAILURES, CALLS_MOST);
}

/* Serves, with what is armed, until the peer has answered. */
static void serve_until_answered(netipc_publisher *publisher, const struct peer *peer)
{
    for (uint64_t deadline = now_ns() + patience_ns(60); now_ns() < deadline;) {
        assert_int_equal(netipc_publisher_dispatch(publisher, 1000000), NETIPC_OK);
        if (peer_has_answered(peer))
            return;
    }
    fail_msg("the peer does not answer");
}

static void serve_until_nobody_is_there(netipc_publisher *publisher)
{
    netipc_publisher_info info = {.size = sizeof info};
    uint64_t deadline = now_ns() + patience_ns(60);
    do {
        assert_int_equal(netipc_publisher_dispatch(publisher, 1000000), NETIPC_OK);
        assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    } while (info.sessions > 0 && now_ns() < deadline);
    assert_int_equal(info.sessions, 0);
    assert_int_equal(netipc_publisher_dispatch(publisher, 5000000), NETIPC_OK); /* what is swept later */
}

static void serving_a_subscriber_survives_every_failing_call(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    config.loop = NETIPC_LOOP_CALLER;
    netipc_publisher *publisher;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    service_publish(publisher, 1000, 1);
    struct peer *subscriber = subscriber_start(1000), *bystander = subscriber_start(1000);
    uint64_t attached[3], refreshed[2], read[5];
    bool failed = true;
    long failures = 0;
    for (long number = 0; failed && number < CALLS_MOST; number++) {
        serve_until_nobody_is_there(publisher);
        struct property before = property();
        const char *name;
        peer_tell(subscriber, "refresh");
        calls_arm(number);
        serve_until_answered(publisher, subscriber);
        failed = calls_disarm(&name);
        peer_hear(subscriber, refreshed, 2);
        failures += refreshed[0] != NETIPC_OK;

        peer_tell(bystander, "attach"); /* the publisher is as good as before */
        serve_until_answered(publisher, bystander);
        peer_hear(bystander, attached, 3);
        assert_int_equal(attached[0], NETIPC_OK);
        peer_ask(bystander, read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[2], 1);
        peer_ask(subscriber, refreshed, 1, "leave");
        peer_ask(bystander, refreshed, 1, "leave");
        serve_until_nobody_is_there(publisher);
        expect_property(before, name);
    }
    assert_false(failed);
    assert_in_range(failures, FEWEST_FAILURES, CALLS_MOST);
    netipc_publisher_close(publisher);
}

#define failing(test) cmocka_unit_test_setup_teardown(test, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        failing(opening_a_publisher_survives_every_failing_call),
        failing(placing_regions_survives_every_failing_call),
        failing(taking_over_a_stale_socket_survives_every_failing_call),
        failing(growth_survives_every_failing_call),
        failing(publishing_makes_no_call_that_could_fail),
        failing(opening_a_subscriber_survives_every_failing_call),
        failing(opening_a_reader_survives_every_failing_call),
        failing(leasing_makes_no_call_that_could_fail),
        failing(attaching_survives_every_failing_call),
        failing(following_a_growth_survives_every_failing_call),
        failing(attaching_to_a_successor_survives_every_failing_call),
        failing(serving_a_subscriber_survives_every_failing_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
