/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PUBLISH_READERS_H
#define TESTS_PUBLISH_READERS_H

/* A publisher, a subscriber and its readers, all of this process. */

#include <netipc/publisher.h>
#include <netipc/reader.h>

#include <stddef.h>
#include <stdint.h>

#define FOR_EVER UINT64_MAX

enum { READERS = 8, SLOTS = 8, LEASES = 5 };

extern netipc_publisher *publisher;
extern netipc_subscriber *subscriber;
extern netipc_reader *readers[READERS];

void open_publisher(uint32_t slots, uint32_t history);
void open_subscriber(uint32_t leases, uint64_t grace_ns);
void open_readers(size_t count);

/* All of them, attached; with a grace that ends no sleep. */
void open_all(void);

void close_readers(void);

/* Closes what is open, and the peers. */
int readers_teardown(void **state);

/* Copies; what is delivered has to be that generation. */
netipc_status read_by(size_t reader, uint64_t generation);

struct view {
    const void *data;
    netipc_snapshot_info info;
};

netipc_status view_by(size_t reader, uint64_t generation, struct view *view);
void expect_view(const struct view *view, uint64_t generation);

#endif
