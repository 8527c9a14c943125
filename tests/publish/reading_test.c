/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/publish/peers.h"
#include "tests/publish/scale.h"

#include <netipc/subscriber.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { READERS = 2, READS = SCALED(5000000, 300000), GENERATIONS = 1000, LONGEST = 65536 };

static void ten_million_reads_beside_a_writer_without_pause_are_all_whole(void **state)
{
    (void)state;
    struct peer *publisher = publisher_start(4, LONGEST, 0);
    struct peer *readers[READERS];
    uint64_t attached[3], followed[4], published[2], hammered[7], retries = 0, overruns = 0;
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = subscriber_start(1000);
        peer_ask(readers[i], attached, 3, "attach");
        assert_int_equal(attached[0], NETIPC_OK);
    }
    peer_tell(publisher, "flat_out %d", LONGEST);
    for (size_t i = 0; i < READERS; i++)
        peer_ask(readers[i], followed, 4, "follow 1");
    for (size_t i = 0; i < READERS; i++)
        peer_tell(readers[i], "hammer %d %d %d", READS, LONGEST, GENERATIONS);
    for (size_t i = 0; i < READERS; i++) {
        peer_hear(readers[i], hammered, 7);
        assert_int_equal(hammered[2], 0);
        assert_true(hammered[0] + hammered[1] >= READS);
        assert_int_equal(hammered[4], hammered[0]);
        assert_int_equal(hammered[5], hammered[1]);
        assert_true(hammered[3] >= GENERATIONS); /* else nobody wrote meanwhile, and nothing has been shown */
        retries += hammered[6];
        overruns += hammered[1];
    }
    peer_tell(publisher, "stop");
    peer_hear(publisher, published, 2);
    assert_int_equal(published[0], NETIPC_OK);
    print_message("%d reads of %llu snapshots: %llu tries were overtaken, %llu reads overrun\n", READERS * READS,
                  (unsigned long long)published[1], (unsigned long long)retries, (unsigned long long)overruns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ten_million_reads_beside_a_writer_without_pause_are_all_whole, peers_setup,
                                        peers_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
