/* SPDX-License-Identifier: Apache-2.0 */
/* What a follower makes of the snapshots of a publisher: what has changed, and whose processes are to be read. */
#include "tests/publish/scale.h"
#include "tools/ebpf_plugin/follow.h"
#include "tools/ebpf_plugin/listing.h"

#include <netipc/netipc.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct item {
    const char *name;
    const char *path;
    uint32_t enabled;
    uint32_t options;
};

struct stage {
    char directory[64];
    struct options options;
    netipc_publisher *publisher;
    netipc_cgroups_snapshot_builder *builder;
    struct follower follower;
    struct lists lists;
    struct standing standing;
    struct listing listing;
};

static void open_publisher(struct stage *stage)
{
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    config.run_dir = stage->directory;
    config.service = "cgroups";
    config.schema = netipc_cgroups_schema();
    assert_int_equal(netipc_publisher_open(&config, &stage->publisher), NETIPC_OK);
}

static int set_up(void **state)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    strcpy(stage->directory, "/tmp/netipc-follow-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    stage->options = (struct options){.run_dir = stage->directory, .service = "cgroups"};
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&stage->builder), NETIPC_OK);
    open_publisher(stage);
    assert_int_equal(follower_open(&stage->follower, &stage->options), NETIPC_OK);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    follower_close(&stage->follower);
    lists_free(&stage->lists);
    listing_free(&stage->listing);
    netipc_publisher_close(stage->publisher);
    netipc_cgroups_snapshot_builder_free(stage->builder);
    assert_int_equal(rmdir(stage->directory), 0);
    free(stage);
    return 0;
}

static void add(struct stage *stage, const struct item *item)
{
    assert_int_equal(netipc_cgroups_snapshot_builder_add(stage->builder,
                                                         netipc_key_hash(item->name, strlen(item->name)), item->options,
                                                         item->enabled, item->name, item->path),
                     NETIPC_OK);
}

static void publish(struct stage *stage)
{
    size_t length = netipc_cgroups_snapshot_builder_length(stage->builder);
    void *bytes = malloc(length);
    assert_non_null(bytes);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(stage->builder, 1, 1, bytes, length, &length), NETIPC_OK);
    assert_int_equal(netipc_publish(stage->publisher, bytes, length, NULL), NETIPC_OK);
    free(bytes);
    netipc_cgroups_snapshot_builder_reset(stage->builder);
}

/* As a program that prints JSON does it, but for the files. */
static void step(struct stage *stage)
{
    follower_step(&stage->follower, &stage->lists, &stage->standing);
    assert_string_equal(stage->standing.state, "READY");
    const netipc_cache_snapshot *snapshot;
    assert_int_equal(netipc_cache_enter(stage->follower.cache, &snapshot), NETIPC_OK);
    assert_true(listing_take(&stage->listing, snapshot, &stage->lists));
    for (size_t i = 1; i < stage->listing.count; i++)
        assert_true(stage->listing.cgroups[i - 1].view.hash <= stage->listing.cgroups[i].view.hash);
    netipc_cache_leave(snapshot);
}

static void follow(struct stage *stage, const struct item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add(stage, &items[i]);
    publish(stage);
    step(stage);
    assert_int_equal(stage->listing.count, count);
    assert_int_equal(stage->standing.cache.count, count);
}

static void check_diff(const struct stage *stage, size_t added, size_t changed, size_t removed)
{
    assert_int_equal(stage->standing.diff.added, added);
    assert_int_equal(stage->standing.diff.changed, changed);
    assert_int_equal(stage->standing.diff.removed, removed);
}

/* In the snapshot at hand: there is no refresh before the test's next. */
static const struct cgroup *find(const struct stage *stage, const char *path)
{
    for (size_t i = 0; i < stage->listing.count; i++) {
        if (strcmp(stage->listing.cgroups[i].view.path, path) == 0)
            return &stage->listing.cgroups[i];
    }
    fail_msg("%s is not there", path);
    return NULL;
}

static void give_process(struct stage *stage, const char *path, uint32_t pid)
{
    for (size_t i = 0; i < stage->lists.count; i++) {
        struct procs *procs = &stage->lists.at[i].procs;
        if (strcmp(stage->lists.at[i].path, path) != 0)
            continue;
        procs->list = calloc(1, sizeof *procs->list);
        assert_non_null(procs->list);
        procs->list[0].pid = pid;
        procs->count = procs->capacity = 1;
        procs->read = true;
        return;
    }
    fail_msg("the processes of %s are not to be read", path);
}

/* 0: none, or not enabled. */
static uint32_t process_of(const struct stage *stage, const char *path)
{
    const struct procs *procs = find(stage, path)->procs;
    return procs && procs->count ? procs->list[0].pid : 0;
}

static void the_first_snapshot_adds_all(void **state)
{
    struct stage *stage = *state;
    const struct item items[] = {{"cgroup_b", "/b", 1, 0}, {"cgroup_a", "/a", 0, 0}};
    follow(stage, items, 2);
    check_diff(stage, 2, 0, 0);
    assert_string_equal(find(stage, "/a")->view.name, "cgroup_a");
    assert_int_equal(find(stage, "/a")->view.hash, netipc_key_hash("cgroup_a", 8));
    assert_null(find(stage, "/a")->procs); /* not enabled */
    assert_non_null(find(stage, "/b")->procs);
}

