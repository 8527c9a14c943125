/* SPDX-License-Identifier: Apache-2.0 */
/* A process writes to its session's page without pause, whatever comes to its mind, while the publisher publishes. */

#include "tests/publish/patience.h"
#include "tests/publish/pattern.h"
#include "tests/publish/raw_client.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <netipc/reader.h>

#include "shm/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SLOTS = 16, HISTORY = 3, HONEST_LEASES = 2, QUOTA = SLOTS - 2 - HISTORY, LENGTH = 1000 };
enum { PUBLICATIONS = SCALED(20000, 3000), VIEW_LASTS = 40, PUNCH_EVERY = 256 };

enum manner { RANDOM_WORDS, ALL_TAKEN };

/* The hostile process. */
static struct hostile {
    pid_t pid;
    int socket;
    struct raw_region given;
    struct netipc_session_line *line;
    atomic_ullong *rounds; /* shared with it */
} hostile;

static uint64_t hostile_word(uint64_t random, uint64_t ordinal, uint32_t index, enum manner manner)
{
    if (manner == ALL_TAKEN && index % 8 != 0)
        return netipc_lease_word(ordinal, index % SLOTS);
    switch (random >> 60) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return random;
    case 3:
        return netipc_lease_word(ordinal, (uint32_t)(random >> 20) % 0xffff);
    default:
        /* Words 0, 8, … hold the wake word and the doorbell: as if somebody slept, and had armed. */
        return index % 8 == 0 ? random | UINT64_C(0x100000001)
                              : netipc_lease_word(ordinal, (uint32_t)(random >> 20) % SLOTS);
    }
}

static _Noreturn void be_hostile(enum manner manner)
{
    netipc_atomic_u64 *words = (void *)hostile.line;
    uint64_t random = 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (unsigned long long round = 1;; round++) {
        for (uint32_t i = 0; i < NETIPC_SESSION_LINE_SIZE / sizeof *words; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            netipc_store(&words[i], hostile_word(random, hostile.given.offer.ordinal, i, manner), relaxed);
        }
        if (round % PUNCH_EVERY == 0 &&
            fallocate(hostile.given.page, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0)
            _exit(1);
        atomic_store(hostile.rounds, round);
    }
}

/* Attached before it is forked off: its page can be mapped no more once it is sealed. */
static void start_hostile(enum manner manner)
{
    hostile.socket = raw_connect();
    raw_attach_with_leases(hostile.socket, NETIPC_SESSION_LEASES, &hostile.given);
    size_t size = hostile.given.offer.page_size;
    assert_int_equal(hostile.given.offer.lease_quota, QUOTA - HONEST_LEASES);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, hostile.given.page, 0);
    hostile.rounds = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    assert_ptr_not_equal(hostile.rounds, MAP_FAILED);
    hostile.line = (void *)((unsigned char *)page + hostile.given.offer.line_offset);
    assert_true(raw_confirm(hostile.socket, &hostile.given));
    hostile.pid = fork();
    assert_true(hostile.pid >= 0);
    if (hostile.pid == 0)
        be_hostile(manner);
    munmap(page, size);
    while (atomic_load(hostile.rounds) == 0)
        pause_ms(1);
}

/* It never ended by itself: nothing that it tried was possible. */
static void end_hostile(void)
{
    int how;
    unsigned long long before = atomic_load(hostile.rounds);
    do {
        assert_int_equal(waitpid(hostile.pid, &how, WNOHANG), 0);
        pause_ms(1);
    } while (atomic_load(hostile.rounds) <= before + PUNCH_EVERY);
    assert_return_code(kill(hostile.pid, SIGKILL), errno);
    assert_int_equal(waitpid(hostile.pid, &how, 0), hostile.pid);
    assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
    print_message("%llu rounds of hostile words\n", atomic_load(hostile.rounds));
    munmap(hostile.rounds, hostile.given.offer.page_size);
    close(hostile.given.region);
    close(hostile.given.page);
    close(hostile.socket);
}

/* --- who has nothing to do with it --- */

