/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Under a lease the bytes of a generation never change: not even an access of the publisher races with the reader's.
 * And whatever is leased, for however long, the publisher finds a slot that nobody leases.
 */
#include "tests/models/ring.h"

#include "shm/payload_copy.h"

#include "shm/ring_publisher.c"
#include "shm/ring_reader.c"
#include "shm/session_table.c"

/* Plain memory: an access that is not ordered with another one is a data race, and fails. */
typedef rl::var<uint64_t> word;

enum { SLOTS = 3, QUOTA = 1, PUBLICATIONS = 5, LEASES = 2 };

void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    (void)bytes, (void)shared, (void)length;
}

struct leasing_reader : rl::test_suite<leasing_reader, 2> {
    model::ring_scene<word, SLOTS> scene;

    void before()
    {
        scene.begin();
        RL_ASSERT(netipc_ring_quota(SLOTS, 0) == QUOTA);
        netipc_session_table_grant(&scene.table, 0, model::ORDINAL, QUOTA);
        netipc_session_table_insert(&scene.table, 0, &scene.line);
    }

    void after()
    {
        scene.end();
    }

    void thread(unsigned index)
    {
        if (index == 0)
            publish();
        else
            read();
    }

    void publish()
    {
        const struct netipc_ring &ring = scene.ring;
        for (unsigned i = 0; i < PUBLICATIONS; i++) {
            model::stretch stretch(2);
            scene.publish([](word &to, uint64_t value) { to($) = value; });
            RL_ASSERT(ring.whole_count >= 1 && ring.condemned_count <= QUOTA);
            RL_ASSERT(ring.whole_count + ring.condemned_count + 1 == SLOTS);
            RL_ASSERT(ring.claimed != ring.latest);
        }
    }

    void read()
    {
        const unsigned char *data;
        struct netipc_ring_snapshot snapshot;
        for (unsigned i = 0; i < LEASES; i++) {
            uint64_t wanted = rl::rand(3) != 0 ? NETIPC_LATEST : 1 + rl::rand(PUBLICATIONS);
            netipc_status status =
                netipc_ring_acquire(&scene.view, netipc_line_lease(&scene.line, 0), wanted, &data, &snapshot);
            RL_ASSERT(status == NETIPC_OK || status == NETIPC_EMPTY || status == NETIPC_EXPIRED ||
                      status == NETIPC_OVERRUN);
            if (status != NETIPC_OK)
                continue;
            RL_ASSERT(wanted == NETIPC_LATEST || wanted == snapshot.generation);
            scene.check_info(snapshot);
            for (unsigned look = 0; look < 3; look++) {
                for (unsigned word_at = 0; word_at < model::words_of(snapshot.generation); word_at++) {
                    rl::ctx().sched();
                    RL_ASSERT(((const word *)data)[word_at]($) == model::word_of(snapshot.generation, word_at));
                }
            }
            RL_ASSERT(netipc_ring_still(&scene.view, &snapshot));
            netipc_ring_release(netipc_line_lease(&scene.line, 0));
        }
    }
};

int main(int argc, char **argv)
{
    return model::run<leasing_reader>(model::parse(argc, argv), 200000);
}
