/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/walk.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int make_tree(void **state)
{
    struct fake_tree *tree = calloc(1, sizeof *tree);
    assert_non_null(tree);
    fake_tree_make(tree);
    *state = tree;
    return 0;
}

static int remove_tree(void **state)
{
    fake_tree_remove(*state);
    free(*state);
    return 0;
}

static struct id_list walked(const char *mount, const char *patterns)
{
    struct id_list list = {0};
    struct pattern_list search;
    struct failure failure;
    assert_true(pattern_list_parse(&search, patterns));
    if (!walk(&list, mount, &search, &failure))
        fail_msg("%s", failure.detail);
    pattern_list_free(&search);
    id_list_sort(&list);
    return list;
}

static void expect_ids(struct id_list *list, const char *const *wanted)
{
    size_t i = 0;
    for (; wanted[i] != NULL; i++) {
        if (i >= list->count)
            fail_msg("%s is missing", wanted[i]);
        assert_string_equal(list->ids[i].id, wanted[i]);
    }
    assert_int_equal(list->count, i);
    id_list_free(list);
}

#define EXPECT_IDS(list, ...) expect_ids(list, (const char *const[]){__VA_ARGS__, NULL})

static void every_directory_is_found_and_nothing_else(void **state)
{
    struct fake_tree *tree = *state;
    fake_tree_cgroup(tree, "a/b/c");
    fake_tree_cgroup(tree, "a/d");
    fake_tree_cgroup(tree, "e");
    fake_tree_file(tree, "file", "");
    struct id_list list = walked(tree->path, "*");
    EXPECT_IDS(&list, "/", "/a", "/a/b", "/a/b/c", "/a/d", "/e");
}

static void children_are_visited_only_where_the_list_says_so(void **state)
{
    struct fake_tree *tree = *state;
    fake_tree_directory(tree, "yes/x/y");
    fake_tree_directory(tree, "no/x/y");
    struct id_list list = walked(tree->path, "!/no *");
    EXPECT_IDS(&list, "/", "/no", "/yes", "/yes/x", "/yes/x/y");
    list = walked(tree->path, "!/ *");
    EXPECT_IDS(&list, "/");
    list = walked(tree->path, "");
    EXPECT_IDS(&list, "/");
}

static void symbolic_links_are_not_followed(void **state)
{
    struct fake_tree *tree = *state;
    char path[256];
    fake_tree_directory(tree, "a/b");
    snprintf(path, sizeof path, "%s/a/up", tree->path);
    assert_int_equal(symlink("..", path), 0);
    snprintf(path, sizeof path, "%s/etc", tree->path);
    assert_int_equal(symlink("/etc", path), 0);
    struct id_list list = walked(tree->path, "*");
    EXPECT_IDS(&list, "/", "/a", "/a/b");
}

static void names_may_hold_any_byte(void **state)
{
    struct fake_tree *tree = *state;
    fake_tree_directory(tree, "new\nline/tab\there");
    fake_tree_directory(tree, "\xff\xfe/ ");
    fake_tree_directory(tree, "...");
    struct id_list list = walked(tree->path, "*");
    EXPECT_IDS(&list, "/", "/...", "/new\nline", "/new\nline/tab\there", "/\xff\xfe", "/\xff\xfe/ ");
}

static void two_walks_are_joined_by_id(void **state)
{
    struct fake_tree *tree = *state;
    struct id_list list = {0};
    struct pattern_list search;
    struct failure failure;
    char mount[128];
    fake_tree_directory(tree, "memory/a/b");
    fake_tree_directory(tree, "blkio/a/c");
    assert_true(pattern_list_parse(&search, "*"));
    snprintf(mount, sizeof mount, "%s/memory", tree->path);
    assert_true(walk(&list, mount, &search, &failure));
    snprintf(mount, sizeof mount, "%s/blkio", tree->path);
    assert_true(walk(&list, mount, &search, &failure));
    pattern_list_free(&search);
    id_list_sort(&list);
    EXPECT_IDS(&list, "/", "/a", "/a/b", "/a/c");
}

static void a_missing_mount_is_a_failure_that_names_it(void **state)
{
    (void)state;
    struct id_list list = {0};
    struct pattern_list search;
    struct failure failure;
    assert_true(pattern_list_parse(&search, "*"));
    assert_false(walk(&list, "/nowhere/cgroup", &search, &failure));
    assert_non_null(strstr(failure.detail, "/nowhere/cgroup"));
    pattern_list_free(&search);
    id_list_free(&list);
}

/* Makes a chain of so many directories called name, each with a sibling called "leaf" beside it. */
static void make_chain(const struct fake_tree *tree, const char *name, unsigned depth)
{
    int at = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(at >= 0);
    for (unsigned i = 0; i < depth; i++) {
        assert_int_equal(mkdirat(at, name, 0755), 0);
        assert_int_equal(mkdirat(at, "leaf", 0755), 0);
        int below = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(below >= 0);
        close(at);
        at = below;
    }
    close(at);
}

