/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that parks many threads on its session's wake word costs the publisher one wake-up call a publication, and
 * that call the work of waking one. */

#include "tests/publish/asleep.h"
#include "tests/publish/patience.h"
#include "tests/publish/raw_client.h"
#include "tests/publish/service.h"

#include "shm/os.h"
#include "shm/session_page.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

enum { PARKED = 50 };

static netipc_atomic_u32 *wake;
static atomic_int tids[PARKED];
static atomic_uint returned;

static void *park(void *argument)
{
    atomic_int *tid = argument;
    uint32_t expected = netipc_fetch_or(wake, 1u, relaxed) | 1u;
    atomic_store(tid, (int)gettid());
    while (syscall(SYS_futex, wake, FUTEX_WAIT, expected, NULL, NULL, 0) < 0 && errno == EINTR)
        ;
    atomic_fetch_add(&returned, 1);
    return NULL;
}

static void await_sleep(int count)
{
    for (uint64_t deadline = now_ns() + patience_ns(30); now_ns() < deadline; pause_ms(1)) {
        int sleeping = 0;
        for (int i = 0; i < PARKED; i++)
            sleeping += atomic_load(&tids[i]) != 0 && asleep(atomic_load(&tids[i]), ASLEEP_IN_FUTEX);
        if (sleeping >= count)
            return;
    }
    fail_msg("the threads do not sleep");
}

static void expect_returned(unsigned count)
{
    for (uint64_t deadline = now_ns() + patience_ns(30); atomic_load(&returned) < count && now_ns() < deadline;)
        pause_ms(1);
    pause_ms(50); /* for those who should not */
    assert_int_equal(atomic_load(&returned), count);
}

static uint64_t wakes_sent(netipc_publisher *publisher)
{
    netipc_publisher_info info = {.size = sizeof info};
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    return info.wakes_sent;
}

static void of_many_threads_parked_on_one_wake_word_a_publication_wakes_one(void **state)
{
    (void)state;
    netipc_publisher *publisher = service_publisher();
    struct raw_region given;
    int session = raw_connect();
    raw_attach(session, &given);
    unsigned char *page = mmap(NULL, given.offer.page_size, PROT_READ | PROT_WRITE, MAP_SHARED, given.page, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_true(raw_confirm(session, &given));
    wake = netipc_line_wake((struct netipc_session_line *)(void *)(page + given.offer.line_offset));

    pthread_t threads[PARKED];
    for (int i = 0; i < PARKED; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, park, &tids[i]), 0);
    await_sleep(PARKED);
    expect_returned(0);
    service_publish(publisher, 10, 1);
    expect_returned(1);
    service_publish(publisher, 10, 2); /* nobody has asked for it since */
    expect_returned(1);
    assert_int_equal(wakes_sent(publisher), 1);
    for (unsigned more = 2; more <= 4; more++) {
        netipc_fetch_or(wake, 1u, relaxed);
        service_publish(publisher, 10, more + 1);
        expect_returned(more);
        assert_int_equal(wakes_sent(publisher), more);
    }
    await_sleep(PARKED - 4);

    netipc_os_wake_all(wake);
    for (int i = 0; i < PARKED; i++)
        pthread_join(threads[i], NULL);
    munmap(page, given.offer.page_size);
    close(given.region);
    close(given.page);
    close(session);
    netipc_publisher_close(publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(of_many_threads_parked_on_one_wake_word_a_publication_wakes_one, service_setup,
                                        service_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
