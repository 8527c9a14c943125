/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/cgroups_plugin/program.h"

#include "tests/tools/cgroups_plugin/fake_tree.h"

#include <errno.h>
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

/* The program on this machine's own hierarchies, with a process in a cgroup of ours. */

enum { SKIPPED = 77 };

/* Reads snapshots until one has the name (or has it no more). */
static void read_until(struct follower *follower, const char *name, bool there, netipc_cgroup_view *item)
{
    while (follower_find(follower, name, item) != there)
        follower_read_above(follower, follower->info.generation);
}

static void follow_a_cgroup(const char *top, const char *hierarchy)
{
    struct fake_tree place; /* only for the run directory */
    struct program program;
    struct follower follower;
    netipc_cgroup_view item;
    char run_dir[80], search[64], name[64], path[256];
    fake_tree_make(&place);
    snprintf(run_dir, sizeof run_dir, "%s/run", place.path);
    snprintf(search, sizeof search, "/ /netipc-test-%d", (int)getpid());
    snprintf(name, sizeof name, "cgroup_netipc-test-%d", (int)getpid());
    snprintf(path, sizeof path, "%s/netipc-test-%d", top, (int)getpid());
    follower_open(&follower, run_dir, "cgroups-snapshot", 0);
    program_start(&program, (const char *const[]){"--run-dir", run_dir, "--interval", "0.05", "--hierarchy", hierarchy,
                                                  "--search-patterns", search, NULL});
    follower_read_above(&follower, 0);
    assert_false(follower_find(&follower, name, &item));

    assert_int_equal(mkdir(path, 0755), 0);
    read_until(&follower, name, true, &item);
    assert_int_equal(item.enabled, 1);
    pid_t member = fork();
    if (member == 0) {
        pause();
        _exit(0);
    }
    FILE *procs = fopen(item.path, "r+e");
    assert_non_null(procs);
    fprintf(procs, "%d\n", (int)member);
    assert_int_equal(fclose(procs), 0);
    procs = fopen(item.path, "re");
    assert_non_null(procs);
    char line[32];
    assert_non_null(fgets(line, sizeof line, procs));
    assert_int_equal(strtol(line, NULL, 10), member);
    fclose(procs);

    kill(member, SIGKILL);
    waitpid(member, NULL, 0);
    for (unsigned i = 0; rmdir(path) != 0 && i < patience_s() * 100; i++)
        sleep_ms(10); /* the kernel lets go of the dead a little later */
    read_until(&follower, name, false, &item);
    assert_int_equal(program_end(&program, SIGTERM), 0);
    follower_close(&follower);
    fake_tree_remove(&place);
}

static void a_real_v1_cgroup_is_followed_from_its_making_to_its_end(void **state)
{
    (void)state;
    if (access("/sys/fs/cgroup/memory/cgroup.procs", W_OK) != 0)
        skip();
    follow_a_cgroup("/sys/fs/cgroup/memory", "v1");
}

static void a_real_v2_cgroup_is_followed_from_its_making_to_its_end(void **state)
{
    (void)state;
    const char *top =
        access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
    char procs[64];
    snprintf(procs, sizeof procs, "%s/cgroup.procs", top);
    if (access(procs, W_OK) != 0)
        skip();
    follow_a_cgroup(top, "v2");
}

static bool can_make_a_cgroup(void)
{
    static const char *const tops[] = {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
    bool can = false;
    for (size_t i = 0; !can && i < sizeof tops / sizeof tops[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/cgroup.procs", tops[i]);
        if (access(path, F_OK) != 0)
            continue;
        snprintf(path, sizeof path, "%s/netipc-test-%d", tops[i], (int)getpid());
        can = mkdir(path, 0755) == 0;
        rmdir(path);
    }
    return can;
}

int main(void)
{
    if (geteuid() != 0 || !can_make_a_cgroup()) {
        puts("skipped: a cgroup cannot be made here; that needs root and a writable /sys/fs/cgroup");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_real_v1_cgroup_is_followed_from_its_making_to_its_end),
        cmocka_unit_test(a_real_v2_cgroup_is_followed_from_its_making_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
