/* SPDX-License-Identifier: Apache-2.0 */
/* The corpus of cgroups as a tree, scanned with the default lists, in each shape that hosts give their hierarchies. */
#include "tests/corpus/cgroups.h"
#include "tests/tools/cgroups_plugin/fake_tree.h"
#include "tools/cgroups_plugin/options.h"
#include "tools/cgroups_plugin/reach.h"
#include "tools/cgroups_plugin/scan.h"

#include <netipc/cgroups_snapshot.h>

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOUNTS_MAX = 6 };

/* A mount with those cgroups whose number in the corpus leaves the rest: every-th, all for 1. */
struct mount_of_shape {
    const char *point;
    const char *type; /* of file system, and its options */
    unsigned every, rest;
};

struct shape {
    const char *name;
    const char *prefix; /* in the fake tree; what the scan is told is below it */
    enum hierarchy_choice choice;
    bool unified;
    struct mount_of_shape mounts[MOUNTS_MAX];
    const char *walked[3];  /* points */
    const char *located[3]; /* points, the first that has the cgroup is right */
};

#define TOP "/sys/fs/cgroup"

static const struct shape shapes[] = {
    {"v2 alone", "", HIERARCHY_AUTO, true, {{TOP, "cgroup2 cgroup2 rw", 1, 0}}, {TOP}, {TOP}},
    {"v1, every controller by itself",
     "",
     HIERARCHY_AUTO,
     false,
     {{TOP "/cpuacct", "cgroup cgroup rw,cpuacct", 4, 2},
      {TOP "/blkio", "cgroup cgroup rw,blkio", 4, 0},
      {TOP "/memory", "cgroup cgroup rw,memory", 4, 1},
      {TOP "/cpuset", "cgroup cgroup rw,cpuset", 3, 0}},
     {TOP "/cpuacct", TOP "/blkio", TOP "/memory"},
     {TOP "/cpuset", TOP "/blkio", TOP "/memory"}},
    {"v1, controllers together",
     "",
     HIERARCHY_V1,
     false,
     {{TOP "/cpu,cpuacct", "cgroup cgroup rw,cpu,cpuacct", 2, 0},
      {TOP "/memory,blkio", "cgroup cgroup rw,memory,blkio", 1, 0}},
     {TOP "/cpu,cpuacct", TOP "/memory,blkio"},
     {TOP "/memory,blkio"}},
    {"hybrid, with a named hierarchy",
     "",
     HIERARCHY_AUTO,
     false,
     {{TOP "/systemd", "cgroup cgroup rw,xattr,name=systemd", 1, 0},
      {TOP "/unified", "cgroup2 cgroup2 rw", 1, 0},
      {TOP "/memory", "cgroup cgroup rw,memory", 2, 0},
      {TOP "/cpuacct", "cgroup cgroup rw,cpuacct", 2, 0}},
     {TOP "/memory", TOP "/cpuacct"},
     {TOP "/memory"}},
    {"hybrid, v2 wanted",
     "",
     HIERARCHY_V2,
     true,
     {{TOP "/memory", "cgroup cgroup rw,memory", 1, 0}, {TOP "/unified", "cgroup2 cgroup2 rw", 2, 1}},
     {TOP "/unified"},
     {TOP "/unified"}},
    {"hybrid without controllers in v1",
     "",
     HIERARCHY_AUTO,
     true,
     {{TOP "/systemd", "cgroup cgroup rw,name=systemd", 2, 0}, {TOP "/unified", "cgroup2 cgroup2 rw", 1, 0}},
     {TOP "/unified"},
     {TOP "/unified"}},
    {"v1 elsewhere, below the prefix of a container",
     "/host",
     HIERARCHY_AUTO,
     false,
     {{"/cgroup/all", "cgroup cgroup rw,cpuset,cpu,cpuacct,memory,devices,freezer,blkio", 1, 0}},
     {"/cgroup/all"},
     {"/cgroup/all"}},
};

struct fixture {
    struct fake_tree tree;
    char root[96];
    struct options options;
    struct scan_settings settings;
    struct table table;
};

static bool holds(const struct mount_of_shape *mount, size_t index)
{
    return index % mount->every == mount->rest;
}

static const struct mount_of_shape *mount_at(const struct shape *shape, const char *point)
{
    for (size_t i = 0; i < MOUNTS_MAX && shape->mounts[i].point != NULL; i++) {
        if (strcmp(shape->mounts[i].point, point) == 0)
            return &shape->mounts[i];
    }
    fail_msg("%s: %s is not mounted", shape->name, point);
    return NULL;
}

static void fill(const struct fixture *fixture, const char *prefix, const struct mount_of_shape *mount)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s%s", prefix, mount->point);
    fake_tree_cgroup(&fixture->tree, path);
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        if (cgroup->unreal || cgroup->id[1] == '\0' || !holds(mount, i))
            continue;
        int length = snprintf(path, sizeof path, "%s%s%s", prefix, mount->point, cgroup->id);
        assert_in_range(length, 1, sizeof path - 1);
        fake_tree_cgroup(&fixture->tree, path);
    }
}

