/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher with a schema publishes, and what a view of it finds. tests/codec has the index itself. */

#include "tests/publish/peers.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/reader.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 1 << 20 };

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;
static netipc_reader *reader;
static netipc_cgroups_snapshot_builder *builder;
static unsigned char payload[ROOM], copy[ROOM];

static netipc_publisher_config indexing(uint64_t capacity)
{
    netipc_publisher_config config = service_publisher_config();
    config.schema = netipc_cgroups_schema();
    config.capacity = capacity;
    return config;
}

static void open_all(const netipc_publisher_config *config)
{
    netipc_subscriber_config following = service_subscriber_config();
    following.leases = 2;
    assert_int_equal(netipc_publisher_open(config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_subscriber_open(&following, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_open(subscriber, &reader), NETIPC_OK);
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
}

static int teardown(void **state)
{
    netipc_cgroups_snapshot_builder_free(builder);
    netipc_reader_close(reader);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    builder = NULL;
    reader = NULL;
    subscriber = NULL;
    publisher = NULL;
    return peers_teardown(state);
}

static const char *name_of(uint32_t k)
{
    static char name[32];
    snprintf(name, sizeof name, "cgroup-%u", k);
    return name;
}

/* Makes payload of so many items, which have options; returns its length. */
static size_t build(uint32_t count, uint32_t options)
{
    size_t length;
    netipc_cgroups_snapshot_builder_reset(builder);
    for (uint32_t k = 0; k < count; k++) {
        const char *name = name_of(k);
        assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(name, strlen(name)), options, 1,
                                                             name, "/path"),
                         NETIPC_OK);
    }
    assert_int_equal(netipc_cgroups_snapshot_builder_write(builder, 1, 0, payload, sizeof payload, &length), NETIPC_OK);
    return length;
}

static netipc_status commit(size_t minimum, size_t length)
{
    void *data;
    size_t capacity;
    assert_int_equal(netipc_publish_begin(publisher, minimum, &data, &capacity), NETIPC_OK);
    assert_true(capacity >= length);
    memcpy(data, payload, length);
    return netipc_publish_commit(publisher, length, NULL);
}

static uint64_t ordinal(void)
{
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    return info.ordinal;
}

/* The latest snapshot is payload, byte for byte, and each of its items is found in place, and no other. */
static void expect_latest(size_t length, uint32_t count, uint32_t options)
{
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_index index;
    const void *data;
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_read(subscriber, copy, sizeof copy, &info), NETIPC_OK);
    assert_int_equal(info.length, length);
    assert_memory_equal(copy, payload, length);
    assert_int_equal(netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &data, &info), NETIPC_OK);
    assert_int_equal(info.length, length);
    assert_memory_equal(data, payload, length);
    assert_int_equal(netipc_reader_index(reader, netipc_cgroups_schema(), &index), NETIPC_OK);
    assert_int_equal(index.items.count, count);
    for (uint32_t k = 0; k < count + 10; k++) {
        netipc_cgroup_view cgroup;
        const char *name = name_of(k);
        netipc_status status =
            netipc_cgroups_find(&index, name, strlen(name), netipc_key_hash(name, strlen(name)), &cgroup);
        assert_int_equal(status, k < count ? NETIPC_OK : NETIPC_NOT_FOUND);
        if (status == NETIPC_OK) {
            assert_string_equal(cgroup.name, name);
            assert_int_equal(cgroup.options, options);
            assert_in_range((uintptr_t)cgroup.name, (uintptr_t)data, (uintptr_t)data + length);
        }
    }
    assert_int_equal(netipc_reader_release(reader), NETIPC_OK);
}

static void each_item_is_found_in_place_and_the_payload_is_as_it_was(void **state)
{
    (void)state;
    const netipc_publisher_config config = indexing(65536);
    open_all(&config);
    static const uint32_t counts[] = {0, 1, 2, 100, 3, 301};
    for (uint32_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        size_t length = build(counts[i], 2 * i);
        assert_int_equal(netipc_publish(publisher, payload, length, NULL), NETIPC_OK);
        expect_latest(length, counts[i], 2 * i);
        length = build(counts[i], 2 * i + 1);
        assert_int_equal(commit(length, length), NETIPC_OK);
        expect_latest(length, counts[i], 2 * i + 1);
    }
    assert_int_equal(ordinal(), 1);
}

static void the_region_tells_the_schema_of_a_publisher_that_has_one(void **state)
{
    (void)state;
    const netipc_publisher_config config = indexing(4096);
    open_all(&config);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.schema_id, netipc_cgroups_schema()->id);
    assert_int_equal(info.schema_version, netipc_cgroups_schema()->version);
}

