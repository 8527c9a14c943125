/* SPDX-License-Identifier: Apache-2.0 */
/* Who may be at the other end. Needs root, to be somebody else. */
#include "tests/control/raw_client.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { STRANGER = 12345 };

static void become_stranger(void *context)
{
    (void)context;
    if (setgroups(0, NULL) != 0 || setresgid(STRANGER, STRANGER, STRANGER) != 0 ||
        setresuid(STRANGER, STRANGER, STRANGER) != 0)
        _exit(98);
}

static void become_stranger_with_umask_0777(void *context)
{
    become_stranger(context);
    umask(0777);
}

static int open_scene_as_root(void **state)
{
    if (scene_open(state) != 0)
        return -1;
    const struct scene *scene = *state;
    return chmod(scene->run_dir, 0755);
}

/* What one refresh as STRANGER gives; 250 when it gave OK and the snapshot was not whole. */
struct visit {
    netipc_subscriber_config config;
};

static int refresh_as_stranger(void *context)
{
    const struct visit *visit = context;
    netipc_subscriber *subscriber;
    unsigned char bytes[4096];
    netipc_snapshot_info info = {.size = sizeof info};
    become_stranger(NULL);
    if (netipc_subscriber_open(&visit->config, &subscriber) != NETIPC_OK)
        return 251;
    netipc_status status = netipc_subscriber_refresh(subscriber, NULL);
    if (status == NETIPC_OK && (netipc_subscriber_read(subscriber, bytes, sizeof bytes, &info) != NETIPC_OK ||
                                !snapshot_is_whole(bytes, info.length)))
        return 250;
    netipc_subscriber_close(subscriber);
    return (int)status;
}

static netipc_status status_of_stranger(const netipc_subscriber_config *config)
{
    struct visit visit = {.config = *config};
    return (netipc_status)wait_child(start_child(refresh_as_stranger, &visit), slow_ms(10000));
}

static struct publisher_process serve_everybody(const struct scene *scene, const uint32_t *uids, uint32_t count)
{
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.socket_mode = 0666;
    config.allowed_uids = uids;
    config.allowed_uid_count = count;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 1000), NETIPC_OK);
    return publisher;
}

static void another_uid_is_refused(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve_everybody(scene, NULL, 0);
    netipc_subscriber_config config = subscriber_config(scene);
    assert_int_equal(status_of_stranger(&config), NETIPC_AUTH_FAILED);
    netipc_publisher_info info = order_info(&publisher);
    assert_int_equal(info.refused_auth, 1);
    assert_int_equal(info.sessions_total, 0);
    order_close(&publisher);
}

static void another_uid_that_is_allowed_is_served(void **state)
{
    const struct scene *scene = *state;
    const uint32_t uids[] = {7, STRANGER};
    struct publisher_process publisher = serve_everybody(scene, uids, 2);
    netipc_subscriber_config config = subscriber_config(scene);
    assert_int_equal(status_of_stranger(&config), NETIPC_OK);
    /* A list says all of it: the publisher's own uid is not on this one. */
    netipc_status status;
    netipc_subscriber_close(open_subscriber(&config, &status));
    assert_int_equal(status, NETIPC_AUTH_FAILED);
    order_close(&publisher);
}

static void an_allowed_uid_with_a_wrong_token_is_refused(void **state)
{
    const struct scene *scene = *state;
    const uint32_t uids[] = {STRANGER};
    struct publisher_process publisher = serve_everybody(scene, uids, 1);
    netipc_subscriber_config config = subscriber_config(scene);
    config.token ^= 1;
    assert_int_equal(status_of_stranger(&config), NETIPC_AUTH_FAILED);
    order_close(&publisher);
}

static void the_socket_mode_keeps_others_out_by_default(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    netipc_subscriber_config reader = subscriber_config(scene);
    assert_int_equal(status_of_stranger(&reader), NETIPC_PERMISSION_DENIED);
    order_close(&publisher);
}

/* The kernel tells the uid of the process that called listen(). */
static int listen_as_stranger(void *context)
{
    const struct scene *scene = context;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, scene->socket_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
        return 1;
    become_stranger(NULL);
    if (listen(fd, 8) != 0)
        return 2;
    for (;;)
        pause();
}

static void a_publisher_of_an_unexpected_uid_is_not_trusted(void **state)
{
    struct scene *scene = *state;
    pid_t pid = start_child(listen_as_stranger, scene);
    netipc_subscriber_config config = subscriber_config(scene);
    netipc_subscriber *subscriber;
    netipc_status status;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    uint64_t end = now_ms() + slow_ms(5000);
    do
        status = netipc_subscriber_refresh(subscriber, NULL);
    while (status == NETIPC_NOT_FOUND && now_ms() < end);
    assert_int_equal(status, NETIPC_AUTH_FAILED);
    assert_non_null(strstr(netipc_status_detail(), "12345"));
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.state, NETIPC_STATE_AUTH_FAILED);
    netipc_subscriber_close(subscriber);
    kill_and_reap(pid);
}

