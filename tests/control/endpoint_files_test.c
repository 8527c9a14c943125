/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher makes, takes and leaves in the file system. */
#include "tests/control/raw_client.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void set_umask(void *context)
{
    umask(*(mode_t *)context);
}

static mode_t mode_of(const char *path)
{
    struct stat status;
    assert_int_equal(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

static unsigned umask_of(pid_t pid)
{
    char path[64], line[256];
    unsigned mask = 07777;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "Umask: %o", &mask);
    fclose(file);
    return mask;
}

/* F18: the modes are those that were asked for, and nobody's umask is touched for it. */
static void modes_are_exact_whatever_the_umask_is_and_it_stays_what_it_is(void **state)
{
    const struct scene *scene = *state;
    static const mode_t masks[] = {0, 022, 077, 0777};
    static const uint32_t modes[][2] = {{0700, 0600}, {0711, 0666}, {0755, 0660}};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
        for (size_t j = 0; j < sizeof modes / sizeof *modes; j++) {
            char run_dir[80], path[108];
            mode_t mask = masks[i];
            struct publisher_process publisher;
            netipc_publisher_config config = publisher_config(scene);
            snprintf(run_dir, sizeof run_dir, "%s/made-%zu-%zu", scene->run_dir, i, j);
            snprintf(path, sizeof path, "%s/%s.sock", run_dir, SCENE_SERVICE);
            config.run_dir = run_dir;
            assert_int_equal(config.directory_mode, 0700);
            assert_int_equal(config.socket_mode, 0600);
            if (j > 0) {
                config.directory_mode = modes[j][0];
                config.socket_mode = modes[j][1];
            }
            assert_int_equal(start_publisher(&config, set_umask, &mask, &publisher), NETIPC_OK);
            assert_int_equal(mode_of(run_dir), modes[j][0]);
            assert_int_equal(mode_of(path), modes[j][1]);
            assert_int_equal(umask_of(publisher.pid), mask);
            order_close(&publisher);
            assert_int_equal(access(path, F_OK), -1);
        }
}

static void a_directory_that_was_there_keeps_its_mode(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.directory_mode = 0700;
    assert_int_equal(chmod(scene->run_dir, 0755), 0);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    assert_int_equal(mode_of(scene->run_dir), 0755);
    order_close(&publisher);
}

static void a_directory_that_others_can_write_is_used_by_neither_side(void **state)
{
    const struct scene *scene = *state;
    static const mode_t unsafe[] = {0720, 0702, 0777, 01777};
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++) {
        assert_int_equal(chmod(scene->run_dir, unsafe[i]), 0);
        assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_UNSAFE_DIRECTORY);
        assert_int_equal(access(scene->socket_path, F_OK), -1);
    }
    assert_int_equal(chmod(scene->run_dir, 0700), 0);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_status status;
    for (size_t i = 0; i < sizeof unsafe / sizeof *unsafe; i++) {
        assert_int_equal(chmod(scene->run_dir, unsafe[i]), 0);
        netipc_subscriber_close(open_subscriber(&reader, &status));
        assert_int_equal(status, NETIPC_UNSAFE_DIRECTORY);
    }
    assert_int_equal(chmod(scene->run_dir, 0700), 0);
    netipc_subscriber_close(open_subscriber(&reader, &status));
    assert_int_equal(status, NETIPC_OK);
    order_close(&publisher);
}

static void a_path_fits_a_socket_address_or_is_refused(void **state)
{
    const struct scene *scene = *state;
    /* Directories one in another, so that the whole path has exactly 107 bytes, then one more. */
    for (size_t over = 0; over < 2; over++) {
        char run_dir[256];
        size_t wanted = 107 - strlen("/" SCENE_SERVICE ".sock") + over, used = strlen(scene->run_dir);
        memcpy(run_dir, scene->run_dir, used);
        run_dir[used++] = '/';
        memset(run_dir + used, 'd', wanted - used);
        run_dir[wanted] = '\0';
        struct publisher_process publisher;
        netipc_publisher_config config = publisher_config(scene);
        netipc_subscriber_config reader = subscriber_config(scene);
        config.run_dir = reader.run_dir = run_dir;
        if (over) {
            netipc_subscriber *subscriber;
            assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_INVALID_ARGUMENT);
            assert_int_equal(netipc_subscriber_open(&reader, &subscriber), NETIPC_INVALID_ARGUMENT);
            assert_null(subscriber);
            assert_int_equal(access(run_dir, F_OK), -1);
            continue;
        }
        assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
        netipc_status status;
        netipc_subscriber_close(open_subscriber(&reader, &status));
        assert_int_equal(status, NETIPC_OK);
        order_close(&publisher);
    }
}

