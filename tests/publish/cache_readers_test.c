/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that read a cache beside its refreshes. */
#include "tests/publish/cached.h"
#include "tests/publish/child.h"
#include "tests/publish/patience.h"
#include "tests/publish/scale.h"
#include "tests/publish/service.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { READERS = 8, ITEMS = 100 };

/* Threads must not go through cmocka: what they find wrong is told when they are joined. */
struct reader {
    pthread_t thread;
    netipc_cache *cache;
    atomic_bool *stop;
    uint64_t sections, generations;
    const char *wrong; /* NULL: nothing */
};

/* All items are of one generation, that of the snapshot, which never goes back. */
static const char *check_snapshot(const netipc_cache_snapshot *snapshot, uint32_t *next)
{
    if (snapshot->count != ITEMS || snapshot->items.generation != snapshot->generation)
        return "a snapshot of two generations";
    for (int i = 0; i < 10; i++) {
        char name[32];
        uint32_t index = *next = (*next + 7) % ITEMS;
        cgroups_name(name, index);
        const netipc_item *item = cached_find(snapshot, name);
        netipc_cgroup_view cgroup;
        if (item == NULL || item != netipc_cache_item(snapshot, index))
            return "an item that is not found";
        if (netipc_cgroup_of_item(item, &cgroup) != NETIPC_OK || strcmp(cgroup.name, name) != 0)
            return "an item that is another";
        if (cgroup.options != (uint32_t)snapshot->generation)
            return "an item of another generation";
    }
    return NULL;
}

static void *read_on(void *context)
{
    struct reader *reader = context;
    uint64_t last = 0;
    uint32_t next = 0;
    while (!atomic_load_explicit(reader->stop, memory_order_relaxed) && reader->wrong == NULL) {
        const netipc_cache_snapshot *snapshot;
        if (netipc_cache_enter(reader->cache, &snapshot) != NETIPC_OK) {
            reader->wrong = "no snapshot";
            break;
        }
        if (snapshot->generation < last)
            reader->wrong = "a generation that goes back";
        reader->generations += snapshot->generation != last;
        last = snapshot->generation;
        const char *wrong = check_snapshot(snapshot, &next);
        if (wrong != NULL)
            reader->wrong = wrong;
        netipc_cache_leave(snapshot);
        reader->sections++;
    }
    return NULL;
}

static void start_readers(struct reader *readers, netipc_cache *cache, atomic_bool *stop)
{
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.cache = cache, .stop = stop};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]), 0);
    }
}

static void join_readers(struct reader *readers, atomic_bool *stop)
{
    atomic_store(stop, true);
    for (int i = 0; i < READERS; i++)
        pthread_join(readers[i].thread, NULL);
    for (int i = 0; i < READERS; i++) {
        if (readers[i].wrong != NULL)
            fail_msg("a reader found %s", readers[i].wrong);
        assert_true(readers[i].sections > 0);
    }
}

/* Waits of the refreshing thread are not judged here, only that none fails or stays away. */
static netipc_cache *open_patient(uint32_t flags)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    config.flags = flags;
    config.retired_wait_ns = patience_ns(60);
    return cached_open_with(&config);
}

