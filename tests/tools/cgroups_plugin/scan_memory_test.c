/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/scan.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The linker sends the calls of malloc and the like of the program's parts here (-Wl,--wrap). */
static bool armed;
static long calls;     /* while armed */
static long fail_call; /* the call, from 0, that fails */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);

static bool call_fails(void)
{
    return armed && calls++ == fail_call;
}

void *__wrap_malloc(size_t size)
{
    return call_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return call_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return call_fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
    return call_fails() ? NULL : __real_reallocarray(memory, count, size);
}

/* Fails one allocation after the other until a scan needs fewer; the sanitizers look for what is lost. */
static void expect_every_failure_to_be_reported(struct scan_settings *settings)
{
    struct table first, second;
    struct scan_notes notes;
    struct failure failure;
    assert_true(scan(&first, &(struct table){0}, settings, &notes, &failure));
    unsigned descriptors = open_descriptors();
    bool done = false;
    for (fail_call = 0; !done; fail_call++) {
        calls = 0;
        armed = true;
        done = scan(&second, &first, settings, &notes, &failure);
        armed = false;
        assert_int_equal(done, calls <= fail_call);
        if (!done) {
            assert_int_equal(failure.status, NETIPC_NO_MEMORY);
            assert_int_equal(second.count, 0);
        }
        assert_int_equal(open_descriptors(), descriptors);
    }
    assert_true(fail_call > 5);
    assert_true(table_equal(&first, &second));
    table_free(&first);
    table_free(&second);
}

static void run_on(void (*make)(const struct fake_tree *tree))
{
    struct fake_tree tree;
    struct scan_settings settings = {.root = tree.path, .max = 3};
    fake_tree_make(&tree);
    make(&tree);
    assert_true(pattern_list_parse(&settings.rules.search, "*"));
    assert_true(pattern_list_parse(&settings.rules.enabled, "*"));
    assert_true(pattern_list_parse(&settings.rules.services, "*.service"));
    expect_every_failure_to_be_reported(&settings);
    pattern_list_free(&settings.rules.search);
    pattern_list_free(&settings.rules.enabled);
    pattern_list_free(&settings.rules.services);
    fake_tree_remove(&tree);
}

static void make_v1(const struct fake_tree *tree)
{
    fake_tree_cgroup(tree, "sys/fs/cgroup/memory/a/b.service");
    fake_tree_cgroup(tree, "sys/fs/cgroup/blkio/a/c");
    fake_tree_cgroup(tree, "sys/fs/cgroup/cpuset/a");
    fake_tree_directory(tree, "proc/1");
    fake_tree_file(tree, "proc/1/mountinfo",
                   "1 2 0:3 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                   "1 2 0:3 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio\n");
}

static void make_v2(const struct fake_tree *tree)
{
    fake_tree_v2(tree);
    fake_tree_cgroup(tree, "sys/fs/cgroup/a/b.service");
    fake_tree_cgroup(tree, "sys/fs/cgroup/lxc/web");
}

static void a_v1_scan_without_memory_fails_and_loses_nothing(void **state)
{
    (void)state;
    run_on(make_v1);
}

static void a_v2_scan_without_memory_fails_and_loses_nothing(void **state)
{
    (void)state;
    run_on(make_v2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_v1_scan_without_memory_fails_and_loses_nothing),
        cmocka_unit_test(a_v2_scan_without_memory_fails_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
