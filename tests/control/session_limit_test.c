/* SPDX-License-Identifier: Apache-2.0 */
/* F7: the one too many is told so at once. And a place that was freed, however, is a place again. */
#include "tests/control/raw_client.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT = 3 };

static struct publisher_process serve(const struct scene *scene, uint32_t max_sessions)
{
    struct publisher_process publisher;
    netipc_publisher_config config = publisher_config(scene);
    config.max_sessions = max_sessions;
    assert_int_equal(start_publisher(&config, NULL, NULL, &publisher), NETIPC_OK);
    return publisher;
}

static void the_session_over_the_limit_is_told_busy_at_once(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, LIMIT);
    netipc_subscriber_config config = subscriber_config(scene);
    netipc_subscriber *subscribers[LIMIT];
    netipc_status status;
    for (int i = 0; i < LIMIT; i++) {
        subscribers[i] = open_subscriber(&config, &status);
        assert_int_equal(status, NETIPC_OK);
    }
    assert_int_equal(order_info(&publisher).attached, LIMIT);
    assert_int_equal(visit_once(scene), NETIPC_BUSY);

    int socket = raw_connect(scene);
    struct netipc_hello hello = raw_hello(NETIPC_PROFILE_BASELINE, NETIPC_PROFILE_BASELINE);
    struct netipc_hello_ack ack;
    raw_send_hello(socket, &hello);
    assert_int_equal(raw_receive_ack(socket, &ack), NETIPC_TRANSPORT_LIMIT_EXCEEDED);
    raw_expect_closed(socket);
    close(socket);
    assert_int_equal(order_info(&publisher).refused_busy, 2);

    /* Who is in stays in, and places that become free are taken. */
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(netipc_subscriber_refresh(subscribers[i], NULL), NETIPC_OK);
        netipc_subscriber_close(subscribers[i]);
    }
    assert_true(sessions_become(&publisher, 0, 0));
    assert_int_equal(visit_once(scene), NETIPC_OK);
    order_close(&publisher);
}

struct visitor {
    const struct scene *scene;
    int told[2]; /* a pipe: a byte once attached */
};

static int attach_and_stay(void *context)
{
    const struct visitor *visitor = context;
    netipc_subscriber *subscriber;
    netipc_subscriber_config config = subscriber_config(visitor->scene);
    if (netipc_subscriber_open(&config, &subscriber) != NETIPC_OK ||
        netipc_subscriber_refresh(subscriber, NULL) != NETIPC_OK || write(visitor->told[1], "+", 1) != 1)
        return 1;
    for (;;)
        pause();
}

static pid_t visit(const struct scene *scene)
{
    struct visitor visitor = {.scene = scene};
    char byte;
    assert_int_equal(pipe(visitor.told), 0);
    pid_t pid = start_child(attach_and_stay, &visitor);
    close(visitor.told[1]);
    assert_int_equal(read(visitor.told[0], &byte, 1), 1);
    close(visitor.told[0]);
    return pid;
}

static void the_place_of_a_killed_subscriber_is_free_again(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, 1);
    for (int stopped = 0; stopped < 2; stopped++) {
        pid_t pid = visit(scene);
        if (stopped)
            kill(pid, SIGSTOP);
        assert_int_equal(visit_once(scene), NETIPC_BUSY);
        assert_int_equal(order_publish(&publisher, 1, 100, 1000), NETIPC_OK);
        assert_int_equal(order_info(&publisher).attached, 1);
        kill_and_reap(pid);
        assert_true(sessions_become(&publisher, 0, 0));
        assert_int_equal(visit_once(scene), NETIPC_OK);
        assert_true(sessions_become(&publisher, 0, 0));
    }
    order_close(&publisher);
}

static int refresh_once(void *context)
{
    netipc_subscriber *subscriber;
    netipc_subscriber_config config = subscriber_config(context);
    if (netipc_subscriber_open(&config, &subscriber) != NETIPC_OK)
        return 255;
    return (int)netipc_subscriber_refresh(subscriber, NULL);
}

enum { CROWD = 100, HEARD_OUT = 64 };

/* Only some of those over the limit are heard out before they are refused; the others are refused unheard, also when
 * their HELLO is under way already. */
