/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/peers.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* A grace, and a wait, that nobody sees the end of: who is not woken stays asleep. */
enum { SLEEPERS = 64, AWAKE = 4, HOUR_MS = 3600 * 1000, LENGTH = 1000, PATIENCE_S = 60 };

/* --- processes --- */

static struct peer *subscribers[SLEEPERS + AWAKE];

static void all_attach(void)
{
    for (size_t i = 0; i < SLEEPERS + AWAKE; i++) {
        subscribers[i] = subscriber_start(HOUR_MS);
        peer_tell(subscribers[i], "attach");
    }
    for (size_t i = 0; i < SLEEPERS + AWAKE; i++) {
        uint64_t attached[3];
        peer_hear(subscribers[i], attached, 3);
        assert_int_equal(attached[0], NETIPC_OK);
    }
}

static void one_publication_wakes_sixty_four_sleeping_processes_and_calls_for_nobody_else(void **state)
{
    (void)state;
    struct peer *publisher = publisher_start(4, 4096, 0);
    all_attach();
    for (size_t i = 0; i < SLEEPERS; i++)
        peer_tell(subscribers[i], "wait 0 %d", HOUR_MS);
    for (size_t i = 0; i < SLEEPERS; i++)
        peer_await_sleep(subscribers[i]);

    uint64_t published[2], stats[6], waited, read[5];
    peer_ask(publisher, published, 2, "publish %d 1", LENGTH);
    assert_int_equal(published[0], NETIPC_OK);
    assert_int_equal(published[1], 1);
    for (size_t i = 0; i < SLEEPERS; i++) {
        peer_hear(subscribers[i], &waited, 1);
        assert_int_equal(waited, NETIPC_OK);
    }
    for (size_t i = 0; i < SLEEPERS + AWAKE; i++) {
        peer_ask(subscribers[i], read, 5, "read");
        assert_int_equal(read[0], NETIPC_OK);
        assert_int_equal(read[2], 1);
        assert_int_equal(read[3], LENGTH);
        assert_int_equal(read[4], 0);
    }
    peer_ask(publisher, stats, 6, "stats");
    assert_int_equal(stats[1], SLEEPERS); /* wakes sent, and saved */
    assert_int_equal(stats[2], AWAKE);
}

/* --- threads of one session --- */

struct sleeper {
    pthread_t thread;
    netipc_reader *reader;
    _Atomic pid_t id;
    netipc_status waited, read;
    netipc_snapshot_info info;
    bool whole;
};

static struct sleeper sleepers[SLEEPERS];
static atomic_uint woken;

static void *sleep_and_read(void *context)
{
    struct sleeper *sleeper = context;
    unsigned char bytes[LENGTH];
    sleeper->info.size = sizeof sleeper->info;
    sleeper->id = (pid_t)syscall(SYS_gettid);
    sleeper->waited = netipc_reader_wait(sleeper->reader, 0, HOUR_MS * UINT64_C(1000000));
    sleeper->read = netipc_reader_read(sleeper->reader, NETIPC_GENERATION_LATEST, bytes, sizeof bytes, &sleeper->info);
    sleeper->whole = sleeper->read == NETIPC_OK && pattern_ok(bytes, sleeper->info.length, sleeper->info.generation);
    atomic_fetch_add(&woken, 1);
    return NULL;
}

/* The address of the word that a thread sleeps on in futex(); 0: it does not. */
static uint64_t futex_of(const struct sleeper *sleeper)
{
    char path[64], line[256] = "";
    long call;
    uint64_t word;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)sleeper->id);
    FILE *stream = fopen(path, "r");
    if (stream == NULL)
        return 0;
    bool told = fgets(line, sizeof line, stream) != NULL;
    fclose(stream);
    return told && sscanf(line, "%ld 0x%" SCNx64, &call, &word) == 2 && call == SYS_futex ? word : 0;
}

static bool all_sleep_on_one_word(void)
{
    uint64_t word = futex_of(&sleepers[0]);
    for (size_t i = 1; i < SLEEPERS && word != 0; i++)
        if (futex_of(&sleepers[i]) != word)
            return false;
    return word != 0;
}

static void start_sleepers(netipc_subscriber *subscriber)
{
    for (size_t i = 0; i < SLEEPERS; i++) {
        assert_int_equal(netipc_reader_open(subscriber, &sleepers[i].reader), NETIPC_OK);
        assert_int_equal(pthread_create(&sleepers[i].thread, NULL, sleep_and_read, &sleepers[i]), 0);
    }
}

static void join_sleepers(void)
{
    for (size_t i = 0; i < SLEEPERS; i++) {
        pthread_join(sleepers[i].thread, NULL);
        netipc_reader_close(sleepers[i].reader);
    }
}

static void one_publication_wakes_sixty_four_sleeping_threads_of_a_session(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    netipc_subscriber_config config = service_subscriber_config();
    config.grace_ns = HOUR_MS * UINT64_C(1000000);
    netipc_subscriber *subscriber;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    start_sleepers(subscriber);
    uint64_t deadline = now_ns() + patience_ns(PATIENCE_S);
    while (!all_sleep_on_one_word() && now_ns() < deadline)
        pause_ms(1);
    bool slept = all_sleep_on_one_word();
    service_publish(publisher, LENGTH, 1);
    deadline = now_ns() + patience_ns(PATIENCE_S);
    while (atomic_load(&woken) < SLEEPERS && now_ns() < deadline)
        pause_ms(1);
    unsigned in_time = atomic_load(&woken);
    netipc_subscriber_abort(subscriber); /* lets those go that were not */
    join_sleepers();

    assert_true(slept);
    assert_int_equal(in_time, SLEEPERS);
    for (size_t i = 0; i < SLEEPERS; i++) {
        assert_int_equal(sleepers[i].waited, NETIPC_OK);
        assert_int_equal(sleepers[i].read, NETIPC_OK);
        assert_int_equal(sleepers[i].info.generation, 1);
        assert_int_equal(sleepers[i].info.length, LENGTH);
        assert_true(sleepers[i].whole);
    }
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_int_equal(info.wakes_sent, 1); /* who is woken wakes the others */
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_publication_wakes_sixty_four_sleeping_processes_and_calls_for_nobody_else,
                                        peers_setup, peers_teardown),
        cmocka_unit_test_setup_teardown(one_publication_wakes_sixty_four_sleeping_threads_of_a_session, service_setup,
                                        service_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
