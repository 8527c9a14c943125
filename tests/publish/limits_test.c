/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/child.h"
#include "tests/publish/pattern.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_LIMIT = 65536 };

static void limit_files(void)
{
    signal(SIGXFSZ, SIG_DFL); /* kills */
    const struct rlimit limit = {FILE_LIMIT, FILE_LIMIT};
    child_check(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void open_under_a_file_size_limit(void)
{
    limit_files();
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher = (void *)&config;
    size_t descriptors = open_descriptors();
    config.capacity = 1 << 20;
    child_check(netipc_publisher_open(&config, &publisher) == NETIPC_TOO_LARGE);
    child_check(strstr(netipc_status_detail(), "65536") != NULL);
    child_check(publisher == NULL);
    child_check(open_descriptors() == descriptors);
    child_check(library_mappings() == 0);
    child_check(access(service_socket(), F_OK) != 0);
}

static void a_file_size_limit_makes_open_fail_and_leaves_nothing(void **state)
{
    (void)state;
    in_a_child(open_under_a_file_size_limit);
}

static void grow_under_a_file_size_limit(void)
{
    limit_files();
    netipc_publisher_config publisher_config = service_publisher_config();
    netipc_subscriber_config subscriber_config = service_subscriber_config();
    netipc_publisher *publisher;
    netipc_subscriber *subscriber;
    static unsigned char bytes[100000], buffer[4096];
    netipc_snapshot_info info = {.size = sizeof info};
    child_check(netipc_publisher_open(&publisher_config, &publisher) == NETIPC_OK);
    child_check(netipc_subscriber_open(&subscriber_config, &subscriber) == NETIPC_OK);
    child_check(netipc_subscriber_refresh(subscriber, NULL) == NETIPC_OK);
    for (uint64_t generation = 1; generation <= 10; generation++) {
        pattern_fill(bytes, 4096, generation);
        child_check(netipc_publish(publisher, bytes, 4096, NULL) == NETIPC_OK);
        size_t descriptors = open_descriptors(), mappings = library_mappings();
        child_check(netipc_publish(publisher, bytes, sizeof bytes, NULL) == NETIPC_TOO_LARGE);
        child_check(open_descriptors() == descriptors);
        child_check(library_mappings() == mappings);
        child_check(netipc_subscriber_refresh(subscriber, NULL) == NETIPC_OK);
        child_check(netipc_subscriber_read(subscriber, buffer, sizeof buffer, &info) == NETIPC_OK);
        child_check(info.generation == generation && info.publisher_state == NETIPC_PUBLISHER_LIVE);
        child_check(pattern_ok(buffer, info.length, generation));
    }
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    child_check(library_mappings() == 0);
}

static void a_file_size_limit_makes_growth_fail_and_the_latest_snapshot_stays(void **state)
{
    (void)state;
    in_a_child(grow_under_a_file_size_limit);
}

static void run_out_of_descriptors(void)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    const rlim_t used = open_descriptors() + 3;
    bool opened = false;
    /* One descriptor more each time, until it is enough. */
    for (rlim_t more = 0; more < 40 && !opened; more++) {
        size_t descriptors = open_descriptors();
        const struct rlimit limit = {used + more, 1024};
        child_check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        netipc_status status = netipc_publisher_open(&config, &publisher);
        opened = status == NETIPC_OK;
        const struct rlimit enough = {1024, 1024};
        child_check(setrlimit(RLIMIT_NOFILE, &enough) == 0);
        child_check(opened || status == NETIPC_NO_DESCRIPTORS);
        child_check(opened || publisher == NULL);
        child_check(opened || open_descriptors() == descriptors);
        child_check(opened || library_mappings() == 0);
        child_check(opened == (access(service_socket(), F_OK) == 0));
    }
    child_check(opened);
    netipc_publisher_close(publisher);
}

static void too_few_descriptors_make_open_fail_and_leave_nothing(void **state)
{
    (void)state;
    in_a_child(run_out_of_descriptors);
}

static void attach_with_few_descriptors(void)
{
    netipc_subscriber_config subscriber_config = service_subscriber_config();
    netipc_subscriber *subscriber;
    child_check(netipc_subscriber_open(&subscriber_config, &subscriber) == NETIPC_OK);
    const rlim_t used = open_descriptors() + 1;
    netipc_status status = NETIPC_NO_DESCRIPTORS;
    for (rlim_t more = 0; more < 40 && status != NETIPC_OK; more++) {
        size_t descriptors = open_descriptors();
        const struct rlimit limit = {used + more, 1024}, enough = {1024, 1024};
        child_check(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        status = netipc_subscriber_refresh(subscriber, NULL);
        child_check(setrlimit(RLIMIT_NOFILE, &enough) == 0);
        child_check(status == NETIPC_OK || status == NETIPC_NO_DESCRIPTORS);
        child_check(status == NETIPC_OK || open_descriptors() == descriptors);
        child_check(status == NETIPC_OK || library_mappings() == 0);
    }
    child_check(status == NETIPC_OK);
    netipc_subscriber_close(subscriber);
}

static void too_few_descriptors_make_a_refresh_fail_until_there_are_enough(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    in_a_child(attach_with_few_descriptors);
    netipc_publisher_close(publisher);
}

#define limiting(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        limiting(a_file_size_limit_makes_open_fail_and_leaves_nothing),
        limiting(a_file_size_limit_makes_growth_fail_and_the_latest_snapshot_stays),
        limiting(too_few_descriptors_make_open_fail_and_leave_nothing),
        limiting(too_few_descriptors_make_a_refresh_fail_until_there_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
