/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher wakes one sleeper of a session, and the kernel chooses which: it need not be one that the change is
 * for. */
#include "shm/os.h"
#include "shm/wait.h"

#include "tests/publish/patience.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    netipc_atomic_u64 latest;
    netipc_atomic_u32 news, others, passed_on;
    struct netipc_session_line line;
} session;

struct sleeper {
    uint64_t seen;
    bool urgent;
    netipc_atomic_u32 tid, refused, ended;
    pthread_t thread;
};

/* Until something has changed or there is news; the time limit is longer than the test lasts. */
static void *sleep_on(void *context)
{
    struct sleeper *sleeper = context;
    const struct sched_param priority = {.sched_priority = sched_get_priority_min(SCHED_FIFO)};
    if (sleeper->urgent && pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) != 0)
        netipc_store(&sleeper->refused, 1, relaxed);
    netipc_store(&sleeper->tid, (uint32_t)syscall(SYS_gettid), release);
    const struct netipc_wait wait = {
        .latest = &session.latest,
        .generation = sleeper->seen,
        .line = &session.line,
        .news = &session.news,
        .others = &session.others,
        .passed_on = &session.passed_on,
        .sleep_ns = patience_ns(60),
    };
    struct netipc_wait_effort effort;
    while (netipc_wait_for_change(&wait, &effort) == NETIPC_WAIT_ELAPSED)
        ;
    netipc_store(&sleeper->ended, 1, release);
    return NULL;
}

static bool in_futex(uint32_t tid)
{
    char path[64], line[128] = "", wanted[16];
    snprintf(path, sizeof path, "/proc/self/task/%u/syscall", tid);
    snprintf(wanted, sizeof wanted, "%d 0x", SYS_futex);
    FILE *stream = fopen(path, "r");
    bool there =
        stream != NULL && fgets(line, sizeof line, stream) != NULL && strncmp(line, wanted, strlen(wanted)) == 0;
    if (stream != NULL)
        fclose(stream);
    return there;
}

static bool lie_down(struct sleeper *sleeper)
{
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_on, sleeper), 0);
    for (uint64_t deadline = now_ns() + patience_ns(30); now_ns() < deadline; pause_ms(1)) {
        uint32_t tid = netipc_load(&sleeper->tid, acquire);
        if (tid != 0 && in_futex(tid))
            return true;
    }
    return false;
}

static bool ends(struct sleeper *sleeper)
{
    for (uint64_t deadline = now_ns() + patience_ns(10); now_ns() < deadline; pause_ms(1))
        if (netipc_load(&sleeper->ended, acquire) != 0)
            return true;
    return false;
}

/* One lies down before a publication. Another, which has seen it, lies down between the publisher's sum and its wake-up
 * call, and has the higher priority: it is the one that the kernel wakes. */
static void a_wake_up_that_a_later_sleeper_takes_reaches_the_earlier_one(void **state)
{
    (void)state;
    struct sleeper early = {.seen = 1}, late = {.seen = 2, .urgent = true};
    netipc_store(&session.latest, netipc_hot_word(1, NETIPC_REGION_LIVE, 0), relaxed);
    netipc_store(&session.others, 1, relaxed);
    bool early_sleeps = lie_down(&early);
    netipc_store(&session.latest, netipc_hot_word(2, NETIPC_REGION_LIVE, 1), release);
    netipc_fetch_add(netipc_line_wake(&session.line), 1u, relaxed);
    bool late_sleeps = lie_down(&late);
    bool chosen = netipc_load(&late.refused, relaxed) == 0;
    netipc_os_wake_one(netipc_line_wake(&session.line));
    bool woken = ends(&early);
    bool kept = netipc_load(&late.ended, relaxed) == 0;

    netipc_store(&session.news, 1, seq_cst);
    netipc_wait_interrupt(&session.line);
    pthread_join(early.thread, NULL);
    pthread_join(late.thread, NULL);
    assert_true(early_sleeps && late_sleeps);
    if (!chosen)
        print_message("no real-time priority is to be had here: the kernel wakes the earlier sleeper anyway\n");
    assert_true(woken);
    assert_true(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wake_up_that_a_later_sleeper_takes_reaches_the_earlier_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
