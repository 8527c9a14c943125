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
};

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
        assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, (uint32_t)(100 + i), 0, items[i].enabled,
                                                             items[i].name, items[i].path),
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

static void check_diff(const struct tables *tables, size_t added, size_t removed)
{
    assert_int_equal(tables->diff.added, added);
    assert_int_equal(tables->diff.removed, removed);
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
    const struct item items[] = {{"cgroup_b", "/b", 1}, {"cgroup_a", "/a", 0}};
    rebuild(tables, items, 2);
    check_diff(tables, 2, 0);
    assert_string_equal(tables->table.cgroups[0].path, "/a");
    assert_string_equal(tables->table.cgroups[0].name, "cgroup_a");
    assert_int_equal(tables->table.cgroups[0].hash, 101);
    assert_false(tables->table.cgroups[0].enabled);
    assert_true(tables->table.cgroups[1].enabled);
}

static void an_equal_count_of_others_is_a_change(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1}, {"b", "/b", 1}, {"c", "/c", 1}};
    const struct item after[] = {{"d", "/d", 1}, {"b", "/b", 1}, {"e", "/e", 1}};
    rebuild(tables, before, 3);
    rebuild(tables, after, 3);
    check_diff(tables, 2, 2);
}

static void another_order_is_no_change(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1}, {"b", "/b", 1}};
    const struct item after[] = {{"b", "/b", 1}, {"a", "/a", 1}};
    rebuild(tables, before, 2);
    rebuild(tables, after, 2);
    check_diff(tables, 0, 0);
}

static void identity_is_name_and_path_together(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/1", 1}, {"b", "/2", 1}};
    const struct item crossed[] = {{"b", "/1", 1}, {"a", "/2", 1}};
    rebuild(tables, before, 2);
    rebuild(tables, crossed, 2);
    check_diff(tables, 2, 2);
}

static void a_pair_sent_twice_is_two_cgroups(void **state)
{
    struct tables *tables = *state;
    const struct item once[] = {{"a", "/a", 1}, {"b", "/b", 1}};
    const struct item twice[] = {{"a", "/a", 1}, {"a", "/a", 1}, {"b", "/b", 1}};
    rebuild(tables, once, 2);
    rebuild(tables, twice, 3);
    check_diff(tables, 1, 0);
    rebuild(tables, once, 2);
    check_diff(tables, 0, 1);
}

static void an_empty_snapshot_removes_all(void **state)
{
    struct tables *tables = *state;
    const struct item items[] = {{"a", "/a", 1}, {"b", "/b", 1}};
    rebuild(tables, items, 2);
    rebuild(tables, NULL, 0);
    check_diff(tables, 0, 2);
    rebuild(tables, items, 2);
    check_diff(tables, 2, 0);
}

static void a_cgroup_that_stays_keeps_its_processes(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1}, {"b", "/b", 1}};
    const struct item after[] = {{"0", "/0", 1}, {"b", "/b", 1}};
    rebuild(tables, before, 2);
    give_process(&tables->table.cgroups[0], 11);
    give_process(&tables->table.cgroups[1], 12);
    rebuild(tables, after, 2);
    assert_string_equal(tables->table.cgroups[1].path, "/b");
    assert_int_equal(tables->table.cgroups[1].procs.count, 1);
    assert_int_equal(tables->table.cgroups[1].procs.list[0].pid, 12);
    assert_true(tables->table.cgroups[1].procs.read);
    assert_int_equal(tables->table.cgroups[0].procs.count, 0);
}

static void a_cgroup_disabled_loses_its_processes(void **state)
{
    struct tables *tables = *state;
    const struct item before[] = {{"a", "/a", 1}};
    const struct item after[] = {{"a", "/a", 0}};
    rebuild(tables, before, 1);
    give_process(&tables->table.cgroups[0], 11);
    rebuild(tables, after, 1);
    check_diff(tables, 0, 0);
    assert_int_equal(tables->table.cgroups[0].procs.count, 0);
}

static void bytes_that_are_no_snapshot_change_nothing(void **state)
{
    struct tables *tables = *state;
    const struct item items[] = {{"a", "/a", 1}, {"b", "/b", 1}};
    const struct item others[] = {{"c", "/c", 1}};
    rebuild(tables, items, 2);
    give_process(&tables->table.cgroups[0], 11);
    build(&tables->snapshot, others, 1);
    size_t whole = tables->snapshot.length;
    for (size_t length = 0; length < whole; length++) {
        tables->snapshot.length = length;
        assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_CORRUPT);
    }
    assert_int_equal(tables->table.count, 2);
    assert_string_equal(tables->table.cgroups[0].path, "/a");
    assert_int_equal(tables->table.cgroups[0].procs.count, 1);
    tables->snapshot.length = whole;
    assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_OK);
    check_diff(tables, 1, 2);
}

/* Each round drops the first third of a window that moves on; a quadratic difference would run for hours. */
static void a_hundred_thousand_cgroups_are_told_apart(void **state)
{
    struct tables *tables = *state;
    enum { COUNT = 100000, STEP = COUNT / 3 };
    for (unsigned round = 0; round < 3; round++) {
        netipc_cgroups_snapshot_builder *builder;
        assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
        for (unsigned i = 0; i < COUNT; i++) {
            char path[64];
            snprintf(path, sizeof path, "/sys/fs/cgroup/pod%u/cgroup.procs", round * STEP + (i * 7919u) % COUNT);
            assert_int_equal(netipc_cgroups_snapshot_builder_add(builder, i, 0, 1, "same", path), NETIPC_OK);
        }
        set_snapshot(&tables->snapshot, builder);
        netipc_cgroups_snapshot_builder_free(builder);
        assert_int_equal(table_rebuild(&tables->table, &tables->snapshot, &tables->diff), NETIPC_OK);
        check_diff(tables, round ? STEP : COUNT, round ? STEP : 0);
    }
}

int main(void)
{
#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TABLE_TEST(the_first_snapshot_adds_all),
        TABLE_TEST(an_equal_count_of_others_is_a_change),
        TABLE_TEST(another_order_is_no_change),
        TABLE_TEST(identity_is_name_and_path_together),
        TABLE_TEST(a_pair_sent_twice_is_two_cgroups),
        TABLE_TEST(an_empty_snapshot_removes_all),
        TABLE_TEST(a_cgroup_that_stays_keeps_its_processes),
        TABLE_TEST(a_cgroup_disabled_loses_its_processes),
        TABLE_TEST(bytes_that_are_no_snapshot_change_nothing),
        TABLE_TEST(a_hundred_thousand_cgroups_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