static void a_service_name_is_a_plain_file_name_or_is_refused(void **state)
{
    const struct scene *scene = *state;
    char longest[65];
    memset(longest, 'x', 64);
    longest[64] = '\0';
    const char *wrong[] = {"", ".", "..", ".hidden", "a/b", "../up", "a b", "a\n", "\xc3\xa4", longest};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        netipc_publisher *publisher;
        netipc_subscriber *subscriber;
        netipc_publisher_config config = publisher_config(scene);
        netipc_subscriber_config reader = subscriber_config(scene);
        config.service = reader.service = wrong[i];
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_INVALID_ARGUMENT);
        assert_null(publisher);
        assert_int_equal(netipc_subscriber_open(&reader, &subscriber), NETIPC_INVALID_ARGUMENT);
        assert_null(subscriber);
    }
    longest[63] = '\0';
    netipc_publisher *publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.service = longest;
    assert_true(strlen(scene->run_dir) + 1 + 63 + strlen(".sock") < 108);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    netipc_publisher_close(publisher);
}

static void what_is_no_socket_is_not_removed(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    struct stat before, after;
    for (int kind = 0; kind < 4; kind++) {
        char target[108];
        snprintf(target, sizeof target, "%s/target", scene->run_dir);
        if (kind == 0)
            assert_true(close(open(scene->socket_path, O_CREAT | O_EXCL | O_WRONLY, 0600)) == 0);
        else if (kind == 1)
            assert_int_equal(mkdir(scene->socket_path, 0700), 0);
        else if (kind == 2)
            assert_int_equal(symlink(target, scene->socket_path), 0);
        else
            assert_int_equal(mkfifo(scene->socket_path, 0600), 0);
        assert_int_equal(lstat(scene->socket_path, &before), 0);
        assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_ADDRESS_IN_USE);
        assert_int_equal(lstat(scene->socket_path, &after), 0);
        assert_true(after.st_ino == before.st_ino && after.st_mode == before.st_mode);
        assert_int_equal(access(target, F_OK), -1);
        assert_int_equal(remove(scene->socket_path), 0);
    }
}

static void a_missing_parent_is_not_found_and_not_made(void **state)
{
    const struct scene *scene = *state;
    char run_dir[96], parent[80];
    snprintf(parent, sizeof parent, "%s/missing", scene->run_dir);
    snprintf(run_dir, sizeof run_dir, "%s/run", parent);
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.run_dir = run_dir;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_NOT_FOUND);
    assert_int_equal(access(parent, F_OK), -1);
    /* For a subscriber that is: nobody there yet. */
    netipc_subscriber_config reader = subscriber_config(scene);
    reader.run_dir = run_dir;
    netipc_status status;
    netipc_subscriber_close(open_subscriber(&reader, &status));
    assert_int_equal(status, NETIPC_NOT_FOUND);
}

static void closing_removes_only_the_publishers_own_socket(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process first, second;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &first), NETIPC_OK);
    assert_int_equal(unlink(scene->socket_path), 0); /* somebody tidied up */
    assert_int_equal(start_publisher(&config, NULL, NULL, &second), NETIPC_OK);
    struct stat before, after;
    assert_int_equal(stat(scene->socket_path, &before), 0);
    order_close(&first);
    assert_int_equal(stat(scene->socket_path, &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_ctim.tv_nsec == after.st_ctim.tv_nsec);
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_status status;
    netipc_subscriber_close(open_subscriber(&reader, &status));
    assert_int_equal(status, NETIPC_OK);
    order_close(&second);
    assert_int_equal(access(scene->socket_path, F_OK), -1);
}

static void an_open_that_fails_leaves_no_descriptor_behind(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    netipc_publisher *publisher;
    unsigned before = count_descriptors(getpid()), mappings = count_mappings(getpid(), "memfd:netipc");
    assert_int_equal(mkdir(scene->socket_path, 0700), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_ADDRESS_IN_USE);
    assert_int_equal(chmod(scene->run_dir, 0777), 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_UNSAFE_DIRECTORY);
    assert_int_equal(count_descriptors(getpid()), before);
    assert_int_equal(count_mappings(getpid(), "memfd:netipc"), mappings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(modes_are_exact_whatever_the_umask_is_and_it_stays_what_it_is, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_directory_that_was_there_keeps_its_mode, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_directory_that_others_can_write_is_used_by_neither_side, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_path_fits_a_socket_address_or_is_refused, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_service_name_is_a_plain_file_name_or_is_refused, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(what_is_no_socket_is_not_removed, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_missing_parent_is_not_found_and_not_made, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(closing_removes_only_the_publishers_own_socket, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(an_open_that_fails_leaves_no_descriptor_behind, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
