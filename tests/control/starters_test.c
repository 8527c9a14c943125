/* SPDX-License-Identifier: Apache-2.0 */
/* Who gets the name: F26 (two starters race for a stale socket), F23 (a child of the dead holds it), F8. */
#include "tests/control/raw_client.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROUNDS = 1000, STARTERS = 2, KILLED_EVERY = 50 };

static netipc_status status_of_one_more(const struct scene *scene, uint32_t *publisher_pid)
{
    netipc_status status;
    netipc_subscriber_config config = subscriber_config(scene);
    netipc_subscriber *subscriber = open_subscriber(&config, &status);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    if (publisher_pid != NULL)
        *publisher_pid = info.publisher_pid;
    netipc_subscriber_close(subscriber);
    return status;
}

/* A socket file that nobody listens at, and that nobody ever will. */
static void leave_stale_socket(const struct scene *scene, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, scene->socket_path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
}

/* --- the race --- */

struct race {
    const struct scene *scene;
    atomic_uint round;                  /* the starters go when this changes */
    atomic_uint ended;                  /* and the winner closes when this has become the round */
    atomic_int result[STARTERS];        /* of this round; -1: not yet */
    atomic_uint closed[STARTERS];       /* the round after which all is tidied up */
    atomic_uint stands_ready[STARTERS]; /* waits for this round */
};

struct starter {
    struct race *race;
    int number;
};

static int start_again_and_again(void *context)
{
    const struct starter *starter = context;
    struct race *race = starter->race;
    netipc_publisher_config config = publisher_config(race->scene);
    for (unsigned round = 1; round <= ROUNDS; round++) {
        netipc_publisher *publisher;
        atomic_store(&race->stands_ready[starter->number], round);
        while (atomic_load(&race->round) < round)
            sched_yield();
        netipc_status status = netipc_publisher_open(&config, &publisher);
        atomic_store(&race->result[starter->number], (int)status);
        while (atomic_load(&race->ended) < round)
            pause_ms(0);
        netipc_publisher_close(publisher);
        atomic_store(&race->closed[starter->number], round);
    }
    return 0;
}

static void wait_for(atomic_uint *words, unsigned round)
{
    uint64_t end = now_ms() + slow_ms(20000);
    for (int i = 0; i < STARTERS; i++)
        while (atomic_load(&words[i]) < round) {
            assert_true(now_ms() < end);
            sched_yield();
        }
}

