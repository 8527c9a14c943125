/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/table.h"

#include <netipc/cgroups_snapshot.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct item {
    const char *name;
    const char *path;
    uint32_t enabled;
    uint32_t options;
};

/* As the publisher does it: 32-bit FNV-1a. */
static uint32_t hash_of(const char *name)
{
    uint32_t hash = 0x811c9dc5u;
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 0x01000193u;
    return hash;
}

static void set_snapshot(struct snapshot *snapshot, netipc_cgroups_snapshot_builder *builder)
{
    size_t length = netipc_cgroups_snapshot_builder_length(builder);
    if (length > snapshot->capacity) {
        free(snapshot->bytes);
        snapshot->bytes = malloc(length);
        assert_non_null(snapshot->bytes);
        snapshot->capacity = length;
    }
    assert_int_equal(
        netipc_cgroups_snapshot_builder_write(builder, 1, 1, snapshot->bytes, snapshot->capacity, &snapshot->length),
        NETIPC_OK);
}

static void build(struct snapshot *snapshot, const struct item *items, size_t count)
{
    netipc_cgroups_snapshot_builder *builder;
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, hash_of(items[i].name), items[i].options,
                                                             items[i].enabled, items[i].name, items[i].path),
                         NETIPC_OK);
    set_snapshot(snapshot, builder);
    netipc_cgroups_snapshot_builder_free(builder);
}

struct tables {
    struct table table;
    struct snapshot snapshot;
    struct table_diff diff;
};

static int set_up(void **state)
{
    *state = calloc(1, sizeof(struct tables));
    return *state ? 0 : -1;
}

static int tear_down(void **state)
{
    struct tables *tables = *state;
    table_free(&tables->table);
    free(tables->snapshot.bytes);
    free(tables);
    return 0;
}

static void rebuild(struct tables *tables, const struct item *items, size_t count)
{
    build(&tables->snapshot, items, count);
    assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_OK);
    assert_int_equal(tables->table.count, count);
}

static void check_diff(const struct tables *tables, size_t added, size_t changed, size_t removed)
{
    assert_int_equal(tables->diff.added, added);
    assert_int_equal(tables->diff.changed, changed);
    assert_int_equal(tables->diff.removed, removed);
}

static struct cgroup *find(const struct tables *tables, const char *path)
{
    for (size_t i = 0; i < tables->table.count; i++) {
        if (strcmp(tables->table.cgroups[i].path, path) == 0)
            return &tables->table.cgroups[i];
    }
    fail_msg("%s is not there", path);
    return NULL;
}

static void give_process(struct cgroup *cgroup, uint32_t pid)
{
    cgroup->procs.list = calloc(1, sizeof *cgroup->procs.list);
    assert_non_null(cgroup->procs.list);
    cgroup->procs.list[0].pid = pid;
    cgroup->procs.count = 1;
    cgroup->procs.capacity = 1;
    cgroup->procs.read = true;
}

static void the_first_snapshot_adds_all(void **state)
{
    struct tables *tables = *state;
    const struct item items[] = {{"cgroup_b", "/b", 1, 0}, {"cgroup_a", "/a", 0, 0}};
    rebuild(tables, items, 2);
    check_diff(tables, 2, 0, 0);
    assert_string_equal(find(tables, "/a")->name, "cgroup_a");
    assert_int_equal(find(tables, "/a")->hash, hash_of("cgroup_a"));
    assert_false(find(tables, "/a")->enabled);
    assert_true(find(tables, "/b")->enabled);
}

static void an_equal_count_of_others_is_a_change(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}, {"c", "/c", 1, 0}};
    const struct item after[] = {{"d", "/d", 1, 0}, {"b", "/b", 1, 0}, {"e", "/e", 1, 0}};
    rebuild(tables, before, 3);
    rebuild(tables, after, 3);
    check_diff(tables, 2, 0, 2);
}

static void another_order_is_no_change(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item after[] = {{"b", "/b", 1, 0}, {"a", "/a", 1, 0}};
    rebuild(tables, before, 2);
    rebuild(tables, after, 2);
    check_diff(tables, 0, 0, 0);
}

