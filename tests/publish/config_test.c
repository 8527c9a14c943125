/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void expect_publisher(const void *config, netipc_status expected)
{
    netipc_publisher *publisher = (void *)&publisher;
    netipc_status status = netipc_publisher_open(config, &publisher);
    if (expected != NETIPC_OK) {
        assert_null(publisher);
        assert_string_not_equal(netipc_status_detail(), "");
    }
    netipc_publisher_close(publisher);
    assert_int_equal(status, expected);
    assert_int_not_equal(access(service_socket(), F_OK), 0);
}

static void expect_subscriber(const void *config, netipc_status expected)
{
    netipc_subscriber *subscriber = (void *)&subscriber;
    netipc_status status = netipc_subscriber_open(config, &subscriber);
    if (expected != NETIPC_OK) {
        assert_null(subscriber);
        assert_string_not_equal(netipc_status_detail(), "");
    }
    netipc_subscriber_close(subscriber);
    assert_int_equal(status, expected);
}

#define publisher_with(field, value, expected)                                                                         \
    do {                                                                                                               \
        netipc_publisher_config changed = service_publisher_config();                                                  \
        changed.field = (value);                                                                                       \
        expect_publisher(&changed, expected);                                                                          \
    } while (0)

#define subscriber_with(field, value, expected)                                                                        \
    do {                                                                                                               \
        netipc_subscriber_config changed = service_subscriber_config();                                                \
        changed.field = (value);                                                                                       \
        expect_subscriber(&changed, expected);                                                                         \
    } while (0)

static void numbers_outside_their_range_are_refused(void **state)
{
    (void)state;
    publisher_with(slots, 3, NETIPC_INVALID_ARGUMENT);
    publisher_with(slots, 4, NETIPC_OK);
    publisher_with(slots, 1024, NETIPC_OK);
    publisher_with(slots, 1025, NETIPC_INVALID_ARGUMENT);
    publisher_with(capacity, 0, NETIPC_INVALID_ARGUMENT);
    publisher_with(capacity, 1, NETIPC_OK);
    publisher_with(capacity, (UINT64_C(1) << 40) + 1, NETIPC_INVALID_ARGUMENT);
    publisher_with(capacity, UINT64_MAX, NETIPC_INVALID_ARGUMENT);
    publisher_with(capacity, UINT64_C(1) << 30, NETIPC_TOO_LARGE); /* four of them are above the ceiling */
    publisher_with(ceiling, 0, NETIPC_TOO_LARGE);
    publisher_with(max_sessions, 0, NETIPC_INVALID_ARGUMENT);
    publisher_with(max_sessions, 1, NETIPC_OK);
    publisher_with(max_sessions, 4096, NETIPC_OK);
    publisher_with(max_sessions, 4097, NETIPC_INVALID_ARGUMENT);
    publisher_with(loop, 2, NETIPC_INVALID_ARGUMENT);
    publisher_with(flags, 2, NETIPC_INVALID_ARGUMENT);
    publisher_with(directory_mode, 01777, NETIPC_INVALID_ARGUMENT);
    publisher_with(socket_mode, 010000, NETIPC_INVALID_ARGUMENT);
    publisher_with(handshake_timeout_ns, 0, NETIPC_INVALID_ARGUMENT);
    subscriber_with(grace_ns, 999999, NETIPC_INVALID_ARGUMENT);
    subscriber_with(grace_ns, 1000000, NETIPC_OK);
    subscriber_with(spin_ns, 1000000001, NETIPC_INVALID_ARGUMENT);
    subscriber_with(spin_ns, 0, NETIPC_OK);
    subscriber_with(connect_timeout_ns, 0, NETIPC_INVALID_ARGUMENT);
    subscriber_with(reconnect_ns, 0, NETIPC_INVALID_ARGUMENT);
    subscriber_with(spin, NETIPC_SPIN_FIXED, NETIPC_OK);
    subscriber_with(spin, 2, NETIPC_INVALID_ARGUMENT);
    const uint32_t placement = NETIPC_PLACE_HUGE_PAGES | NETIPC_PLACE_LOCK | NETIPC_PLACE_PREFAULT;
    publisher_with(placement, placement, NETIPC_OK);
    publisher_with(placement, NETIPC_PLACE_NUMA_NODE, NETIPC_INVALID_ARGUMENT);
    publisher_with(placement, 16, NETIPC_INVALID_ARGUMENT);
    publisher_with(numa_node, -2, NETIPC_INVALID_ARGUMENT);
    publisher_with(numa_node, -1, NETIPC_OK);
    publisher_with(numa_node, 1023, NETIPC_OK); /* whether there is one or not */
    publisher_with(numa_node, 1024, NETIPC_INVALID_ARGUMENT);
    subscriber_with(placement, placement, NETIPC_OK);
    subscriber_with(placement, NETIPC_PLACE_NUMA_NODE, NETIPC_INVALID_ARGUMENT);
    subscriber_with(placement, 16, NETIPC_INVALID_ARGUMENT);
    subscriber_with(checksum, 8, NETIPC_INVALID_ARGUMENT);
}

