/* SPDX-License-Identifier: Apache-2.0 */
/* A session whose wake-up calls take long: who makes them then. */
#include "shm/os.h"
#include "tests/publish/asleep.h"
#include "tests/publish/patience.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { TURNS = 40, DIRECT = 32 /* the last of each sixteen is measured */, SLOW_NS = 1000000 };

static netipc_publisher *publisher;
static netipc_subscriber *subscriber;
static atomic_int sleeper_tid, calls_here, calls_elsewhere;
static atomic_bool slow;
static pthread_t publishing;

uint64_t __wrap_netipc_os_thread_cpu_ns(void);
void __wrap_netipc_os_wake_one(netipc_atomic_u32 *word);
void __real_netipc_os_wake_one(netipc_atomic_u32 *word);

uint64_t __wrap_netipc_os_thread_cpu_ns(void)
{
    static atomic_ullong time;
    return atomic_fetch_add(&time, slow ? SLOW_NS : 1000);
}

void __wrap_netipc_os_wake_one(netipc_atomic_u32 *word)
{
    atomic_fetch_add(pthread_equal(pthread_self(), publishing) ? &calls_here : &calls_elsewhere, 1);
    __real_netipc_os_wake_one(word);
}

static int teardown(void **state)
{
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    subscriber = NULL;
    publisher = NULL;
    return service_teardown(state);
}

static void *wait_for_newer(void *generation)
{
    atomic_store(&sleeper_tid, (int)gettid());
    netipc_status status = netipc_subscriber_wait(subscriber, *(uint64_t *)generation, patience_ns(60));
    return status == NETIPC_OK ? generation : NULL;
}

/* TURNS publications to a subscriber that sleeps. Nothing but the publication ends its sleep. */
static void wake_it_each_time(const netipc_profile *profile)
{
    netipc_subscriber_config config = service_subscriber_config();
    config.spin_ns = 0;
    config.grace_ns = UINT64_MAX / 4;
    netipc_publisher_config publisher_config = service_publisher_config();
    publisher_config.profile = profile;
    assert_int_equal(netipc_publisher_open(&publisher_config, &publisher), NETIPC_OK);
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    service_publish(publisher, 10, 1);
    publishing = pthread_self();
    calls_here = calls_elsewhere = 0;
    for (uint64_t generation = 1; generation <= TURNS; generation++) {
        pthread_t thread;
        void *woken;
        atomic_store(&sleeper_tid, 0);
        assert_int_equal(pthread_create(&thread, NULL, wait_for_newer, &generation), 0);
        await_asleep(&sleeper_tid, ASLEEP_IN_FUTEX);
        service_publish(publisher, 10, generation + 1);
        assert_int_equal(pthread_join(thread, &woken), 0);
        assert_non_null(woken);
    }
}

static void a_session_that_is_slow_to_wake_is_woken_by_the_control_thread(void **state)
{
    (void)state;
    slow = true;
    wake_it_each_time(NULL);
    assert_int_equal(calls_here, DIRECT);
    assert_int_equal(calls_elsewhere, TURNS - DIRECT);
}

static void others_are_woken_by_the_publishing_thread_itself(void **state)
{
    (void)state;
    slow = false;
    wake_it_each_time(NULL);
    assert_int_equal(calls_here, TURNS);
    assert_int_equal(calls_elsewhere, 0);
}

static void the_publishers_profile_says_what_is_slow(void **state)
{
    (void)state;
    netipc_profile profile;
    netipc_profile_init(&profile);
    profile.keys = NETIPC_PROFILE_SLOW_WAKE_NS;
    profile.slow_wake_ns = SLOW_NS;
    slow = true;
    wake_it_each_time(&profile);
    assert_int_equal(calls_elsewhere, 0);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
    profile.slow_wake_ns--;
    wake_it_each_time(&profile);
    assert_int_equal(calls_elsewhere, TURNS - DIRECT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_session_that_is_slow_to_wake_is_woken_by_the_control_thread, service_setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(others_are_woken_by_the_publishing_thread_itself, service_setup, teardown),
        cmocka_unit_test_setup_teardown(the_publishers_profile_says_what_is_slow, service_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
