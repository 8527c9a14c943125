/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/service.h"

#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

char service_dir[64];

int service_setup(void **state)
{
    (void)state;
    snprintf(service_dir, sizeof service_dir, "/tmp/netipc-publish-XXXXXX");
    return mkdtemp(service_dir) != NULL ? 0 : -1;
}

int service_teardown(void **state)
{
    (void)state;
    unlink(service_socket());
    return rmdir(service_dir);
}

const char *service_socket(void)
{
    static char path[sizeof service_dir + sizeof SERVICE_NAME + 8];
    snprintf(path, sizeof path, "%s/" SERVICE_NAME ".sock", service_dir);
    return path;
}

netipc_publisher_config service_publisher_config(void)
{
    netipc_publisher_config config;
    netipc_publisher_config_init(&config);
    config.run_dir = service_dir;
    config.service = SERVICE_NAME;
    config.capacity = 4096;
    config.handshake_timeout_ns = patience_ns(30);
    config.lock_timeout_ns = patience_ns(30);
    return config;
}

netipc_subscriber_config service_subscriber_config(void)
{
    netipc_subscriber_config config;
    netipc_subscriber_config_init(&config);
    config.run_dir = service_dir;
    config.service = SERVICE_NAME;
    config.connect_timeout_ns = patience_ns(30);
    config.leases = 1;
    return config;
}

netipc_publisher *service_publisher(void)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    return publisher;
}

netipc_subscriber *service_subscriber(void)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    return subscriber;
}

void service_publish(netipc_publisher *publisher, size_t length, uint64_t generation)
{
    unsigned char *bytes = malloc(length + 1);
    uint64_t given = 0;
    assert_non_null(bytes);
    pattern_fill(bytes, length, generation);
    assert_int_equal(netipc_publish(publisher, bytes, length, &given), NETIPC_OK);
    assert_int_equal(given, generation);
    free(bytes);
}

void service_expect(netipc_subscriber *subscriber, uint64_t generation, size_t length, unsigned publisher_state)
{
    unsigned char *bytes = malloc(length + 1);
    netipc_snapshot_info info = {.size = sizeof info};
    assert_non_null(bytes);
    assert_int_equal(netipc_subscriber_read(subscriber, bytes, length, &info), NETIPC_OK);
    assert_int_equal(info.generation, generation);
    assert_int_equal(info.length, length);
    assert_int_equal(info.publisher_state, publisher_state);
    assert_true(pattern_ok(bytes, length, generation));
    free(bytes);
}

size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *descriptors = opendir("/proc/self/fd");
    assert_non_null(descriptors);
    while (readdir(descriptors) != NULL)
        count++;
    closedir(descriptors);
    return count - 3; /* the two dots, and the descriptor that was read from */
}

static size_t count_mappings(const char *permissions)
{
    char line[512];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "memfd:netipc:") != NULL && strstr(line, permissions) != NULL;
    fclose(maps);
    return count;
}

size_t library_mappings(void)
{
    return count_mappings(" ");
}

size_t library_mappings_writable(void)
{
    return count_mappings(" rw-");
}
