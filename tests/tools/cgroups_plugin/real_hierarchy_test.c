/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/scan.h"

#include <netipc/cgroups_snapshot.h>

#include <errno.h>
#include <limits.h>
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

/* The cgroups of this machine, below a cgroup of our own that only this process knows. */

enum { SKIPPED = 77 };

static char own_id[64];

struct fixture {
    struct scan_settings settings;
    struct hierarchy hierarchy;
    struct failure failure;
    struct scan_notes notes;
    struct table table;
};

/* Makes (or removes) the directory with this id below our own one, in each tree that is walked. */
static int in_each_tree(const struct hierarchy *hierarchy, const char *below, bool make)
{
    for (size_t i = 0; i < hierarchy->walked_count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s%s%s", hierarchy->walked[i], own_id, below);
        if ((make ? mkdir(path, 0755) : rmdir(path)) != 0 && errno != (make ? EEXIST : ENOENT))
            return -1;
    }
    return 0;
}

static int set_up(void **state, enum hierarchy_choice choice)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    char search[128];
    assert_non_null(fixture);
    fixture->settings.root = "/";
    fixture->settings.hierarchy = choice;
    if (!hierarchy_find(&fixture->hierarchy, "/", choice, &fixture->failure)) {
        free(fixture);
        *state = NULL;
        return 0;
    }
    snprintf(search, sizeof search, "/ %s*", own_id);
    assert_true(pattern_list_parse(&fixture->settings.rules.search, search));
    assert_true(pattern_list_parse(&fixture->settings.rules.enabled, "!/ *"));
    assert_true(pattern_list_parse(&fixture->settings.rules.services, ""));
    assert_int_equal(in_each_tree(&fixture->hierarchy, "", true), 0);
    *state = fixture;
    return 0;
}

static int set_up_auto(void **state)
{
    return set_up(state, HIERARCHY_AUTO);
}

static int set_up_v2(void **state)
{
    return set_up(state, HIERARCHY_V2);
}

static int tear_down(void **state)
{
    static const char *const made[] = {"/lxc.payload/web", "/lxc.payload", "/lxc.payload.web", "/deep/er", "/deep", ""};
    struct fixture *fixture = *state;
    if (fixture == NULL)
        return 0;
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        assert_int_equal(in_each_tree(&fixture->hierarchy, made[i], false), 0);
    hierarchy_free(&fixture->hierarchy);
    table_free(&fixture->table);
    pattern_list_free(&fixture->settings.rules.search);
    pattern_list_free(&fixture->settings.rules.enabled);
    pattern_list_free(&fixture->settings.rules.services);
    free(fixture);
    return 0;
}

static void rescan(struct fixture *fixture)
{
    struct table table;
    if (!scan(&table, &fixture->table, &fixture->settings, &fixture->notes, &fixture->failure))
        fail_msg("%s", fixture->failure.detail);
    table_free(&fixture->table);
    fixture->table = table;
}

static const struct record *find(const struct fixture *fixture, const char *below)
{
    char id[128];
    snprintf(id, sizeof id, "%s%s", own_id, below);
    for (size_t i = 0; i < fixture->table.count; i++) {
        if (strcmp(fixture->table.records[i].id, id) == 0)
            return &fixture->table.records[i];
    }
    return NULL;
}

static void real_cgroups_are_found_and_their_procs_can_be_read(void **state)
{
    struct fixture *fixture = *state;
    if (fixture == NULL) {
        skip();
        return;
    }
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/deep", true), 0);
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/deep/er", true), 0);
    rescan(fixture);
    static const char *const found[] = {"", "/deep", "/deep/er"};
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++) {
        const struct record *record = find(fixture, found[i]);
        assert_non_null(record);
        assert_int_equal(record->enabled, 1);
        assert_int_equal(record->options, fixture->hierarchy.unified ? NETIPC_CGROUP_UNIFIED : 0);
        FILE *procs = fopen(record->path, "re");
        assert_non_null(procs);
        assert_int_equal(fgetc(procs), EOF); /* nobody is in there */
        assert_false(ferror(procs));
        fclose(procs);
    }
}

static void real_cgroups_that_come_and_go_make_other_tables(void **state)
{
    struct fixture *fixture = *state;
    if (fixture == NULL) {
        skip();
        return;
    }
    rescan(fixture);
    assert_null(find(fixture, "/deep"));
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/deep", true), 0);
    rescan(fixture);
    assert_non_null(find(fixture, "/deep"));
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/deep", false), 0);
    rescan(fixture);
    assert_null(find(fixture, "/deep"));
}

static void a_real_duplicate_comes_back_when_the_first_goes(void **state)
{
    struct fixture *fixture = *state;
    if (fixture == NULL) {
        skip();
        return;
    }
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/lxc.payload", true), 0);
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/lxc.payload/web", true), 0);
    rescan(fixture);
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/lxc.payload.web", true), 0);
    rescan(fixture);
    assert_string_equal(find(fixture, "/lxc.payload.web")->name, find(fixture, "/lxc.payload/web")->name);
    assert_int_equal(find(fixture, "/lxc.payload/web")->enabled, 1);
    assert_int_equal(find(fixture, "/lxc.payload.web")->enabled, 0);
    assert_true(find(fixture, "/lxc.payload.web")->options & NETIPC_CGROUP_DUPLICATE);
    assert_int_equal(in_each_tree(&fixture->hierarchy, "/lxc.payload/web", false), 0);
    rescan(fixture);
    assert_int_equal(find(fixture, "/lxc.payload.web")->enabled, 1);
}

int main(void)
{
    if (geteuid() != 0) {
        puts("skipped: making cgroups needs root");
        return SKIPPED;
    }
    struct hierarchy hierarchy;
    struct failure failure;
    snprintf(own_id, sizeof own_id, "/netipc-test-%d", (int)getpid());
    if (!hierarchy_find(&hierarchy, "/", HIERARCHY_AUTO, &failure)) {
        printf("skipped: %s\n", failure.detail);
        return SKIPPED;
    }
    int possible = in_each_tree(&hierarchy, "", true), error = errno;
    in_each_tree(&hierarchy, "", false);
    hierarchy_free(&hierarchy);
    if (possible != 0) {
        printf("skipped: a cgroup cannot be made here: %s\n", strerror(error));
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(real_cgroups_are_found_and_their_procs_can_be_read, set_up_auto, tear_down),
        cmocka_unit_test_setup_teardown(real_cgroups_that_come_and_go_make_other_tables, set_up_auto, tear_down),
        cmocka_unit_test_setup_teardown(a_real_duplicate_comes_back_when_the_first_goes, set_up_auto, tear_down),
        cmocka_unit_test_setup_teardown(real_cgroups_are_found_and_their_procs_can_be_read, set_up_v2, tear_down),
        cmocka_unit_test_setup_teardown(real_cgroups_that_come_and_go_make_other_tables, set_up_v2, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
