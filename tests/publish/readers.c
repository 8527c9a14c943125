/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/readers.h"

#include "tests/publish/pattern.h"
#include "tests/publish/peers.h"
#include "tests/publish/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

netipc_publisher *publisher;
netipc_subscriber *subscriber;
netipc_reader *readers[READERS];

void open_publisher(uint32_t slots, uint32_t history)
{
    netipc_publisher_config config = service_publisher_config();
    config.slots = slots;
    config.history = history;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
}

void open_subscriber(uint32_t leases, uint64_t grace_ns)
{
    netipc_subscriber_config config = service_subscriber_config();
    config.leases = leases;
    config.grace_ns = grace_ns;
    config.reconnect_ns = 20000000;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
}

void open_readers(size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(netipc_reader_open(subscriber, &readers[i]), NETIPC_OK);
}

void open_all(void)
{
    open_publisher(SLOTS, 1);
    open_subscriber(LEASES, FOR_EVER / 4); /* whatever ends a sleep here, it is not the grace */
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    open_readers(READERS);
}

void close_readers(void)
{
    for (size_t i = 0; i < READERS; i++) {
        netipc_reader_close(readers[i]);
        readers[i] = NULL;
    }
}

int readers_teardown(void **state)
{
    close_readers();
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    publisher = NULL;
    subscriber = NULL;
    return peers_teardown(state);
}

netipc_status read_by(size_t reader, uint64_t generation)
{
    static unsigned char bytes[1 << 20];
    netipc_snapshot_info info = {.size = sizeof info};
    netipc_status status = netipc_reader_read(readers[reader], generation, bytes, sizeof bytes, &info);
    if (status == NETIPC_OK)
        assert_true(pattern_ok(bytes, info.length, info.generation));
    if (status == NETIPC_OK && generation != NETIPC_GENERATION_LATEST)
        assert_int_equal(info.generation, generation);
    return status;
}

netipc_status view_by(size_t reader, uint64_t generation, struct view *view)
{
    view->info = (netipc_snapshot_info){.size = sizeof view->info};
    return netipc_reader_acquire(readers[reader], generation, &view->data, &view->info);
}

void expect_view(const struct view *view, uint64_t generation)
{
    assert_int_equal(view->info.generation, generation);
    assert_int_equal((uintptr_t)view->data % 128, 0);
    assert_true(pattern_ok(view->data, view->info.length, generation));
}