static void a_tree_deeper_than_a_path_can_be_long_is_walked_with_few_descriptors(void **state)
{
    struct fake_tree *tree = *state;
    enum { DEPTH = 3000, FEW = 48 };
    make_chain(tree, "ab", DEPTH);

    /* With a low limit on descriptors, for the walk only. */
    struct rlimit saved, low;
    unsigned before = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
    low = (struct rlimit){before + FEW, saved.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    struct id_list list = walked(tree->path, "*");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);

    assert_int_equal(list.count, 1 + 2 * DEPTH);
    size_t longest = 0;
    for (size_t i = 0; i < list.count; i++)
        longest = strlen(list.ids[i].id) > longest ? strlen(list.ids[i].id) : longest;
    assert_int_equal(longest, 3 * (DEPTH - 1) + strlen("/leaf"));
    assert_int_equal(list.too_deep, 0);
    id_list_free(&list);
    assert_int_equal(open_descriptors(), before);
}

static void what_is_deeper_than_the_longest_id_is_left_out_and_counted(void **state)
{
    struct fake_tree *tree = *state;
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    make_chain(tree, name, 100);
    struct id_list list = walked(tree->path, "*");
    size_t wanted = WALK_ID_MAX / 256;
    assert_int_equal(list.too_deep, 2);
    assert_int_equal(list.count, 1 + 2 * wanted);
    id_list_free(&list);
}

struct churn {
    const struct fake_tree *tree;
    atomic_bool stop;
};

/* Makes and removes directories below "busy" for as long as the walks go on. */
static void *churn_directories(void *argument)
{
    struct churn *churn = argument;
    char path[256], below[300];
    for (unsigned i = 0; !atomic_load(&churn->stop); i++) {
        snprintf(path, sizeof path, "%s/busy/%u", churn->tree->path, i % 50);
        snprintf(below, sizeof below, "%s/child", path);
        if (mkdir(path, 0755) == 0) {
            mkdir(below, 0755);
        } else {
            rmdir(below);
            rmdir(path);
        }
    }
    return NULL;
}

static void directories_may_vanish_during_the_walk(void **state)
{
    struct fake_tree *tree = *state;
    struct churn churn = {.tree = tree};
    pthread_t thread;
    fake_tree_directory(tree, "busy");
    for (unsigned i = 0; i < 100; i++) {
        char name[64];
        snprintf(name, sizeof name, "busy/stable-%u/child", i);
        fake_tree_directory(tree, name);
    }
    unsigned before = open_descriptors();
    assert_int_equal(pthread_create(&thread, NULL, churn_directories, &churn), 0);
    for (int round = 0; round < 200; round++) {
        struct id_list list = walked(tree->path, "*");
        size_t stable = 0;
        for (size_t i = 0; i < list.count; i++)
            stable += strncmp(list.ids[i].id, "/busy/stable-", 13) == 0;
        assert_int_equal(stable, 200);
        id_list_free(&list);
    }
    atomic_store(&churn.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(open_descriptors(), before);
}

static void out_of_descriptors_is_a_failure_and_not_a_smaller_list(void **state)
{
    struct fake_tree *tree = *state;
    struct id_list list = {0};
    struct pattern_list search;
    struct failure failure;
    fake_tree_directory(tree, "a/b/c/d/e/f/g/h");
    assert_true(pattern_list_parse(&search, "*"));

    struct rlimit saved, low;
    unsigned before = open_descriptors();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
    low = (struct rlimit){before + 1, saved.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    bool done = walk(&list, tree->path, &search, &failure);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &saved), 0);

    assert_false(done);
    assert_int_equal(failure.status, NETIPC_NO_DESCRIPTORS);
    assert_int_equal(open_descriptors(), before);
    pattern_list_free(&search);
    id_list_free(&list);
}

/* Runs as somebody who may not look into "locked" (0: as expected). */
static int walk_as_nobody(const struct fake_tree *tree)
{
    struct id_list list = {0};
    struct pattern_list search;
    struct failure failure;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return 1;
    if (!pattern_list_parse(&search, "*") || !walk(&list, tree->path, &search, &failure))
        return 2;
    id_list_sort(&list);
    bool right = list.count == 4 && list.unreadable == 1 && strcmp(list.ids[1].id, "/locked") == 0 &&
                 strcmp(list.ids[3].id, "/open/b") == 0;
    pattern_list_free(&search);
    id_list_free(&list);
    return right ? 0 : 3;
}

static void a_directory_that_may_not_be_read_is_kept_without_its_children(void **state)
{
    struct fake_tree *tree = *state;
    char path[256];
    fake_tree_directory(tree, "locked/a");
    fake_tree_directory(tree, "open/b");
    snprintf(path, sizeof path, "%s/locked", tree->path);
    assert_int_equal(chmod(tree->path, 0755), 0);
    assert_int_equal(chmod(path, 0), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(walk_as_nobody(tree));
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(chmod(path, 0755), 0);
    assert_int_equal(status, 0);
}

#define IN_TREE(test) cmocka_unit_test_setup_teardown(test, make_tree, remove_tree)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_TREE(every_directory_is_found_and_nothing_else),
        IN_TREE(children_are_visited_only_where_the_list_says_so),
        IN_TREE(symbolic_links_are_not_followed),
        IN_TREE(names_may_hold_any_byte),
        IN_TREE(two_walks_are_joined_by_id),
        IN_TREE(a_missing_mount_is_a_failure_that_names_it),
        IN_TREE(a_tree_deeper_than_a_path_can_be_long_is_walked_with_few_descriptors),
        IN_TREE(what_is_deeper_than_the_longest_id_is_left_out_and_counted),
        IN_TREE(directories_may_vanish_during_the_walk),
        IN_TREE(out_of_descriptors_is_a_failure_and_not_a_smaller_list),
        IN_TREE(a_directory_that_may_not_be_read_is_kept_without_its_children),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
