/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/cached.h"
#include "tests/publish/service.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* --- what it holds --- */

static void a_cache_holds_every_item_of_the_latest_generation(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    cached_refresh(cache, NETIPC_NOT_FOUND, false);
    cached_expect_empty(cache);
    netipc_publisher *publisher = cached_publisher();
    cached_refresh(cache, NETIPC_OK, false);
    cached_expect_empty(cache);
    static const uint32_t counts[] = {0, 1, 1000, 100000, 2, 0};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        cached_publish_cgroups(publisher, counts[i], 10 + i);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, counts[i], 10 + i);
        netipc_cache_info info = cached_info(cache);
        assert_int_equal(info.source, NETIPC_CACHE_REGION);
        assert_int_equal(info.generation, i + 1);
        assert_int_equal(info.count, counts[i]);
        assert_int_equal(info.builds, i + 1);
    }
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void a_large_snapshot_leaves_no_memory_behind(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, 100000, 1);
    cached_refresh(cache, NETIPC_OK, true);
    uint64_t large = cached_info(cache).memory_bytes;
    for (uint64_t value = 2; value < 6; value++) {
        cached_publish_cgroups(publisher, 10, value);
        cached_refresh(cache, NETIPC_OK, true);
        cached_await_reclaimed(cache);
    }
    assert_true(cached_info(cache).memory_bytes < large / 10);
    cached_publish_cgroups(publisher, 10, 6); /* in what was the large one's, were it kept */
    cached_refresh(cache, NETIPC_OK, true);
    assert_true(cached_info(cache).memory_bytes < large / 10);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

#ifndef TESTS_SANITIZED /* which have memory of their own, that mallinfo2() does not know */
static size_t memory_in_use(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void a_large_comparison_leaves_no_memory_behind(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, 10, 1);
    cached_refresh(cache, NETIPC_OK, true);
    size_t before = memory_in_use();
    cached_publish_cgroups(publisher, 100000, 2);
    cached_refresh(cache, NETIPC_OK, true);
    for (uint64_t value = 3; value < 10; value++) {
        cached_publish_cgroups(publisher, 10, value);
        cached_refresh(cache, NETIPC_OK, true);
        cached_await_reclaimed(cache);
    }
    assert_true(memory_in_use() < before + (1 << 20));
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}
#endif

static void a_cache_is_rebuilt_on_a_new_generation_only(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_refresh(cache, NETIPC_OK, false);
    assert_false(netipc_cache_changed(cache));
    cached_publish_cgroups(publisher, 3, 1);
    assert_true(netipc_cache_changed(cache));
    cached_refresh(cache, NETIPC_OK, true);
    for (int i = 0; i < 5; i++) {
        assert_false(netipc_cache_changed(cache));
        cached_refresh(cache, NETIPC_OK, false);
    }
    assert_int_equal(cached_info(cache).builds, 1);
    assert_int_equal(cached_info(cache).unchanged, 6);
    assert_int_equal(netipc_cache_wait(cache, 1), NETIPC_TIMED_OUT);
    cached_publish_cgroups(publisher, 3, 2);
    assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_OK);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 3, 2);
    netipc_publisher_close(publisher);
    assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_CLOSED);
    cached_refresh(cache, NETIPC_NOT_FOUND, false);
    cached_expect(cache, 3, 2);
    netipc_cache_close(cache);
}

static void what_was_entered_stays_through_refreshes(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, 500, 1);
    cached_refresh(cache, NETIPC_OK, true);
    const netipc_cache_snapshot *first, *second;
    assert_int_equal(netipc_cache_enter(cache, &first), NETIPC_OK);
    for (uint64_t value = 2; value < 20; value++) {
        cached_publish_cgroups(publisher, 500, value);
        cached_refresh(cache, NETIPC_OK, true);
        assert_int_equal(netipc_cache_enter(cache, &second), NETIPC_OK);
        assert_int_equal(second->generation, value);
        netipc_cache_leave(second);
    }
    for (uint32_t i = 0; i < 500; i++)
        assert_int_equal(cached_value(netipc_cache_item(first, i)), 1);
    netipc_cache_leave(first);
    cached_await_reclaimed(cache);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* --- keys --- */

static void publish_names(netipc_publisher *publisher, const char *const *names, size_t count)
{
    netipc_cgroups_snapshot_builder *builder;
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(names[i], strlen(names[i])),
                                                             (uint32_t)i, 1, names[i], "/"),
                         NETIPC_OK);
    cached_publish(publisher, cgroups_built(builder, 0));
    netipc_cgroups_snapshot_builder_free(builder);
}

