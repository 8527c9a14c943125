/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/os.h"
#include "shm/session_table.h"
#include "shm/wait.h"

#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <setjmp.h>

#include <cmocka.h>

enum { CAPACITY = 16 };

static void a_scan_wakes_those_that_sleep_and_counts_the_others(void **state)
{
    (void)state;
    struct netipc_session_table table;
    struct netipc_session_line lines[CAPACITY];
    uint64_t sent = 0, saved = 0;
    struct netipc_leases leases = {.ordinal = 1, .slot_count = 4};
    memset(lines, 0, sizeof lines);
    assert_int_equal(netipc_session_table_open(&table, CAPACITY), NETIPC_OK);
    netipc_session_table_scan(&table, &leases, &sent, &saved);
    assert_true(sent == 0 && saved == 0);
    netipc_session_table_insert(&table, 3, &lines[3]);
    netipc_session_table_insert(&table, 7, &lines[7]);
    netipc_store(netipc_line_wake(&lines[7]), 1, relaxed);
    netipc_store(netipc_line_wake(&lines[5]), 1, relaxed); /* not listed */
    netipc_session_table_scan(&table, &leases, &sent, &saved);
    assert_true(sent == 1 && saved == 1);
    assert_int_equal(netipc_load(netipc_line_wake(&lines[7]), relaxed), 2);
    assert_int_equal(netipc_load(netipc_line_wake(&lines[5]), relaxed), 1);
    netipc_session_table_scan(&table, &leases, &sent, &saved);
    assert_true(sent == 1 && saved == 3);
    netipc_session_table_close(&table);
}

static void a_removed_session_is_not_scanned_and_the_list_shrinks(void **state)
{
    (void)state;
    struct netipc_session_table table;
    struct netipc_session_line lines[CAPACITY];
    memset(lines, 0, sizeof lines);
    assert_int_equal(netipc_session_table_open(&table, CAPACITY), NETIPC_OK);
    for (uint32_t i = 0; i < CAPACITY; i++)
        netipc_session_table_insert(&table, i, &lines[i]);
    assert_int_equal(netipc_load(&table.used, relaxed), CAPACITY);
    netipc_session_table_remove(&table, 4);
    assert_int_equal(netipc_load(&table.used, relaxed), CAPACITY);
    for (uint32_t i = CAPACITY; i > 5; i--)
        netipc_session_table_remove(&table, i - 1);
    assert_int_equal(netipc_load(&table.used, relaxed), 4);
    uint64_t sent = 0, saved = 0;
    struct netipc_leases leases = {.ordinal = 1, .slot_count = 4};
    for (uint32_t i = 0; i < CAPACITY; i++)
        netipc_store(netipc_line_wake(&lines[i]), 1, relaxed);
    netipc_session_table_scan(&table, &leases, &sent, &saved);
    assert_true(sent == 4 && saved == 0);
    netipc_session_table_insert(&table, 15, &lines[15]);
    assert_int_equal(netipc_load(&table.used, relaxed), CAPACITY);
    netipc_session_table_scan(&table, &leases, &sent, &saved);
    assert_true(sent == 5 && saved == 4);
    netipc_session_table_close(&table);
}

static void it_is_not_quiet_during_a_scan(void **state)
{
    (void)state;
    struct netipc_session_table table;
    uint64_t sent = 0, saved = 0;
    struct netipc_leases leases = {.ordinal = 1, .slot_count = 4};
    assert_int_equal(netipc_session_table_open(&table, 1), NETIPC_OK);
    assert_true(netipc_session_table_quiet(&table));
    netipc_fetch_add(&table.scan, 1, seq_cst); /* as the scan does first */
    assert_false(netipc_session_table_quiet(&table));
    netipc_fetch_add(&table.scan, 1, seq_cst);
    assert_true(netipc_session_table_quiet(&table));
    netipc_session_table_scan(&table, &leases, &sent, &saved);
    assert_true(netipc_session_table_quiet(&table));
    netipc_session_table_close(&table);
}

/* --- with a scan that never rests --- */

struct scanner {
    struct netipc_session_table *table;
    netipc_atomic_u32 stop;
    uint64_t scans;
};

static void *scan_without_end(void *context)
{
    struct scanner *scanner = context;
    uint64_t sent = 0, saved = 0;
    struct netipc_leases leases = {.ordinal = 1, .slot_count = 4};
    for (; netipc_load(&scanner->stop, relaxed) == 0; scanner->scans++)
        netipc_session_table_scan(scanner->table, &leases, &sent, &saved);
    return NULL;
}

