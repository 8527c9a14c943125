/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/hierarchy.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char HYBRID[] = "1 0 0:1 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
                             "2 1 0:2 / /elsewhere/memory rw - cgroup cgroup rw,memory\n"
                             "3 1 0:3 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                             "4 1 0:4 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n"
                             "5 1 0:5 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                             "6 1 0:6 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
                             "7 1 0:7 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
                             "8 1 0:8 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

static int make_tree(void **state)
{
    struct fake_tree *tree = calloc(1, sizeof *tree);
    assert_non_null(tree);
    fake_tree_make(tree);
    fake_tree_directory(tree, "proc/self");
    fake_tree_directory(tree, "proc/1");
    *state = tree;
    return 0;
}

static int remove_tree(void **state)
{
    fake_tree_remove(*state);
    free(*state);
    return 0;
}

static void make_hybrid(const struct fake_tree *tree)
{
    static const char *const directories[] = {"sys/fs/cgroup/cpu,cpuacct", "sys/fs/cgroup/blkio",
                                              "sys/fs/cgroup/memory",      "sys/fs/cgroup/cpuset",
                                              "sys/fs/cgroup/systemd",     "elsewhere/memory"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
        fake_tree_cgroup(tree, directories[i]);
    fake_tree_cgroup(tree, "sys/fs/cgroup/unified");
    fake_tree_file(tree, "sys/fs/cgroup/unified/cgroup.controllers", "");
    fake_tree_file(tree, "proc/1/mountinfo", HYBRID);
}

static void expect_paths(const struct fake_tree *tree, const char *const *paths, size_t count,
                         const char *const *wanted)
{
    size_t i = 0;
    for (; wanted[i] != NULL; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s%s", tree->path, wanted[i]);
        assert_true(i < count);
        assert_string_equal(paths[i], path);
    }
    assert_int_equal(count, i);
}

#define EXPECT_PATHS(tree, paths, count, ...) expect_paths(tree, paths, count, (const char *const[]){__VA_ARGS__, NULL})

static void a_v2_tree_is_its_top(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    fake_tree_v2(tree);
    for (enum hierarchy_choice choice = HIERARCHY_AUTO; choice <= HIERARCHY_V2; choice += HIERARCHY_V2) {
        assert_true(hierarchy_find(&hierarchy, tree->path, choice, &failure));
        assert_true(hierarchy.unified);
        EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup");
        EXPECT_PATHS(tree, hierarchy.located, hierarchy.located_count, "/sys/fs/cgroup");
        hierarchy_free(&hierarchy);
    }
    assert_false(hierarchy_find(&hierarchy, tree->path, HIERARCHY_V1, &failure));
    assert_non_null(strstr(failure.detail, "--hierarchy"));
}

static void on_a_hybrid_host_auto_takes_v1(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    make_hybrid(tree);
    for (enum hierarchy_choice choice = HIERARCHY_AUTO; choice <= HIERARCHY_V1; choice++) {
        assert_true(hierarchy_find(&hierarchy, tree->path, choice, &failure));
        assert_false(hierarchy.unified);
        EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/cpu,cpuacct",
                     "/sys/fs/cgroup/blkio", "/sys/fs/cgroup/memory");
        EXPECT_PATHS(tree, hierarchy.located, hierarchy.located_count, "/sys/fs/cgroup/cpuset", "/sys/fs/cgroup/blkio",
                     "/sys/fs/cgroup/memory");
        hierarchy_free(&hierarchy);
    }
}

static void on_a_hybrid_host_v2_is_a_choice(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    make_hybrid(tree);
    assert_true(hierarchy_find(&hierarchy, tree->path, HIERARCHY_V2, &failure));
    assert_true(hierarchy.unified);
    EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/unified");
    hierarchy_free(&hierarchy);
}

