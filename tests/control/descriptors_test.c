/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that a peer sends (F24), that run out on one side or the other, and that must not leak. */
#include "tests/control/raw_client.h"

#include "control/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- sent by a peer --- */

static void descriptors_that_a_client_sends_stay_open_nowhere(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 1000), NETIPC_OK);
    unsigned before = count_descriptors(publisher.pid);

    int gifts[16];
    for (int i = 0; i < 16; i++)
        gifts[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (int step = 0; step < 4; step++) {
        struct netipc_hello hello = raw_hello(NETIPC_PROFILE_PUBLICATION, NETIPC_PROFILE_PUBLICATION);
        struct netipc_attach attach = {.layout_version = NETIPC_WIRE_LAYOUT, .max_region_size = UINT64_MAX};
        unsigned char packet[NETIPC_WIRE_CONTROL_MAX], answer[256];
        int socket = raw_connect(scene);
        size_t length;
        if (step > 0) {
            struct netipc_hello_ack ack;
            raw_send_hello(socket, &hello);
            assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_OK);
        }
        if (step == 0)
            length = netipc_wire_control(NETIPC_OP_HELLO, 0, 0, &hello, NETIPC_WIRE_HELLO_SIZE, packet);
        else if (step == 1)
            length = netipc_wire_control(NETIPC_OP_ATTACH, 0, 1, &attach, sizeof attach, packet);
        else
            length = netipc_wire_control(0x7777, 0, 1, &attach, 0, packet);
        int repeats = step == 3 ? 10 : 1;
        for (int i = 0; i < repeats; i++)
            raw_send_fds(socket, packet, length, gifts, 16);
        int fds[2];
        if (raw_receive_fds(socket, answer, sizeof answer, 50, fds) > 0 && fds[0] >= 0) {
            close(fds[0]);
            close(fds[1]);
        }
        close(socket);
        assert_true(sessions_become(&publisher, 0, 0));
        assert_true(descriptors_become(publisher.pid, before));
    }
    for (int i = 0; i < 16; i++)
        close(gifts[i]);
    assert_int_equal(visit_once(scene), NETIPC_OK);
    order_close(&publisher);
}

/* Where the kernel cannot be asked to let none in (before Linux 6.16) this is what keeps them out. */
static void a_packet_received_without_room_for_descriptors_brings_none(void **state)
{
    (void)state;
    int pair[2], gifts[16], fds[NETIPC_PACKET_FDS_MAX];
    unsigned char packet[64] = "packet";
    size_t length, fd_count;
    bool truncated;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i < 16; i++)
        gifts[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    unsigned before = count_descriptors(getpid());

    raw_send_fds(pair[0], packet, 6, gifts, 16);
    assert_int_equal(netipc_packet_receive(pair[1], packet, sizeof packet, &length), NETIPC_PACKET_DONE);
    assert_int_equal(length, 6);
    assert_int_equal(count_descriptors(getpid()), before);

    for (size_t sent = 0; sent <= 16; sent++) {
        raw_send_fds(pair[0], packet, 6, gifts, sent);
        assert_int_equal(netipc_packet_receive_fds(pair[1], packet, sizeof packet, &length, fds, &fd_count, &truncated),
                         NETIPC_PACKET_DONE);
        assert_int_equal(length, 6);
        assert_int_equal(truncated, sent > NETIPC_PACKET_FDS_MAX);
        assert_int_equal(fd_count, sent > NETIPC_PACKET_FDS_MAX ? 0 : sent);
        for (size_t i = 0; i < fd_count; i++) {
            assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
            close(fds[i]);
        }
        assert_int_equal(count_descriptors(getpid()), before);
    }
    for (int i = 0; i < 16; i++)
        close(gifts[i]);
    close(pair[0]);
    close(pair[1]);
}

