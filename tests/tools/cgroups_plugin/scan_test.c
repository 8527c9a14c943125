/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/scan.h"
#include "tools/cgroups_plugin/table_json.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <netipc/cgroups_snapshot.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct fake_tree tree;
    struct scan_settings settings;
    struct scan_notes notes;
    struct failure failure;
    struct table table;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fake_tree_make(&fixture->tree);
    fixture->settings.root = fixture->tree.path;
    assert_true(pattern_list_parse(&fixture->settings.rules.search, "*"));
    assert_true(pattern_list_parse(&fixture->settings.rules.enabled, "!/ *"));
    assert_true(pattern_list_parse(&fixture->settings.rules.services, "/system.slice/*.service"));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    table_free(&fixture->table);
    pattern_list_free(&fixture->settings.rules.search);
    pattern_list_free(&fixture->settings.rules.enabled);
    pattern_list_free(&fixture->settings.rules.services);
    fake_tree_remove(&fixture->tree);
    free(fixture);
    return 0;
}

static bool rescan(struct fixture *fixture)
{
    struct table table;
    if (!scan(&table, &fixture->table, &fixture->settings, &fixture->notes, &fixture->failure))
        return false;
    table_free(&fixture->table);
    fixture->table = table;
    return true;
}

static const struct record *find(const struct fixture *fixture, const char *id)
{
    for (size_t i = 0; i < fixture->table.count; i++) {
        if (strcmp(fixture->table.records[i].id, id) == 0)
            return &fixture->table.records[i];
    }
    fail_msg("%s is missing", id);
    return NULL;
}

static void expect_path(const struct fixture *fixture, const char *id, const char *path)
{
    char wanted[512] = "";
    if (path[0] != '\0')
        snprintf(wanted, sizeof wanted, "%s%s", fixture->tree.path, path);
    assert_string_equal(find(fixture, id)->path, wanted);
}

static void a_v2_tree_becomes_a_table(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/system.slice/ssh.service");
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/web");
    assert_true(rescan(fixture));
    assert_int_equal(fixture->table.count, 5);
    assert_true(fixture->table.unified);
    expect_path(fixture, "/", "/sys/fs/cgroup/cgroup.procs");
    expect_path(fixture, "/lxc/web", "/sys/fs/cgroup/lxc/web/cgroup.procs");
    expect_path(fixture, "/system.slice", ""); /* without a cgroup.procs */
    assert_int_equal(find(fixture, "/system.slice")->enabled, 0);
    assert_int_equal(find(fixture, "/lxc/web")->enabled, 1);
    assert_int_equal(find(fixture, "/lxc/web")->options, NETIPC_CGROUP_UNIFIED);
    assert_int_equal(find(fixture, "/system.slice/ssh.service")->options,
                     NETIPC_CGROUP_UNIFIED | NETIPC_CGROUP_SERVICE);
    assert_int_equal(find(fixture, "/")->options, NETIPC_CGROUP_UNIFIED | NETIPC_CGROUP_EXCLUDED);
}

static void v1_trees_are_joined_and_procs_are_taken_in_order(void **state)
{
    struct fixture *fixture = *state;
    static const char *const directories[] = {"cpuacct/only-cpuacct", "blkio/in-two",      "memory/in-two",
                                              "cpuset/in-all",        "cpuacct/in-all",    "blkio/in-all",
                                              "memory/in-all",        "memory/in-memory",  "devices/in-devices",
                                              "cpuacct/in-devices",   "cpuset/only-cpuset"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "sys/fs/cgroup/%s", directories[i]);
        fake_tree_cgroup(&fixture->tree, path);
    }
    assert_true(rescan(fixture));
    assert_false(fixture->table.unified);
    assert_int_equal(fixture->table.count, 6);
    expect_path(fixture, "/only-cpuacct", "");
    expect_path(fixture, "/in-two", "/sys/fs/cgroup/blkio/in-two/cgroup.procs");
    expect_path(fixture, "/in-all", "/sys/fs/cgroup/cpuset/in-all/cgroup.procs");
    expect_path(fixture, "/in-memory", "/sys/fs/cgroup/memory/in-memory/cgroup.procs");
    expect_path(fixture, "/in-devices", "/sys/fs/cgroup/devices/in-devices/cgroup.procs");
    assert_int_equal(find(fixture, "/only-cpuacct")->enabled, 0);
    assert_int_equal(find(fixture, "/in-devices")->enabled, 1);
}

static void nothing_changed_makes_an_equal_table(void **state)
{
    struct fixture *fixture = *state;
    struct table second;
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/a/b");
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/b");
    assert_true(rescan(fixture));
    assert_true(scan(&second, &fixture->table, &fixture->settings, &fixture->notes, &fixture->failure));
    assert_true(table_equal(&fixture->table, &second));
    table_free(&second);

    fake_tree_remove_cgroup(&fixture->tree, "sys/fs/cgroup/a/b");
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/a/c");
    assert_true(scan(&second, &fixture->table, &fixture->settings, &fixture->notes, &fixture->failure));
    assert_int_equal(second.count, fixture->table.count);
    assert_false(table_equal(&fixture->table, &second));
    table_free(&second);
}