static void an_equal_count_of_others_is_a_change(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}, {"c", "/c", 1, 0}};
    const struct item after[] = {{"d", "/d", 1, 0}, {"b", "/b", 1, 0}, {"e", "/e", 1, 0}};
    follow(stage, before, 3);
    follow(stage, after, 3);
    check_diff(stage, 2, 0, 2);
}

static void another_order_is_no_change(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item after[] = {{"b", "/b", 1, 0}, {"a", "/a", 1, 0}};
    follow(stage, before, 2);
    follow(stage, after, 2);
    check_diff(stage, 0, 0, 0);
}

static void another_path_options_or_enabled_is_a_change(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}, {"c", "/c", 1, 0}, {"d", "/d", 1, 0}};
    const struct item after[] = {{"a", "/moved", 1, 0}, {"b", "/b", 1, 2}, {"c", "/c", 0, 0}, {"d", "/d", 1, 0}};
    follow(stage, before, 4);
    for (size_t i = 0; i < 4; i++)
        give_process(stage, before[i].path, 11);
    follow(stage, after, 4);
    check_diff(stage, 0, 3, 0);
    assert_int_equal(process_of(stage, "/moved"), 0); /* another list of processes */
    assert_int_equal(process_of(stage, "/b"), 11);
    assert_int_equal(process_of(stage, "/c"), 0);
    assert_int_equal(process_of(stage, "/d"), 11);
}

static void names_and_not_paths_make_the_identity(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/1", 1, 0}, {"b", "/2", 1, 0}};
    const struct item crossed[] = {{"b", "/1", 1, 0}, {"a", "/2", 1, 0}};
    const struct item renamed[] = {{"c", "/1", 1, 0}, {"a", "/2", 1, 0}};
    follow(stage, before, 2);
    follow(stage, crossed, 2);
    check_diff(stage, 0, 2, 0);
    follow(stage, renamed, 2);
    check_diff(stage, 1, 0, 1);
}

/* The second of one name takes over, as publishers have it. */
static void several_of_one_name_are_told_apart_by_their_paths(void **state)
{
    struct stage *stage = *state;
    const struct item both[] = {{"a", "/2", 1, 0}, {"a", "/1", 0, 1}, {"a", "/3", 0, 1}};
    const struct item heir[] = {{"a", "/1", 1, 0}, {"a", "/3", 0, 1}};
    const struct item others[] = {{"a", "/4", 1, 0}, {"a", "/5", 0, 1}, {"a", "/6", 0, 1}};
    follow(stage, both, 3);
    check_diff(stage, 3, 0, 0);
    give_process(stage, "/2", 11);
    follow(stage, heir, 2);
    check_diff(stage, 0, 1, 1);
    assert_int_equal(process_of(stage, "/1"), 0);
    follow(stage, others, 3);
    check_diff(stage, 1, 2, 0);
}

/* Nothing is cut, and nothing is empty by itself: the last byte counts. */
static void names_and_paths_of_any_length_follow_one_rule(void **state)
{
    struct stage *stage = *state;
    static const size_t lengths[] = {0, 1, 255, 256, 257, 1023, 4000};
    enum { LENGTHS = sizeof lengths / sizeof lengths[0] };
    static char names[LENGTHS][4001], paths[LENGTHS][4001];
    struct item items[LENGTHS];
    for (size_t i = 0; i < LENGTHS; i++) {
        memset(names[i], 'n', lengths[i]);
        memset(paths[i], 'p', lengths[i]);
        items[i] = (struct item){names[i], paths[i], 1, 0};
    }
    follow(stage, items, LENGTHS);
    check_diff(stage, LENGTHS, 0, 0);
    follow(stage, items, LENGTHS);
    check_diff(stage, 0, 0, 0);
    for (size_t i = 1; i < LENGTHS; i++) {
        assert_int_equal(find(stage, paths[i])->view.name_length, lengths[i]);
        paths[i][lengths[i] - 1] = 'q';
        follow(stage, items, LENGTHS);
        check_diff(stage, 0, 1, 0);
        names[i][lengths[i] - 1] = 'm';
        follow(stage, items, LENGTHS);
        check_diff(stage, 1, 0, 1);
    }
}

