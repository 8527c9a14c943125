/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a wait spins: never what time it takes. */
#include <netipc/reader.h>

#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { TURNS = 12 };

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;
static netipc_reader *reader;
static sem_t about_to_wait;

static int teardown(void **state)
{
    netipc_reader_close(reader);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    reader = NULL;
    subscriber = NULL;
    publisher = NULL;
    return service_teardown(state);
}

static void *wait_for_each(void *context)
{
    (void)context;
    for (uint64_t generation = 1; generation <= TURNS; generation++) {
        sem_post(&about_to_wait);
        if (netipc_reader_wait(reader, generation, patience_ns(60)) != NETIPC_OK)
            return NULL;
    }
    return context;
}

/* TURNS publications, each some time after the wait for it has begun. Returns how many waits spun. */
static uint64_t spins(netipc_spin spin, uint64_t spin_ns)
{
    netipc_subscriber_config config = service_subscriber_config();
    config.spin = spin;
    config.spin_ns = spin_ns;
    publisher = service_publisher();
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 10, 1);
    assert_int_equal(netipc_reader_open(subscriber, &reader), NETIPC_OK);
    assert_int_equal(sem_init(&about_to_wait, 0, 0), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_each, reader), 0);
    for (uint64_t generation = 2; generation <= TURNS + 1; generation++) {
        sem_wait(&about_to_wait);
        pause_ms(5);
        service_publish(publisher, 10, generation);
    }
    void *done;
    assert_int_equal(pthread_join(thread, &done), 0);
    assert_non_null(done);
    sem_destroy(&about_to_wait);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    return info.spins;
}

static void an_adaptive_wait_spins_when_snapshots_come_within_its_budget(void **state)
{
    (void)state;
    uint64_t spun = spins(NETIPC_SPIN_ADAPTIVE, 1000000000);
    assert_in_range(spun, 1, TURNS - 2); /* two arrivals have to be seen first */
}

static void an_adaptive_wait_sleeps_at_once_when_they_do_not(void **state)
{
    (void)state;
    assert_int_equal(spins(NETIPC_SPIN_ADAPTIVE, 1), 0);
}

static void a_fixed_wait_spins_each_time(void **state)
{
    (void)state;
    assert_in_range(spins(NETIPC_SPIN_FIXED, 1), 1, TURNS);
}

static void a_budget_of_nothing_never_spins(void **state)
{
    (void)state;
    assert_int_equal(spins(NETIPC_SPIN_FIXED, 0), 0);
}

/* What a wait does with its time, as long as its spin: no time is left to sleep in. */
static void a_spin_counts_against_the_time_of_a_wait(void **state)
{
    (void)state;
    netipc_subscriber_config config = service_subscriber_config();
    config.spin = NETIPC_SPIN_FIXED;
    config.spin_ns = 20000000;
    publisher = service_publisher();
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_subscriber_wait(subscriber, 0, config.spin_ns), NETIPC_TIMED_OUT);
    netipc_subscriber_info info = {.size = sizeof info};
    assert_int_equal(netipc_subscriber_status(subscriber, &info), NETIPC_OK);
    assert_int_equal(info.spins, 1);
    assert_int_equal(info.sleeps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_adaptive_wait_spins_when_snapshots_come_within_its_budget, service_setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_adaptive_wait_sleeps_at_once_when_they_do_not, service_setup, teardown),
        cmocka_unit_test_setup_teardown(a_fixed_wait_spins_each_time, service_setup, teardown),
        cmocka_unit_test_setup_teardown(a_budget_of_nothing_never_spins, service_setup, teardown),
        cmocka_unit_test_setup_teardown(a_spin_counts_against_the_time_of_a_wait, service_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
