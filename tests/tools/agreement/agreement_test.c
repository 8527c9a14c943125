/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups.plugin and ebpf.plugin together on this machine's hierarchies, against a plain walk of the directories. */
#include "tests/tools/agreement/own_cgroups.h"
#include "tests/tools/ebpf_plugin/program.h"

#include <json-c/json.h>

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

enum { SKIPPED = 77 };

struct stage {
    struct own_cgroups own;
    char directory[64];
    char run_dir[80];
    char errors[96];
    struct program publisher;
    struct program follower;
    bool possible;
    int64_t generation; /* of the last report that agreed */
};

/* Only our own cgroups, and no regular scan: what happens has to be noticed. */
static void start_plugins(struct stage *stage, const char *hierarchy)
{
    char search[96];
    snprintf(search, sizeof search, "/ %s*", stage->own.id);
    const char *const publisher[] = {CGROUPS_PLUGIN,
                                     "--run-dir",
                                     stage->run_dir,
                                     "--hierarchy",
                                     hierarchy,
                                     "--interval",
                                     "3600",
                                     "--token",
                                     "5",
                                     "--search-patterns",
                                     search,
                                     "--enable-patterns",
                                     "!/ *",
                                     "--early-interval",
                                     "0.05",
                                     NULL};
    const char *const follower[] = {EBPF_PLUGIN,  "--run-dir", stage->run_dir, "--token", "5",
                                    "--interval", "0.05",      "--json",       NULL};
    program_start(&stage->publisher, stage->errors, publisher);
    program_start(&stage->follower, stage->errors, follower);
}

static int set_up(void **state, bool v2, const char *hierarchy)
{
    struct stage *stage = calloc(1, sizeof *stage);
    assert_non_null(stage);
    stage->publisher = stage->follower = (struct program){.in = -1, .out = -1};
    strcpy(stage->directory, "/tmp/netipc-agree-XXXXXX");
    assert_non_null(mkdtemp(stage->directory));
    snprintf(stage->run_dir, sizeof stage->run_dir, "%s/run", stage->directory);
    snprintf(stage->errors, sizeof stage->errors, "%s/errors", stage->directory);
    stage->possible = own_cgroups_make(&stage->own, v2);
    if (stage->possible)
        start_plugins(stage, hierarchy);
    *state = stage;
    return 0;
}

static int set_up_v1(void **state)
{
    return set_up(state, false, "v1");
}

static int set_up_v2(void **state)
{
    return set_up(state, true, "v2");
}

/* Where v1 and v2 are both there, that is v1. */
static int set_up_auto(void **state)
{
    return set_up(state, access("/sys/fs/cgroup/memory/cgroup.procs", F_OK) != 0, "auto");
}

static int tear_down(void **state)
{
    struct stage *stage = *state;
    if (stage->possible) {
        program_end(&stage->follower);
        program_end(&stage->publisher);
    }
    own_cgroups_remove(&stage->own);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", stage->directory);
    int status = system(command);
    free(stage);
    return status;
}

