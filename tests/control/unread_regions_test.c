/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors that were sent and not received count against the publisher's limit, also after the session has ended:
 * so long the session keeps its place, and there can be no more of them than places. */
#include "tests/control/raw_client.h"

#include <grp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { PLACES = 8, ATTEMPTS = 60, PUBLISHER_UID = 12345, FILES_MOST = 48 };

struct crowd {
    int sockets[ATTEMPTS];
    unsigned refused, kept;
};

static netipc_publisher_config small_config(const struct scene *scene)
{
    netipc_publisher_config config = publisher_config(scene);
    config.max_sessions = PLACES;
    return config;
}

/* A session that is sent a region, does not receive it, and ends for saying nonsense. -1: there was no place. */
static int leave_a_region_unread(const struct scene *scene)
{
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_PUBLICATION, NETIPC_PROFILE_PUBLICATION);
    struct netipc_hello_ack ack;
    int socket = raw_connect(scene);
    raw_send_hello(socket, &hello);
    uint16_t status = raw_receive_ack(socket, &ack);
    if (status != NETIPC_TRANSPORT_OK) {
        assert_int_equal(status, NETIPC_TRANSPORT_LIMIT_EXCEEDED);
        close(socket);
        return -1;
    }
    raw_send_attach(socket, 1, 0);
    raw_send(socket, "nonsense", 8);
    struct pollfd polled = {.fd = socket};
    assert_int_equal(poll(&polled, 1, (int)slow_ms(5000)), 1);
    assert_true(polled.revents & POLLHUP);
    return socket;
}

static struct crowd gather(const struct scene *scene)
{
    struct crowd crowd = {0};
    for (int i = 0; i < ATTEMPTS; i++) {
        int socket = leave_a_region_unread(scene);
        if (socket < 0)
            crowd.refused++;
        else
            crowd.sockets[crowd.kept++] = socket;
    }
    return crowd;
}

static void dismiss(const struct crowd *crowd, unsigned from)
{
    for (unsigned i = from; i < crowd->kept; i++)
        close(crowd->sockets[i]);
}

/* A place becomes free soon, not at once. */
static netipc_status visit_while_busy(const struct scene *scene)
{
    netipc_status status = NETIPC_BUSY;
    for (uint64_t end = now_ms() + slow_ms(5000); status == NETIPC_BUSY && now_ms() < end; pause_ms(10))
        status = visit_once(scene);
    return status;
}

static void a_session_that_ended_with_a_region_unread_keeps_its_place(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = small_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    struct crowd crowd = gather(scene);
    assert_int_equal(crowd.kept, PLACES);
    assert_int_equal(crowd.refused, ATTEMPTS - PLACES);
    assert_true(sessions_become(&publisher, 0, 0)); /* they have ended all the same */
    assert_int_equal(visit_once(scene), NETIPC_BUSY);
    assert_int_equal(order_publish(&publisher, 1, 100, 1000), NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 100000), NETIPC_OK); /* grows */

    /* One receives what it was sent: its place becomes free. */
    struct raw_region region;
    raw_receive_region(crowd.sockets[0], &region);
    close(region.region_fd);
    close(region.page_fd);
    assert_int_equal(visit_while_busy(scene), NETIPC_OK);
    close(crowd.sockets[0]);
    dismiss(&crowd, 1);
    assert_int_equal(visit_while_busy(scene), NETIPC_OK);
    order_close(&publisher);
}

static void places_come_back_when_those_that_kept_them_leave(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = small_config(scene);
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    unsigned before = count_descriptors(publisher.pid);
    for (int i = 0; i < 2; i++) {
        struct crowd crowd = gather(scene);
        assert_int_equal(crowd.kept, PLACES);
        dismiss(&crowd, 0);
        assert_true(descriptors_become(publisher.pid, before));
    }
    order_close(&publisher);
}

static int sleep_for_ever(void *context)
{
    (void)context;
    while (pause() < 0)
        ;
    return 0;
}

static void a_subscriber_that_left_keeps_no_place_for_a_note_that_it_did_not_read(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher;
    netipc_publisher_config config = small_config(scene);
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_status status;
    config.max_sessions = 1;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    netipc_subscriber *subscriber = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_OK);
    assert_int_equal(order_publish(&publisher, 1, 1, 100000), NETIPC_OK); /* grows, and says so */
    pause_ms(slow_ms(20));
    pid_t child = start_child(sleep_for_ever, NULL); /* holds what there is of the subscriber */
    netipc_subscriber_close(subscriber);
    assert_int_equal(visit_while_busy(scene), NETIPC_OK);
    assert_int_equal(wait_child(child, 0), -1);
    order_close(&publisher);
}

/* --- the kernel's limit --- */

static void become_nobody_special(void *context)
{
    (void)context;
    const struct rlimit few = {FILES_MOST, FILES_MOST};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0 || setgroups(0, NULL) != 0 ||
        setresgid(PUBLISHER_UID, PUBLISHER_UID, PUBLISHER_UID) != 0 ||
        setresuid(PUBLISHER_UID, PUBLISHER_UID, PUBLISHER_UID) != 0)
        _exit(98);
}

static void unread_regions_use_up_no_limit_of_the_publishers_uid(void **state)
{
    const struct scene *scene = *state;
    const uint32_t uids[] = {PUBLISHER_UID};
    struct publisher_process publisher;
    if (geteuid() != 0)
        skip(); /* root has no such limit, and only root can be somebody else */
    assert_int_equal(chown(scene->run_dir, PUBLISHER_UID, PUBLISHER_UID), 0);
    netipc_publisher_config config = small_config(scene);
    assert_int_equal(start_publisher(&config, become_nobody_special, NULL, &publisher), NETIPC_OK);
    netipc_subscriber_config reader = subscriber_config(scene);
    netipc_status status;
    reader.allowed_uids = uids;
    reader.allowed_uid_count = 1;
    netipc_subscriber *witness = open_subscriber(&reader, &status);
    assert_int_equal(status, NETIPC_OK);
    struct crowd crowd = gather(scene);
    assert_int_equal(order_publish(&publisher, 1, 1, 100000), NETIPC_OK); /* grows: the witness needs a descriptor */
    assert_int_equal(netipc_subscriber_refresh(witness, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_generation(witness), 1);
    assert_int_equal(crowd.kept, PLACES - 1);
    dismiss(&crowd, 0);
    netipc_subscriber_close(witness);
    order_close(&publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_that_ended_with_a_region_unread_keeps_its_place, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(places_come_back_when_those_that_kept_them_leave, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_subscriber_that_left_keeps_no_place_for_a_note_that_it_did_not_read,
                                        scene_open, scene_close),
        cmocka_unit_test_setup_teardown(unread_regions_use_up_no_limit_of_the_publishers_uid, scene_open, scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
