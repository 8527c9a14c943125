/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher does in the middle of an answer: it is stopped half-way through its copy, as long as a test likes.
 */
#include "shm/payload_copy.h"
#include "tests/publish/asking.h"
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { LENGTH = 4096 };

static const uint32_t method = NETIPC_METHOD_CGROUPS_SNAPSHOT;

static netipc_publisher *publisher;
static uint64_t generation;

/* The gate in the middle of copies of LENGTH bytes and more. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t change = PTHREAD_COND_INITIALIZER;
static bool shut, inside;

void __wrap_netipc_payload_copy_out(void *bytes, const void *shared, size_t length);
void __real_netipc_payload_copy_out(void *bytes, const void *shared, size_t length);

void __wrap_netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    size_t half = length / 16 * 8; /* words may be copied */
    __real_netipc_payload_copy_out(bytes, shared, half);
    pthread_mutex_lock(&lock);
    inside = shut;
    pthread_cond_broadcast(&change);
    while (shut)
        pthread_cond_wait(&change, &lock);
    inside = false;
    pthread_mutex_unlock(&lock);
    __real_netipc_payload_copy_out((unsigned char *)bytes + half, (const unsigned char *)shared + half, length - half);
}

static void set_gate(bool to)
{
    pthread_mutex_lock(&lock);
    shut = to;
    pthread_cond_broadcast(&change);
    pthread_mutex_unlock(&lock);
}

struct asker {
    pthread_t thread;
    netipc_client *client;
    netipc_client_request request;
    netipc_status status;
};

static void *ask(void *context)
{
    struct asker *asker = context;
    asker->status = asking_try(asker->client, method, &asker->request);
    return NULL;
}

/* Begins to ask, and returns in the middle of the answer. */
static void begin_answer(struct asker *asker)
{
    asker->client = asking_client();
    set_gate(true);
    assert_int_equal(pthread_create(&asker->thread, NULL, ask, asker), 0);
    pthread_mutex_lock(&lock);
    while (!inside)
        pthread_cond_wait(&change, &lock);
    pthread_mutex_unlock(&lock);
}

static void end_answer(struct asker *asker, uint64_t expected)
{
    set_gate(false);
    assert_int_equal(pthread_join(asker->thread, NULL), 0);
    assert_int_equal(asker->status, NETIPC_OK);
    assert_int_equal(asker->request.answer_length, LENGTH);
    assert_true(pattern_ok(asker->request.answer, LENGTH, expected));
    netipc_client_close(asker->client);
}

static void publish(size_t length)
{
    service_publish(publisher, length, ++generation);
}

static int setup(void **state)
{
    netipc_service_config requests = asking_requests(method);
    if (service_setup(state) != 0)
        return -1;
    generation = 0;
    publisher = asking_publisher(&requests);
    return 0;
}

static int teardown(void **state)
{
    set_gate(false);
    netipc_publisher_close(publisher);
    return service_teardown(state);
}

static void a_publisher_goes_round_its_ring_and_leaves_the_slot_of_an_answer_alone(void **state)
{
    (void)state;
    struct asker asker;
    publish(LENGTH);
    begin_answer(&asker);
    for (int i = 0; i < 100; i++)
        publish(LENGTH);
    end_answer(&asker, 1);
    netipc_client *client = asking_client();
    asking_expect(client, method, generation, LENGTH);
    netipc_client_close(client);
}

/* Those of the publisher: it has no sessions that are attached. */
static void expect_regions(size_t regions)
{
    assert_int_equal(library_mappings(), regions);
}

static void a_region_that_is_outgrown_during_an_answer_lasts_as_long_as_that_and_no_longer(void **state)
{
    (void)state;
    struct asker asker;
    publish(LENGTH);
    expect_regions(1);
    begin_answer(&asker);
    for (size_t larger = 2; larger <= 16; larger *= 2) {
        for (int i = 0; i < 20; i++)
            publish(LENGTH * larger);
        expect_regions(2); /* the newest, and that of the answer */
    }
    end_answer(&asker, 1);
    publish(1);
    expect_regions(1);
    assert_int_equal(asking_info(publisher).ordinal, 5);
    netipc_client *client = asking_client();
    asking_expect(client, method, generation, 1);
    netipc_client_close(client);
}

static void leases_of_subscribers_and_that_of_an_answer_leave_the_publisher_a_slot(void **state)
{
    (void)state;
    struct asker asker;
    netipc_subscriber *subscribers[4];
    netipc_reader *readers[4];
    unsigned granted = 0;
    const void *view;
    publish(LENGTH);
    for (int i = 0; i < 4; i++) {
        subscribers[i] = service_subscriber();
        assert_int_equal(netipc_subscriber_refresh(subscribers[i], NULL), NETIPC_OK);
        assert_int_equal(netipc_reader_open(subscribers[i], &readers[i]), NETIPC_OK);
        publish(LENGTH);
        netipc_status status = netipc_reader_acquire(readers[i], NETIPC_GENERATION_LATEST, &view, NULL);
        assert_true(status == NETIPC_OK || status == NETIPC_NO_LEASE);
        granted += status == NETIPC_OK;
    }
    assert_int_equal(granted, 3); /* 8 slots, a history of 2, and one for answers */
    publish(LENGTH);
    uint64_t asked = generation;
    begin_answer(&asker);
    for (int i = 0; i < 100; i++)
        publish(LENGTH);
    end_answer(&asker, asked);
    for (int i = 0; i < 4; i++) {
        netipc_reader_close(readers[i]);
        netipc_subscriber_close(subscribers[i]);
    }
}

#define meanwhile(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        meanwhile(a_publisher_goes_round_its_ring_and_leaves_the_slot_of_an_answer_alone),
        meanwhile(a_region_that_is_outgrown_during_an_answer_lasts_as_long_as_that_and_no_longer),
        meanwhile(leases_of_subscribers_and_that_of_an_answer_leave_the_publisher_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