static void a_packet_longer_than_the_buffer_says_how_long_it_was(void **state)
{
    (void)state;
    int pair[2];
    unsigned char packet[1000] = {0}, buffer[64];
    size_t length;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(netipc_packet_receive(pair[1], buffer, sizeof buffer, &length), NETIPC_PACKET_AGAIN);
    raw_send(pair[0], packet, sizeof packet);
    assert_int_equal(netipc_packet_receive(pair[1], buffer, sizeof buffer, &length), NETIPC_PACKET_DONE);
    assert_int_equal(length, sizeof packet);
    close(pair[0]);
    assert_int_equal(netipc_packet_receive(pair[1], buffer, sizeof buffer, &length), NETIPC_PACKET_CLOSED);
    assert_int_equal(netipc_packet_send(pair[1], packet, 1, NULL, 0), NETIPC_PACKET_CLOSED); /* and no SIGPIPE */
    close(pair[1]);
}

/* --- run out at the publisher --- */

static void allow_few_files(void *context)
{
    (void)context;
    struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int refresh_once(void *context)
{
    netipc_subscriber *subscriber;
    netipc_subscriber_config config = subscriber_config(context);
    if (netipc_subscriber_open(&config, &subscriber) != NETIPC_OK)
        return 255;
    return (int)netipc_subscriber_refresh(subscriber, NULL);
}

static void a_client_that_comes_when_descriptors_have_run_out_is_served_when_there_are_some(void **state)
{
    struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, allow_few_files, NULL, &publisher), NETIPC_OK);
    /* With one descriptor there is enough for the connection, and not for the pidfd of who made it. */
    for (unsigned left = 0; left < 2; left++) {
        order_leave_descriptors(&publisher, left);
        pid_t pid = start_child(refresh_once, scene);
        pause_ms(100);
        unsigned long cpu = cpu_ms(publisher.pid);
        assert_int_equal(wait_child(pid, 1000), -1); /* it waits, and is not forgotten */
        assert_in_range(cpu_ms(publisher.pid) - cpu, 0, 300);
        order_free_descriptors(&publisher);
        assert_int_equal(wait_child(pid, slow_ms(5000)), NETIPC_OK);
        assert_true(sessions_become(&publisher, 0, 0));
    }
    order_close(&publisher);
}

static void a_publisher_without_a_descriptor_for_the_session_page_says_so_and_goes_on(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    assert_int_equal(start_publisher(&config, allow_few_files, NULL, &publisher), NETIPC_OK);
    unsigned before = count_descriptors(publisher.pid);
    order_leave_descriptors(&publisher, 2);
    assert_int_equal(visit_once(scene), NETIPC_NO_MEMORY); /* transport status 6: internal error */
    assert_int_equal(order_publish(&publisher, 1, 10, 1000), NETIPC_OK);
    order_free_descriptors(&publisher);
    assert_true(sessions_become(&publisher, 0, 0));
    assert_true(descriptors_become(publisher.pid, before));
    assert_int_equal(visit_once(scene), NETIPC_OK);
    order_close(&publisher);
}

/* --- run out at the subscriber --- */

enum { OWN_LIMIT = 128 };

static int occupied[OWN_LIMIT];
static unsigned occupied_count;

