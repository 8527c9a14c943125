/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/watches.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct fake_tree tree;
    struct pattern_list search;
    struct watches watches;
    struct failure failure;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    fake_tree_make(&fixture->tree);
    fake_tree_directory(&fixture->tree, "a/b");
    fake_tree_directory(&fixture->tree, "closed/room");
    assert_true(pattern_list_parse(&fixture->search, "!/closed *"));
    assert_true(watches_open(&fixture->watches, 1000, &fixture->failure));
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    watches_close(&fixture->watches);
    pattern_list_free(&fixture->search);
    fake_tree_remove(&fixture->tree);
    free(fixture);
    return 0;
}

/* Walks and watches as a scan does; gives the number of watches that were added. */
static size_t scan(struct fixture *fixture)
{
    struct id_list list = {0};
    assert_true(walk(&list, fixture->tree.path, &fixture->search, &fixture->failure));
    id_list_sort(&list);
    watches_begin(&fixture->watches);
    assert_true(watches_set(&fixture->watches, 0, fixture->tree.path, list.ids, list.count, &fixture->failure));
    id_list_free(&list);
    return fixture->watches.added;
}

static void path_in(const struct fixture *fixture, char path[128], const char *name)
{
    int length = snprintf(path, 128, "%s/%s", fixture->tree.path, name);
    assert_in_range(length, 1, 127);
}

