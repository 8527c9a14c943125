/* SPDX-License-Identifier: Apache-2.0 */
/* Children forked by either side hold its sockets open for as long as they live. That keeps nothing alive that was
 * closed. */
#include "tests/control/raw_client.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

enum { ROUNDS = 3 };

static int sleep_for_ever(void *context)
{
    (void)context;
    while (pause() < 0)
        ;
    return 0;
}

static void a_child_of_a_subscribers_process_keeps_no_closed_session(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    netipc_subscriber_config reader = subscriber_config(scene);
    config.max_sessions = ROUNDS - 1;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    pid_t children[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        netipc_status status;
        netipc_subscriber *subscriber = open_subscriber(&reader, &status);
        assert_int_equal(status, NETIPC_OK);
        children[i] = start_child(sleep_for_ever, NULL);
        netipc_subscriber_close(subscriber);
        assert_true(sessions_become(&publisher, 0, 0));
    }
    for (int i = 0; i < ROUNDS; i++)
        assert_int_equal(wait_child(children[i], 0), -1);
    order_close(&publisher);
}

static int lock_directory(const struct scene *scene)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.netipc.lock", scene->run_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

/* The publisher of this process has a child, and closes without the lock on its directory. */
static void a_child_of_a_publishers_process_keeps_no_closed_endpoint(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    netipc_publisher *publisher;
    config.loop = NETIPC_LOOP_CALLER;
    config.lock_timeout_ns = 50000000;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    int waiting = raw_connect(scene); /* nobody lets it in */
    pid_t child = start_child(sleep_for_ever, NULL);
    int lock = lock_directory(scene);
    netipc_publisher_close(publisher);
    assert_int_equal(access(scene->socket_path, F_OK), 0);
    raw_expect_closed(waiting);
    close(waiting);

    uint64_t start = now_ms();
    assert_int_equal(visit_once(scene), NETIPC_NOT_FOUND);
    assert_true(now_ms() - start < slow_ms(2000)); /* before any deadline */
    close(lock);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    assert_int_equal(wait_child(child, 0), -1);
    netipc_publisher_close(publisher);
    assert_int_equal(access(scene->socket_path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_child_of_a_subscribers_process_keeps_no_closed_session, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_child_of_a_publishers_process_keeps_no_closed_endpoint, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