static struct json_object *get(struct json_object *object, const char *key)
{
    struct json_object *value;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

static bool is_ours(const struct stage *stage, struct json_object *cgroup)
{
    const char *at = strstr(json_object_get_string(get(cgroup, "path")), stage->own.id);
    return at != NULL && at[strlen(stage->own.id)] == '/' && json_object_get_boolean(get(cgroup, "enabled"));
}

/* The same lines as own_view() has them. */
static char *reported_view(const struct stage *stage, struct json_object *report)
{
    char *view = NULL;
    size_t length;
    FILE *out = open_memstream(&view, &length);
    assert_non_null(out);
    struct json_object *cgroups = get(report, "cgroups");
    for (size_t i = 0; i < json_object_array_length(cgroups); i++) {
        struct json_object *cgroup = json_object_array_get_idx(cgroups, i);
        if (!is_ours(stage, cgroup))
            continue;
        fprintf(out, "%s:", json_object_get_string(get(cgroup, "path")));
        struct json_object *pids = get(cgroup, "pids");
        for (size_t k = 0; k < json_object_array_length(pids); k++)
            fprintf(out, " %d", json_object_get_int(json_object_array_get_idx(pids, k)));
        fputc('\n', out);
    }
    assert_int_equal(fclose(out), 0);
    sort_lines(view);
    return view;
}

/* Reads reports until one says what the directories say; a report is of a moment, which the directories may have left.
 */
static void agree(struct stage *stage, bool other_cgroups)
{
    long deadline = deadline_after(30);
    for (;;) {
        char *line = program_line(&stage->follower);
        struct json_object *report = json_tokener_parse(line);
        assert_non_null(report);
        char *reported = reported_view(stage, report), *expected = own_view(&stage->own);
        int64_t generation = json_object_get_int64(get(report, "generation"));
        bool agreed = strcmp(reported, expected) == 0;
        if (!agreed && milliseconds_left(deadline) == 0)
            fail_msg("reported:\n%.2000sin the directories:\n%.2000s", reported, expected);
        free(reported);
        free(expected);
        free(line);
        json_object_put(report);
        if (!agreed)
            continue;
        if (other_cgroups)
            assert_true(generation > stage->generation);
        else
            assert_int_equal(generation, stage->generation);
        stage->generation = generation;
        return;
    }
}

enum { OTHERS = true, SAME = false };

static void the_plugins_see_what_the_directories_hold(void **state)
{
    struct stage *stage = *state;
    struct own_cgroups *own = &stage->own;
    if (!stage->possible) {
        skip();
        return;
    }
    agree(stage, OTHERS);
    own_make(own, "/a");
    own_make(own, "/b");
    own_make(own, "/b/c");
    agree(stage, OTHERS);
    pid_t first = own_start(own, "/a");
    own_start(own, "/a");
    pid_t third = own_start(own, "/b/c");
    agree(stage, SAME); /* processes are no matter of the snapshot */
    own_move(own, first, "/b");
    agree(stage, SAME);
    own_end(own, third);
    own_delete(own, "/b/c");
    agree(stage, OTHERS);
    own_make(own, "/b/d");
    own_delete(own, "/b/d");
    own_make(own, "/b/e");
    agree(stage, OTHERS);
}

static void a_renamed_cgroup_is_another_one(void **state)
{
    struct stage *stage = *state;
    struct own_cgroups *own = &stage->own;
    if (!stage->possible) {
        skip();
        return;
    }
    own_make(own, "/old");
    own_make(own, "/old/below");
    own_start(own, "/old/below");
    agree(stage, OTHERS);
    own_rename(own, "/old", "/new");
    agree(stage, OTHERS);
    own_make(own, "/new/more");
    agree(stage, OTHERS);
}

/* Of all descriptors of a process. */
static size_t count_watches(pid_t pid)
{
    char command[96], line[64];
    snprintf(command, sizeof command, "cat /proc/%d/fdinfo/* 2>/dev/null | grep -c '^inotify '", (int)pid);
    FILE *out = popen(command, "re");
    assert_non_null(out);
    assert_non_null(fgets(line, sizeof line, out));
    pclose(out);
    return strtoul(line, NULL, 10);
}

static void wait_for_watches(const struct stage *stage, size_t count)
{
    long deadline = deadline_after(30);
    size_t now;
    while ((now = count_watches(stage->publisher.pid)) != count) {
        if (milliseconds_left(deadline) == 0)
            fail_msg("%zu directories are watched, not %zu", now, count);
        usleep(20000);
    }
}

static void eleven_hundred_cgroups_come_and_go_at_once(void **state)
{
    enum { MANY = 1100, EACH = 100 };
    struct stage *stage = *state;
    struct own_cgroups *own = &stage->own;
    char name[32];
    if (!stage->possible) {
        skip();
        return;
    }
    agree(stage, OTHERS);
    for (int i = 0; i < MANY / EACH; i++) {
        snprintf(name, sizeof name, "/%d", i);
        own_make(own, name);
        for (int k = 1; k < EACH; k++) {
            snprintf(name, sizeof name, "/%d/%d", i, k);
            own_make(own, name);
        }
    }
    own_start(own, "/7/77");
    agree(stage, OTHERS);
    size_t others = 2 * own->mount_count; /* the mount itself and the cgroup that holds all of them */
    wait_for_watches(stage, others + MANY * own->mount_count);
    own_end(own, own->sleepers[0]);
    for (int i = 0; i < MANY / EACH; i++) {
        for (int k = 1; k < EACH; k++) {
            snprintf(name, sizeof name, "/%d/%d", i, k);
            own_delete(own, name);
        }
        snprintf(name, sizeof name, "/%d", i);
        own_delete(own, name);
    }
    agree(stage, OTHERS);
    wait_for_watches(stage, others);
}

static bool can_make_cgroups(void)
{
    bool any = false;
    for (int v2 = 0; v2 < 2; v2++) {
        struct own_cgroups own;
        any = own_cgroups_make(&own, v2) || any;
        own_cgroups_remove(&own);
    }
    return any;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (geteuid() != 0 || !can_make_cgroups()) {
        puts("skip: a cgroup cannot be made here; that needs root and a writable /sys/fs/cgroup");
        return SKIPPED;
    }
#define ON(hierarchy, name) cmocka_unit_test_setup_teardown(name, set_up_##hierarchy, tear_down)
    const struct CMUnitTest tests[] = {
        ON(v1, the_plugins_see_what_the_directories_hold),  ON(v1, a_renamed_cgroup_is_another_one),
        ON(v1, eleven_hundred_cgroups_come_and_go_at_once), ON(v2, the_plugins_see_what_the_directories_hold),
        ON(v2, eleven_hundred_cgroups_come_and_go_at_once), ON(auto, the_plugins_see_what_the_directories_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