/* The slot has room for the payload to the byte, so each needs a larger region for the index. */
static void an_index_that_finds_no_room_makes_the_region_grow(void **state)
{
    (void)state;
    netipc_publisher_config config = indexing(1);
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    size_t length = build(50, 1);
    netipc_cgroups_snapshot_builder_free(builder);
    config.capacity = length;
    open_all(&config);
    size_t mappings = library_mappings_writable();
    assert_int_equal(netipc_publish(publisher, payload, length, NULL), NETIPC_OK);
    assert_int_equal(ordinal(), 2);
    expect_latest(length, 50, 1);
    for (uint32_t count = 100; count <= 400;
         count *= 2) { /* where the slot that was lent has just room for the bytes */
        netipc_publisher_info info = {.size = sizeof info};
        assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
        length = build(count, count);
        assert_int_equal(commit(length, length), NETIPC_OK);
        expect_latest(length, count, count);
    }
    assert_true(ordinal() > 2);
    assert_int_equal(library_mappings_writable(), mappings);
}

/* Twice in one commit: first for the bytes, then, with all of that slot taken, for the index. */
static void a_larger_region_that_was_lent_is_left_for_one_with_room_for_the_index(void **state)
{
    (void)state;
    const netipc_publisher_config config = indexing(64);
    open_all(&config);
    size_t length = build(200, 9), mappings = library_mappings(), descriptors = open_descriptors();
    assert_int_equal(commit(length, length), NETIPC_OK);
    expect_latest(length, 200, 9);
    assert_int_equal(ordinal(), 2);
    assert_int_equal(library_mappings(), mappings);
    assert_int_equal(open_descriptors(), descriptors);
}

static void a_ceiling_is_for_payload_and_index_together(void **state)
{
    (void)state;
    netipc_publisher_config config = indexing(16384);
    config.slots = 4;
    config.history = 1;
    config.ceiling = 4096 * 2 + 4 * 16384;
    open_all(&config);
    size_t length = build(10, 1);
    assert_int_equal(netipc_publish(publisher, payload, length, NULL), NETIPC_OK);
    size_t large = build(230, 2);
    assert_in_range(large, 12000, 16384);
    assert_int_equal(netipc_publish(publisher, payload, large, NULL), NETIPC_TOO_LARGE);
    assert_int_equal(commit(large, large), NETIPC_TOO_LARGE);
    length = build(10, 1);
    expect_latest(length, 10, 1);
    length = build(20, 3); /* nothing is lent any more */
    assert_int_equal(commit(length, length), NETIPC_OK);
    expect_latest(length, 20, 3);
}

static void what_is_not_of_the_schema_is_not_published(void **state)
{
    (void)state;
    const netipc_publisher_config config = indexing(65536);
    open_all(&config);
    size_t length = build(10, 1);
    uint64_t generation;
    const uint32_t beyond = UINT32_MAX;
    assert_int_equal(netipc_publish(publisher, payload, length, &generation), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, payload, 10, NULL), NETIPC_CORRUPT);
    assert_int_equal(netipc_publish(publisher, NULL, 0, NULL), NETIPC_CORRUPT);
    memcpy(payload + 24 + 8 * 7, &beyond, sizeof beyond); /* the place of item 7 */
    assert_int_equal(netipc_publish(publisher, payload, length, NULL), NETIPC_CORRUPT);
    assert_non_null(strstr(netipc_status_detail(), "item 7"));
    assert_int_equal(commit(length, length), NETIPC_CORRUPT);
    assert_int_equal(netipc_publish_abort(publisher), NETIPC_WRONG_STATE);
    size_t mappings = library_mappings();
    assert_int_equal(commit(ROOM, length), NETIPC_CORRUPT);
    assert_int_equal(library_mappings(), mappings); /* a region that was made for it is gone again */
    assert_int_equal(ordinal(), 1);
    length = build(10, 1);
    expect_latest(length, 10, 1);
    assert_int_equal(netipc_subscriber_generation(subscriber), generation);
}

static void the_same_payload_is_unchanged_whatever_lies_behind_it(void **state)
{
    (void)state;
    netipc_publisher_config config = indexing(65536);
    config.flags = NETIPC_PUBLISH_ON_CHANGE;
    open_all(&config);
    size_t length = build(10, 1);
    assert_int_equal(netipc_publish(publisher, payload, length, NULL), NETIPC_OK);
    assert_int_equal(netipc_publish(publisher, payload, length, NULL), NETIPC_UNCHANGED);
    assert_int_equal(commit(length, length), NETIPC_UNCHANGED);
    assert_int_equal(commit(ROOM, length), NETIPC_UNCHANGED);
    length = build(10, 2);
    assert_int_equal(commit(length, length), NETIPC_OK);
    expect_latest(length, 10, 2);
    assert_int_equal(ordinal(), 1); /* the region that was made for what did not change is gone again */
}