static void controllers_that_share_a_mount_are_walked_once(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    fake_tree_cgroup(tree, "sys/fs/cgroup/all together");
    fake_tree_file(tree, "proc/self/mountinfo",
                   "3 1 0:3 / /sys/fs/cgroup/all\\040together rw - cgroup cgroup rw,cpuacct,blkio,memory,devices\n");
    assert_true(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/all together");
    hierarchy_free(&hierarchy);
}

static void a_mount_outside_of_sys_is_taken_when_it_is_the_only_one(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    fake_tree_directory(tree, "sys/fs/cgroup");
    fake_tree_cgroup(tree, "cgroups/memory");
    fake_tree_file(tree, "proc/self/mountinfo",
                   "3 1 0:3 / /cgroups/memory rw - cgroup cgroup rw,memory\n"
                   "4 1 0:3 / /cgroups/gone rw - cgroup cgroup rw,blkio\n");
    assert_true(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/cgroups/memory");
    hierarchy_free(&hierarchy);
}

static void without_mountinfo_the_directories_are_taken_by_name(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    fake_tree_cgroup(tree, "sys/fs/cgroup/memory");
    fake_tree_cgroup(tree, "sys/fs/cgroup/devices");
    fake_tree_cgroup(tree, "sys/fs/cgroup/cpuacct");
    assert_true(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/memory");
    EXPECT_PATHS(tree, hierarchy.located, hierarchy.located_count, "/sys/fs/cgroup/memory", "/sys/fs/cgroup/devices");
    hierarchy_free(&hierarchy);
}

static void a_directory_that_nothing_is_mounted_on_is_not_taken_for_a_mount(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    fake_tree_cgroup(tree, "sys/fs/cgroup/memory");
    fake_tree_cgroup(tree, "sys/fs/cgroup/blkio");
    fake_tree_file(tree, "proc/self/mountinfo", "3 1 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    assert_true(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/memory");
    hierarchy_free(&hierarchy);
}

static void auto_takes_v2_when_v1_has_no_controller(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    fake_tree_cgroup(tree, "sys/fs/cgroup/cpuset");
    fake_tree_cgroup(tree, "sys/fs/cgroup/unified");
    fake_tree_file(tree, "sys/fs/cgroup/unified/cgroup.controllers", "");
    assert_true(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    assert_true(hierarchy.unified);
    EXPECT_PATHS(tree, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/unified");
    EXPECT_PATHS(tree, hierarchy.located, hierarchy.located_count, "/sys/fs/cgroup/unified");
    hierarchy_free(&hierarchy);
}

/*
 * A container that has the host's root at a prefix, but its own proc there: that lists the mounts of the container, the
 * prefix in front of some, and these are not to be found below the prefix again.
 */
static void below_a_prefix_inside_of_a_container_the_hosts_mounts_are_found(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    struct fake_tree host;
    char mountinfo[1024];
    int length = snprintf(host.path, sizeof host.path, "%.50s/host", tree->path);
    assert_in_range(length, 1, sizeof host.path - 1);
    fake_tree_directory(tree, "host/proc/self");
    fake_tree_cgroup(&host, "sys/fs/cgroup/memory");
    fake_tree_cgroup(&host, "sys/fs/cgroup/cpu,cpuacct");
    snprintf(mountinfo, sizeof mountinfo,
             "1 0 0:5 /docker/0123 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
             "2 0 0:6 /docker/0123 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
             "3 0 0:5 / %s/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "4 0 0:6 / %s/sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n",
             host.path, host.path);
    fake_tree_file(&host, "proc/self/mountinfo", mountinfo);
    assert_true(hierarchy_find(&hierarchy, host.path, HIERARCHY_AUTO, &failure));
    assert_false(hierarchy.unified);
    EXPECT_PATHS(&host, hierarchy.walked, hierarchy.walked_count, "/sys/fs/cgroup/cpu,cpuacct",
                 "/sys/fs/cgroup/memory");
    EXPECT_PATHS(&host, hierarchy.located, hierarchy.located_count, "/sys/fs/cgroup/memory");
    hierarchy_free(&hierarchy);
}

static void a_root_without_cgroups_is_an_error_that_names_it(void **state)
{
    struct fake_tree *tree = *state;
    struct hierarchy hierarchy;
    struct failure failure;
    assert_false(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    assert_non_null(strstr(failure.detail, tree->path));
    assert_non_null(strstr(failure.detail, "--host-prefix"));
    fake_tree_directory(tree, "sys/fs/cgroup");
    assert_false(hierarchy_find(&hierarchy, tree->path, HIERARCHY_AUTO, &failure));
    assert_false(hierarchy_find(&hierarchy, tree->path, HIERARCHY_V1, &failure));
    assert_false(hierarchy_find(&hierarchy, tree->path, HIERARCHY_V2, &failure));
    assert_int_equal(failure.status, NETIPC_UNSUPPORTED);
    assert_non_null(strstr(failure.detail, tree->path));
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(a_v2_tree_is_its_top),
        IN_TREE(on_a_hybrid_host_auto_takes_v1),
        IN_TREE(on_a_hybrid_host_v2_is_a_choice),
        IN_TREE(controllers_that_share_a_mount_are_walked_once),
        IN_TREE(a_mount_outside_of_sys_is_taken_when_it_is_the_only_one),
        IN_TREE(without_mountinfo_the_directories_are_taken_by_name),
        IN_TREE(a_directory_that_nothing_is_mounted_on_is_not_taken_for_a_mount),
        IN_TREE(auto_takes_v2_when_v1_has_no_controller),
        IN_TREE(below_a_prefix_inside_of_a_container_the_hosts_mounts_are_found),
        IN_TREE(a_root_without_cgroups_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