static void another_path_options_or_enabled_is_a_change(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}, {"c", "/c", 1, 0}, {"d", "/d", 1, 0}};
    const struct item after[] = {{"a", "/moved", 1, 0}, {"b", "/b", 1, 2}, {"c", "/c", 0, 0}, {"d", "/d", 1, 0}};
    rebuild(tables, before, 4);
    for (size_t i = 0; i < 4; i++)
        give_process(&tables->table.cgroups[i], 11);
    rebuild(tables, after, 4);
    check_diff(tables, 0, 3, 0);
    assert_int_equal(find(tables, "/moved")->procs.count, 0); /* another list of processes */
    assert_int_equal(find(tables, "/b")->procs.count, 1);
    assert_int_equal(find(tables, "/c")->procs.count, 0);
    assert_int_equal(find(tables, "/d")->procs.count, 1);
}

static void names_and_not_paths_make_the_identity(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/1", 1, 0}, {"b", "/2", 1, 0}};
    const struct item crossed[] = {{"b", "/1", 1, 0}, {"a", "/2", 1, 0}};
    const struct item renamed[] = {{"c", "/1", 1, 0}, {"a", "/2", 1, 0}};
    rebuild(tables, before, 2);
    rebuild(tables, crossed, 2);
    check_diff(tables, 0, 2, 0);
    rebuild(tables, renamed, 2);
    check_diff(tables, 1, 0, 1);
}

/* The second of one name takes over, as publishers have it. */
static void several_of_one_name_are_told_apart_by_their_paths(void **state)
{
    struct tables *tables = *state;
    const struct item both[] = {{"a", "/2", 1, 0}, {"a", "/1", 0, 1}, {"a", "/3", 0, 1}};
    const struct item heir[] = {{"a", "/1", 1, 0}, {"a", "/3", 0, 1}};
    const struct item others[] = {{"a", "/4", 1, 0}, {"a", "/5", 0, 1}, {"a", "/6", 0, 1}};
    rebuild(tables, both, 3);
    check_diff(tables, 3, 0, 0);
    give_process(find(tables, "/2"), 11);
    rebuild(tables, heir, 2);
    check_diff(tables, 0, 1, 1);
    assert_int_equal(find(tables, "/1")->procs.count, 0);
    rebuild(tables, others, 3);
    check_diff(tables, 1, 2, 0);
}

/* Nothing is cut, and nothing is empty by itself: the last byte counts. */
static void names_and_paths_of_any_length_follow_one_rule(void **state)
{
    struct tables *tables = *state;
    static const size_t lengths[] = {0, 1, 255, 256, 257, 1023, 4000};
    enum { LENGTHS = sizeof lengths / sizeof lengths[0] };
    static char names[LENGTHS][4001], paths[LENGTHS][4001];
    struct item items[LENGTHS];
    for (size_t i = 0; i < LENGTHS; i++) {
        memset(names[i], 'n', lengths[i]);
        memset(paths[i], 'p', lengths[i]);
        items[i] = (struct item){names[i], paths[i], 1, 0};
    }
    rebuild(tables, items, LENGTHS);
    check_diff(tables, LENGTHS, 0, 0);
    rebuild(tables, items, LENGTHS);
    check_diff(tables, 0, 0, 0);
    for (size_t i = 1; i < LENGTHS; i++) {
        assert_int_equal(find(tables, paths[i])->name_length, lengths[i]);
        paths[i][lengths[i] - 1] = 'q';
        rebuild(tables, items, LENGTHS);
        check_diff(tables, 0, 1, 0);
        names[i][lengths[i] - 1] = 'm';
        rebuild(tables, items, LENGTHS);
        check_diff(tables, 1, 0, 1);
    }
}