static void without_an_index_or_a_view_it_is_said_so(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    netipc_index index;
    netipc_snapshot_info info = {.size = sizeof info};
    const void *data;
    config.schema_id = netipc_cgroups_schema()->id;
    config.schema_version = netipc_cgroups_schema()->version;
    open_all(&config);
    assert_int_equal(netipc_publish(publisher, payload, build(3, 0), NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_index(reader, netipc_cgroups_schema(), &index), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &data, &info), NETIPC_OK);
    assert_int_equal(netipc_reader_index(reader, netipc_cgroups_schema(), &index), NETIPC_UNSUPPORTED);
    assert_non_null(strstr(netipc_status_detail(), "netipc_index_build()"));
    assert_int_equal(netipc_reader_index(reader, NULL, &index), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_index(reader, netipc_cgroups_schema(), NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_reader_index(NULL, netipc_cgroups_schema(), &index), NETIPC_INVALID_ARGUMENT);
}

static void another_schema_than_the_regions_is_not_opened(void **state)
{
    (void)state;
    const netipc_publisher_config config = indexing(65536);
    netipc_schema other = *netipc_cgroups_schema();
    netipc_index index;
    netipc_snapshot_info info = {.size = sizeof info};
    const void *data;
    open_all(&config);
    assert_int_equal(netipc_publish(publisher, payload, build(3, 0), NULL), NETIPC_OK);
    assert_int_equal(netipc_reader_acquire(reader, NETIPC_GENERATION_LATEST, &data, &info), NETIPC_OK);
    other.version++;
    assert_int_equal(netipc_reader_index(reader, &other, &index), NETIPC_UNSUPPORTED);
    other.version--;
    other.id++;
    assert_int_equal(netipc_reader_index(reader, &other, &index), NETIPC_UNSUPPORTED);
    other.id--;
    assert_int_equal(netipc_reader_index(reader, &other, &index), NETIPC_OK);
}

static void a_schema_and_labels_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    netipc_schema broken = *netipc_cgroups_schema();
    netipc_publisher_config config = indexing(4096);
    config.schema_id = config.schema->id;
    config.schema_version = config.schema->version;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    netipc_publisher_close(publisher);
    config.schema_id++;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_INVALID_ARGUMENT);
    config.schema_id--;
    config.schema_version++;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_INVALID_ARGUMENT);
    config = indexing(4096);
    config.schema = &broken;
    broken.item = NULL;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_INVALID_ARGUMENT);
    broken = *netipc_cgroups_schema();
    broken.size = 0;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_INVALID_ARGUMENT);
    assert_null(publisher);
}

static void who_was_built_before_there_were_schemas_publishes_as_before(void **state)
{
    (void)state;
    netipc_publisher_config config = indexing(4096);
    config.size = offsetof(netipc_publisher_config, schema);
    open_all(&config);
    service_publish(publisher, 64, 1);
    service_expect(subscriber, 1, 64, NETIPC_PUBLISHER_LIVE);
}

/* --- beside a publisher that never pauses --- */

static void finders_beside_a_publisher_flat_out_find_what_their_view_has(void **state)
{
    (void)state;
    enum { FINDERS = 2, ITEMS = 40, GENERATIONS = SCALED(500, 50) };
    struct peer *from = peer_start("publisher"), *finders[FINDERS];
    uint64_t status, found[2], attached[3], published[2];
    peer_ask(from, &status, 1, "schema");
    peer_ask(from, &status, 1, "open 8 1024 0 2"); /* one that has to grow, too */
    assert_int_equal(status, NETIPC_OK);
    peer_tell(from, "items %d", ITEMS);
    for (size_t i = 0; i < FINDERS; i++) {
        finders[i] = peer_start("subscriber");
        peer_ask(finders[i], &status, 1, "open 1000 10000 0 1");
        assert_int_equal(status, NETIPC_OK);
    }
    for (size_t i = 0; i < FINDERS; i++) {
        do
            peer_ask(finders[i], attached, 3, "attach");
        while (attached[0] != NETIPC_OK);
        do
            peer_ask(finders[i], found, 1, "wait 0 60000");
        while (found[0] != NETIPC_OK);
        peer_tell(finders[i], "find %d %d", ITEMS, GENERATIONS);
    }
    for (size_t i = 0; i < FINDERS; i++) {
        peer_hear(finders[i], found, 2);
        assert_int_equal(found[0], GENERATIONS);
        assert_int_equal(found[1], 0);
    }
    peer_tell(from, "stop");
    peer_hear(from, published, 2);
    assert_int_equal(published[0], NETIPC_OK);
}

#define test(name) cmocka_unit_test_setup_teardown(name, peers_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(each_item_is_found_in_place_and_the_payload_is_as_it_was),
        test(the_region_tells_the_schema_of_a_publisher_that_has_one),
        test(an_index_that_finds_no_room_makes_the_region_grow),
        test(a_larger_region_that_was_lent_is_left_for_one_with_room_for_the_index),
        test(a_ceiling_is_for_payload_and_index_together),
        test(what_is_not_of_the_schema_is_not_published),
        test(the_same_payload_is_unchanged_whatever_lies_behind_it),
        test(without_an_index_or_a_view_it_is_said_so),
        test(another_schema_than_the_regions_is_not_opened),
        test(a_schema_and_labels_that_contradict_each_other_are_refused),
        test(who_was_built_before_there_were_schemas_publishes_as_before),
        test(finders_beside_a_publisher_flat_out_find_what_their_view_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
