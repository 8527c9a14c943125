/* SPDX-License-Identifier: Apache-2.0 */
/* What a spin tells of itself, from which a reader learns when to expect the next publication. */
#include "shm/os.h"
#include "shm/wait.h"

#include "tests/publish/patience.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { SPIN_NS = 2000000 };

static struct {
    netipc_atomic_u64 latest;
    netipc_atomic_u32 news, others, passed_on, ready;
    struct netipc_session_line line;
} session;

static int setup(void **state)
{
    (void)state;
    netipc_store(&session.latest, netipc_hot_word(1, NETIPC_REGION_LIVE, 0), relaxed);
    netipc_store(&session.ready, 0, relaxed);
    return 0;
}

static enum netipc_wait_end spin_for(uint64_t spin_ns, struct netipc_wait_effort *effort)
{
    const struct netipc_wait wait = {
        .latest = &session.latest,
        .generation = 1,
        .line = &session.line,
        .news = &session.news,
        .others = &session.others,
        .passed_on = &session.passed_on,
        .spin_ns = spin_ns,
    };
    return netipc_wait_for_change(&wait, effort);
}

static void a_spin_in_vain_has_looked_until_its_time_was_over(void **state)
{
    (void)state;
    struct netipc_wait_effort effort;
    uint64_t before = netipc_os_monotonic_ns();
    assert_int_equal(spin_for(SPIN_NS, &effort), NETIPC_WAIT_ELAPSED);
    uint64_t after = netipc_os_monotonic_ns();
    assert_true(effort.spun && !effort.slept);
    assert_in_range(effort.looked_ns, before + SPIN_NS, after);
}

static void *change(void *context)
{
    (void)context;
    while (netipc_load(&session.ready, acquire) == 0)
        netipc_os_pause();
    pause_ms(20);
    netipc_store(&session.latest, netipc_hot_word(2, NETIPC_REGION_LIVE, 1), release);
    return NULL;
}

/* How long before the change it looked is a matter of speed. */
static void a_spin_that_a_change_ends_tells_when_it_looked(void **state)
{
    (void)state;
    struct netipc_wait_effort effort;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, change, NULL), 0);
    netipc_store(&session.ready, 1, release);
    uint64_t before = netipc_os_monotonic_ns();
    assert_int_equal(spin_for(patience_ns(60), &effort), NETIPC_WAIT_CHANGED);
    uint64_t after = netipc_os_monotonic_ns();
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (effort.spun) /* else this thread got no CPU until then */
        assert_in_range(effort.looked_ns, before, after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_spin_in_vain_has_looked_until_its_time_was_over, setup),
        cmocka_unit_test_setup(a_spin_that_a_change_ends_tells_when_it_looked, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