static void names_that_cannot_be_a_service_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          ".",        "..",  ".hidden",
        "a/b",       "../up",    "a b", "tab\t",
        "new\nline", "\xc3\xa4", "a:b", "0123456789012345678901234567890123456789012345678901234567890123"};
    static const char *const good[] = {"a", "Z9._-", "a..b",
                                       "-", "_",     "012345678901234567890123456789012345678901234567890123456789012"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        publisher_with(service, bad[i], NETIPC_INVALID_ARGUMENT);
        subscriber_with(service, bad[i], NETIPC_INVALID_ARGUMENT);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        publisher_with(service, good[i], NETIPC_OK);
        subscriber_with(service, good[i], NETIPC_OK);
    }
    publisher_with(service, NULL, NETIPC_INVALID_ARGUMENT);
    subscriber_with(service, NULL, NETIPC_INVALID_ARGUMENT);
    publisher_with(run_dir, NULL, NETIPC_INVALID_ARGUMENT);
    subscriber_with(run_dir, NULL, NETIPC_INVALID_ARGUMENT);
    publisher_with(run_dir, "", NETIPC_INVALID_ARGUMENT);
    subscriber_with(run_dir, "", NETIPC_INVALID_ARGUMENT);
    char longer[200];
    memset(longer, 'd', sizeof longer);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    publisher_with(run_dir, longer, NETIPC_INVALID_ARGUMENT);
    subscriber_with(run_dir, longer, NETIPC_INVALID_ARGUMENT);
    publisher_with(run_dir, "/nonexistent-parent/run", NETIPC_NOT_FOUND);
}

static void the_overflow_uid_can_be_allowed_by_nobody(void **state)
{
    (void)state;
    static const uint32_t uids[] = {0, 65534};
    netipc_publisher_config publisher = service_publisher_config();
    publisher.allowed_uids = uids;
    publisher.allowed_uid_count = 1;
    expect_publisher(&publisher, NETIPC_OK);
    publisher.allowed_uid_count = 2;
    expect_publisher(&publisher, NETIPC_INVALID_ARGUMENT);
    publisher.allowed_uid_count = 1025;
    expect_publisher(&publisher, NETIPC_INVALID_ARGUMENT);
    publisher.allowed_uids = NULL;
    publisher.allowed_uid_count = 1;
    expect_publisher(&publisher, NETIPC_INVALID_ARGUMENT);
    netipc_subscriber_config subscriber = service_subscriber_config();
    subscriber.allowed_uids = uids;
    subscriber.allowed_uid_count = 2;
    expect_subscriber(&subscriber, NETIPC_INVALID_ARGUMENT);
    subscriber.allowed_uid_count = 1;
    expect_subscriber(&subscriber, NETIPC_OK);
}

static void a_directory_that_others_can_write_is_refused(void **state)
{
    (void)state;
    netipc_publisher_config config = service_publisher_config();
    assert_return_code(chmod(service_dir, 0770), 0);
    expect_publisher(&config, NETIPC_UNSAFE_DIRECTORY);
    assert_return_code(chmod(service_dir, 0707), 0);
    expect_publisher(&config, NETIPC_UNSAFE_DIRECTORY);
    assert_return_code(chmod(service_dir, 0755), 0);
    expect_publisher(&config, NETIPC_OK);
}

static void a_config_without_its_size_is_refused(void **state)
{
    (void)state;
    expect_publisher(NULL, NETIPC_INVALID_ARGUMENT);
    expect_subscriber(NULL, NETIPC_INVALID_ARGUMENT);
    publisher_with(size, 0, NETIPC_INVALID_ARGUMENT);
    publisher_with(size, 3, NETIPC_INVALID_ARGUMENT);
    publisher_with(size, 65537, NETIPC_INVALID_ARGUMENT);
    subscriber_with(size, 0, NETIPC_INVALID_ARGUMENT);
    netipc_publisher_config config = service_publisher_config();
    assert_int_equal(netipc_publisher_open(&config, NULL), NETIPC_INVALID_ARGUMENT);
    netipc_subscriber_config other = service_subscriber_config();
    assert_int_equal(netipc_subscriber_open(&other, NULL), NETIPC_INVALID_ARGUMENT);
}

