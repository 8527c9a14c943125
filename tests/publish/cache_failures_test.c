/* SPDX-License-Identifier: Apache-2.0 */
/* What a cache does when something fails: it keeps what it has and says why. The publishers are processes of their own.
 */
#include "tests/publish/cached.h"
#include "tests/publish/peers.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct peer *start(uint64_t schema_id, uint64_t schema_version)
{
    struct peer *peer = peer_start("publisher");
    uint64_t status;
    peer_ask(peer, &status, 1, "label %llu %llu", (unsigned long long)schema_id, (unsigned long long)schema_version);
    peer_ask(peer, &status, 1, "open 8 65536 0");
    assert_int_equal(status, NETIPC_OK);
    return peer;
}

static struct peer *start_cgroups(void)
{
    return start(netipc_cgroups_schema()->id, netipc_cgroups_schema()->version);
}

static void publish(struct peer *peer, unsigned count, unsigned value)
{
    uint64_t answer[2];
    peer_ask(peer, answer, 2, "cgroups %u %u", count, value);
    assert_int_equal(answer[0], NETIPC_OK);
}

/* Whether the snapshot at hand is of the publisher at hand, which has published so many. */
static void expect_region(netipc_cache *cache, bool same, uint64_t generation)
{
    const netipc_cache_info info = cached_info(cache);
    assert_int_equal(memcmp(info.incarnation, info.region_incarnation, sizeof info.incarnation) == 0, same);
    assert_true(info.region_incarnation[0] != 0);
    assert_int_equal(info.region_generation, generation);
}

static void a_killed_publisher_leaves_its_last_items_and_a_successor_is_followed(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    struct peer *first = start_cgroups();
    publish(first, 100, 1);
    cached_refresh(cache, NETIPC_OK, true);
    publish(first, 200, 2);
    peer_kill(first);
    /* What was published and not fetched yet is still there. */
    cached_refresh(cache, NETIPC_NOT_FOUND, true);
    cached_expect(cache, 200, 2);
    assert_int_equal(cached_info(cache).publisher_state, NETIPC_PUBLISHER_GONE);
    assert_int_equal(cached_info(cache).last_error, NETIPC_NOT_FOUND);
    expect_region(cache, true, 2);
    cached_refresh(cache, NETIPC_NOT_FOUND, false);
    /* The successor has the same generation. */
    struct peer *second = start_cgroups();
    cached_refresh(cache, NETIPC_OK, false);
    cached_expect(cache, 200, 2);
    assert_false(netipc_cache_changed(cache));
    expect_region(cache, false, 0);
    publish(second, 50, 3);
    publish(second, 60, 4);
    assert_true(netipc_cache_changed(cache));
    expect_region(cache, false, 2);
    cached_refresh(cache, NETIPC_OK, true);
    expect_region(cache, true, 2);
    cached_expect(cache, 60, 4);
    assert_int_equal(cached_info(cache).generation, 2);
    netipc_cache_close(cache);
    peer_end(second);
}

static void a_publisher_killed_between_two_refreshes_goes_unnoticed_when_it_is_replaced(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    for (unsigned value = 1; value < 6; value++) {
        struct peer *peer = start_cgroups();
        publish(peer, 10 * value, value);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, 10 * value, value);
        peer_kill(peer);
    }
    netipc_cache_close(cache);
}

static void another_schema_or_version_is_told_and_not_taken(void **state)
{
    (void)state;
    const netipc_schema *schema = netipc_cgroups_schema();
    const uint64_t wrong[][2] = {{schema->id + 1, schema->version}, {schema->id, schema->version + 1}, {0, 0}};
    netipc_cache *cache = cached_open(0);
    struct peer *peer = start_cgroups();
    publish(peer, 100, 1);
    cached_refresh(cache, NETIPC_OK, true);
    peer_end(peer);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        peer = start(wrong[i][0], wrong[i][1]);
        cached_refresh(cache, NETIPC_OK, false);
        publish(peer, 7, 2);
        assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_OK);
        cached_refresh(cache, NETIPC_INCOMPATIBLE, false);
        assert_non_null(strstr(netipc_status_detail(), "schema"));
        cached_expect(cache, 100, 1);
        /* A loop of refresh and wait does not run hot on it. */
        assert_false(netipc_cache_changed(cache));
        assert_int_equal(netipc_cache_wait(cache, 1000000), NETIPC_TIMED_OUT);
        peer_end(peer);
    }
    peer = start_cgroups();
    publish(peer, 30, 3);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 30, 3);
    peer_end(peer);
    netipc_cache_close(cache);
}

static void corrupt_bytes_are_told_and_not_taken(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    struct peer *peer = start_cgroups();
    publish(peer, 100, 1);
    cached_refresh(cache, NETIPC_OK, true);
    for (unsigned length = 0; length < 3000; length = length * 2 + 1) {
        uint64_t answer[2];
        peer_ask(peer, answer, 2, "publish %u 1", length);
        cached_refresh(cache, NETIPC_CORRUPT, false);
        assert_true(strlen(netipc_status_detail()) > 0);
        cached_expect(cache, 100, 1);
        assert_int_equal(netipc_cache_wait(cache, 1000000), NETIPC_TIMED_OUT);
    }
    publish(peer, 20, 2);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 20, 2);
    peer_end(peer);
    netipc_cache_close(cache);
}

/* The last byte that counts is missing, or any other is not as it was. */
static void no_damaged_snapshot_is_taken_or_harms(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    struct cgroups_payload whole = cgroups_payload(5, 1);
    assert_non_null(whole.bytes);
    for (size_t length = 0; length < whole.length; length++) {
        assert_int_equal(netipc_publish(publisher, whole.bytes, length, NULL), NETIPC_OK);
        cached_refresh(cache, NETIPC_CORRUPT, false);
        cached_expect_empty(cache);
    }
    size_t sound = 0; /* other strings and numbers */
    for (size_t i = 0; i < whole.length; i++) {
        whole.bytes[i] ^= 0x81;
        netipc_cgroups_snapshot_view view;
        netipc_status expected = netipc_cgroups_snapshot_decode(whole.bytes, whole.length, &view);
        assert_int_equal(netipc_publish(publisher, whole.bytes, whole.length, NULL), NETIPC_OK);
        whole.bytes[i] ^= 0x81;
        assert_int_equal(netipc_cache_refresh(cache, NULL), expected);
        sound += expected == NETIPC_OK;
    }
    assert_in_range(sound, 1, whole.length - 100);
    free(whole.bytes);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void a_snapshot_that_outgrows_the_region_is_followed(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    struct peer *peer = start_cgroups();
    for (unsigned count = 1, value = 1; count < 20000; count *= 3, value++) {
        publish(peer, count, value);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, count, value);
    }
    peer_end(peer);
    netipc_cache_close(cache);
}

#define cache_test(name) cmocka_unit_test_setup_teardown(name, peers_setup, peers_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(a_killed_publisher_leaves_its_last_items_and_a_successor_is_followed),
        cache_test(a_publisher_killed_between_two_refreshes_goes_unnoticed_when_it_is_replaced),
        cache_test(another_schema_or_version_is_told_and_not_taken),
        cache_test(corrupt_bytes_are_told_and_not_taken),
        cache_test(no_damaged_snapshot_is_taken_or_harms),
        cache_test(a_snapshot_that_outgrows_the_region_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