static void a_pair_sent_twice_is_two_cgroups(void **state)
{
    struct stage *stage = *state;
    const struct item once[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item twice[] = {{"a", "/a", 1, 0}, {"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    follow(stage, once, 2);
    follow(stage, twice, 3);
    check_diff(stage, 1, 0, 0);
    follow(stage, once, 2);
    check_diff(stage, 0, 0, 1);
}

static void an_empty_snapshot_removes_all(void **state)
{
    struct stage *stage = *state;
    const struct item items[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    follow(stage, items, 2);
    follow(stage, NULL, 0);
    check_diff(stage, 0, 0, 2);
    follow(stage, items, 2);
    check_diff(stage, 2, 0, 0);
}

static void a_cgroup_that_stays_keeps_its_processes(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item after[] = {{"0", "/0", 1, 0}, {"b", "/b", 1, 0}};
    follow(stage, before, 2);
    give_process(stage, "/a", 11);
    give_process(stage, "/b", 12);
    follow(stage, after, 2);
    assert_int_equal(process_of(stage, "/b"), 12);
    assert_true(find(stage, "/b")->procs->read);
    assert_int_equal(process_of(stage, "/0"), 0);
}

static void a_cgroup_disabled_loses_its_processes(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/a", 1, 0}};
    const struct item after[] = {{"a", "/a", 0, 0}};
    follow(stage, before, 1);
    give_process(stage, "/a", 11);
    follow(stage, after, 1);
    check_diff(stage, 0, 1, 0);
    assert_null(find(stage, "/a")->procs);
    assert_int_equal(stage->lists.count, 0);
}

static void cgroups_of_one_path_share_what_is_read(void **state)
{
    struct stage *stage = *state;
    const struct item before[] = {{"a", "/same", 1, 0}, {"b", "/same", 1, 0}, {"c", "/same", 0, 0}};
    const struct item renamed[] = {{"d", "/same", 1, 0}};
    follow(stage, before, 3);
    assert_int_equal(stage->lists.count, 1);
    give_process(stage, "/same", 11);
    follow(stage, renamed, 1);
    check_diff(stage, 1, 0, 3);
    assert_int_equal(process_of(stage, "/same"), 11);
}

static void another_publisher_with_the_same_cgroups_changes_nothing(void **state)
{
    struct stage *stage = *state;
    const struct item items[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}, {"a", "/c", 0, 1}};
    const struct item after[] = {{"b", "/b", 0, 0}, {"a", "/c", 0, 1}, {"a", "/moved", 1, 0}};
    follow(stage, items, 3);
    give_process(stage, "/a", 11);
    for (int i = 0; i < 2; i++) {
        uint64_t incarnation = stage->standing.cache.incarnation[0];
        netipc_publisher_close(stage->publisher);
        open_publisher(stage);
        follower_step(&stage->follower, &stage->lists,
                      &stage->standing); /* notices the end, or that nothing is published */
        assert_string_not_equal(stage->standing.state, "READY");
        follow(stage, i ? after : items, 3);
        check_diff(stage, 0, i ? 2 : 0, 0);
        assert_true(stage->standing.cache.incarnation[0] != incarnation);
        if (i == 0)
            assert_int_equal(process_of(stage, "/a"), 11);
    }
}

/* Hashes that are all equal take too long to compare one with all. */
static void what_cannot_be_compared_is_told_as_new(void **state)
{
    struct stage *stage = *state;
    enum { COUNT = 3000 };
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            char name[32];
            snprintf(name, sizeof name, "cgroup_%u", round ? COUNT - i : i);
            assert_int_equal(netipc_cgroups_snapshot_builder_add(stage->builder, 1, 0, 1, name, "/a"), NETIPC_OK);
        }
        publish(stage);
        step(stage);
        check_diff(stage, COUNT, 0, round ? COUNT : 0);
    }
}

/* Each round drops the first third of a window that moves on; a quadratic difference would run for hours. */
static void many_cgroups_of_one_name_are_told_apart(void **state)
{
    struct stage *stage = *state;
    enum { COUNT = SCALED(100000, 10000), STEP = COUNT / 3 };
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < COUNT; i++) {
            char path[64];
            snprintf(path, sizeof path, "/sys/fs/cgroup/pod%u/cgroup.procs", round * STEP + (i * 7919u) % COUNT);
            assert_int_equal(netipc_cgroups_snapshot_builder_add(stage->builder, 1, 0, 1, "same", path), NETIPC_OK);
        }
        publish(stage);
        step(stage);
        check_diff(stage, round ? 0 : COUNT, round ? STEP : 0, 0);
    }
}

int main(void)
{
#define FOLLOWER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FOLLOWER_TEST(the_first_snapshot_adds_all),
        FOLLOWER_TEST(an_equal_count_of_others_is_a_change),
        FOLLOWER_TEST(another_order_is_no_change),
        FOLLOWER_TEST(another_path_options_or_enabled_is_a_change),
        FOLLOWER_TEST(names_and_not_paths_make_the_identity),
        FOLLOWER_TEST(several_of_one_name_are_told_apart_by_their_paths),
        FOLLOWER_TEST(names_and_paths_of_any_length_follow_one_rule),
        FOLLOWER_TEST(a_pair_sent_twice_is_two_cgroups),
        FOLLOWER_TEST(an_empty_snapshot_removes_all),
        FOLLOWER_TEST(a_cgroup_that_stays_keeps_its_processes),
        FOLLOWER_TEST(a_cgroup_disabled_loses_its_processes),
        FOLLOWER_TEST(cgroups_of_one_path_share_what_is_read),
        FOLLOWER_TEST(another_publisher_with_the_same_cgroups_changes_nothing),
        FOLLOWER_TEST(what_cannot_be_compared_is_told_as_new),
        FOLLOWER_TEST(many_cgroups_of_one_name_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