static void of_two_starters_for_a_stale_socket_exactly_one_wins(void **state)
{
    const struct scene *scene = *state;
    struct race *race = mmap(NULL, sizeof *race, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(race != MAP_FAILED);
    race->scene = scene;
    struct starter starters[STARTERS];
    pid_t pids[STARTERS];
    for (int i = 0; i < STARTERS; i++) {
        starters[i] = (struct starter){race, i};
        pids[i] = start_child(start_again_and_again, &starters[i]);
    }
    unsigned wins[STARTERS] = {0};
    for (unsigned round = 1; round <= ROUNDS; round++) {
        if (round % KILLED_EVERY == 0) {
            struct publisher_process victim;
            netipc_publisher_config config = publisher_config(scene);
            assert_int_equal(start_publisher(&config, NULL, NULL, &victim), NETIPC_OK);
            kill_publisher(&victim);
        } else {
            leave_stale_socket(scene, SOCK_SEQPACKET);
        }
        for (int i = 0; i < STARTERS; i++)
            atomic_store(&race->result[i], -1);
        wait_for(race->stands_ready, round);
        atomic_store(&race->round, round);
        uint64_t end = now_ms() + slow_ms(20000);
        int winner = -1;
        for (int i = 0; i < STARTERS; i++) {
            int result;
            while ((result = atomic_load(&race->result[i])) == -1) {
                assert_true(now_ms() < end);
                sched_yield();
            }
            if (result == NETIPC_OK) {
                assert_int_equal(winner, -1);
                winner = i;
            } else {
                assert_int_equal(result, NETIPC_ADDRESS_IN_USE);
            }
        }
        assert_in_range(winner, 0, STARTERS - 1);
        wins[winner]++;
        uint32_t served_by;
        assert_int_equal(status_of_one_more(scene, &served_by), NETIPC_OK);
        assert_int_equal(served_by, pids[winner]);
        atomic_store(&race->ended, round);
        wait_for(race->closed, round);
        assert_int_equal(access(scene->socket_path, F_OK), -1);
    }
    for (int i = 0; i < STARTERS; i++)
        assert_int_equal(wait_child(pids[i], slow_ms(20000)), 0);
    print_message("wins: %u and %u\n", wins[0], wins[1]);
    munmap(race, sizeof *race);
}

/* --- alive --- */

static void a_live_publisher_is_refused_also_from_within_its_own_process(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    struct publisher_process other;
    netipc_publisher *first, *second;
    assert_int_equal(netipc_publisher_open(&config, &first), NETIPC_OK);
    assert_int_equal(netipc_publisher_open(&config, &second), NETIPC_ADDRESS_IN_USE);
    assert_null(second);
    assert_int_equal(start_publisher(&config, NULL, NULL, &other), NETIPC_ADDRESS_IN_USE);
    assert_int_equal(status_of_one_more(scene, NULL), NETIPC_OK);
    netipc_publisher_close(first);
    assert_int_equal(netipc_publisher_open(&config, &second), NETIPC_OK);
    netipc_publisher_close(second);
}

static void a_stopped_publisher_with_a_full_backlog_is_alive(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    struct publisher_process stopped, other;
    assert_int_equal(start_publisher(&config, NULL, NULL, &stopped), NETIPC_OK);
    kill(stopped.pid, SIGSTOP);
    assert_int_equal(start_publisher(&config, NULL, NULL, &other), NETIPC_ADDRESS_IN_USE);

    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, scene->socket_path, sizeof address.sun_path);
    unsigned queued = 0;
    for (;; queued++) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int result = connect(fd, (struct sockaddr *)&address, sizeof address);
        int error = errno;
        close(fd); /* its place in the backlog stays taken until it is accepted */
        if (result != 0) {
            assert_int_equal(error, EAGAIN);
            break;
        }
        assert_true(queued < 1000000);
    }
    assert_int_equal(start_publisher(&config, NULL, NULL, &other), NETIPC_ADDRESS_IN_USE);
    netipc_subscriber_config reader = subscriber_config(scene);
    reader.connect_timeout_ns = 100000000;
    netipc_status status;
    netipc_subscriber *subscriber = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_TIMED_OUT);

    kill(stopped.pid, SIGCONT);
    uint64_t end = now_ms() + slow_ms(10000);
    do
        status = netipc_subscriber_refresh(subscriber, NULL);
    while ((status == NETIPC_TIMED_OUT || status == NETIPC_BUSY) && now_ms() < end);
    assert_int_equal(status, NETIPC_OK);
    netipc_subscriber_close(subscriber);
    order_close(&stopped);
}

static void a_live_socket_of_another_type_is_left_alone_and_a_dead_one_is_reclaimed(void **state)
{
    const struct scene *scene = *state;
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM};
    netipc_publisher_config config = publisher_config(scene);
    for (size_t i = 0; i < 2; i++) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        memcpy(address.sun_path, scene->socket_path, sizeof address.sun_path);
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
        if (types[i] == SOCK_STREAM)
            assert_int_equal(listen(fd, 1), 0);
        netipc_publisher *publisher;
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_ADDRESS_IN_USE);
        assert_int_equal(status_of_one_more(scene, NULL), NETIPC_INCOMPATIBLE);
        close(fd);
        assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
        netipc_publisher_close(publisher);
    }
}

/* --- dead --- */