static void a_longer_config_is_taken_only_when_nothing_unknown_is_asked_for(void **state)
{
    (void)state;
    struct {
        netipc_publisher_config known;
        unsigned char unknown[16];
    } publisher;
    struct {
        netipc_subscriber_config known;
        unsigned char unknown[16];
    } subscriber;
    memset(&publisher, 0, sizeof publisher);
    memset(&subscriber, 0, sizeof subscriber);
    publisher.known = service_publisher_config();
    publisher.known.size = sizeof publisher;
    expect_publisher(&publisher, NETIPC_OK);
    publisher.unknown[15] = 1;
    expect_publisher(&publisher, NETIPC_UNSUPPORTED);
    subscriber.known = service_subscriber_config();
    subscriber.known.size = sizeof subscriber;
    expect_subscriber(&subscriber, NETIPC_OK);
    subscriber.unknown[0] = 1;
    expect_subscriber(&subscriber, NETIPC_UNSUPPORTED);
}

static void a_shorter_config_gets_defaults_for_the_rest(void **state)
{
    (void)state;
    netipc_publisher_config publisher = service_publisher_config();
    publisher.size = offsetof(netipc_publisher_config, slots);
    publisher.slots = 0; /* behind its end */
    expect_publisher(&publisher, NETIPC_OK);
    netipc_subscriber_config subscriber = service_subscriber_config();
    subscriber.size = offsetof(netipc_subscriber_config, grace_ns);
    subscriber.grace_ns = 0;
    expect_subscriber(&subscriber, NETIPC_OK);
}

/* Whether bytes from written on are as filled with 0xa5. */
static void expect_untouched(const void *info, size_t written, size_t whole)
{
    for (size_t i = written; i < whole; i++)
        assert_int_equal(((const unsigned char *)info)[i], 0xa5);
}

static void no_info_is_written_beyond_its_size(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber *subscriber = service_subscriber();
    service_publish(publisher, 5, 1);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    union {
        uint32_t size;
        netipc_publisher_info publisher;
        netipc_subscriber_info subscriber;
        netipc_snapshot_info snapshot;
        unsigned char bytes[512];
    } info;
    const size_t wholes[] = {sizeof info.publisher, sizeof info.subscriber, sizeof info.snapshot};
    for (size_t kind = 0; kind < 3; kind++) {
        const uint32_t sizes[] = {4, 8, 16, 20, (uint32_t)wholes[kind], (uint32_t)wholes[kind] + 64, 0, 3};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char buffer[5];
            memset(&info, 0xa5, sizeof info);
            info.size = sizes[i];
            netipc_status status;
            if (kind == 0)
                status = netipc_publisher_stats(publisher, &info.publisher);
            else if (kind == 1)
                status = netipc_subscriber_status(subscriber, &info.subscriber);
            else
                status = netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info.snapshot);
            assert_int_equal(status, sizes[i] < 4 ? NETIPC_INVALID_ARGUMENT : NETIPC_OK);
            assert_int_equal(info.size, sizes[i]);
            size_t written = sizes[i] < wholes[kind] ? sizes[i] : wholes[kind];
            expect_untouched(&info, written < 4 ? 4 : written, sizeof info);
        }
    }
    assert_int_equal(netipc_publisher_stats(publisher, NULL), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_subscriber_status(subscriber, NULL), NETIPC_INVALID_ARGUMENT);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void a_second_publisher_of_a_service_is_refused_in_one_process_too(void **state)
{
    (void)state;
    netipc_publisher *first = service_publisher(), *second;
    netipc_publisher_config config = service_publisher_config();
    assert_int_equal(netipc_publisher_open(&config, &second), NETIPC_ADDRESS_IN_USE);
    assert_null(second);
    netipc_publisher_close(first);
    assert_int_equal(netipc_publisher_open(&config, &second), NETIPC_OK);
    netipc_publisher_close(second);
}

#define configuring(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        configuring(numbers_outside_their_range_are_refused),
        configuring(names_that_cannot_be_a_service_are_refused),
        configuring(the_overflow_uid_can_be_allowed_by_nobody),
        configuring(a_directory_that_others_can_write_is_refused),
        configuring(a_config_without_its_size_is_refused),
        configuring(a_longer_config_is_taken_only_when_nothing_unknown_is_asked_for),
        configuring(a_shorter_config_gets_defaults_for_the_rest),
        configuring(no_info_is_written_beyond_its_size),
        configuring(a_second_publisher_of_a_service_is_refused_in_one_process_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
