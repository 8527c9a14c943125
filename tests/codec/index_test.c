/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes over payloads: what they find, and what they do when their bytes are hostile. */
#include <netipc/cgroups_snapshot.h>
#include <netipc/index.h>

#include "publish/codec/index_layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LONG_NAME = 4000, BUCKETS_AT = sizeof(struct netipc_index_header) };

/* A payload and an index of it, each on the heap, of exactly its length. */
struct indexed {
    unsigned char *payload, *bytes;
    size_t payload_length, length;
    netipc_items items;
    netipc_index index;
};

static netipc_cgroups_snapshot_builder *builder;

static int make_builder(void **state)
{
    (void)state;
    return netipc_cgroups_snapshot_builder_new(&builder) == NETIPC_OK ? 0 : -1;
}

static int free_builder(void **state)
{
    (void)state;
    netipc_cgroups_snapshot_builder_free(builder);
    return 0;
}

static void add_hashed(const char *name, uint32_t hash)
{
    assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, hash, 0, 1, name, "/path"), NETIPC_OK);
}

static void add(const char *name)
{
    add_hashed(name, netipc_key_hash(name, strlen(name)));
}

static const char *name_of(uint32_t i)
{
    static char name[32];
    snprintf(name, sizeof name, "cgroup-%u", i);
    return name;
}

/* Of what was added; the builder begins anew. */
static void make_indexed(struct indexed *made)
{
    const netipc_schema *schema = netipc_cgroups_schema();
    made->payload_length = netipc_cgroups_snapshot_builder_length(builder);
    made->payload = malloc(made->payload_length);
    assert_non_null(made->payload);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(builder, 1, 0, made->payload, made->payload_length, NULL),
                     NETIPC_OK);
    netipc_cgroups_snapshot_builder_reset(builder);
    assert_int_equal(schema->parse(made->payload, made->payload_length, &made->items), NETIPC_OK);
    made->length = (size_t)netipc_index_length(made->items.count);
    made->bytes = malloc(made->length);
    assert_non_null(made->bytes);
    size_t length;
    assert_int_equal(netipc_index_build(schema, &made->items, made->bytes, made->length, &length), NETIPC_OK);
    assert_int_equal(length, made->length);
    assert_int_equal(netipc_index_open(schema, &made->items, made->bytes, made->length, &made->index), NETIPC_OK);
}

static void free_indexed(struct indexed *made)
{
    free(made->payload);
    free(made->bytes);
}

/* The index of the first item with this key and hash, by a look at one after the other; -1: none. */
static int64_t first_by_scan(const netipc_items *items, const void *key, size_t key_length, uint32_t hash)
{
    for (uint32_t i = 0; i < items->count; i++) {
        netipc_item item;
        assert_int_equal(netipc_cgroups_schema()->item(items, i, &item), NETIPC_OK);
        if (item.hash == hash && item.key_length == key_length && memcmp(item.key, key, key_length) == 0)
            return i;
    }
    return -1;
}

static int64_t first_by_index(const netipc_index *index, const void *key, size_t key_length, uint32_t hash)
{
    netipc_item item;
    netipc_status status = netipc_index_find(index, key, key_length, hash, &item);
    if (status == NETIPC_NOT_FOUND)
        return -1;
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(item.hash, hash);
    assert_int_equal(item.key_length, key_length);
    assert_memory_equal(item.key, key, key_length);
    return item.index;
}

static void expect_found(const struct indexed *made, const char *name, uint32_t hash)
{
    assert_int_equal(first_by_index(&made->index, name, strlen(name), hash),
                     first_by_scan(&made->items, name, strlen(name), hash));
}

static void it_finds_what_a_scan_finds(void **state)
{
    (void)state;
    static const uint32_t counts[] = {0, 1, 2, 3, 64, 65, 1000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct indexed made;
        for (uint32_t k = 0; k < counts[i]; k++)
            add(name_of(k));
        make_indexed(&made);
        for (uint32_t k = 0; k < counts[i] + 50; k++) {
            const char *name = name_of(k);
            uint32_t hash = netipc_key_hash(name, strlen(name));
            assert_int_equal(first_by_index(&made.index, name, strlen(name), hash), k < counts[i] ? (int64_t)k : -1);
            expect_found(&made, name, hash);
            expect_found(&made, name, hash + 1); /* another hash than was stored with the key */
        }
        free_indexed(&made);
    }
}