static void make(const struct fixture *fixture, const char *name)
{
    char path[128];
    path_in(fixture, path, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void remove_(const struct fixture *fixture, const char *name)
{
    char path[128];
    path_in(fixture, path, name);
    assert_int_equal(rmdir(path), 0);
}

static void directories_that_come_and_go_are_told_wherever_a_scan_looks(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(scan(fixture), 3); /* the top, /a, /a/b */
    assert_false(watches_read(&fixture->watches));
    make(fixture, "a/b/c");
    assert_true(watches_read(&fixture->watches));
    assert_false(watches_read(&fixture->watches));
    assert_int_equal(scan(fixture), 1);
    make(fixture, "a/b/c/d");
    assert_true(watches_read(&fixture->watches));
    assert_int_equal(scan(fixture), 1);
    remove_(fixture, "a/b/c/d");
    assert_true(watches_read(&fixture->watches));
    assert_int_equal(scan(fixture), 0);
    assert_int_equal(fixture->watches.count, 4);
    assert_int_equal(fixture->watches.missing, 0);
}

static void what_no_scan_looks_at_and_files_are_not_told(void **state)
{
    struct fixture *fixture = *state;
    scan(fixture);
    make(fixture, "closed/other");
    fake_tree_file(&fixture->tree, "a/file", "");
    assert_false(watches_read(&fixture->watches));
}

static void a_directory_made_again_under_its_name_is_watched_again(void **state)
{
    struct fixture *fixture = *state;
    scan(fixture);
    remove_(fixture, "a/b");
    make(fixture, "a/b");
    assert_true(watches_read(&fixture->watches));
    assert_int_equal(scan(fixture), 1);
    assert_int_equal(fixture->watches.count, 3);
    make(fixture, "a/b/c");
    assert_true(watches_read(&fixture->watches));
}

static void a_renamed_directory_stays_watched_with_all_below_it(void **state)
{
    struct fixture *fixture = *state;
    char from[128], to[128];
    path_in(fixture, from, "a");
    path_in(fixture, to, "z");
    scan(fixture);
    assert_int_equal(rename(from, to), 0);
    assert_true(watches_read(&fixture->watches));
    scan(fixture);
    assert_int_equal(fixture->watches.count, 3);
    watches_read(&fixture->watches); /* of the watches that were given up */
    make(fixture, "z/b/c");
    assert_true(watches_read(&fixture->watches));
}

static void beyond_the_most_nothing_is_watched_until_there_is_room(void **state)
{
    struct fixture *fixture = *state;
    fixture->watches.most = 2;
    assert_int_equal(scan(fixture), 2);
    assert_int_equal(fixture->watches.missing, 1);
    assert_int_equal(fixture->watches.error, 0);
    make(fixture, "a/b/c"); /* /a/b is the one without */
    assert_false(watches_read(&fixture->watches));
    fixture->watches.most = 10;
    assert_int_equal(scan(fixture), 2);
    assert_int_equal(fixture->watches.missing, 0);
}

static bool write_text(const char *file, const char *text)
{
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    ssize_t wrote = fd < 0 ? -1 : write(fd, text, strlen(text));
    if (fd >= 0)
        close(fd);
    return wrote == (ssize_t)strlen(text);
}

enum { SKIPPED = 77 };

/* In a user namespace of its own the kernel's limit can be as low as it takes. */
static int within_the_kernels_limit(struct fixture *fixture)
{
    if (unshare(CLONE_NEWUSER) != 0 || !write_text("/proc/sys/user/max_inotify_watches", "2"))
        return SKIPPED;
    struct watches watches;
    if (!watches_open(&watches, 1000, &fixture->failure))
        return SKIPPED;
    watches_close(&fixture->watches);
    fixture->watches = watches;
    bool right = scan(fixture) == 2 && fixture->watches.missing == 1 && fixture->watches.error == ENOSPC;
    remove_(fixture, "a/b");
    right = right && watches_read(&fixture->watches); /* the others are told all the same */
    return right ? 0 : 1;
}

static void the_kernels_limit_leaves_the_rest_unwatched(void **state)
{
    struct fixture *fixture = *state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(within_the_kernels_limit(fixture));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == SKIPPED) {
        skip();
        return;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void more_than_the_kernel_keeps_is_a_change(void **state)
{
    struct fixture *fixture = *state;
    scan(fixture);
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
    unsigned most = 0;
    if (file == NULL || fscanf(file, "%u", &most) != 1 || most > 100000)
        most = 100000;
    if (file != NULL)
        fclose(file);
    /* Files are no change; but what is told of too many is lost. */
    char one[128], other[128];
    path_in(fixture, one, "a/one");
    path_in(fixture, other, "a/other");
    fake_tree_file(&fixture->tree, "a/one", "");
    for (unsigned i = 0; i < most / 2 + 10; i++)
        assert_int_equal(rename(i % 2 == 0 ? one : other, i % 2 == 0 ? other : one), 0);
    assert_true(watches_read(&fixture->watches));
}

static void another_mount_in_the_same_place_is_watched_anew(void **state)
{
    struct fixture *fixture = *state;
    struct fake_tree other;
    struct id_list list = {0};
    scan(fixture);
    assert_true(walk(&list, fixture->tree.path, &fixture->search, &fixture->failure));
    id_list_sort(&list);
    ino_t same = list.ids[0].inode; /* as the tops of all hierarchies have */
    id_list_free(&list);
    fake_tree_make(&other);
    assert_true(walk(&list, other.path, &fixture->search, &fixture->failure));
    list.ids[0].inode = same;
    watches_begin(&fixture->watches);
    assert_true(watches_set(&fixture->watches, 0, other.path, list.ids, list.count, &fixture->failure));
    id_list_free(&list);
    assert_int_equal(fixture->watches.count, 1);
    watches_read(&fixture->watches);
    make(fixture, "a/c");
    assert_false(watches_read(&fixture->watches));
    fake_tree_directory(&other, "new");
    assert_true(watches_read(&fixture->watches));
    fake_tree_remove(&other);
}

static void with_none_allowed_nothing_is_opened(void **state)
{
    (void)state;
    struct watches watches;
    struct failure failure;
    unsigned before = open_descriptors();
    assert_true(watches_open(&watches, 0, &failure));
    assert_int_equal(open_descriptors(), before);
    watches_begin(&watches);
    struct found_id top = {"/", 1, true};
    assert_true(watches_set(&watches, 0, "/tmp", &top, 1, &failure));
    assert_int_equal(watches.missing, 0);
    watches_close(&watches);
}

int main(void)
{
#define WATCHED(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WATCHED(directories_that_come_and_go_are_told_wherever_a_scan_looks),
        WATCHED(what_no_scan_looks_at_and_files_are_not_told),
        WATCHED(a_directory_made_again_under_its_name_is_watched_again),
        WATCHED(a_renamed_directory_stays_watched_with_all_below_it),
        WATCHED(beyond_the_most_nothing_is_watched_until_there_is_room),
        WATCHED(the_kernels_limit_leaves_the_rest_unwatched),
        WATCHED(more_than_the_kernel_keeps_is_a_change),
        WATCHED(another_mount_in_the_same_place_is_watched_anew),
        cmocka_unit_test(with_none_allowed_nothing_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