static void a_pair_sent_twice_is_two_cgroups(void **state)
{
    struct tables *tables = *state;
    const struct item once[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item twice[] = {{"a", "/a", 1, 0}, {"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    rebuild(tables, once, 2);
    rebuild(tables, twice, 3);
    check_diff(tables, 1, 0, 0);
    rebuild(tables, once, 2);
    check_diff(tables, 0, 0, 1);
}

static void an_empty_snapshot_removes_all(void **state)
{
    struct tables *tables = *state;
    const struct item items[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    rebuild(tables, items, 2);
    rebuild(tables, NULL, 0);
    check_diff(tables, 0, 0, 2);
    rebuild(tables, items, 2);
    check_diff(tables, 2, 0, 0);
}

static void a_cgroup_that_stays_keeps_its_processes(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item after[] = {{"0", "/0", 1, 0}, {"b", "/b", 1, 0}};
    rebuild(tables, before, 2);
    give_process(find(tables, "/a"), 11);
    give_process(find(tables, "/b"), 12);
    rebuild(tables, after, 2);
    assert_int_equal(find(tables, "/b")->procs.count, 1);
    assert_int_equal(find(tables, "/b")->procs.list[0].pid, 12);
    assert_true(find(tables, "/b")->procs.read);
    assert_int_equal(find(tables, "/0")->procs.count, 0);
}

static void a_cgroup_disabled_loses_its_processes(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1, 0}};
    const struct item after[] = {{"a", "/a", 0, 0}};
    rebuild(tables, before, 1);
    give_process(&tables->table.cgroups[0], 11);
    rebuild(tables, after, 1);
    check_diff(tables, 0, 1, 0);
    assert_int_equal(tables->table.cgroups[0].procs.count, 0);
}

static void bytes_that_are_no_snapshot_change_nothing(void **state)
{
    struct tables *tables = *state;
    const struct item items[] = {{"a", "/a", 1, 0}, {"b", "/b", 1, 0}};
    const struct item others[] = {{"c", "/c", 1, 0}};
    rebuild(tables, items, 2);
    give_process(find(tables, "/a"), 11);
    build(&tables->snapshot, others, 1);
    size_t whole = tables->snapshot.length;
    for (size_t length = 0; length < whole; length++) {
        tables->snapshot.length = length;
        assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_CORRUPT);
    }
    assert_int_equal(tables->table.count, 2);
    assert_int_equal(find(tables, "/a")->procs.count, 1);
    tables->snapshot.length = whole;
    assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_OK);
    check_diff(tables, 1, 0, 2);
}

/* Each round drops the first third of a window that moves on; a quadratic difference would run for hours. */
static void a_hundred_thousand_cgroups_of_one_name_are_told_apart(void **state)
{
    struct tables *tables = *state;
    enum { COUNT = 100000, STEP = COUNT / 3 };
    for (unsigned round = 0; round < 3; round++) {
        netipc_cgroups_snapshot_builder *builder;
        assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
        for (unsigned i = 0; i < COUNT; i++) {
            char path[64];
            snprintf(path, sizeof path, "/sys/fs/cgroup/pod%u/cgroup.procs", round * STEP + (i * 7919u) % COUNT);
            assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, 1, 0, 1, "same", path), NETIPC_OK);
        }
        set_snapshot(&tables->snapshot, builder);
        netipc_cgroups_snapshot_builder_free(builder);
        assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_OK);
        check_diff(tables, round ? 0 : COUNT, round ? STEP : 0, 0);
    }
}

int main(void)
{
#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TABLE_TEST(the_first_snapshot_adds_all),
        TABLE_TEST(an_equal_count_of_others_is_a_change),
        TABLE_TEST(another_order_is_no_change),
        TABLE_TEST(another_path_options_or_enabled_is_a_change),
        TABLE_TEST(names_and_not_paths_make_the_identity),
        TABLE_TEST(several_of_one_name_are_told_apart_by_their_paths),
        TABLE_TEST(names_and_paths_of_any_length_follow_one_rule),
        TABLE_TEST(a_pair_sent_twice_is_two_cgroups),
        TABLE_TEST(an_empty_snapshot_removes_all),
        TABLE_TEST(a_cgroup_that_stays_keeps_its_processes),
        TABLE_TEST(a_cgroup_disabled_loses_its_processes),
        TABLE_TEST(bytes_that_are_no_snapshot_change_nothing),
        TABLE_TEST(a_hundred_thousand_cgroups_of_one_name_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
