/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_plugin/census.h"
#include "tools/ebpf_plugin/procs.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
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

/* A private directory, and a list file in it. */
struct place {
    char directory[64];
    char list[96];
    struct procs_reader reader;
    struct procs procs;
};

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    strcpy(place->directory, "/tmp/netipc-procs-XXXXXX");
    assert_non_null(mkdtemp(place->directory));
    snprintf(place->list, sizeof place->list, "%s/cgroup.procs", place->directory);
    assert_true(procs_reader_open(&place->reader, ""));
    *state = place;
    return 0;
}

static int tear_down(void **state)
{
    struct place *place = *state;
    procs_reader_close(&place->reader);
    procs_free(&place->procs);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", place->directory);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static enum procs_result refresh(struct place *place)
{
    return procs_refresh(&place->reader, &place->procs, place->list);
}

/* Ends when its parent does. */
static pid_t start_sleeper(void)
{
    int alive[2];
    assert_int_equal(pipe(alive), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(alive[1]);
        char byte;
        _exit(read(alive[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(alive[0]);
    return pid; /* alive[1] stays open until this program ends or kills */
}

static void end_sleeper(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define FIELDS_3_TO_21 "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18"

static void the_start_time_is_counted_from_the_last_parenthesis(void **state)
{
    (void)state;
    static const char *commands[] = {"(sleep)", "()", "(a b c)", "(x) (y)", "() S 1 2 3 4)", "((()))", "(\n)"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char text[256];
        int length = snprintf(text, sizeof text, "77 %s " FIELDS_3_TO_21 " 4242 19 20\n", commands[i]);
        uint64_t start = 0;
        assert_true(procs_parse_stat(text, (size_t)length, &start));
        assert_int_equal(start, 4242);
    }
}

static void a_stat_without_a_start_time_is_refused(void **state)
{
    (void)state;
    static const char *texts[] = {"",
                                  "77",
                                  "77 (sleep",
                                  "77 (sleep)",
                                  "77 (sleep) S 1 2 3",
                                  "77 (sleep) " FIELDS_3_TO_21,
                                  "77 (sleep) " FIELDS_3_TO_21 " ",
                                  "77 (sleep) " FIELDS_3_TO_21 " 4242",
                                  "77 (sleep) " FIELDS_3_TO_21 " -1 19",
                                  "77 (sleep) " FIELDS_3_TO_21 " 12x 19",
                                  "77 (sleep) " FIELDS_3_TO_21 " 18446744073709551616 19"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t length = strlen(texts[i]);
        char *exact = malloc(length ? length : 1);
        assert_non_null(exact);
        memcpy(exact, texts[i], length);
        uint64_t start;
        if (procs_parse_stat(exact, length, &start))
            fail_msg("taken: %s", texts[i]);
        free(exact);
    }
}

static void processes_are_sorted_counted_once_and_carry_their_start_time(void **state)
{
    struct place *place = *state;
    pid_t sleeper = start_sleeper();
    char text[256];
    snprintf(text, sizeof text, "%d\n0\n%d\n%d\n0\n%d\n", sleeper, getpid(), sleeper, getpid());
    write_text(place->list, text);
    assert_int_equal(refresh(place), PROCS_READ);
    assert_int_equal(place->procs.count, 2);
    assert_true(place->procs.list[0].pid < place->procs.list[1].pid);
    for (size_t i = 0; i < 2; i++) {
        assert_true(place->procs.list[i].pid == (uint32_t)sleeper || place->procs.list[i].pid == (uint32_t)getpid());
        assert_true(place->procs.list[i].start > 0);
    }
    end_sleeper(sleeper);
}

static void a_process_that_ended_after_the_listing_is_left_out(void **state)
{
    struct place *place = *state;
    pid_t sleeper = start_sleeper();
    end_sleeper(sleeper);
    char text[64];
    snprintf(text, sizeof text, "%d\n%d\n", sleeper, getpid());
    write_text(place->list, text);
    assert_int_equal(refresh(place), PROCS_READ);
    assert_int_equal(place->procs.count, 1);
    assert_int_equal(place->procs.list[0].pid, getpid());
}

static void a_vanished_cgroup_keeps_its_processes_for_one_reading(void **state)
{
    struct place *place = *state;
    char text[64];
    snprintf(text, sizeof text, "%d\n", getpid());
    write_text(place->list, text);
    assert_int_equal(refresh(place), PROCS_READ);
    assert_int_equal(unlink(place->list), 0);
    assert_int_equal(refresh(place), PROCS_KEPT);
    assert_int_equal(place->procs.count, 1);
    assert_int_equal(refresh(place), PROCS_LOST);
    assert_int_equal(place->procs.count, 0);
    assert_int_equal(refresh(place), PROCS_LOST);

    write_text(place->list, text);
    assert_int_equal(refresh(place), PROCS_READ);
    assert_int_equal(place->procs.count, 1);
    assert_int_equal(unlink(place->list), 0);
    assert_int_equal(refresh(place), PROCS_KEPT);
    write_text(place->list, text);
    assert_int_equal(refresh(place), PROCS_READ);
    assert_int_equal(unlink(place->list), 0);
    assert_int_equal(refresh(place), PROCS_KEPT);
}

static void a_cgroup_never_read_has_nothing_to_keep(void **state)
{
    struct place *place = *state;
    assert_int_equal(refresh(place), PROCS_LOST);
    assert_int_equal(place->procs.count, 0);
}

static void what_is_no_regular_file_is_not_read(void **state)
{
    struct place *place = *state;
    assert_int_equal(mkfifo(place->list, 0600), 0); /* would block an ordinary open */
    assert_int_equal(refresh(place), PROCS_LOST);
    static const char *paths[] = {"", "/", "/dev/zero", "/proc/self"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(procs_refresh(&place->reader, &place->procs, paths[i]), PROCS_LOST);
}

static void a_relative_path_is_not_read(void **state)
{
    struct place *place = *state;
    char before[PATH_MAX];
    write_text(place->list, "1\n");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(place->directory), 0);
    assert_int_equal(procs_refresh(&place->reader, &place->procs, "cgroup.procs"), PROCS_LOST);
    assert_int_equal(chdir(before), 0);
}

/* Cut to what the system takes, this one would be the name of the list. */
static void a_path_that_is_too_long_is_not_cut(void **state)
{
    struct place *place = *state;
    write_text(place->list, "1\n");
    char path[PATH_MAX + 1];
    size_t length = strlen(place->list);
    memset(path, '/', PATH_MAX - 1 - length);
    memcpy(path + PATH_MAX - 1 - length, place->list, length);
    path[PATH_MAX - 1] = '\0';
    assert_int_equal(procs_refresh(&place->reader, &place->procs, path), PROCS_READ);
    procs_free(&place->procs);
    path[PATH_MAX - 1] = '2';
    path[PATH_MAX] = '\0';
    assert_int_equal(procs_refresh(&place->reader, &place->procs, path), PROCS_LOST);
}

static void a_list_that_is_no_list_of_pids_is_not_taken(void **state)
{
    struct place *place = *state;
    char text[64];
    snprintf(text, sizeof text, "%d\n", getpid());
    write_text(place->list, text);
    assert_int_equal(refresh(place), PROCS_READ);
    static const char *lists[] = {"12 13\n", "-1\n", "1\nx\n", "4294967296\n", "99999999999999999999999999\n"};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        write_text(place->list, lists[i]);
        assert_int_equal(refresh(place), PROCS_KEPT);
        write_text(place->list, text);
        assert_int_equal(refresh(place), PROCS_READ);
    }
}

static void a_long_list_is_read_whole(void **state)
{
    struct place *place = *state;
    pid_t sleeper = start_sleeper();
    FILE *file = fopen(place->list, "w");
    assert_non_null(file);
    for (int i = 0; i < 20000; i++)
        assert_true(fprintf(file, "%d\n", i % 2 ? getpid() : sleeper) > 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(refresh(place), PROCS_READ);
    assert_int_equal(place->procs.count, 2);
    end_sleeper(sleeper);
}

/* The stat of a process in a /proc of our own below the place. */
static void write_stat(const struct place *place, int pid, int start)
{
    char path[160];
    char text[160];
    snprintf(path, sizeof path, "%s/proc", place->directory);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/proc/%d", place->directory, pid);
    assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
    snprintf(path, sizeof path, "%s/proc/%d/stat", place->directory, pid);
    snprintf(text, sizeof text, "%d (any) " FIELDS_3_TO_21 " %d 19\n", pid, start);
    write_text(path, text);
}

static void a_process_outside_of_the_pid_namespace_is_left_out(void **state)
{
    struct place *place = *state;
    write_stat(place, 0, 1000);
    write_stat(place, 77, 1000);
    write_text(place->list, "0\n77\n0\n");
    struct procs_reader reader;
    assert_true(procs_reader_open(&reader, place->directory));
    assert_int_equal(procs_refresh(&reader, &place->procs, "/cgroup.procs"), PROCS_READ);
    assert_int_equal(place->procs.count, 1);
    assert_int_equal(place->procs.list[0].pid, 77);
    procs_reader_close(&reader);
}

static void a_pid_used_again_is_another_process(void **state)
{
    struct place *place = *state;
    write_stat(place, 77, 1000);
    write_text(place->list, "77\n");

    struct procs_reader reader;
    assert_true(procs_reader_open(&reader, place->directory));
    struct list both[2] = {{.path = "/a"}, {.path = "/b"}}; /* both list it, as v1 controllers can */
    struct lists lists = {.at = both, .count = 2};
    struct census census = {0};
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(procs_refresh(&reader, &both[i].procs, "/cgroup.procs"), PROCS_READ);
    assert_true(census_take(&census, &lists));
    assert_int_equal(census.now.count, 1);
    assert_int_equal(census.started, 1);
    assert_int_equal(census.ended, 0);

    assert_true(census_take(&census, &lists));
    assert_int_equal(census.started + census.ended, 0);

    write_stat(place, 77, 2000);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(procs_refresh(&reader, &both[i].procs, "/cgroup.procs"), PROCS_READ);
    assert_true(census_take(&census, &lists));
    assert_int_equal(census.now.count, 1);
    assert_int_equal(census.started, 1);
    assert_int_equal(census.ended, 1);

    census_free(&census);
    procs_free(&both[0].procs);
    procs_free(&both[1].procs);
    procs_reader_close(&reader);
}

static void a_root_without_proc_is_refused(void **state)
{
    struct place *place = *state;
    struct procs_reader reader;
    assert_false(procs_reader_open(&reader, place->directory));
    assert_int_equal(errno, ENOENT);
    procs_reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_start_time_is_counted_from_the_last_parenthesis),
        cmocka_unit_test(a_stat_without_a_start_time_is_refused),
        cmocka_unit_test_setup_teardown(processes_are_sorted_counted_once_and_carry_their_start_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_process_that_ended_after_the_listing_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_vanished_cgroup_keeps_its_processes_for_one_reading, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cgroup_never_read_has_nothing_to_keep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_regular_file_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_relative_path_is_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_not_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_list_that_is_no_list_of_pids_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_list_is_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_process_outside_of_the_pid_namespace_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_pid_used_again_is_another_process, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_root_without_proc_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