static void keys_may_be_empty_long_or_there_more_than_once(void **state)
{
    (void)state;
    static char long_name[4001], longer_name[4002];
    memset(long_name, 'x', 4000);
    memset(longer_name, 'x', 4001);
    const char *const names[] = {"twice", "", long_name, "twice", "other", "", longer_name, "twice"};
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    publish_names(publisher, names, sizeof names / sizeof *names);
    cached_refresh(cache, NETIPC_OK, true);
    const netipc_cache_snapshot *snapshot;
    assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_OK);
    assert_int_equal(snapshot->count, 8);
    assert_int_equal(cached_value(cached_find(snapshot, "twice")), 0);
    assert_int_equal(cached_value(cached_find(snapshot, "")), 1);
    assert_int_equal(cached_value(cached_find(snapshot, long_name)), 2);
    assert_int_equal(cached_value(cached_find(snapshot, "other")), 4);
    assert_int_equal(cached_value(cached_find(snapshot, longer_name)), 6);
    for (uint32_t i = 0; i < 8; i++)
        assert_string_equal(netipc_cache_item(snapshot, i)->key, names[i]);
    assert_null(cached_find(snapshot, "twic"));
    assert_null(netipc_cache_find(snapshot, "twice", 5, netipc_key_hash("twice", 5) + 1));
    assert_null(netipc_cache_find(snapshot, "other", 5, netipc_key_hash("twice", 5)));
    assert_null(netipc_cache_find(snapshot, NULL, 5, 0));
    netipc_cache_leave(snapshot);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void keys_of_one_hash_are_told_apart(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    for (uint32_t round = 0; round < 2; round++) {
        netipc_cgroups_snapshot_builder *builder;
        assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
        for (uint32_t i = 0; i < COUNT; i++) {
            char name[32];
            cgroups_name(name, round == 0 ? i : COUNT - 1 - i);
            assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, 7, i, 1, name, "/"), NETIPC_OK);
        }
        cached_publish(publisher, cgroups_built(builder, round));
        netipc_cgroups_snapshot_builder_free(builder);
        cached_refresh(cache, NETIPC_OK, true);
        const netipc_cache_snapshot *snapshot;
        assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_OK);
        for (uint32_t i = 0; i < COUNT; i += 100) {
            char name[32];
            cgroups_name(name, i);
            assert_int_equal(cached_value(netipc_cache_find(snapshot, name, strlen(name), 7)),
                             round == 0 ? i : COUNT - 1 - i);
            assert_null(cached_find(snapshot, name));
        }
        netipc_cache_leave(snapshot);
    }
    /* In the opposite order each comparison would go through half of them. */
    const netipc_cache_change *changes;
    size_t count = 1;
    assert_int_equal(netipc_cache_changes(cache, &changes, &count), NETIPC_LIMIT_EXCEEDED);
    assert_int_equal(count, 0);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* --- changes --- */

static void add(netipc_cgroups_snapshot_builder *builder, const char *name, uint32_t value)
{
    assert_int_equal(
        netipc_cgroups_snapshot_builder_add(builder, netipc_key_hash(name, strlen(name)), value, 1, name, "/"),
        NETIPC_OK);
}

/* Publishes a snapshot of what text says, like "a1 b2", and refreshes. */
static void publish_text(netipc_publisher *publisher, netipc_cache *cache, const char *text)
{
    netipc_cgroups_snapshot_builder *builder;
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    for (; *text != 0; text += text[2] != 0 ? 3 : 2)
        add(builder, (const char[]){text[0], 0}, (uint32_t)(text[1] - '0'));
    cached_publish(publisher, cgroups_built(builder, 0));
    netipc_cgroups_snapshot_builder_free(builder);
    cached_refresh(cache, NETIPC_OK, true);
}

/* As text: "+a1" was added, "-b2" removed, "c12" changed from 1 to 2. */
static void expect_changes(netipc_cache *cache, const char *expected)
{
    char text[256], *end = text;
    const netipc_cache_change *changes;
    size_t count;
    assert_int_equal(netipc_cache_changes(cache, &changes, &count), NETIPC_OK);
    for (size_t i = 0; i < count; i++) {
        const netipc_item *before = changes[i].before, *after = changes[i].after;
        *end++ = ' ';
        if (before == NULL || after == NULL)
            *end++ = before == NULL ? '+' : '-';
        const netipc_item *either = after != NULL ? after : before;
        assert_non_null(either);
        *end++ = *(const char *)either->key;
        if (before != NULL)
            *end++ = (char)('0' + cached_value(before));
        if (after != NULL)
            *end++ = (char)('0' + cached_value(after));
    }
    *end = 0;
    assert_string_equal(end == text ? "" : text + 1, expected);
}

