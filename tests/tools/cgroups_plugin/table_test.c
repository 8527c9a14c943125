/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/table.h"

#include <netipc/cgroups_snapshot.h>
#include <netipc/schema.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Three containers of one name, "cgroup_web". */
#define FIRST "/lxc.payload.web"
#define SECOND "/lxc.payload/web"
#define THIRD "/lxc/web"

struct fixture {
    struct rules rules;
    struct table table; /* the latest */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    assert_true(pattern_list_parse(&fixture->rules.search, "*"));
    assert_true(pattern_list_parse(&fixture->rules.enabled, "!/off* !*.service *"));
    assert_true(pattern_list_parse(&fixture->rules.services, "/system.slice/*.service"));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pattern_list_free(&fixture->rules.search);
    pattern_list_free(&fixture->rules.enabled);
    pattern_list_free(&fixture->rules.services);
    table_free(&fixture->table);
    free(fixture);
    return 0;
}

/* Makes the next table of these ids; those that end in "-no-procs" have no path. */
static void next_table(struct fixture *fixture, const char *const *ids, size_t max)
{
    struct id_list list = {0};
    struct failure failure;
    struct table table;
    size_t count = 0;
    while (ids[count] != NULL)
        count++;
    list.ids = calloc(count + 1, sizeof *list.ids);
    assert_non_null(list.ids);
    for (; list.count < count; list.count++)
        list.ids[list.count].id = arena_text(&list.texts, ids[list.count], strlen(ids[list.count]));
    id_list_sort(&list);
    assert_true(table_build(&table, &fixture->table, &list, &fixture->rules, false, max, &failure));
    id_list_free(&list);
    for (size_t i = 0; i < table.count; i++) {
        struct record *record = &table.records[i];
        if (strstr(record->id, "-no-procs") == NULL)
            record->path = arena_join(&table.texts, "/mount", record->id);
    }
    assert_true(table_settle(&table, &failure));
    table_free(&fixture->table);
    fixture->table = table;
}

#define NEXT(fixture, max, ...) next_table(fixture, (const char *const[]){__VA_ARGS__, NULL}, max)

static const struct record *find(const struct fixture *fixture, const char *id)
{
    for (size_t i = 0; i < fixture->table.count; i++) {
        if (strcmp(fixture->table.records[i].id, id) == 0)
            return &fixture->table.records[i];
    }
    return NULL;
}

static void expect(const struct fixture *fixture, const char *id, uint32_t enabled, uint32_t options)
{
    const struct record *record = find(fixture, id);
    if (record == NULL)
        fail_msg("%s is missing", id);
    else if (record->enabled != enabled || record->options != options)
        fail_msg("%s: enabled %u, options %u; wanted %u, %u", id, record->enabled, record->options, enabled, options);
}

static void a_record_says_what_the_lists_say(void **state)
{
    struct fixture *fixture = *state;
    NEXT(fixture, 0, "/a", "/off", "/system.slice/ssh.service", "/other/ssh.service", "/b-no-procs", "/off-no-procs",
         "/system.slice/x-no-procs.service");
    expect(fixture, "/a", 1, 0);
    expect(fixture, "/off", 0, NETIPC_CGROUP_EXCLUDED);
    expect(fixture, "/system.slice/ssh.service", 1, NETIPC_CGROUP_SERVICE);
    expect(fixture, "/other/ssh.service", 0, NETIPC_CGROUP_EXCLUDED);
    expect(fixture, "/b-no-procs", 0, 0);
    expect(fixture, "/off-no-procs", 0, NETIPC_CGROUP_EXCLUDED);
    expect(fixture, "/system.slice/x-no-procs.service", 0, NETIPC_CGROUP_SERVICE);
    assert_string_equal(find(fixture, "/system.slice/ssh.service")->name, "systemd_ssh");
    assert_string_equal(find(fixture, "/a")->name, "cgroup_a");
    assert_int_equal(find(fixture, "/a")->hash, netipc_key_hash("cgroup_a", 8));
}

static void of_two_new_ones_with_one_name_the_first_by_id_keeps_it(void **state)
{
    struct fixture *fixture = *state;
    NEXT(fixture, 0, THIRD, FIRST, SECOND);
    expect(fixture, FIRST, 1, 0);
    expect(fixture, SECOND, 0, NETIPC_CGROUP_DUPLICATE);
    expect(fixture, THIRD, 0, NETIPC_CGROUP_DUPLICATE);
}