static void it_finds_each_of_a_hundred_thousand(void **state)
{
    (void)state;
    const uint32_t count = 100000;
    struct indexed made;
    for (uint32_t k = 0; k < count; k++)
        add(name_of(k));
    make_indexed(&made);
    for (uint32_t k = 0; k < count; k++) {
        const char *name = name_of(k);
        assert_int_equal(first_by_index(&made.index, name, strlen(name), netipc_key_hash(name, strlen(name))), k);
    }
    for (uint32_t k = count; k < count + 1000; k++) {
        const char *name = name_of(k);
        assert_int_equal(first_by_index(&made.index, name, strlen(name), netipc_key_hash(name, strlen(name))), -1);
    }
    free_indexed(&made);
}

static void names_may_be_empty_or_long(void **state)
{
    (void)state;
    char long_name[LONG_NAME + 1];
    struct indexed made;
    memset(long_name, 'x', LONG_NAME);
    long_name[LONG_NAME] = '\0';
    add("");
    add(long_name);
    long_name[LONG_NAME - 1] = 'y';
    add(long_name);
    make_indexed(&made);
    netipc_cgroup_view cgroup;
    netipc_item item;
    assert_int_equal(netipc_index_find(&made.index, NULL, 0, netipc_key_hash("", 0), &item), NETIPC_OK);
    assert_int_equal(item.index, 0);
    uint32_t hash = netipc_key_hash(long_name, LONG_NAME);
    assert_int_equal(netipc_cgroups_find(&made.index, long_name, LONG_NAME, hash, &cgroup), NETIPC_OK);
    assert_string_equal(cgroup.name, long_name);
    assert_string_equal(cgroup.path, "/path");
    assert_int_equal(netipc_cgroups_find(&made.index, long_name, LONG_NAME - 1, hash, &cgroup), NETIPC_NOT_FOUND);
    free_indexed(&made);
}

static void of_two_items_with_one_key_the_first_is_found(void **state)
{
    (void)state;
    struct indexed made;
    for (uint32_t k = 0; k < 300; k++)
        add(name_of(k % 100));
    make_indexed(&made);
    for (uint32_t k = 0; k < 100; k++) {
        const char *name = name_of(k);
        assert_int_equal(first_by_index(&made.index, name, strlen(name), netipc_key_hash(name, strlen(name))), k);
    }
    free_indexed(&made);
}

static void a_key_with_two_hashes_is_two_keys(void **state)
{
    (void)state;
    struct indexed made;
    add_hashed("a", 5);
    add_hashed("a", 6);
    make_indexed(&made);
    assert_int_equal(first_by_index(&made.index, "a", 1, 5), 0);
    assert_int_equal(first_by_index(&made.index, "a", 1, 6), 1);
    assert_int_equal(first_by_index(&made.index, "a", 1, 7), -1);
    free_indexed(&made);
}

/* The next hash above this one that belongs to the first of four buckets, which is what two items have. */
static uint32_t hash_of_first_bucket(uint32_t above)
{
    do
        above++;
    while (netipc_index_bucket_of(above, 30) != 0);
    return above;
}

static void a_key_in_the_right_bucket_with_another_hash_is_not_found(void **state)
{
    (void)state;
    struct indexed made;
    uint32_t first = hash_of_first_bucket(0), second = hash_of_first_bucket(first);
    uint32_t third = hash_of_first_bucket(second);
    add_hashed("b", first);
    add_hashed("a", second);
    make_indexed(&made);
    assert_int_equal(first_by_index(&made.index, "a", 1, first), -1);
    assert_int_equal(first_by_index(&made.index, "a", 1, second), 1);
    assert_int_equal(first_by_index(&made.index, "a", 1, third), -1);
    assert_int_equal(first_by_index(&made.index, "b", 1, first), 0);
    assert_int_equal(first_by_index(&made.index, "b", 1, second), -1);
    free_indexed(&made);
}

static uint64_t looks;