static void a_refresh_says_what_was_added_changed_and_removed(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    expect_changes(cache, "");
    publish_text(publisher, cache, "a1 b1 c1");
    expect_changes(cache, "+a1 +b1 +c1");
    cached_refresh(cache, NETIPC_OK, false);
    expect_changes(cache, "");
    publish_text(publisher, cache, "c2 d1 a1");
    expect_changes(cache, "c12 +d1 -b1");
    publish_text(publisher, cache, "a1 c2 d1");
    expect_changes(cache, "");
    /* The first of a key with the first, the second with the second. */
    publish_text(publisher, cache, "a1 a2 a3 b1");
    expect_changes(cache, "+a2 +a3 +b1 -c2 -d1");
    publish_text(publisher, cache, "b1 a1 a5");
    expect_changes(cache, "a25 -a3");
    publish_text(publisher, cache, "a5 b1 a1");
    expect_changes(cache, "a15 a51");
    publish_text(publisher, cache, "");
    expect_changes(cache, "-a5 -b1 -a1");
    publish_text(publisher, cache, "z9");
    expect_changes(cache, "+z9");
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void a_hundred_thousand_items_of_one_key_are_compared(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    for (uint32_t round = 0; round < 2; round++) {
        netipc_cgroups_snapshot_builder *builder;
        assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
        for (uint32_t i = 0; i < COUNT; i++)
            add(builder, "same", round == 1 && i == COUNT / 2 ? 7 : 1);
        cached_publish(publisher, cgroups_built(builder, 0));
        netipc_cgroups_snapshot_builder_free(builder);
        cached_refresh(cache, NETIPC_OK, true);
    }
    const netipc_cache_change *changes;
    size_t count;
    assert_int_equal(netipc_cache_changes(cache, &changes, &count), NETIPC_OK);
    assert_int_equal(count, 1);
    assert_int_equal(changes->before->index, COUNT / 2);
    assert_int_equal(changes->after->index, COUNT / 2);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* --- arguments --- */

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    const netipc_cache_config good = cached_config(&subscriber);
    netipc_cache_config config = good;
    netipc_schema broken = *good.schema;
    broken.check = NULL;
    netipc_cache *cache = (netipc_cache *)(void *)&config;
    assert_int_equal(netipc_cache_open(NULL, &cache), NETIPC_INVALID_ARGUMENT);
    assert_null(cache);
    assert_int_equal(netipc_cache_open(&config, NULL), NETIPC_INVALID_ARGUMENT);
    config.schema = NULL;
    assert_int_equal(netipc_cache_open(&config, &cache), NETIPC_INVALID_ARGUMENT);
    config.schema = &broken;
    assert_int_equal(netipc_cache_open(&config, &cache), NETIPC_INVALID_ARGUMENT);
    config = good;
    config.subscriber = NULL;
    assert_int_equal(netipc_cache_open(&config, &cache), NETIPC_INVALID_ARGUMENT);
    config = good;
    config.flags = 4;
    assert_int_equal(netipc_cache_open(&config, &cache), NETIPC_INVALID_ARGUMENT);
    config = good;
    subscriber.service = "no/service";
    assert_int_equal(netipc_cache_open(&config, &cache), NETIPC_INVALID_ARGUMENT);
    assert_null(cache);

    netipc_cache_info info = {.size = 0};
    const netipc_cache_change *changes;
    size_t count;
    cache = cached_open(0);
    assert_int_equal(netipc_cache_status(cache, &info), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cache_changes(cache, &changes, &count), NETIPC_WRONG_STATE);
    assert_int_equal(netipc_cache_changes(cache, NULL, &count), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cache_enter(cache, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cache_refresh(NULL, NULL), NETIPC_INVALID_ARGUMENT);
    assert_false(netipc_cache_changed(NULL));
    assert_null(netipc_cache_item(NULL, 0));
    assert_null(netipc_cache_find(NULL, "", 0, 0));
    netipc_cache_leave(NULL);
    netipc_cache_close(cache);
    netipc_cache_close(NULL);
}

static void an_abort_ends_refresh_and_wait_until_resumed(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, 3, 1);
    netipc_cache_abort(cache);
    cached_refresh(cache, NETIPC_ABORTED, false);
    assert_int_equal(netipc_cache_wait(cache, UINT64_MAX), NETIPC_ABORTED);
    netipc_cache_resume(cache);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, 3, 1);
    assert_true(netipc_cache_fd(cache) >= 0);
    assert_int_equal(netipc_cache_arm(cache), NETIPC_UNCHANGED);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

#define cache_test(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(a_cache_holds_every_item_of_the_latest_generation),
        cache_test(a_large_snapshot_leaves_no_memory_behind),
#ifndef TESTS_SANITIZED
        cache_test(a_large_comparison_leaves_no_memory_behind),
#endif
        cache_test(a_cache_is_rebuilt_on_a_new_generation_only),
        cache_test(what_was_entered_stays_through_refreshes),
        cache_test(keys_may_be_empty_long_or_there_more_than_once),
        cache_test(keys_of_one_hash_are_told_apart),
        cache_test(a_refresh_says_what_was_added_changed_and_removed),
        cache_test(a_hundred_thousand_items_of_one_key_are_compared),
        cache_test(wrong_arguments_are_refused),
        cache_test(an_abort_ends_refresh_and_wait_until_resumed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