/* Lets this process have only so many more descriptors. */
static void leave_descriptors_here(unsigned left)
{
    int fd;
    while (occupied_count < OWN_LIMIT && (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        occupied[occupied_count++] = fd;
    assert_int_equal(errno, EMFILE);
    for (; left > 0; left--)
        close(occupied[--occupied_count]);
}

static unsigned free_descriptors_here(void)
{
    int probes[OWN_LIMIT];
    unsigned count = 0;
    while (count < OWN_LIMIT && (probes[count] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
        count++;
    for (unsigned i = 0; i < count; i++)
        close(probes[i]);
    return count;
}

static void release_descriptors_here(void)
{
    while (occupied_count > 0)
        close(occupied[--occupied_count]);
}

static struct rlimit limit_before;

static int open_scene_with_few_files(void **state)
{
    if (getrlimit(RLIMIT_NOFILE, &limit_before) != 0)
        return -1;
    struct rlimit limit = {.rlim_cur = OWN_LIMIT, .rlim_max = limit_before.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? scene_open(state) : -1;
}

static int close_scene_with_few_files(void **state)
{
    release_descriptors_here();
    setrlimit(RLIMIT_NOFILE, &limit_before);
    return scene_close(state);
}

static void a_subscriber_that_runs_out_of_descriptors_says_so_and_works_later(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_subscriber *subscriber;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 1000), NETIPC_OK);
    /* The socket, the publisher's pidfd, the region, the session's page. */
    enum { NEEDED = 4 };
    for (unsigned left = 0; left <= NEEDED; left++) {
        assert_int_equal(netipc_subscriber_open(&reader, &subscriber), NETIPC_OK);
        leave_descriptors_here(left);
        netipc_status status = netipc_subscriber_refresh(subscriber, NULL);
        unsigned free_then = free_descriptors_here();
        release_descriptors_here();
        if (left < NEEDED) {
            assert_int_equal(status, NETIPC_NO_DESCRIPTORS);
            assert_int_equal(free_then, left);
            assert_int_equal(count_mappings(getpid(), "memfd:netipc:"), 0);
        }
        assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
        unsigned char bytes[4096];
        netipc_snapshot_info info = {.size = sizeof info};
        assert_int_equal(netipc_subscriber_read(subscriber, bytes, sizeof bytes, &info), NETIPC_OK);
        assert_true(snapshot_is_whole(bytes, info.length));
        netipc_subscriber_close(subscriber);
    }
    order_close(&publisher);
}

static void a_subscriber_without_a_descriptor_for_the_larger_region_keeps_the_old_data(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    netipc_subscriber_config reader = subscriber_config(scene);
    static unsigned char bytes[100000];
    netipc_snapshot_info info = {.size = sizeof info};
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 1000), NETIPC_OK);
    netipc_status status;
    netipc_subscriber *subscriber = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 2, 1, 50000), NETIPC_OK); /* more than a slot holds */

    leave_descriptors_here(0);
    int changed = 1;
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_NO_DESCRIPTORS);
    assert_int_equal(free_descriptors_here() > 0, 1); /* the session has ended, and gave its own back */
    assert_int_equal(netipc_subscriber_read(subscriber, bytes, sizeof bytes, &info), NETIPC_OK);
    assert_int_equal(info.generation, 1);
    assert_true(info.length == 1000 && snapshot_is_whole(bytes, 1000));
    release_descriptors_here();

    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(netipc_subscriber_read(subscriber, bytes, sizeof bytes, &info), NETIPC_OK);
    assert_int_equal(info.generation, 2);
    assert_true(info.length == 50000 && snapshot_is_whole(bytes, 50000));
    netipc_subscriber_close(subscriber);
    order_close(&publisher);
}

static void a_publisher_that_closes_while_a_client_waits_for_a_descriptor_keeps_none(void **state)
{
    const struct scene *scene = *state;
    netipc_publisher_config config = publisher_config(scene);
    config.loop = NETIPC_LOOP_CALLER;
    netipc_publisher *publisher;
    unsigned before = count_descriptors(getpid());
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    int socket = raw_connect(scene);
    leave_descriptors_here(1);
    netipc_status status = netipc_publisher_dispatch(publisher, 0);
    unsigned free_then = free_descriptors_here();
    release_descriptors_here();
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(free_then, 0); /* the connection took it, and there is none for the pidfd */
    netipc_publisher_close(publisher);
    raw_expect_closed(socket);
    close(socket);
    assert_int_equal(count_descriptors(getpid()), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(descriptors_that_a_client_sends_stay_open_nowhere, scene_open, scene_close),
        cmocka_unit_test(a_packet_received_without_room_for_descriptors_brings_none),
        cmocka_unit_test(a_packet_longer_than_the_buffer_says_how_long_it_was),
        cmocka_unit_test_setup_teardown(a_client_that_comes_when_descriptors_have_run_out_is_served_when_there_are_some,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_publisher_without_a_descriptor_for_the_session_page_says_so_and_goes_on,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_publisher_that_closes_while_a_client_waits_for_a_descriptor_keeps_none,
                                        open_scene_with_few_files, close_scene_with_few_files),
        cmocka_unit_test_setup_teardown(a_subscriber_that_runs_out_of_descriptors_says_so_and_works_later,
                                        open_scene_with_few_files, close_scene_with_few_files),
        cmocka_unit_test_setup_teardown(a_subscriber_without_a_descriptor_for_the_larger_region_keeps_the_old_data,
                                        open_scene_with_few_files, close_scene_with_few_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