static netipc_status counted_item(const netipc_items *items, uint32_t index, netipc_item *item)
{
    looks++;
    return netipc_cgroups_schema()->item(items, index, item);
}

/* A search for each place, instead, would take some 5,000,000,000 steps here. */
static void items_of_one_hash_are_found_and_cost_the_builder_no_more(void **state)
{
    (void)state;
    const uint32_t count = 100000;
    struct indexed made;
    netipc_schema counting = *netipc_cgroups_schema();
    counting.item = counted_item;
    for (uint32_t k = 0; k < count; k++)
        add_hashed(name_of(k), 0);
    make_indexed(&made);
    looks = 0;
    assert_int_equal(netipc_index_build(&counting, &made.items, made.bytes, made.length, NULL), NETIPC_OK);
    assert_int_equal(looks, count);
    for (uint32_t k = 0; k < count; k += 9973) {
        const char *name = name_of(k);
        assert_int_equal(first_by_index(&made.index, name, strlen(name), 0), k);
    }
    assert_int_equal(first_by_index(&made.index, "none", 4, 0), -1);
    free_indexed(&made);
}

static void an_index_of_a_programs_own_schema_is_no_index_of_cgroups(void **state)
{
    (void)state;
    struct indexed made;
    netipc_schema own = *netipc_cgroups_schema();
    netipc_cgroup_view cgroup;
    own.name = "own";
    add("a");
    make_indexed(&made);
    assert_int_equal(netipc_index_open(&own, &made.items, made.bytes, made.length, &made.index), NETIPC_OK);
    assert_int_equal(first_by_index(&made.index, "a", 1, netipc_key_hash("a", 1)), 0);
    assert_int_equal(netipc_cgroups_find(&made.index, "a", 1, netipc_key_hash("a", 1), &cgroup),
                     NETIPC_INVALID_ARGUMENT);
    free_indexed(&made);
}

static void the_bytes_are_those_of_the_region_format(void **state)
{
    (void)state;
    struct indexed made;
    add_hashed("a", 0x10);
    add_hashed("b", 0x20);
    add_hashed("c", 0x10);
    make_indexed(&made);
    /* 8 buckets: the product's upper 3 bits. 0x10 x 0x9e3779b1 = 0xe3779b10, 0x20 x it = 0xc6ef3620, both modulo 2^32.
     */
    const uint32_t words[] = {0x3158444e, 0, 3, 8, 0, 0, 0,    0, 0,    0, 0, 0, 0, 0,
                              0,          0, 0, 0, 0, 0, 0x20, 2, 0x10, 1, 3, 0, 0};
    unsigned char expected[sizeof words];
    const uint16_t version = 1, header_size = 32;
    memcpy(expected, words, sizeof words);
    memcpy(expected + 4, &version, 2);
    memcpy(expected + 6, &header_size, 2);
    assert_int_equal(made.length, sizeof expected);
    assert_memory_equal(made.bytes, expected, sizeof expected);
    free_indexed(&made);
}

static void an_index_needs_no_alignment_to_be_read(void **state)
{
    (void)state;
    struct indexed made;
    for (uint32_t k = 0; k < 20; k++)
        add(name_of(k));
    make_indexed(&made);
    for (size_t shift = 1; shift < 8; shift++) {
        unsigned char *shifted = malloc(made.length + shift);
        assert_non_null(shifted);
        memcpy(shifted + shift, made.bytes, made.length);
        netipc_index index;
        assert_int_equal(netipc_index_open(netipc_cgroups_schema(), &made.items, shifted + shift, made.length, &index),
                         NETIPC_OK);
        for (uint32_t k = 0; k < 20; k++) {
            const char *name = name_of(k);
            assert_int_equal(first_by_index(&index, name, strlen(name), netipc_key_hash(name, strlen(name))), k);
        }
        free(shifted);
    }
    free_indexed(&made);
}

static void too_little_room_is_told(void **state)
{
    (void)state;
    struct indexed made;
    size_t length = 0;
    add("a");
    make_indexed(&made);
    assert_int_equal(netipc_index_build(netipc_cgroups_schema(), &made.items, made.bytes, made.length - 1, &length),
                     NETIPC_TOO_SMALL);
    assert_int_equal(length, made.length);
    assert_true(netipc_index_length(1u << 30) != 0);
    assert_true(netipc_index_length((1u << 30) + 1) == 0);
    made.items.count = UINT32_MAX;
    assert_int_equal(netipc_index_build(netipc_cgroups_schema(), &made.items, made.bytes, made.length, &length),
                     NETIPC_TOO_LARGE);
    free_indexed(&made);
}

