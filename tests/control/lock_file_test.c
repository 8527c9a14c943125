/* SPDX-License-Identifier: Apache-2.0 */
/* The lock on the run directory: a file that only its owner can open, and that is there only while it is held. */
#include "tests/control/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STRANGER = 12345 };

static const char *lock_path(const struct scene *scene)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.netipc.lock", scene->run_dir);
    return path;
}

static int take_lock(const struct scene *scene)
{
    int fd = open(lock_path(scene), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        (void)flock(fd, LOCK_EX | LOCK_NB);
    return fd;
}

static bool lock_file_is_there(const struct scene *scene)
{
    return access(lock_path(scene), F_OK) == 0;
}

static netipc_publisher_config impatient(const struct scene *scene)
{
    netipc_publisher_config config = publisher_config(scene);
    config.lock_timeout_ns = 200000000;
    return config;
}

static void expect_good_service(const struct scene *scene)
{
    netipc_publisher *publisher;
    netipc_publisher_config config = impatient(scene);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_false(lock_file_is_there(scene));
    assert_int_equal(visit_once(scene), NETIPC_OK);
    netipc_publisher_close(publisher);
    assert_false(lock_file_is_there(scene));
    assert_int_equal(access(scene->socket_path, F_OK), -1);
}

static void the_lock_file_is_gone_after_open_and_after_close(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = impatient(scene);
    netipc_publisher *publisher, *second;
    expect_good_service(scene);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_publisher_open(&config, &second), NETIPC_ADDRESS_IN_USE);
    assert_false(lock_file_is_there(scene));
    netipc_publisher_close(publisher);
}

static int hold_lock_for_ever(void *context)
{
    if (take_lock(context) < 0)
        return 1;
    for (;;)
        pause();
}

static void a_lock_file_that_a_killed_holder_left_is_used(void **state)
{
    struct scene *scene = *state;
    netipc_publisher_config config = impatient(scene);
    netipc_publisher *publisher;
    pid_t holder = start_child(hold_lock_for_ever, scene);
    for (uint64_t end = now_ms() + slow_ms(5000); !lock_file_is_there(scene) && now_ms() < end;)
        pause_ms(1);
    pause_ms(slow_ms(20));
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_TIMED_OUT);
    assert_true(lock_file_is_there(scene));
    kill_and_reap(holder);
    assert_true(lock_file_is_there(scene));
    expect_good_service(scene);
}

static void a_lock_file_that_others_could_open_is_made_its_owners(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = impatient(scene);
    netipc_publisher *publisher;
    struct stat status;
    int lock = take_lock(scene);
    assert_true(lock >= 0);
    assert_int_equal(fchmod(lock, 0666), 0);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_TIMED_OUT);
    assert_int_equal(fstat(lock, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    close(lock);
    expect_good_service(scene);
}

static void a_lock_file_that_is_removed_while_it_is_held_is_survived(void **state)
{
    const struct scene *scene = *state;
    int lock = take_lock(scene);
    assert_int_equal(unlink(lock_path(scene)), 0);
    expect_good_service(scene);
    close(lock);

    netipc_publisher *publisher;
    netipc_publisher_config config = impatient(scene);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    lock = take_lock(scene);
    assert_int_equal(unlink(lock_path(scene)), 0);
    netipc_publisher_close(publisher);
    assert_int_equal(access(scene->socket_path, F_OK), -1);
    close(lock);
}

/* --- the moment between opening the file and locking it --- */

static const struct scene *replaced_in_the_middle;
static int replacement;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    if (replaced_in_the_middle != NULL) {
        const struct scene *scene = replaced_in_the_middle;
        replaced_in_the_middle = NULL;
        unlink(lock_path(scene));
        replacement = take_lock(scene);
    }
    return __real_flock(fd, operation);
}

static void a_lock_on_a_file_that_was_replaced_meanwhile_counts_for_nothing(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher *publisher;
    netipc_publisher_config config = impatient(scene);
    replaced_in_the_middle = scene;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_TIMED_OUT);
    assert_null(replaced_in_the_middle);
    assert_true(replacement >= 0);
    assert_true(lock_file_is_there(scene)); /* it is the other one's */
    assert_int_equal(access(scene->socket_path, F_OK), -1);
    close(replacement);
    expect_good_service(scene);
}

/* --- other users --- */

static void become_stranger(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(STRANGER, STRANGER, STRANGER) != 0 ||
        setresuid(STRANGER, STRANGER, STRANGER) != 0)
        _exit(98);
}

struct intruder {
    const struct scene *scene;
    int told; /* written to when it holds what it can */
};

static int hold_what_can_be_held(void *context)
{
    const struct intruder *intruder = context;
    become_stranger();
    int directory = open(intruder->scene->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 || flock(directory, LOCK_EX | LOCK_NB) != 0)
        return 1;
    if (take_lock(intruder->scene) >= 0 || errno != EACCES)
        return 2;
    if (write(intruder->told, "x", 1) != 1)
        return 3;
    for (;;)
        pause();
}

static void another_user_who_may_read_the_directory_cannot_hold_its_lock(void **state)
{
    const struct scene *scene = *state;
    if (geteuid() != 0)
        skip(); /* only root can be somebody else */
    assert_int_equal(chmod(scene->run_dir, 0755), 0);
    for (int left_over = 0; left_over < 2; left_over++) {
        int ends[2];
        char byte;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        if (left_over)
            close(take_lock(scene));
        struct intruder intruder = {scene, ends[1]};
        pid_t stranger = start_child(hold_what_can_be_held, &intruder);
        close(ends[1]);
        assert_int_equal(read(ends[0], &byte, 1), 1);
        close(ends[0]);
        expect_good_service(scene);
        kill_and_reap(stranger);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_lock_file_is_gone_after_open_and_after_close, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_lock_file_that_a_killed_holder_left_is_used, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_lock_file_that_others_could_open_is_made_its_owners, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_lock_file_that_is_removed_while_it_is_held_is_survived, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_lock_on_a_file_that_was_replaced_meanwhile_counts_for_nothing, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(another_user_who_may_read_the_directory_cannot_hold_its_lock, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