static void a_run_directory_of_another_uid_is_unsafe_unless_it_is_allowed(void **state)
{
    const struct scene *scene = *state;
    assert_int_equal(chown(scene->run_dir, STRANGER, STRANGER), 0);
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_UNSAFE_DIRECTORY);
    assert_int_equal(access(scene->socket_path, F_OK), -1);

    assert_int_equal(start_publisher(&config, become_stranger, NULL, &publisher), NETIPC_OK);
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_status status;
    netipc_subscriber_close(open_subscriber(&reader, &status));
    assert_int_equal(status, NETIPC_UNSAFE_DIRECTORY);
    const uint32_t uids[] = {STRANGER};
    reader.allowed_uids = uids;
    reader.allowed_uid_count = 1;
    netipc_subscriber_close(open_subscriber(&reader, &status));
    assert_int_equal(status, NETIPC_OK);
    order_close(&publisher);
}

static void a_directory_of_roots_serves_strangers_who_trust_root_only(void **state)
{
    const struct scene *scene = *state;
    const uint32_t uids[] = {STRANGER};
    struct publisher_process publisher = serve_everybody(scene, uids, 1);
    netipc_subscriber_config config = subscriber_config(scene);
    config.allowed_uids = uids;
    config.allowed_uid_count = 1;
    assert_int_equal(status_of_stranger(&config), NETIPC_UNSAFE_DIRECTORY);
    order_close(&publisher);
}

static void a_directory_that_cannot_be_written_gives_permission_denied_and_stays_as_it_is(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, become_stranger, NULL, &publisher), NETIPC_PERMISSION_DENIED);
    assert_int_equal(chown(scene->run_dir, STRANGER, STRANGER), 0);
    assert_int_equal(chmod(scene->run_dir, 0500), 0);
    assert_int_equal(start_publisher(&config, become_stranger, NULL, &publisher), NETIPC_PERMISSION_DENIED);
    assert_int_equal(access(scene->socket_path, F_OK), -1);
    struct stat status;
    assert_int_equal(stat(scene->run_dir, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0500);
}

static int open_directory_as_stranger(void *context)
{
    const struct scene *scene = context;
    become_stranger(NULL);
    int fd = open(scene->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? 0 : errno == EACCES ? 1 : 2;
}

static void a_directory_of_mode_0711_lets_strangers_connect_and_not_look_around(void **state)
{
    struct scene *scene = *state;
    const uint32_t uids[] = {0, STRANGER};
    assert_int_equal(chmod(scene->run_dir, 0711), 0);
    struct publisher_process publisher = serve_everybody(scene, uids, 2);
    netipc_subscriber_config config = subscriber_config(scene);
    assert_int_equal(status_of_stranger(&config), NETIPC_OK);
    assert_int_equal(wait_child(start_child(open_directory_as_stranger, scene), slow_ms(5000)), 1);
    order_close(&publisher);
}

/* Root reads a directory of mode 0 all the same: only another uid can see what the umask does to the new one. */
static void a_umask_of_0777_does_not_keep_the_publisher_out_of_its_own_new_directory(void **state)
{
    const struct scene *scene = *state;
    char run_dir[80];
    snprintf(run_dir, sizeof run_dir, "%s/made", scene->run_dir);
    assert_int_equal(chown(scene->run_dir, STRANGER, STRANGER), 0);
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.run_dir = run_dir;
    assert_int_equal(start_publisher(&config, become_stranger_with_umask_0777, NULL, &publisher), NETIPC_OK);
    struct stat status;
    assert_int_equal(stat(run_dir, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(status.st_uid, STRANGER);
    order_close(&publisher);
}

int main(void)
{
    if (geteuid() != 0) {
        puts("skip: only root can be somebody else");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(another_uid_is_refused, open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(another_uid_that_is_allowed_is_served, open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(an_allowed_uid_with_a_wrong_token_is_refused, open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(the_socket_mode_keeps_others_out_by_default, open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(a_publisher_of_an_unexpected_uid_is_not_trusted, open_scene_as_root,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_run_directory_of_another_uid_is_unsafe_unless_it_is_allowed,
                                        open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(a_directory_of_roots_serves_strangers_who_trust_root_only, open_scene_as_root,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_written_gives_permission_denied_and_stays_as_it_is,
                                        open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(a_directory_of_mode_0711_lets_strangers_connect_and_not_look_around,
                                        open_scene_as_root, scene_close),
        cmocka_unit_test_setup_teardown(a_umask_of_0777_does_not_keep_the_publisher_out_of_its_own_new_directory,
                                        open_scene_as_root, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