static void a_payload_that_is_not_sound_gets_no_index(void **state)
{
    (void)state;
    struct indexed made;
    const uint32_t beyond = UINT32_MAX;
    add("a");
    add("b");
    make_indexed(&made);
    memcpy(made.payload + 24 + 8 + 4, &beyond, sizeof beyond); /* the length of item 1 */
    assert_int_equal(netipc_index_build(netipc_cgroups_schema(), &made.items, made.bytes, made.length, NULL),
                     NETIPC_CORRUPT);
    assert_non_null(strstr(netipc_status_detail(), "item 1"));
    free_indexed(&made);
}

/* --- hostile bytes --- */

static netipc_status opened(struct indexed *made, size_t length)
{
    netipc_status status = netipc_index_open(netipc_cgroups_schema(), &made->items, made->bytes, length, &made->index);
    assert_true(status == NETIPC_OK || status == NETIPC_UNSUPPORTED || status == NETIPC_CORRUPT);
    return status;
}

/* Looks for each of count names, and for some that are not there. Whatever is found has the key that was asked for. */
static void search_all(const struct indexed *made, uint32_t count)
{
    for (uint32_t k = 0; k < count + 5; k++) {
        const char *name = name_of(k);
        uint32_t hash = netipc_key_hash(name, strlen(name));
        netipc_item item;
        netipc_status status = netipc_index_find(&made->index, name, strlen(name), hash, &item);
        if (status == NETIPC_OK) {
            assert_int_equal(item.key_length, strlen(name));
            assert_memory_equal(item.key, name, item.key_length);
            assert_true(item.index < made->items.count);
        } else {
            assert_true(status == NETIPC_NOT_FOUND || status == NETIPC_CORRUPT);
        }
    }
}

static void what_is_no_index_of_these_items_is_refused(void **state)
{
    (void)state;
    struct indexed made;
    add("a");
    add("b");
    make_indexed(&made);
    for (size_t length = 0; length < made.length; length++)
        assert_int_equal(opened(&made, length), length < BUCKETS_AT ? NETIPC_UNSUPPORTED : NETIPC_CORRUPT);
    static const struct {
        size_t at;
        uint32_t value;
        netipc_status expected;
        const char *detail;
    } changes[] = {
        {0, 0x3158444f, NETIPC_UNSUPPORTED, "magic 0x3158444f"},
        {8, 1, NETIPC_CORRUPT, "1 items behind a payload of 2"},
        {8, 3, NETIPC_CORRUPT, "3 items behind a payload of 2"},
        {12, 0, NETIPC_CORRUPT, "0 buckets"},
        {12, 1, NETIPC_CORRUPT, "1 buckets"},
        {12, 3, NETIPC_CORRUPT, "3 buckets"},
        {12, 8, NETIPC_CORRUPT, "8 buckets does not fit"},
        {12, 0x80000000, NETIPC_CORRUPT, "2147483648 buckets does not fit"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        uint32_t right;
        memcpy(&right, made.bytes + changes[i].at, sizeof right);
        memcpy(made.bytes + changes[i].at, &changes[i].value, sizeof right);
        assert_int_equal(opened(&made, made.length), changes[i].expected);
        if (!strstr(netipc_status_detail(), changes[i].detail))
            fail_msg("wanted \"%s\" in \"%s\"", changes[i].detail, netipc_status_detail());
        memcpy(made.bytes + changes[i].at, &right, sizeof right);
    }
    const uint16_t two = 2, forty = 40;
    memcpy(made.bytes + 4, &two, 2);
    assert_int_equal(opened(&made, made.length), NETIPC_UNSUPPORTED);
    memcpy(made.bytes + 4, &(uint16_t){1}, 2);
    memcpy(made.bytes + 6, &forty, 2);
    assert_int_equal(opened(&made, made.length), NETIPC_CORRUPT);
    free_indexed(&made);
}

static void every_flipped_bit_finds_the_right_key_or_none(void **state)
{
    (void)state;
    enum { COUNT = 12 };
    struct indexed made;
    size_t accepted = 0;
    for (uint32_t k = 0; k < COUNT; k++)
        add(name_of(k));
    make_indexed(&made);
    for (size_t bit = 0; bit < made.length * 8; bit++) {
        unsigned char mask = (unsigned char)(1u << bit % 8);
        made.bytes[bit / 8] ^= mask;
        if (opened(&made, made.length) == NETIPC_OK) {
            accepted++;
            search_all(&made, COUNT);
        }
        made.bytes[bit / 8] ^= mask;
    }
    assert_int_equal(opened(&made, made.length), NETIPC_OK);
    for (size_t bit = 0; bit < made.payload_length * 8;
         bit++) { /* and with the payload's bits, the index being right */
        unsigned char mask = (unsigned char)(1u << bit % 8);
        made.payload[bit / 8] ^= mask;
        search_all(&made, COUNT);
        made.payload[bit / 8] ^= mask;
    }
    assert_true(accepted > 0);
    free_indexed(&made);
}

static void random_words_behind_a_right_header_find_the_right_key_or_none(void **state)
{
    (void)state;
    enum { COUNT = 20, ROUNDS = 2000 };
    struct indexed made;
    uint64_t random = 1;
    for (uint32_t k = 0; k < COUNT; k++)
        add(name_of(k));
    make_indexed(&made);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        for (size_t at = BUCKETS_AT; at < made.length; at += 4) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            /* mostly what an ordinal might be, so that chains are followed */
            uint32_t word = (uint32_t)(random >> 33) % (random >> 60 == 0 ? UINT32_MAX : COUNT + 3);
            memcpy(made.bytes + at, &word, sizeof word);
        }
        search_all(&made, COUNT);
    }
    free_indexed(&made);
}

