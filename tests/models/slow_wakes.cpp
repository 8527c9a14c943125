/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost that the publishing thread leaves to the control thread: each of two sleepers, whose sessions were
 * found slow to wake, sees the last generation. Nothing comes after it that could make up for a wake-up.
 */
#include "tests/models/ring.h"

#include "shm/payload_copy.h"

#include "shm/ring_publisher.c"
#include "shm/ring_reader.c"
#include "shm/session_table.c"
#include "shm/wait.c"

typedef rl::var<uint64_t> word;

enum { SLOTS = 4, PUBLICATIONS = 2, SUBSCRIBERS = 2 };

void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    (void)bytes, (void)shared, (void)length;
}

struct slow_wakes : rl::test_suite<slow_wakes, 2 + SUBSCRIBERS> {
    model::ring_scene<word, SLOTS> scene;
    struct netipc_session_line lines[SUBSCRIBERS];
    netipc_atomic_u32 event, over, news, nobody, passed_on[SUBSCRIBERS];

    void before()
    {
        scene.begin();
        for (unsigned i = 0; i < SUBSCRIBERS; i++) {
            netipc_session_table_insert(&scene.table, i, &lines[i]);
            netipc_store(&scene.table.entries[i].slow, SLOW_CALLS, relaxed);
        }
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
            sleep(index - 2);
    }

    void put_event()
    {
        netipc_fetch_add(&event, 1u, release);
        netipc_os_wake_all(&event);
    }

    void publish()
    {
        for (unsigned i = 0; i < PUBLICATIONS; i++) {
            model::stretch stretch(3);
            scene.publish([](word &to, uint64_t value) { to($) = value; });
            if (netipc_session_table_rung(&scene.table))
                put_event();
        }
    }

    /* As netipc_service_on_wake() of control/service_linux.c. */
    void control()
    {
        while (netipc_load(&over, relaxed) < SUBSCRIBERS) {
            while (netipc_exchange(&event, 0, acquire) == 0)
                netipc_os_wait(&event, 0, 1);
            bool rung = netipc_session_table_take_rung(&scene.table);
            for (unsigned i = 0; i < SUBSCRIBERS; i++)
                if (rung && netipc_session_table_take_due(&scene.table, i) == NETIPC_DUE_WAKE)
                    netipc_session_table_wake(&scene.table, i);
        }
    }

    void sleep(unsigned session)
    {
        struct netipc_wait wait = {};
        wait.latest = &scene.header.latest;
        wait.line = &lines[session];
        wait.news = &news;
        wait.others = &nobody;
        wait.passed_on = &passed_on[session];
        wait.sleep_ns = 1;
        while (wait.generation < PUBLICATIONS) {
            struct netipc_wait_effort effort;
            if (netipc_wait_for_change(&wait, &effort) == NETIPC_WAIT_CHANGED)
                wait.generation = netipc_hot_generation(netipc_load(&scene.header.latest, acquire));
        }
        netipc_fetch_add(&over, 1u, relaxed);
        put_event();
    }
};

int main(int argc, char **argv)
{
    return model::run<slow_wakes>(model::parse(argc, argv), 100000);
}
