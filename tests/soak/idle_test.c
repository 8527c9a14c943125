/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/patience.h"
#include "tests/publish/peers.h"

#include <netipc/status.h>

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { WAITERS = 16, DOZERS = 16, GRACE_MS = 1000, HOUR_MS = 3600 * 1000 };
/* Of time without publications; and a deadline for handshakes that would be noticed in it, if it were left behind. */
enum { SHORT_MS = 3000, LONG_MS = 10000, HANDSHAKE_MS = 2000 };

static struct peer *publisher, *waiters[WAITERS], *dozers[DOZERS];

static void fall_asleep(struct peer **subscribers, size_t count, const char *command)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t attached[3];
        subscribers[i] = subscriber_start(GRACE_MS);
        peer_ask(subscribers[i], attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
        peer_tell(subscribers[i], "%s", command);
    }
}

static void expect_no_switch(const struct peer *peer, struct peer_switches before)
{
    struct peer_switches after = peer_switches(peer);
    assert_int_equal(after.voluntary - before.voluntary, 0);
    assert_int_equal(after.involuntary - before.involuntary, 0);
}

/* Each look after the publisher is a switch. Who is awake may also be preempted, and that is no awakening; but a waiter
 * that stays on its CPU would be, so it is bounded for all of them together. */
static void expect_a_switch_a_grace(const struct peer_switches *before, uint64_t start_ns)
{
    uint64_t voluntary = 0, involuntary = 0;
    for (size_t i = 0; i < WAITERS; i++) {
        struct peer_switches after = peer_switches(waiters[i]);
        uint64_t graces = (now_ns() - start_ns) / 1000000 / GRACE_MS;
        assert_in_range(after.voluntary - before[i].voluntary, 0, graces + 1);
        voluntary += after.voluntary - before[i].voluntary;
        involuntary += after.involuntary - before[i].involuntary;
    }
    uint64_t elapsed_ms = (now_ns() - start_ns) / 1000000;
    print_message("%d futex waiters in %" PRIu64 " ms: %" PRIu64 " switches and %" PRIu64 " preemptions\n", WAITERS,
                  elapsed_ms, voluntary, involuntary);
    assert_in_range(involuntary, 0, WAITERS * (elapsed_ms / GRACE_MS + 1));
}

static void all_wake(void)
{
    uint64_t published[2], waited, dozed[3];
    peer_ask(publisher, published, 2, "publish 100 1");
    assert_int_equal(published[0], NETIPC_OK);
    for (size_t i = 0; i < WAITERS; i++) {
        peer_hear(waiters[i], &waited, 1);
        assert_int_equal(waited, NETIPC_OK);
    }
    for (size_t i = 0; i < DOZERS; i++) {
        peer_hear(dozers[i], dozed, 3);
        assert_int_equal(dozed[0], NETIPC_UNCHANGED);
        assert_int_equal(dozed[1], NETIPC_OK);
        assert_int_equal(dozed[2], 1);
    }
}

static void nobody_runs_while_nothing_is_published_but_waiters_once_a_grace(void **state)
{
    (void)state;
    const char *is_long = getenv("NETIPC_TEST_LONG");
    struct peer_switches of_publisher, of_waiters[WAITERS], of_dozers[DOZERS];
    char command[32];
    snprintf(command, sizeof command, "wait 0 %d", HOUR_MS);
    uint64_t opened;
    publisher = peer_start("publisher");
    peer_ask(publisher, &opened, 1, "open 4 4096 0 0 %d", HANDSHAKE_MS);
    assert_int_equal(opened, NETIPC_OK);
    fall_asleep(waiters, WAITERS, command);
    fall_asleep(dozers, DOZERS, "doze 0");
    for (size_t i = 0; i < WAITERS; i++)
        peer_await_sleep(waiters[i]);
    for (size_t i = 0; i < DOZERS; i++)
        peer_await_epoll(dozers[i]);
    peer_await_rest(publisher);

    uint64_t start = now_ns();
    of_publisher = peer_switches(publisher);
    for (size_t i = 0; i < WAITERS; i++)
        of_waiters[i] = peer_switches(waiters[i]);
    for (size_t i = 0; i < DOZERS; i++)
        of_dozers[i] = peer_switches(dozers[i]);
    pause_ms(is_long != NULL && strcmp(is_long, "1") == 0 ? LONG_MS : SHORT_MS);
    expect_no_switch(publisher, of_publisher);
    for (size_t i = 0; i < DOZERS; i++)
        expect_no_switch(dozers[i], of_dozers[i]);
    expect_a_switch_a_grace(of_waiters, start);
    all_wake();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nobody_runs_while_nothing_is_published_but_waiters_once_a_grace, peers_setup,
                                        peers_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
