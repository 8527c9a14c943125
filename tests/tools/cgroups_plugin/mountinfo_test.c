/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/cgroups_plugin/mountinfo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct mountinfo of_bytes(const char *bytes, size_t length)
{
    struct mountinfo info = {.text = malloc(length + 1), .length = length};
    assert_non_null(info.text);
    memcpy(info.text, bytes, length);
    info.text[length] = '\0';
    return info;
}

static struct mountinfo of_text(const char *text)
{
    return of_bytes(text, strlen(text));
}

static void expect(struct mountinfo *info, size_t *at, const char *point, const char *type, const char *options)
{
    struct mount mount;
    assert_true(mountinfo_next(info, at, &mount));
    assert_string_equal(mount.point, point);
    assert_string_equal(mount.type, type);
    assert_string_equal(mount.super_options, options);
}

static void expect_end(struct mountinfo *info, size_t *at)
{
    struct mount mount;
    assert_false(mountinfo_next(info, at, &mount));
    assert_false(mountinfo_next(info, at, &mount));
}

static void a_hybrid_host_is_read_line_by_line(void **state)
{
    (void)state;
    struct mountinfo info =
        of_text("31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:11 - cgroup cgroup rw,cpu,cpuacct\n"
                "41 31 0:38 / /sys/fs/cgroup/unified rw shared:1 master:2 propagate_from:3 - cgroup2 cgroup2 rw\n");
    size_t at = 0;
    expect(&info, &at, "/sys/fs/cgroup", "tmpfs", "rw,mode=755");
    expect(&info, &at, "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct");
    expect(&info, &at, "/sys/fs/cgroup/unified", "cgroup2", "rw");
    expect_end(&info, &at);
    mountinfo_free(&info);
}

static void a_v2_host_without_a_newline_at_the_end_is_read(void **state)
{
    (void)state;
    struct mountinfo info = of_text("35 24 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate");
    size_t at = 0;
    expect(&info, &at, "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate");
    expect_end(&info, &at);
    mountinfo_free(&info);
}

static void octal_escapes_are_undone(void **state)
{
    (void)state;
    struct mountinfo info = of_text("1 2 0:3 / /a\\040b\\011c\\012d\\134e rw - cgroup cgroup rw,memory\n"
                                    "1 2 0:3 / /not\\04\\9\\400\\000 rw - cgroup cgroup rw,memory\n"
                                    "1 2 0:3 / /end\\ rw - cgroup cgroup rw\n"
                                    "1 2 0:3 / /\\134040 rw - cgroup cgroup rw\n");
    size_t at = 0;
    expect(&info, &at, "/a b\tc\nd\\e", "cgroup", "rw,memory");
    expect(&info, &at, "/not\\04\\9\\400\\000", "cgroup", "rw,memory");
    expect(&info, &at, "/end\\", "cgroup", "rw");
    expect(&info, &at, "/\\040", "cgroup", "rw");
    expect_end(&info, &at);
    mountinfo_free(&info);
}

static void an_empty_source_is_not_taken_for_the_options(void **state)
{
    (void)state;
    struct mountinfo info = of_text("1 2 0:3 / /x rw - cgroup  rw,memory\n");
    size_t at = 0;
    expect(&info, &at, "/x", "cgroup", "rw,memory");
    mountinfo_free(&info);
}

static void lines_that_are_not_well_formed_are_skipped(void **state)
{
    (void)state;
    static const char bytes[] = "\n"
                                "-\n"
                                "1 2 3\n"
                                "1 2 0:3 / /short rw - cgroup\n"
                                "1 2 0:3 / /no-separator rw cgroup cgroup rw,memory\n"
                                "1 2 0:3 / relative rw - cgroup cgroup rw,memory\n"
                                "1 2 0:3 / /with-nul rw - cgroup cgroup rw,memory\0more\n"
                                " - - - - - - - - - - - \n"
                                "                 \n"
                                "1 2 0:3 / /good rw - cgroup cgroup rw,memory\n"
                                "1 2 0:3 / /cut r";
    struct mountinfo info = of_bytes(bytes, sizeof bytes - 1);
    size_t at = 0;
    expect(&info, &at, "/good", "cgroup", "rw,memory");
    expect_end(&info, &at);
    mountinfo_free(&info);
}

static void every_prefix_of_a_line_is_survived(void **state)
{
    (void)state;
    static const char line[] = "1 2 0:3 / /a\\040b rw shared:1 - cgroup cgroup rw,memory\n";
    for (size_t length = 0; length < sizeof line; length++) {
        struct mountinfo info = of_bytes(line, length);
        struct mount mount;
        size_t at = 0;
        while (mountinfo_next(&info, &at, &mount))
            assert_string_equal(mount.point, "/a b");
        mountinfo_free(&info);
    }
}

static void an_option_is_a_whole_word(void **state)
{
    (void)state;
    assert_true(mount_has_option("rw,cpu,cpuacct", "cpuacct"));
    assert_true(mount_has_option("memory", "memory"));
    assert_false(mount_has_option("rw,cpuacct", "cpu"));
    assert_false(mount_has_option("rw,name=memory", "memory"));
    assert_false(mount_has_option("", "memory"));
    assert_false(mount_has_option(",,,", "memory"));
    assert_true(mount_has_option(",,memory,", "memory"));
}

static void this_process_has_a_mountinfo(void **state)
{
    (void)state;
    struct mountinfo info;
    struct failure failure;
    struct mount mount;
    size_t at = 0, count = 0;
    assert_true(mountinfo_read(&info, "/proc/self/mountinfo", &failure));
    while (mountinfo_next(&info, &at, &mount))
        count++;
    assert_true(count > 0);
    mountinfo_free(&info);
}

static void a_file_that_is_larger_than_the_first_buffer_is_read_whole(void **state)
{
    (void)state;
    char path[] = "/tmp/cgroups-mountinfo-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *stream = fdopen(fd, "w");
    assert_non_null(stream);
    size_t wanted = 5000;
    for (size_t i = 0; i < wanted; i++)
        fprintf(stream, "%zu 1 0:1 / /mnt/%zu rw - tmpfs tmpfs rw\n", i, i);
    fclose(stream);

    struct mountinfo info;
    struct failure failure;
    struct mount mount = {0};
    size_t at = 0, count = 0;
    assert_true(mountinfo_read(&info, path, &failure));
    for (; mountinfo_next(&info, &at, &mount); count++) {
        char point[32];
        snprintf(point, sizeof point, "/mnt/%zu", count);
        assert_string_equal(mount.point, point);
    }
    assert_int_equal(count, wanted);
    mountinfo_free(&info);
    unlink(path);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct mountinfo info;
    struct failure failure;
    assert_false(mountinfo_read(&info, "/nowhere/mountinfo", &failure));
    assert_non_null(strstr(failure.detail, "/nowhere/mountinfo"));
    assert_null(info.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hybrid_host_is_read_line_by_line),
        cmocka_unit_test(a_v2_host_without_a_newline_at_the_end_is_read),
        cmocka_unit_test(octal_escapes_are_undone),
        cmocka_unit_test(an_empty_source_is_not_taken_for_the_options),
        cmocka_unit_test(lines_that_are_not_well_formed_are_skipped),
        cmocka_unit_test(every_prefix_of_a_line_is_survived),
        cmocka_unit_test(an_option_is_a_whole_word),
        cmocka_unit_test(this_process_has_a_mountinfo),
        cmocka_unit_test(a_file_that_is_larger_than_the_first_buffer_is_read_whole),
        cmocka_unit_test(a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