static void a_known_one_keeps_its_name_from_a_new_one_that_sorts_before_it(void **state)
{
    struct fixture *fixture = *state;
    NEXT(fixture, 0, THIRD);
    NEXT(fixture, 0, THIRD, FIRST);
    expect(fixture, THIRD, 1, 0);
    expect(fixture, FIRST, 0, NETIPC_CGROUP_DUPLICATE);
    NEXT(fixture, 0, THIRD, SECOND, FIRST);
    expect(fixture, THIRD, 1, 0);
    expect(fixture, FIRST, 0, NETIPC_CGROUP_DUPLICATE);
    expect(fixture, SECOND, 0, NETIPC_CGROUP_DUPLICATE);
}

static void a_duplicate_comes_back_when_the_first_goes(void **state)
{
    struct fixture *fixture = *state;
    NEXT(fixture, 0, THIRD);
    NEXT(fixture, 0, THIRD, SECOND);
    NEXT(fixture, 0, THIRD, SECOND, FIRST);
    NEXT(fixture, 0, SECOND, FIRST);
    expect(fixture, SECOND, 1, 0);
    expect(fixture, FIRST, 0, NETIPC_CGROUP_DUPLICATE);
    NEXT(fixture, 0, SECOND, FIRST, THIRD); /* who was away starts at the end */
    expect(fixture, SECOND, 1, 0);
    expect(fixture, FIRST, 0, NETIPC_CGROUP_DUPLICATE);
    expect(fixture, THIRD, 0, NETIPC_CGROUP_DUPLICATE);
    NEXT(fixture, 0, FIRST);
    expect(fixture, FIRST, 1, 0);
}

static void one_that_is_not_enabled_takes_no_name_away(void **state)
{
    struct fixture *fixture = *state;
    NEXT(fixture, 0, "/off/lxc.payload.web");
    NEXT(fixture, 0, "/off/lxc.payload.web", THIRD);
    expect(fixture, THIRD, 1, 0);
    expect(fixture, "/off/lxc.payload.web", 0, NETIPC_CGROUP_EXCLUDED | NETIPC_CGROUP_DUPLICATE);
    NEXT(fixture, 0, "/off/lxc.payload.web");
    expect(fixture, "/off/lxc.payload.web", 0, NETIPC_CGROUP_EXCLUDED);
}

static void a_maximum_keeps_those_known_for_longest(void **state)
{
    struct fixture *fixture = *state;
    NEXT(fixture, 2, "/m", "/n", "/o");
    assert_int_equal(fixture->table.count, 2);
    assert_int_equal(fixture->table.left_out, 1);
    assert_non_null(find(fixture, "/m"));
    assert_non_null(find(fixture, "/n"));
    NEXT(fixture, 2, "/a", "/m", "/n", "/o");
    assert_non_null(find(fixture, "/m"));
    assert_non_null(find(fixture, "/n"));
    assert_int_equal(fixture->table.left_out, 2);
    NEXT(fixture, 2, "/a", "/n", "/o");
    assert_non_null(find(fixture, "/n"));
    assert_non_null(find(fixture, "/a"));
    NEXT(fixture, 3, "/a", "/n", "/o");
    assert_int_equal(fixture->table.count, 3);
    assert_int_equal(fixture->table.left_out, 0);
}

static void what_is_carried_over_is_what_would_be_found_anew(void **state)
{
    struct fixture *fixture = *state;
    struct fixture fresh = {.rules = fixture->rules};
    static const char *const ids[] = {FIRST, "/off", "/system.slice/ssh.service", THIRD, "/z", NULL};
    next_table(fixture, ids, 0);
    next_table(fixture, ids, 0);
    next_table(&fresh, ids, 0);
    assert_true(table_equal(&fixture->table, &fresh.table));
    table_free(&fresh.table);
}

static void any_difference_that_subscribers_would_see_is_a_difference(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = {.rules = fixture->rules};
    static const char *const ids[] = {"/a", "/b", NULL};
    next_table(fixture, ids, 0);
    next_table(&other, ids, 0);
    struct record *record = &other.table.records[1], saved = *record;
    assert_true(table_equal(&fixture->table, &other.table));

    record->name = "cgroup_x";
    assert_false(table_equal(&fixture->table, &other.table));
    *record = saved;
    record->path = "";
    assert_false(table_equal(&fixture->table, &other.table));
    *record = saved;
    record->hash++;
    assert_false(table_equal(&fixture->table, &other.table));
    *record = saved;
    record->options ^= NETIPC_CGROUP_DUPLICATE;
    assert_false(table_equal(&fixture->table, &other.table));
    *record = saved;
    record->enabled ^= 1;
    assert_false(table_equal(&fixture->table, &other.table));
    *record = saved;
    record->serial += 5; /* nobody sees that one */
    assert_true(table_equal(&fixture->table, &other.table));
    other.table.count--;
    assert_false(table_equal(&fixture->table, &other.table));
    assert_false(table_equal(&other.table, &fixture->table));
    table_free(&other.table);
}

