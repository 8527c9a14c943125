/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/child.h"
#include "tests/publish/service.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;

static int setup(void **state)
{
    if (service_setup(state) != 0)
        return -1;
    publisher = service_publisher();
    subscriber = service_subscriber();
    if (netipc_subscriber_refresh(subscriber, NULL) != NETIPC_OK)
        return -1;
    service_publish(publisher, 1000, 1);
    return 0;
}

static int teardown(void **state)
{
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    return service_teardown(state);
}

static void expect_the_parent_unharmed(uint64_t generation, bool grow)
{
    struct stat file;
    assert_return_code(stat(service_socket(), &file), errno);
    size_t length = grow ? 100000 : 2000;
    service_publish(publisher, length, generation);
    assert_int_equal(netipc_subscriber_wait(subscriber, generation - 1, UINT64_MAX),
                     grow ? NETIPC_SUPERSEDED : NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, generation, length, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber *another = service_subscriber();
    assert_int_equal(netipc_subscriber_refresh(another, NULL), NETIPC_OK);
    service_expect(another, generation, length, NETIPC_PUBLISHER_LIVE);
    netipc_subscriber_close(another);
}

static void call_everything(void)
{
    netipc_publisher_info publisher_info = {.size = sizeof publisher_info};
    netipc_subscriber_info subscriber_info = {.size = sizeof subscriber_info};
    netipc_snapshot_info snapshot = {.size = sizeof snapshot};
    unsigned char buffer[1000];
    void *data;
    size_t capacity;
    int changed = 1;
    child_check(netipc_publish(publisher, "x", 1, NULL) == NETIPC_FORKED);
    child_check(netipc_publish_begin(publisher, 1, &data, &capacity) == NETIPC_FORKED);
    child_check(netipc_publish_commit(publisher, 1, NULL) == NETIPC_FORKED);
    child_check(netipc_publish_abort(publisher) == NETIPC_FORKED);
    child_check(netipc_publisher_dispatch(publisher, 0) == NETIPC_FORKED);
    child_check(netipc_publisher_fd(publisher) == -1);
    child_check(netipc_publisher_stats(publisher, &publisher_info) == NETIPC_FORKED);
    child_check(netipc_subscriber_refresh(subscriber, &changed) == NETIPC_FORKED);
    child_check(changed == 0);
    child_check(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &snapshot) == NETIPC_FORKED);
    child_check(netipc_subscriber_wait(subscriber, 1, UINT64_MAX) == NETIPC_FORKED);
    child_check(netipc_subscriber_status(subscriber, &subscriber_info) == NETIPC_FORKED);
    child_check(netipc_subscriber_generation(subscriber) <= 1);
    netipc_subscriber_abort(subscriber);
    netipc_subscriber_resume(subscriber);
}

static void a_child_is_told_so_by_every_call(void **state)
{
    (void)state;
    in_a_child(call_everything);
    expect_the_parent_unharmed(2, false);
}

static void look_for_mappings(void)
{
    child_check(library_mappings_writable() == 0);
}

static void a_child_inherits_no_writable_memory(void **state)
{
    (void)state;
    assert_true(library_mappings_writable() >= 2); /* the region, and the session's page twice */
    in_a_child(look_for_mappings);
    service_publish(publisher, 100000, 2);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    in_a_child(look_for_mappings); /* after a growth too */
    expect_the_parent_unharmed(3, false);
}

static void close_both(void)
{
    netipc_publisher_close(publisher);
    netipc_subscriber_close(subscriber);
}

static void a_child_that_closes_its_copies_harms_nothing(void **state)
{
    (void)state;
    in_a_child(close_both);
    in_a_child(close_both);
    expect_the_parent_unharmed(2, false);
    expect_the_parent_unharmed(3, true);
}

static void subscribe_anew(void)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *own;
    unsigned char buffer[1000];
    close_both();
    child_check(netipc_subscriber_open(&config, &own) == NETIPC_OK);
    child_check(netipc_subscriber_refresh(own, NULL) == NETIPC_OK);
    child_check(netipc_subscriber_read(own, buffer, sizeof buffer, NULL) == NETIPC_OK);
    netipc_subscriber_close(own);
}

static void a_child_can_subscribe_anew(void **state)
{
    (void)state;
    in_a_child(subscribe_anew);
    expect_the_parent_unharmed(2, false);
}

static void try_to_publish_too(void)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *own;
    child_check(netipc_publisher_open(&config, &own) == NETIPC_ADDRESS_IN_USE);
    child_check(own == NULL);
}

static void a_child_cannot_take_the_service_from_its_parent(void **state)
{
    (void)state;
    in_a_child(try_to_publish_too);
    expect_the_parent_unharmed(2, false);
}

static void a_child_that_lives_on_keeps_no_closed_service_alive(void **state)
{
    (void)state;
    int to_child[2];
    assert_return_code(pipe(to_child), errno);
    pid_t child = fork();
    assert_return_code(child, errno);
    if (child == 0) {
        char byte;
        close(to_child[1]);
        _exit(read(to_child[0], &byte, 1) == 0 ? 0 : 1);
    }
    close(to_child[0]);
    netipc_publisher_close(publisher);
    assert_int_not_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_expect(subscriber, 1, 1000, NETIPC_PUBLISHER_CLOSED);
    publisher = service_publisher();
    service_publish(publisher, 500, 1);
    int changed;
    assert_int_equal(netipc_subscriber_refresh(subscriber, &changed), NETIPC_OK);
    assert_int_equal(changed, 1);
    service_expect(subscriber, 1, 500, NETIPC_PUBLISHER_LIVE);
    close(to_child[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define forking(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        forking(a_child_is_told_so_by_every_call),
        forking(a_child_inherits_no_writable_memory),
        forking(a_child_that_closes_its_copies_harms_nothing),
        forking(a_child_can_subscribe_anew),
        forking(a_child_cannot_take_the_service_from_its_parent),
        forking(a_child_that_lives_on_keeps_no_closed_service_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