static void a_crowd_that_waits_to_be_refused_does_not_hide_the_refusal(void **state)
{
    struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, 1);
    int crowd[CROWD];
    for (int i = 0; i < CROWD; i++)
        crowd[i] = raw_connect(scene);
    uint64_t end = now_ms() + slow_ms(5000);
    while (order_info(&publisher).refused_busy < CROWD - 1 - HEARD_OUT)
        assert_true(now_ms() < end);
    assert_int_equal(visit_once(scene), NETIPC_BUSY);
    for (int round = 0; round < 3; round++) {
        kill(publisher.pid, SIGSTOP);
        pid_t pid = start_child(refresh_once, scene);
        pause_ms(100); /* for its HELLO to be in the queue */
        kill(publisher.pid, SIGCONT);
        assert_int_equal(wait_child(pid, slow_ms(5000)), NETIPC_BUSY);
    }
    for (int i = 0; i < CROWD; i++)
        close(crowd[i]);
    assert_true(sessions_become(&publisher, 0, 0));
    assert_int_equal(visit_once(scene), NETIPC_OK);
    order_close(&publisher);
}

struct footprint {
    unsigned descriptors, regions, pages;
};

static struct footprint footprint_of(pid_t pid)
{
    return (struct footprint){count_descriptors(pid), count_mappings(pid, "memfd:netipc:" SCENE_SERVICE),
                              count_mappings(pid, "memfd:netipc:session")};
}

/* A session is no longer counted a little before all that it had is given back. */
static bool footprint_becomes(pid_t pid, const struct footprint *wanted)
{
    for (uint64_t end = now_ms() + slow_ms(5000); now_ms() < end; pause_ms(2)) {
        struct footprint now = footprint_of(pid);
        if (memcmp(&now, wanted, sizeof now) == 0)
            return true;
    }
    return false;
}

static void thousands_of_visits_with_nothing_published_leave_nothing_behind(void **state)
{
    const struct scene *scene = *state;
    struct publisher_process publisher = serve(scene, 8);
    struct footprint there = footprint_of(publisher.pid), here = footprint_of(getpid());
    assert_int_equal(visit_once(scene), NETIPC_OK);
    assert_true(footprint_becomes(publisher.pid, &there));

    netipc_subscriber_config config = subscriber_config(scene);
    for (int i = 0; i < 1000; i++) {
        netipc_status status;
        netipc_subscriber *subscriber;
        /* The publisher may learn of the end of the last eight after this one came. */
        do
            netipc_subscriber_close(subscriber = open_subscriber(&config, &status));
        while (status == NETIPC_BUSY);
        assert_int_equal(status, NETIPC_OK);
    }
    for (int i = 0; i < 1000; i++) {
        int socket = raw_connect(scene);
        struct netipc_hello hello = raw_hello(NETIPC_PROFILE_PUBLICATION, NETIPC_PROFILE_PUBLICATION);
        struct netipc_hello_ack ack;
        /* Hangs up after each step of the handshake in turn. */
        if (i % 4 >= 1) {
            raw_send_hello(socket, &hello);
            if (raw_receive_ack(socket, &ack) == NETIPC_TRANSPORT_OK && i % 4 >= 2) {
                struct raw_region region;
                raw_send_attach(socket, 1, 0);
                raw_receive_region(socket, &region);
                close(region.region_fd);
                close(region.page_fd);
                if (i % 4 == 3)
                    raw_send_attached(socket, 2, region.offer.ordinal);
            }
        }
        close(socket);
    }
    assert_true(sessions_become(&publisher, 0, 0));
    assert_true(footprint_becomes(publisher.pid, &there));
    assert_true(footprint_becomes(getpid(), &here));
    assert_in_range(order_info(&publisher).sessions_total, 1500, 100000);

    int sockets[8];
    for (int i = 0; i < 8; i++) {
        struct raw_region region;
        sockets[i] = raw_open_session(scene);
        raw_attach(sockets[i], &region);
        close(region.page_fd);
    }
    assert_int_equal(order_info(&publisher).attached, 8);
    for (int i = 0; i < 8; i++)
        close(sockets[i]);
    order_close(&publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_session_over_the_limit_is_told_busy_at_once, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(the_place_of_a_killed_subscriber_is_free_again, scene_open, scene_close),
        cmocka_unit_test_setup_teardown(a_crowd_that_waits_to_be_refused_does_not_hide_the_refusal, scene_open,
                                        scene_close),
        cmocka_unit_test_setup_teardown(thousands_of_visits_with_nothing_published_leave_nothing_behind, scene_open,
                                        scene_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