static void expect_history(netipc_reader *reader, uint64_t latest, size_t least)
{
    uint64_t listed[SLOTS];
    unsigned char bytes[LENGTH];
    size_t count;
    assert_int_equal(netipc_reader_history(reader, listed, SLOTS, &count), NETIPC_OK);
    assert_in_range(count, least, SLOTS - 1);
    for (size_t i = 0; i < count; i++) {
        netipc_snapshot_info info = {.size = sizeof info};
        assert_int_equal(listed[i], latest - count + 1 + i);
        assert_int_equal(netipc_reader_read(reader, listed[i], bytes, sizeof bytes, &info), NETIPC_OK);
        assert_true(info.generation == listed[i] && info.length == LENGTH);
        assert_true(pattern_ok(bytes, LENGTH, listed[i]));
    }
}

/* A view is taken, and is as it was when it is given back many publications later. */
static void turn_view(netipc_reader *reader, uint64_t generation, const void **data, uint64_t *of)
{
    netipc_snapshot_info info = {.size = sizeof info};
    if (*data != NULL) {
        assert_true(pattern_ok(*data, LENGTH, *of));
        assert_int_equal(netipc_reader_release(reader), NETIPC_OK);
    }
    assert_int_equal(netipc_reader_acquire(reader, generation, data, &info), NETIPC_OK);
    assert_int_equal(info.generation, generation);
    *of = generation;
}

static netipc_publisher *start_publisher(void)
{
    netipc_publisher_config config = service_publisher_config();
    netipc_publisher *publisher;
    config.slots = SLOTS;
    config.history = HISTORY;
    config.capacity = LENGTH;
    assert_int_equal(netipc_publisher_open(&config, &publisher), NETIPC_OK);
    return publisher;
}

static netipc_subscriber *start_subscriber(void)
{
    netipc_subscriber_config config = service_subscriber_config();
    netipc_subscriber *subscriber;
    config.leases = HONEST_LEASES;
    assert_int_equal(netipc_subscriber_open(&config, &subscriber), NETIPC_OK);
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    return subscriber;
}

static void others_see_nothing_of_it(enum manner manner)
{
    netipc_publisher *publisher = start_publisher();
    netipc_subscriber *subscriber = start_subscriber();
    netipc_reader *reader;
    netipc_publisher_info info = {.size = sizeof info};
    const void *view = NULL;
    uint64_t of = 0, generation = 1;
    assert_int_equal(netipc_reader_open(subscriber, &reader), NETIPC_OK);
    service_publish(publisher, LENGTH, generation);
    start_hostile(manner);
    for (int i = 0; i < PUBLICATIONS; i++) {
        service_publish(publisher, LENGTH, ++generation);
        service_expect(subscriber, generation, LENGTH, NETIPC_PUBLISHER_LIVE);
        if (i % VIEW_LASTS == 0)
            turn_view(reader, generation, &view, &of);
        if (i % 16 == 0)
            expect_history(reader, generation, generation < HISTORY + 1 ? (size_t)generation : HISTORY + 1);
    }
    assert_int_equal(netipc_subscriber_refresh(subscriber, NULL), NETIPC_OK);
    assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_int_equal(info.publications, generation);
    assert_int_equal(info.ordinal, 1);
    assert_int_equal(info.attached, 2);
    assert_in_range(info.wakes_sent, 0, 2 * generation);
    end_hostile();
    for (uint64_t end = now_ns() + patience_ns(30); info.attached > 1 && now_ns() < end; pause_ms(1))
        assert_int_equal(netipc_publisher_stats(publisher, &info), NETIPC_OK);
    assert_int_equal(info.attached, 1);
    for (int i = 0; i < 2 * SLOTS; i++)
        service_publish(publisher, LENGTH, ++generation);
    expect_history(reader, generation, SLOTS - 2); /* all slots but the claimed one and the view's */
    turn_view(reader, generation, &view, &of);
    netipc_reader_close(reader);
    netipc_subscriber_close(subscriber);
    netipc_publisher_close(publisher);
}

static void a_process_that_writes_any_words_without_pause_is_seen_by_nobody(void **state)
{
    (void)state;
    others_see_nothing_of_it(RANDOM_WORDS);
}

static void a_process_that_keeps_all_its_leases_taken_is_seen_by_nobody(void **state)
{
    (void)state;
    others_see_nothing_of_it(ALL_TAKEN);
}

#define hostile_test(test) cmocka_unit_test_setup_teardown(test, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        hostile_test(a_process_that_writes_any_words_without_pause_is_seen_by_nobody),
        hostile_test(a_process_that_keeps_all_its_leases_taken_is_seen_by_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