static void refreshes_beside_eight_looping_readers_all_complete(void **state)
{
    (void)state;
    static atomic_bool stop;
    atomic_store(&stop, false);
    struct reader readers[READERS];
    netipc_cache *cache = open_patient(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(cache, NETIPC_OK, true);
    start_readers(readers, cache, &stop);
    uint64_t last = SCALED(2000, 300);
    for (uint64_t value = 2; value <= last; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        const netipc_cache_change *changes;
        size_t count;
        assert_int_equal(netipc_cache_changes(cache, &changes, &count), NETIPC_OK);
        assert_int_equal(count, ITEMS);
        assert_int_equal(cached_value(changes[ITEMS - 1].before), value - 1);
        assert_int_equal(cached_value(changes[ITEMS - 1].after), value);
    }
    join_readers(readers, &stop);
    cached_expect(cache, ITEMS, last);
    assert_int_equal(cached_info(cache).builds, last);
    cached_await_reclaimed(cache);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* --- one thread only --- */

static void an_owner_inside_keeps_what_it_has(void **state)
{
    (void)state;
    const netipc_cache_snapshot *snapshot;
    uint32_t next = 0;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(cache, NETIPC_OK, true);
    assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_OK);
    for (uint64_t value = 2; value <= 4; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        assert_int_equal(snapshot->generation, 1);
        assert_null(check_snapshot(snapshot, &next));
    }
    netipc_cache_leave(snapshot);
    cached_await_reclaimed(cache);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

struct visit {
    netipc_cache *cache;
    pthread_barrier_t *start;
    const char *wrong;
};

static void *enter_once(void *context)
{
    struct visit *visit = context;
    const netipc_cache_snapshot *snapshot;
    uint32_t next = 0;
    pthread_barrier_wait(visit->start);
    if (netipc_cache_enter(visit->cache, &snapshot) != NETIPC_OK) {
        visit->wrong = "no snapshot";
        return NULL;
    }
    for (int i = 0; i < 20 && visit->wrong == NULL; i++) {
        visit->wrong = check_snapshot(snapshot, &next);
        sched_yield();
    }
    netipc_cache_leave(snapshot);
    return NULL;
}

/* Two at once, so that one may also come upon the other's arrival. */
static void a_first_visitor_beside_a_refresh_keeps_what_it_has(void **state)
{
    (void)state;
    enum { VISITORS = 2 };
    netipc_publisher *publisher = cached_publisher();
    uint64_t value = 1;
    cached_publish_cgroups(publisher, ITEMS, value);
    for (uint64_t round = 0; round < SCALED(300, 40); round++) {
        pthread_t threads[VISITORS];
        pthread_barrier_t start;
        netipc_cache *cache = open_patient(0);
        struct visit visits[VISITORS];
        pthread_barrier_init(&start, NULL, VISITORS + 1);
        cached_refresh(cache, NETIPC_OK, true);
        cached_publish_cgroups(publisher, ITEMS, ++value);
        for (int i = 0; i < VISITORS; i++) {
            visits[i] = (struct visit){.cache = cache, .start = &start};
            assert_int_equal(pthread_create(&threads[i], NULL, enter_once, &visits[i]), 0);
        }
        pthread_barrier_wait(&start);
        for (int i = 0; i < 5; i++) {
            cached_refresh(cache, NETIPC_OK, true);
            cached_publish_cgroups(publisher, ITEMS, ++value);
        }
        for (int i = 0; i < VISITORS; i++) {
            pthread_join(threads[i], NULL);
            if (visits[i].wrong != NULL)
                fail_msg("a visitor found %s", visits[i].wrong);
        }
        pthread_barrier_destroy(&start);
        netipc_cache_close(cache);
    }
    netipc_publisher_close(publisher);
}

static void *refresh_once(void *context)
{
    struct visit *visit = context;
    visit->wrong = netipc_cache_refresh(visit->cache, NULL) == NETIPC_OK ? NULL : "no refresh";
    return NULL;
}

static void an_owner_that_hands_over_keeps_what_it_has(void **state)
{
    (void)state;
    const netipc_cache_snapshot *snapshot;
    uint32_t next = 0;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(cache, NETIPC_OK, true);
    assert_int_equal(netipc_cache_enter(cache, &snapshot), NETIPC_OK);
    for (uint64_t value = 2; value <= 4; value++) {
        pthread_t thread;
        struct visit visit = {.cache = cache};
        cached_publish_cgroups(publisher, ITEMS, value);
        assert_int_equal(pthread_create(&thread, NULL, refresh_once, &visit), 0);
        pthread_join(thread, NULL);
        assert_null(visit.wrong);
        assert_null(check_snapshot(snapshot, &next));
    }
    assert_int_equal(snapshot->generation, 1);
    netipc_cache_leave(snapshot);
    cached_await_reclaimed(cache);
    cached_expect(cache, ITEMS, 4);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* --- a thread that stays inside --- */

struct sitter {
    pthread_t thread;
    netipc_cache *cache;
    pthread_barrier_t inside, out;
    uint32_t value_before, value_after;
};

static void *sit(void *context)
{
    struct sitter *sitter = context;
    const netipc_cache_snapshot *snapshot;
    netipc_cgroup_view cgroup = {0};
    if (netipc_cache_enter(sitter->cache, &snapshot) != NETIPC_OK)
        snapshot = NULL;
    const netipc_item *item = netipc_cache_item(snapshot, ITEMS - 1);
    if (item != NULL && netipc_cgroup_of_item(item, &cgroup) == NETIPC_OK)
        sitter->value_before = cgroup.options;
    pthread_barrier_wait(&sitter->inside);
    pthread_barrier_wait(&sitter->out);
    if (item != NULL && netipc_cgroup_of_item(item, &cgroup) == NETIPC_OK)
        sitter->value_after = cgroup.options;
    netipc_cache_leave(snapshot);
    return NULL;
}

static void sit_down(struct sitter *sitter, netipc_cache *cache)
{
    *sitter = (struct sitter){.cache = cache};
    pthread_barrier_init(&sitter->inside, NULL, 2);
    pthread_barrier_init(&sitter->out, NULL, 2);
    assert_int_equal(pthread_create(&sitter->thread, NULL, sit, sitter), 0);
    pthread_barrier_wait(&sitter->inside);
}

static void stand_up(struct sitter *sitter, uint32_t value)
{
    pthread_barrier_wait(&sitter->out);
    pthread_join(sitter->thread, NULL);
    assert_int_equal(sitter->value_before, value);
    assert_int_equal(sitter->value_after, value);
}

/* Beside a thread inside another cache of the process, which no grace period would pass. */
static void what_only_the_owner_has_entered_is_freed_at_once(void **state)
{
    (void)state;
    struct sitter sitter;
    netipc_cache *cache = cached_open(0), *other = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(other, NETIPC_OK, true);
    sit_down(&sitter, other);
    for (uint64_t value = 2; value <= 10; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        cached_expect(cache, ITEMS, value);
        assert_int_equal(cached_info(cache).retired, 0);
    }
    stand_up(&sitter, 1);
    sit_down(&sitter, cache);
    for (uint64_t value = 11; value <= 13; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        assert_int_equal(cached_info(cache).retired, value - 10);
    }
    stand_up(&sitter, 10);
    cached_await_reclaimed(cache);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
    netipc_cache_close(other);
}

static void a_thread_that_stays_inside_stops_no_refresh(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(cache, NETIPC_OK, true);
    struct sitter sitter;
    sit_down(&sitter, cache);
    for (uint64_t value = 2; value <= 1001; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        assert_int_equal(cached_info(cache).generation, value);
    }
    /* All that it might use is still there. */
    assert_int_equal(cached_info(cache).retired, 1000);
    stand_up(&sitter, 1);
    cached_await_reclaimed(cache);
    assert_int_equal(cached_info(cache).retired_bytes, 0);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void what_a_thread_holds_up_has_a_limit(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    config.max_retired_bytes = 1 << 20;
    config.retired_wait_ns = 300000000; /* once; each time, the test would run out of time */
    netipc_cache *cache = cached_open_with(&config);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(cache, NETIPC_OK, true);
    struct sitter sitter;
    sit_down(&sitter, cache);
    uint64_t value = 1, busy = 0;
    while (value < 1000) {
        cached_publish_cgroups(publisher, ITEMS, ++value);
        netipc_status status = netipc_cache_refresh(cache, NULL);
        if (status != NETIPC_BUSY)
            assert_int_equal(status, NETIPC_OK);
        busy += status == NETIPC_BUSY;
        assert_true(cached_info(cache).retired_bytes <= config.max_retired_bytes);
    }
    assert_true(busy > 0);
    assert_int_equal(cached_info(cache).busy, busy);
    assert_true(netipc_cache_changed(cache));                              /* there is still something to fetch */
    assert_int_equal(netipc_cache_wait(cache, 1000000), NETIPC_TIMED_OUT); /* but a loop does not run hot */
    const uint64_t kept = 1000 - busy;
    cached_expect(cache, ITEMS, kept);
    stand_up(&sitter, 1);
    cached_await_reclaimed(cache);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, ITEMS, 1000);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* Of generations that have the same numbers as those that were fetched of another publisher, too. */
static void what_could_not_be_fetched_is_still_told_of(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    config.max_retired_bytes = config.retired_wait_ns = 0;
    netipc_cache *cache = cached_open_with(&config);
    struct sitter sitter;
    netipc_publisher *publisher = cached_publisher();
    for (uint64_t value = 1; value <= 5; value++) { /* the first four are held up, and there is no room for more */
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        if (value == 1)
            sit_down(&sitter, cache);
    }
    netipc_publisher_close(publisher);
    publisher = cached_publisher();
    for (uint64_t value = 11; value <= 15; value++)
        cached_publish_cgroups(publisher, ITEMS, value);
    cached_refresh(cache, NETIPC_BUSY, false);
    assert_true(netipc_cache_changed(cache));
    stand_up(&sitter, 1);
    cached_await_reclaimed(cache);
    assert_true(netipc_cache_changed(cache));
    cached_refresh(cache, NETIPC_OK, true);
    assert_false(netipc_cache_changed(cache));
    cached_expect(cache, ITEMS, 15);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void *abort_it(void *cache)
{
    pause_ms(20); /* the refresh waits for room by now, most likely */
    netipc_cache_abort(cache);
    return NULL;
}

static void an_abort_ends_the_wait_for_readers_to_leave(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    config.max_retired_bytes = 0;
    config.retired_wait_ns = UINT64_MAX; /* without an abort it would not end */
    netipc_cache *cache = cached_open_with(&config);
    struct sitter sitter;
    netipc_publisher *publisher = cached_publisher();
    for (uint64_t value = 1; value <= 5; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        if (value == 1)
            sit_down(&sitter, cache);
    }
    cached_publish_cgroups(publisher, ITEMS, 6);
    for (int round = 0; round < 2; round++) { /* the first has not been in vain: the second waits, too */
        pthread_t aborter;
        assert_int_equal(pthread_create(&aborter, NULL, abort_it, cache), 0);
        cached_refresh(cache, NETIPC_ABORTED, false);
        pthread_join(aborter, NULL);
        cached_refresh(cache, NETIPC_ABORTED, false); /* at once */
        netipc_cache_resume(cache);
    }
    assert_int_equal(cached_info(cache).busy, 0);
    cached_expect(cache, ITEMS, 5);
    stand_up(&sitter, 1);
    cached_refresh(cache, NETIPC_OK, true);
    cached_expect(cache, ITEMS, 6);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

/* Without a sitter the limit only makes the owner wait. */
static void a_small_limit_is_waited_for(void **state)
{
    (void)state;
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    config.max_retired_bytes = 0;
    config.retired_wait_ns = patience_ns(60);
    netipc_cache *cache = cached_open_with(&config);
    netipc_publisher *publisher = cached_publisher();
    for (uint64_t value = 1; value < 200; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
        assert_true(cached_info(cache).retired <= 4);
    }
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void *close_it(void *cache)
{
    netipc_cache_close(cache);
    return NULL;
}

static void a_close_waits_for_who_is_inside(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    for (uint64_t value = 1; value < 4; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(cache, NETIPC_OK, true);
    }
    struct sitter sitter;
    sit_down(&sitter, cache);
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_it, cache), 0);
    pause_ms(20); /* time to go wrong */
    stand_up(&sitter, 3);
    pthread_join(closer, NULL);
    netipc_publisher_close(publisher);
}

static void *look_once(void *cache)
{
    const netipc_cache_snapshot *snapshot, *again;
    if (netipc_cache_enter(cache, &snapshot) == NETIPC_OK) {
        if (netipc_cache_enter(cache, &again) == NETIPC_OK)
            netipc_cache_leave(again);
        netipc_cache_leave(snapshot);
    }
    return NULL;
}

static void threads_come_and_go(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    netipc_publisher *publisher = cached_publisher();
    for (uint64_t value = 1; value <= SCALED(300, 60); value++) {
        pthread_t threads[3];
        cached_publish_cgroups(publisher, ITEMS, value);
        for (int i = 0; i < 3; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, look_once, cache), 0);
        cached_refresh(cache, NETIPC_OK, true);
        for (int i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
    }
    cached_await_reclaimed(cache);
    netipc_publisher_close(publisher);
    netipc_cache_close(cache);
}

static void the_thread_of_a_cache_takes_no_signals(void **state)
{
    (void)state;
    netipc_cache *cache = cached_open(0);
    sigset_t set, pending;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGUSR1); /* would end the process */
    sigpending(&pending);
    assert_true(sigismember(&pending, SIGUSR1));
    int taken;
    sigwait(&set, &taken);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    netipc_cache_close(cache);
}

/* --- fork --- */

static netipc_cache *forked;
static const netipc_cache_snapshot *entered;

static void call_everything(void)
{
    const netipc_cache_snapshot *snapshot;
    const netipc_cache_change *changes;
    size_t count;
    netipc_cache_info info = {.size = sizeof info};
    int changed = 1;
    child_check(netipc_cache_enter(forked, &snapshot) == NETIPC_FORKED && snapshot == NULL);
    child_check(netipc_cache_refresh(forked, &changed) == NETIPC_FORKED && changed == 0);
    child_check(netipc_cache_wait(forked, 1) == NETIPC_FORKED);
    child_check(netipc_cache_arm(forked) == NETIPC_FORKED);
    child_check(netipc_cache_fd(forked) == -1);
    child_check(netipc_cache_changes(forked, &changes, &count) == NETIPC_FORKED);
    child_check(netipc_cache_status(forked, &info) == NETIPC_FORKED);
    netipc_cache_abort(forked);
    netipc_cache_resume(forked);
    netipc_cache_leave(entered);
    netipc_cache_close(forked);
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    netipc_cache *another;
    child_check(netipc_cache_open(&config, &another) == NETIPC_FORKED && another == NULL);
}

static void a_forked_child_has_no_cache_and_harms_none(void **state)
{
    (void)state;
    static atomic_bool stop;
    atomic_store(&stop, false);
    struct reader readers[READERS];
    forked = open_patient(NETIPC_CACHE_CHANGES);
    netipc_publisher *publisher = cached_publisher();
    cached_publish_cgroups(publisher, ITEMS, 1);
    cached_refresh(forked, NETIPC_OK, true);
    start_readers(readers, forked, &stop);
    for (uint64_t value = 2; value < 10; value++) {
        cached_publish_cgroups(publisher, ITEMS, value);
        cached_refresh(forked, NETIPC_OK, true);
        assert_int_equal(netipc_cache_enter(forked, &entered), NETIPC_OK);
        in_a_child(call_everything);
        netipc_cache_leave(entered);
    }
    join_readers(readers, &stop);
    cached_await_reclaimed(forked);
    cached_expect(forked, ITEMS, 9);
    netipc_publisher_close(publisher);
    netipc_cache_close(forked);
}

static void open_and_close_one(void)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    netipc_cache *cache;
    child_check(netipc_cache_open(&config, &cache) == NETIPC_OK);
    netipc_cache_close(cache);
}

static void open_none(void)
{
    netipc_subscriber_config subscriber;
    netipc_cache_config config = cached_config(&subscriber);
    netipc_cache *cache;
    child_check(getpid() == 1);
    child_check(netipc_cache_open(&config, &cache) == NETIPC_FORKED && cache == NULL);
}

/* Runs it as process 1 of a pid namespace. */
static int as_process_1(void (*run)(void))
{
    int status;
    if (unshare(CLONE_NEWPID) != 0)
        return 77;
    pid_t child = fork();
    if (child == 0) {
        run();
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void be_process_1_twice(void)
{
    child_check(getpid() == 1);
    open_and_close_one();
    child_check(as_process_1(open_none) == 0);
}

static void try_to_be_process_1(void)
{
    int status = as_process_1(be_process_1_twice);
    if (status == 77)
        fprintf(stderr, "skip: this process may not make pid namespaces\n");
    child_check(status == 0 || status == 77);
}

/* The first test, as this process must not have opened any cache itself. */
static void a_forked_child_with_the_pid_of_its_parent_has_none_either(void **state)
{
    (void)state;
    in_a_child(try_to_be_process_1);
}

#define cache_test(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cache_test(a_forked_child_with_the_pid_of_its_parent_has_none_either),
        cache_test(refreshes_beside_eight_looping_readers_all_complete),
        cache_test(what_only_the_owner_has_entered_is_freed_at_once),
        cache_test(an_owner_inside_keeps_what_it_has),
        cache_test(an_owner_that_hands_over_keeps_what_it_has),
        cache_test(a_first_visitor_beside_a_refresh_keeps_what_it_has),
        cache_test(a_thread_that_stays_inside_stops_no_refresh),
        cache_test(what_a_thread_holds_up_has_a_limit),
        cache_test(what_could_not_be_fetched_is_still_told_of),
        cache_test(an_abort_ends_the_wait_for_readers_to_leave),
        cache_test(a_small_limit_is_waited_for),
        cache_test(a_close_waits_for_who_is_inside),
        cache_test(threads_come_and_go),
        cache_test(the_thread_of_a_cache_takes_no_signals),
        cache_test(a_forked_child_has_no_cache_and_harms_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
