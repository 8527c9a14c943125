/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Under a lease the bytes of a generation never change: not even an access of the publisher races with the reader's.
 * And whatever is leased, for however long, the publisher finds a slot that nobody leases. So it is if the reader is a
 * thread of the publisher's process, whose line is in the table only while it reads.
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

template <bool comes_and_goes> struct leasing_reader : rl::test_suite<leasing_reader<comes_and_goes>, 2> {
    model::ring_scene<word, SLOTS> scene;

    void before()
    {
        scene.begin();
        RL_ASSERT(netipc_ring_quota(SLOTS, 0) == QUOTA);
        if (!comes_and_goes)
            come();
    }

    void come()
    {
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
        for (unsigned i = 0; i < LEASES; i++) {
            if (comes_and_goes)
                come();
            read_once();
            if (comes_and_goes)
                netipc_session_table_remove(&scene.table, 0);
        }
    }

    void read_once()
    {
        const unsigned char *data;
        struct netipc_ring_snapshot snapshot;
        uint64_t wanted = rl::rand(3) != 0 ? NETIPC_LATEST : 1 + rl::rand(PUBLICATIONS);
        netipc_status status =
            netipc_ring_acquire(&scene.view, netipc_line_lease(&scene.line, 0), wanted, &data, &snapshot);
        RL_ASSERT(status == NETIPC_OK || status == NETIPC_EMPTY || status == NETIPC_EXPIRED ||
                  status == NETIPC_OVERRUN);
        if (status != NETIPC_OK)
            return;
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
};

int main(int argc, char **argv)
{
    model::options options = model::parse(argc, argv);
    int status = model::run<leasing_reader<false>>(options, 200000);
    int within = status != model::FAILURE ? model::run<leasing_reader<true>>(options, 100000) : status;
    return within == model::NOT_REACHED ? status : within;
}