/* A line that is used after it has been given up is a fault: its page is gone. */
static void a_line_is_used_by_no_scan_once_it_is_quiet(void **state)
{
    (void)state;
    enum { VISITS = 20000 };
    struct netipc_session_table table;
    assert_int_equal(netipc_session_table_open(&table, CAPACITY), NETIPC_OK);
    struct scanner scanner = {.table = &table};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, scan_without_end, &scanner), 0);
    struct netipc_session_line *lines[CAPACITY] = {NULL};
    uint64_t random = 1;
    for (int visit = 0; visit < VISITS; visit++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        uint32_t index = (uint32_t)(random >> 60);
        if (lines[index] != NULL) {
            netipc_session_table_remove(&table, index);
            while (!netipc_session_table_quiet(&table))
                netipc_os_pause();
            munmap(lines[index], 4096);
            lines[index] = NULL;
            continue;
        }
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(page, MAP_FAILED);
        lines[index] = page;
        netipc_store(netipc_line_wake(lines[index]), (uint32_t)(random >> 40), relaxed); /* half of them sleep */
        netipc_session_table_insert(&table, index, lines[index]);
    }
    netipc_store(&scanner.stop, 1, relaxed);
    pthread_join(thread, NULL);
    assert_true(scanner.scans > 0);
    for (int i = 0; i < CAPACITY; i++)
        if (lines[i] != NULL)
            munmap(lines[i], 4096);
    netipc_session_table_close(&table);
}

/* --- nobody is missed --- */

enum { TURNS = 20000 };

struct sleeper {
    netipc_atomic_u64 latest;
    netipc_atomic_u64 seen; /* by the sleeper: the publisher waits for it before it goes on */
    netipc_atomic_u32 aborted;
    struct netipc_session_line line;
};

static void *sleep_and_see(void *context)
{
    struct sleeper *sleeper = context;
    const netipc_atomic_u32 nobody = 0;
    netipc_atomic_u32 passed_on = 0;
    for (uint64_t generation = 0; generation < TURNS;) {
        const struct netipc_wait wait = {
            .latest = &sleeper->latest,
            .generation = generation,
            .line = &sleeper->line,
            .news = &sleeper->aborted,
            .others = &nobody,
            .passed_on = &passed_on,
            .sleep_ns = UINT64_C(20000000000),
        };
        struct netipc_wait_effort effort;
        enum netipc_wait_end end = netipc_wait_for_change(&wait, &effort);
        if (end == NETIPC_WAIT_CHANGED)
            generation = netipc_hot_generation(netipc_load(&sleeper->latest, acquire));
        else if (end == NETIPC_WAIT_INTERRUPTED)
            break;
        netipc_store(&sleeper->seen, generation, release);
    }
    return NULL;
}

/* Publishes as soon as the last generation has been seen, so that most scans meet a sleeper that is just lying down.
 * One that is missed would lie there for 20 seconds. */
static void a_sleeper_is_never_missed(void **state)
{
    (void)state;
    struct netipc_session_table table;
    struct sleeper sleeper;
    memset(&sleeper, 0, sizeof sleeper);
    netipc_store(&sleeper.latest, netipc_hot_word(0, NETIPC_REGION_LIVE, 0), relaxed);
    assert_int_equal(netipc_session_table_open(&table, CAPACITY), NETIPC_OK);
    netipc_session_table_insert(&table, 0, &sleeper.line);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, sleep_and_see, &sleeper), 0);
    uint64_t sent = 0, saved = 0;
    struct netipc_leases leases = {.ordinal = 1, .slot_count = 4};
    bool missed = false;
    for (uint64_t generation = 1; generation <= TURNS && !missed; generation++) {
        netipc_store(&sleeper.latest, netipc_hot_word(generation, NETIPC_REGION_LIVE, 0), release);
        netipc_session_table_scan(&table, &leases, &sent, &saved);
        uint64_t start = netipc_os_monotonic_ns();
        while (netipc_load(&sleeper.seen, acquire) < generation && !missed)
            missed = netipc_os_monotonic_ns() - start > UINT64_C(15000000000);
    }
    netipc_store(&sleeper.aborted, 1, seq_cst);
    netipc_wait_interrupt(&sleeper.line);
    pthread_join(thread, NULL);
    assert_false(missed);
    assert_int_equal(sent + saved, TURNS);
    assert_true(sent > 0);
    netipc_session_table_close(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scan_wakes_those_that_sleep_and_counts_the_others),
        cmocka_unit_test(a_removed_session_is_not_scanned_and_the_list_shrinks),
        cmocka_unit_test(it_is_not_quiet_during_a_scan),
        cmocka_unit_test(a_line_is_used_by_no_scan_once_it_is_quiet),
        cmocka_unit_test(a_sleeper_is_never_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