static void make(struct fixture *fixture, const struct shape *shape)
{
    char mountinfo[2048] = "", path[PATH_MAX];
    size_t at = 0;
    fake_tree_make(&fixture->tree);
    snprintf(fixture->root, sizeof fixture->root, "%s%s", fixture->tree.path, shape->prefix);
    snprintf(path, sizeof path, "%s/proc/1", shape->prefix);
    fake_tree_directory(&fixture->tree, path);
    snprintf(path, sizeof path, "%s" TOP, shape->prefix);
    fake_tree_directory(&fixture->tree, path);
    for (size_t i = 0; i < MOUNTS_MAX && shape->mounts[i].point != NULL; i++) {
        fill(fixture, shape->prefix, &shape->mounts[i]);
        at += (size_t)snprintf(mountinfo + at, sizeof mountinfo - at, "%zu 1 0:%zu / %s rw,relatime shared:%zu - %s\n",
                               i + 2, i + 2, shape->mounts[i].point, i, shape->mounts[i].type);
        if (strncmp(shape->mounts[i].type, "cgroup2", 7) == 0) {
            snprintf(path, sizeof path, "%s%s/cgroup.controllers", shape->prefix, shape->mounts[i].point);
            fake_tree_file(&fixture->tree, path, "cpu memory\n");
        }
    }
    snprintf(path, sizeof path, "%s/proc/1/mountinfo", shape->prefix);
    fake_tree_file(&fixture->tree, path, mountinfo);
}

static void scan_with_defaults(struct fixture *fixture, const struct shape *shape)
{
    char program[] = "cgroups.plugin";
    char *arguments[] = {program, NULL};
    struct failure failure;
    struct scan_notes notes;
    struct table none = {0};
    struct rules *rules = &fixture->settings.rules;
    assert_int_equal(options_parse(&fixture->options, 1, arguments, &failure), OPTIONS_RUN);
    assert_true(pattern_list_parse(&rules->search, fixture->options.search_patterns));
    assert_true(pattern_list_parse(&rules->enabled, fixture->options.enable_patterns));
    assert_true(pattern_list_parse(&rules->services, fixture->options.service_patterns));
    fixture->settings.root = fixture->root;
    fixture->settings.hierarchy = shape->choice;
    if (!scan(&fixture->table, &none, &fixture->settings, &notes, &failure))
        fail_msg("%s: %s", shape->name, failure.detail);
    assert_int_equal(fixture->table.unified, shape->unified);
}

static void discard(struct fixture *fixture)
{
    table_free(&fixture->table);
    pattern_list_free(&fixture->settings.rules.search);
    pattern_list_free(&fixture->settings.rules.enabled);
    pattern_list_free(&fixture->settings.rules.services);
    options_free(&fixture->options);
    fake_tree_remove(&fixture->tree);
}

static const struct record *find(const struct table *table, const char *id)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->records[i].id, id) == 0)
            return &table->records[i];
    }
    return NULL;
}

static bool is_walked(const struct shape *shape, size_t index)
{
    for (size_t i = 0; i < 3 && shape->walked[i] != NULL; i++) {
        if (holds(mount_at(shape, shape->walked[i]), index))
            return true;
    }
    return false;
}

/* In a mount a directory is there for its children, too: only what the corpus puts there itself is sure to have procs.
 */
static void expect_path(const struct fixture *fixture, const struct shape *shape, size_t index,
                        const struct record *record)
{
    char path[PATH_MAX] = "";
    for (size_t i = 0; i < 3 && shape->located[i] != NULL && path[0] == '\0'; i++) {
        if (holds(mount_at(shape, shape->located[i]), index))
            snprintf(path, sizeof path, "%s%s%s/cgroup.procs", fixture->root, shape->located[i], record->id);
    }
    if (strcmp(record->path, path) != 0)
        fail_msg("%s: %s is at '%s', not at '%s'", shape->name, record->id, record->path, path);
    bool enabled = record->wanted && path[0] != '\0' && !(record->options & NETIPC_CGROUP_DUPLICATE);
    if (record->enabled != enabled)
        fail_msg("%s: %s is%s enabled", shape->name, record->id, record->enabled ? "" : " not");
}

static size_t expect_corpus(const struct fixture *fixture, const struct shape *shape)
{
    size_t enabled = 0;
    for (size_t i = 0; i < corpus_cgroup_count; i++) {
        const corpus_cgroup *cgroup = &corpus_cgroups[i];
        if (cgroup->unreal || cgroup->id[1] == '\0')
            continue;
        const struct record *record = find(&fixture->table, cgroup->id);
        bool wanted = is_walked(shape, i) && may_be_found(&fixture->settings.rules, cgroup->id);
        if (wanted != (record != NULL && record->wanted) && is_walked(shape, i))
            fail_msg("%s: %s is%s wanted", shape->name, cgroup->id, wanted ? " not" : "");
        if (record == NULL || !is_walked(shape, i))
            continue;
        assert_string_equal(record->name, cgroup->name);
        assert_int_equal(record->orchestrator, cgroup->orchestrator);
        assert_int_equal((record->options & NETIPC_CGROUP_SERVICE) != 0, cgroup->service);
        assert_int_equal((record->options & NETIPC_CGROUP_UNIFIED) != 0, shape->unified);
        assert_int_equal((record->options & NETIPC_CGROUP_EXCLUDED) == 0, cgroup->enabled);
        expect_path(fixture, shape, i, record);
        enabled += record->enabled;
    }
    return enabled;
}

static void every_shape_of_a_hierarchy_tells_of_the_cgroups_of_the_corpus(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        struct fixture fixture = {.settings = {.max = 0}};
        make(&fixture, &shapes[i]);
        scan_with_defaults(&fixture, &shapes[i]);
        assert_in_range(expect_corpus(&fixture, &shapes[i]), 10, corpus_cgroup_count);
        discard(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_shape_of_a_hierarchy_tells_of_the_cgroups_of_the_corpus),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