static void a_duplicate_comes_back_when_the_first_is_removed(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/web");
    assert_true(rescan(fixture));
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/lxc.payload.web");
    assert_true(rescan(fixture));
    assert_int_equal(find(fixture, "/lxc/web")->enabled, 1);
    assert_int_equal(find(fixture, "/lxc.payload.web")->enabled, 0);
    assert_true(find(fixture, "/lxc.payload.web")->options & NETIPC_CGROUP_DUPLICATE);
    fake_tree_remove_cgroup(&fixture->tree, "sys/fs/cgroup/lxc/web");
    assert_true(rescan(fixture));
    assert_int_equal(find(fixture, "/lxc.payload.web")->enabled, 1);
    assert_false(find(fixture, "/lxc.payload.web")->options & NETIPC_CGROUP_DUPLICATE);
}

static void a_scan_without_a_hierarchy_fails_and_the_next_one_mends_it(void **state)
{
    struct fixture *fixture = *state;
    char path[128], aside[128];
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/a");
    snprintf(path, sizeof path, "%s/sys", fixture->tree.path);
    snprintf(aside, sizeof aside, "%s/aside", fixture->tree.path);
    assert_true(rescan(fixture));
    assert_int_equal(rename(path, aside), 0);
    unsigned before = open_descriptors();
    assert_false(rescan(fixture));
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(find(fixture, "/a")->enabled, 1); /* the table before is untouched */
    assert_int_equal(rename(aside, path), 0);
    assert_true(rescan(fixture));
}

static void procs_are_found_below_paths_that_are_too_long_for_one_call(void **state)
{
    struct fixture *fixture = *state;
    enum { DEPTH = 30 };
    char name[201], top[128];
    memset(name, 'd', 200);
    name[200] = '\0';
    fake_tree_v2(&fixture->tree);
    snprintf(top, sizeof top, "%s/sys/fs/cgroup", fixture->tree.path);
    int at = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(at >= 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(at, name, 0755), 0);
        int below = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        close(at);
        at = below;
    }
    int file = openat(at, "cgroup.procs", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(file >= 0);
    close(file);
    close(at);

    unsigned before = open_descriptors();
    assert_true(rescan(fixture));
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(fixture->table.count, 1 + DEPTH);
    const struct record *deepest = &fixture->table.records[DEPTH];
    assert_int_equal(strlen(deepest->path), strlen(top) + DEPTH * 201 + strlen("/cgroup.procs"));
    assert_string_equal(fixture->table.records[DEPTH - 1].path, "");
}

/* 100 groups of 1,000 leaves. The time limit of ctest is the only clock here. */
static void a_hundred_thousand_cgroups_are_scanned(void **state)
{
    struct fixture *fixture = *state;
    struct table second;
    fake_tree_v2(&fixture->tree);
    for (unsigned group = 0; group < 100; group++) {
        char path[128];
        snprintf(path, sizeof path, "sys/fs/cgroup/group-%02u.slice", group);
        fake_tree_cgroup(&fixture->tree, path);
        snprintf(path, sizeof path, "%s/sys/fs/cgroup/group-%02u.slice", fixture->tree.path, group);
        int at = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(at >= 0);
        for (unsigned leaf = 0; leaf < 1000; leaf++) {
            char name[32];
            snprintf(name, sizeof name, "app-%03u.scope", leaf);
            assert_int_equal(mkdirat(at, name, 0755), 0);
        }
        close(at);
    }
    assert_true(rescan(fixture));
    assert_int_equal(fixture->table.count, 1 + 100 + 100000);
    assert_true(scan(&second, &fixture->table, &fixture->settings, &fixture->notes, &fixture->failure));
    assert_true(table_equal(&fixture->table, &second));
    table_free(&second);

    fixture->settings.max = 500;
    assert_true(rescan(fixture));
    assert_int_equal(fixture->table.count, 500);
    assert_int_equal(fixture->table.left_out, 100101 - 500);
}

static void odd_bytes_are_printed_as_json(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_v2(&fixture->tree);
    fake_tree_cgroup(&fixture->tree, "sys/fs/cgroup/quote\"back\\slash\nline\xff\xed\xa0\x80\xc3\xa9");
    assert_true(rescan(fixture));
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    assert_non_null(stream);
    assert_true(table_print_json(&fixture->table, 1, stream));
    fclose(stream);
    assert_non_null(
        strstr(text, "\"id\": \"/quote\\\"back\\\\slash\\u000aline\\udcff\\udced\\udca0\\udc80\xc3\xa9\", "));
    assert_non_null(strstr(text, "\"hierarchy\": \"v2\", \"count\": 2,"));
    free(text);
}

static void a_full_device_fails_the_printing(void **state)
{
    struct fixture *fixture = *state;
    fake_tree_v2(&fixture->tree);
    assert_true(rescan(fixture));
    FILE *stream = fopen("/dev/full", "we");
    assert_non_null(stream);
    assert_false(table_print_json(&fixture->table, 1, stream));
    fclose(stream);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(a_v2_tree_becomes_a_table),
        IN_TREE(v1_trees_are_joined_and_procs_are_taken_in_order),
        IN_TREE(nothing_changed_makes_an_equal_table),
        IN_TREE(a_duplicate_comes_back_when_the_first_is_removed),
        IN_TREE(a_scan_without_a_hierarchy_fails_and_the_next_one_mends_it),
        IN_TREE(procs_are_found_below_paths_that_are_too_long_for_one_call),
        IN_TREE(a_hundred_thousand_cgroups_are_scanned),
        IN_TREE(odd_bytes_are_printed_as_json),
        IN_TREE(a_full_device_fails_the_printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
