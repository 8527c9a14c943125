/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_SERVICE_H
#define TESTS_PUBLISH_SERVICE_H

/* The service of the test that runs, in a run directory of its own, and what a process owns, to be counted before and
 * after. */

#include <netipc/publisher.h>
#include <netipc/subscriber.h>

#include <stdbool.h>
#include <stddef.h>

#define SERVICE_NAME "snapshots"
extern char service_dir[];

/* For cmocka_unit_test_setup_teardown. Teardown fails when something but the socket was left in the directory. */
int service_setup(void **state);
int service_teardown(void **state);

const char *service_socket(void);

/* The defaults, for this service. */
netipc_publisher_config service_publisher_config(void);
netipc_subscriber_config service_subscriber_config(void);

/* With OK. */
netipc_publisher *service_publisher(void);
netipc_subscriber *service_subscriber(void);

/* Publishes the pattern of the next generation; it must get that number. */
void service_publish(netipc_publisher *publisher, size_t length, uint64_t generation);

/* The latest snapshot must be whole and have this generation, length and netipc_publisher_state. */
void service_expect(netipc_subscriber *subscriber, uint64_t generation, size_t length, unsigned publisher_state);

size_t open_descriptors(void);

/* Lines of /proc/self/maps that name shared memory of the library: all, and the writable ones. */
size_t library_mappings(void);
size_t library_mappings_writable(void);

#endif