static void a_killed_publisher_is_succeeded_at_once(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    struct publisher_process first, second;
    assert_int_equal(start_publisher(&config, NULL, NULL, &first), NETIPC_OK);
    kill_publisher(&first);
    assert_int_equal(access(scene->socket_path, F_OK), 0);
    assert_int_equal(status_of_one_more(scene, NULL), NETIPC_NOT_FOUND);
    assert_int_equal(start_publisher(&config, NULL, NULL, &second), NETIPC_OK);
    assert_int_equal(status_of_one_more(scene, NULL), NETIPC_OK);
    order_close(&second);
}

static void a_dead_publisher_whose_child_holds_its_socket_is_succeeded(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    netipc_subscriber_config reader = subscriber_config(scene);
    struct publisher_process first, second;
    assert_int_equal(start_publisher(&config, NULL, NULL, &first), NETIPC_OK);
    assert_int_equal(order_publish(&first, 1, 1, 100), NETIPC_OK);
    netipc_status status;
    netipc_subscriber *subscriber = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_OK);
    pid_t holder = order_fork_holder(&first);
    assert_true(holder > 0);
    kill_publisher(&first);

    /* The socket is open as before: only the pidfd tells. */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_NOT_FOUND);
    assert_int_equal(status_of_one_more(scene, NULL), NETIPC_NOT_FOUND);
    assert_int_equal(start_publisher(&config, NULL, NULL, &second), NETIPC_OK);
    assert_int_equal(kill(holder, 0), 0);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    uint32_t served_by;
    assert_int_equal(status_of_one_more(scene, &served_by), NETIPC_OK);
    assert_int_equal(served_by, second.pid);
    netipc_subscriber_close(subscriber);
    order_close(&second);
    kill(holder, SIGKILL);
}

/* --- the lock --- */

static int lock_directory(const struct scene *scene)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/.netipc.lock", scene->run_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static void a_lock_held_by_somebody_else_ends_an_open_after_its_timeout(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    config.lock_timeout_ns = 200000000;
    netipc_publisher *publisher;
    leave_stale_socket(scene, SOCK_SEQPACKET);
    int lock = lock_directory(scene);
    uint64_t start = now_ms();
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_TIMED_OUT);
    uint64_t took = now_ms() - start;
    assert_in_range(took, 195, slow_ms(5000));
    assert_int_equal(access(scene->socket_path, F_OK), 0); /* nothing was touched */
    config.lock_timeout_ns = 0;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_TIMED_OUT);
    close(lock);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    netipc_publisher_close(publisher);
}

static void a_close_without_the_lock_leaves_the_file_for_the_next_to_reclaim(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    config.lock_timeout_ns = 200000000;
    netipc_publisher *publisher;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    int lock = lock_directory(scene);
    uint64_t start = now_ms();
    netipc_publisher_close(publisher);
    assert_in_range(now_ms() - start, 195, slow_ms(5000));
    assert_int_equal(access(scene->socket_path, F_OK), 0);
    close(lock);
    assert_int_equal(status_of_one_more(scene, NULL), NETIPC_NOT_FOUND);
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    netipc_publisher_close(publisher);
}

static void a_running_publisher_holds_no_lock(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    netipc_publisher *publisher, *neighbour;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    close(lock_directory(scene));
    config.service = "neighbour";
    assert_int_equal(netipc_publisher_open(&config, &neighbour), NETIPC_OK);
    netipc_publisher_close(neighbour);
    netipc_publisher_close(publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_two_starters_for_a_stale_socket_exactly_one_wins, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_live_publisher_is_refused_also_from_within_its_own_process, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_stopped_publisher_with_a_full_backlog_is_alive, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_live_socket_of_another_type_is_left_alone_and_a_dead_one_is_reclaimed,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_killed_publisher_is_succeeded_at_once, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_dead_publisher_whose_child_holds_its_socket_is_succeeded, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_lock_held_by_somebody_else_ends_an_open_after_its_timeout, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_close_without_the_lock_leaves_the_file_for_the_next_to_reclaim, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(a_running_publisher_holds_no_lock, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
