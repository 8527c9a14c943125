/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No doorbell is lost: each of two subscribers that arms it, finds nothing new and waits for the packet sees every
 * generation. The publisher, the control thread and the subscriber go about it as publish/publish.c,
 * control/service_linux.c and publish/sleep.c do.
 */
#include "tests/models/ring.h"

#include "shm/payload_copy.h"

#include "shm/ring_publisher.c"
#include "shm/ring_reader.c"
#include "shm/session_table.c"

typedef rl::var<uint64_t> word;

enum { SLOTS = 4, PUBLICATIONS = 3, SUBSCRIBERS = 2 };

void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    (void)bytes, (void)shared, (void)length;
}

/* A socket or an eventfd: who takes what was put sees what was done before. */
struct channel {
    netipc_atomic_u32 count;

    void put()
    {
        netipc_fetch_add(&count, 1u, release);
        netipc_os_wake_all(&count);
    }

    void take()
    {
        while (netipc_exchange(&count, 0, acquire) == 0)
            netipc_os_wait(&count, 0, 1);
    }
};

struct doorbell : rl::test_suite<doorbell, 2 + SUBSCRIBERS> {
    model::ring_scene<word, SLOTS> scene;
    struct netipc_session_line lines[SUBSCRIBERS];
    struct channel event, packets[SUBSCRIBERS];
    netipc_atomic_u32 over;

    void before()
    {
        scene.begin();
        for (unsigned i = 0; i < SUBSCRIBERS; i++)
            netipc_session_table_insert(&scene.table, i, &lines[i]);
    }

    void after()
    {
        scene.end();
    }

    void thread(unsigned index)
    {
        if (index == 0)
            publish();
        else if (index == 1)
            control();
        else
            subscribe(index - 2);
    }

    void publish()
    {
        for (unsigned i = 0; i < PUBLICATIONS; i++) {
            model::stretch stretch(3);
            scene.publish([](word &to, uint64_t value) { to($) = value; });
            if (netipc_session_table_rung(&scene.table))
                event.put();
        }
    }

    void control()
    {
        while (netipc_load(&over, relaxed) < SUBSCRIBERS) {
            event.take();
            bool rung = netipc_session_table_take_rung(&scene.table);
            for (unsigned i = 0; i < SUBSCRIBERS; i++)
                if (rung && netipc_session_table_take_due(&scene.table, i) != 0)
                    packets[i].put();
        }
    }

    void subscribe(unsigned session)
    {
        for (uint64_t seen = 0; seen < PUBLICATIONS;) {
            netipc_fetch_or(netipc_line_doorbell(&lines[session]), 1u, relaxed);
            netipc_fence(seq_cst);
            uint64_t latest = netipc_hot_generation(netipc_load(&scene.header.latest, acquire));
            if (latest == seen)
                packets[session].take();
            seen = latest;
        }
        netipc_fetch_add(&over, 1u, relaxed);
        event.put();
    }
};

int main(int argc, char **argv)
{
    return model::run<doorbell>(model::parse(argc, argv), 100000);
}