static void as_many_come_as_go_is_a_difference(void **state)
{
    struct fixture *fixture = *state;
    struct fixture other = {.rules = fixture->rules};
    NEXT(fixture, 0, "/a", "/b");
    NEXT(&other, 0, "/a", "/c");
    assert_false(table_equal(&fixture->table, &other.table));
    table_free(&other.table);
}

static void nobody_sees_a_sandbox(void **state)
{
    struct fixture *fixture = *state;
    struct fixture without = {.rules = fixture->rules};
    struct failure failure;
    NEXT(fixture, 0, FIRST, "/m", THIRD);
    NEXT(&without, 0, "/m", THIRD);
    assert_false(table_equal(&fixture->table, &without.table));
    for (size_t i = 0; i < fixture->table.count; i++)
        fixture->table.records[i].sandbox = strcmp(fixture->table.records[i].id, FIRST) == 0;
    assert_true(table_settle(&fixture->table, &failure));
    assert_int_equal(table_seen(&fixture->table), 2);
    assert_true(table_equal(&fixture->table, &without.table));
    assert_true(table_equal(&without.table, &fixture->table));
    expect(fixture, THIRD, 1, 0); /* and it takes no name away, */
    fixture->table.records[1].path = "";
    assert_true(table_settle(&fixture->table, &failure));
    expect(fixture, THIRD, 0, 0); /* not even from one that is not enabled */
    NEXT(fixture, 0, FIRST, "/m", THIRD);
    assert_int_equal(table_seen(&fixture->table), 2); /* which is known in the next scan */
    table_free(&without.table);
}

static void a_copy_of_a_table_outlives_it(void **state)
{
    struct fixture *fixture = *state;
    struct failure failure;
    struct table copy;
    NEXT(fixture, 0, FIRST, THIRD, "/a-no-procs", "/system.slice/docker-0123456789ab.scope");
    struct record *record = &fixture->table.records[0];
    record->labels = arena_text(&fixture->table.texts, "key\0value", sizeof "key\0value" - 1);
    record->labels_length = sizeof "key\0value";
    assert_true(table_copy(&copy, &fixture->table));
    assert_true(table_equal(&copy, &fixture->table));
    assert_true(table_settle(&copy, &failure));
    assert_true(table_equal(&copy, &fixture->table));
    for (size_t i = 0; i < copy.count; i++)
        assert_ptr_not_equal(copy.records[i].id, fixture->table.records[i].id);
    table_free(&fixture->table);
    fixture->table = copy;
    assert_string_equal(find(fixture, FIRST)->name, "cgroup_web");
    assert_memory_equal(fixture->table.records[0].labels, "key\0value", sizeof "key\0value");
    const struct record *container = find(fixture, "/system.slice/docker-0123456789ab.scope");
    assert_int_equal(container->engine, ENGINE_DOCKER);
    NEXT(fixture, 0, "/system.slice/docker-0123456789ab.scope"); /* carried over */
    container = find(fixture, "/system.slice/docker-0123456789ab.scope");
    assert_int_equal(container->engine, ENGINE_DOCKER);
    assert_int_equal(strncmp(container->id + container->container_at, "0123456789ab", container->container_length), 0);
    assert_int_equal(container->container_length, 12);
}

static void no_cgroups_make_an_empty_table(void **state)
{
    struct fixture *fixture = *state;
    next_table(fixture, (const char *const[]){NULL}, 0);
    assert_int_equal(fixture->table.count, 0);
    next_table(fixture, (const char *const[]){NULL}, 5);
    assert_int_equal(fixture->table.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_record_says_what_the_lists_say, set_up, tear_down),
        cmocka_unit_test_setup_teardown(of_two_new_ones_with_one_name_the_first_by_id_keeps_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_known_one_keeps_its_name_from_a_new_one_that_sorts_before_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_duplicate_comes_back_when_the_first_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_that_is_not_enabled_takes_no_name_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_maximum_keeps_those_known_for_longest, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_carried_over_is_what_would_be_found_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_difference_that_subscribers_would_see_is_a_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(as_many_come_as_go_is_a_difference, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_sees_a_sandbox, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_of_a_table_outlives_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_cgroups_make_an_empty_table, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