static void a_chain_that_leads_back_is_refused(void **state)
{
    (void)state;
    enum { COUNT = 16 };
    for (uint32_t back = 0; back < 2; back++) {
        struct indexed made;
        for (uint32_t k = 0; k < COUNT; k++)
            add_hashed(name_of(k), 0);
        make_indexed(&made);
        for (uint32_t k = 0; k < COUNT; k++) { /* each item's next: itself, or the first */
            uint32_t next = back ? 1 : k + 1;
            memcpy(made.bytes + made.length - sizeof next * (COUNT - k), &next, sizeof next);
        }
        netipc_item item;
        assert_int_equal(netipc_index_find(&made.index, "none", 4, 0, &item), NETIPC_CORRUPT);
        assert_non_null(strstr(netipc_status_detail(), "goes back"));
        assert_int_equal(first_by_index(&made.index, name_of(0), strlen(name_of(0)), 0), 0);
        free_indexed(&made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_a_scan_finds),
        cmocka_unit_test(it_finds_each_of_a_hundred_thousand),
        cmocka_unit_test(names_may_be_empty_or_long),
        cmocka_unit_test(of_two_items_with_one_key_the_first_is_found),
        cmocka_unit_test(a_key_with_two_hashes_is_two_keys),
        cmocka_unit_test(a_key_in_the_right_bucket_with_another_hash_is_not_found),
        cmocka_unit_test(items_of_one_hash_are_found_and_cost_the_builder_no_more),
        cmocka_unit_test(an_index_of_a_programs_own_schema_is_no_index_of_cgroups),
        cmocka_unit_test(the_bytes_are_those_of_the_region_format),
        cmocka_unit_test(an_index_needs_no_alignment_to_be_read),
        cmocka_unit_test(too_little_room_is_told),
        cmocka_unit_test(a_payload_that_is_not_sound_gets_no_index),
        cmocka_unit_test(what_is_no_index_of_these_items_is_refused),
        cmocka_unit_test(every_flipped_bit_finds_the_right_key_or_none),
        cmocka_unit_test(random_words_behind_a_right_header_find_the_right_key_or_none),
        cmocka_unit_test(a_chain_that_leads_back_is_refused),
    };
    return cmocka_run_group_tests(tests, make_builder, free_builder);
}
