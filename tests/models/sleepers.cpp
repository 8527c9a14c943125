/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No wake-up is lost: two sleepers of one session, which is inserted while the publisher publishes, see the last
 * generation and the close; or an interrupt ends every sleep. There are no timeouts: who misses a wake-up sleeps for
 * ever, which is a deadlock. Who is told of a publication, or of news, sees what was done before it. And who lies down
 * again, having seen the last generation, does not take the wake-up from who has not.
 */
#include "tests/models/ring.h"

#include "shm/payload_copy.h"

#include "shm/ring_publisher.c"
#include "shm/ring_reader.c"
#include "shm/session_table.c"
#include "shm/wait.c"

typedef rl::var<uint64_t> word;

enum { SLOTS = 4, PUBLICATIONS = 2, PUBLISHER = 0, CONTROL = 1, SLEEPERS = 2 };

void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    (void)bytes, (void)shared, (void)length;
}

/* What ends the last sleeps: the publisher's close; an interrupt by another thread, now and then before the last
 * publication; or an interrupt by the second sleeper that has seen the last generation: then there is no later wake-up
 * that could make up for one that went astray. */
enum ending { CLOSE, INTERRUPT, LAST_SEEN };

template <ending how> struct sleepers : rl::test_suite<sleepers<how>, 2 + SLEEPERS> {
    model::ring_scene<word, SLOTS> scene;
    rl::var<uint64_t> done_before[PUBLICATIONS + 1], done_before_news;
    netipc_atomic_u32 ready, news, reader_count, passed_on, have_seen_last;

    void before()
    {
        for (rl::var<uint64_t> &each : done_before)
            each($) = 0;
        done_before_news($) = 0;
        scene.begin();
    }

    void after()
    {
        scene.end();
    }

    void thread(unsigned index)
    {
        if (index == PUBLISHER)
            publish();
        else if (index == CONTROL)
            control();
        else
            sleep(index == CONTROL + 1);
    }

    void publish()
    {
        /* An interrupt must not need the publisher. */
        unsigned publications = how == INTERRUPT ? rl::rand(PUBLICATIONS + 1) : PUBLICATIONS;
        for (unsigned i = 1; i <= publications; i++) {
            model::stretch stretch(2);
            done_before[i]($) = 1;
            scene.publish([](word &to, uint64_t value) { to($) = value; });
        }
        if (how == CLOSE) {
            done_before[0]($) = 1;
            netipc_ring_end(&scene.ring, NETIPC_REGION_CLOSED);
        }
    }

    /* Inserts the session, then tells the subscriber; later it gives it news. */
    void control()
    {
        netipc_session_table_insert(&scene.table, 0, &scene.line);
        netipc_store(&scene.table.entries[0].wakes, rl::rand(2) * (MEASURED_CALLS - 1), relaxed); /* or measured next */
        netipc_store(&ready, 1, release);
        netipc_os_wake_all(&ready);
        if (how == INTERRUPT)
            interrupt();
    }

    void interrupt()
    {
        done_before_news($) = 1;
        netipc_fetch_add(&news, 1u, release);
        netipc_wait_interrupt(&scene.line);
    }

    /* What the wait told of: the generation behind the one seen at least, or the close. */
    bool see(uint64_t *seen)
    {
        unsigned told = *seen < PUBLICATIONS ? (unsigned)*seen + 1 : 0;
        RL_ASSERT(done_before[told]($) == 1);
        uint64_t hot = netipc_load(&scene.header.latest, relaxed);
        RL_ASSERT(netipc_hot_generation(hot) > *seen || netipc_hot_ended(hot));
        *seen = netipc_hot_generation(hot);
        return !netipc_hot_ended(hot);
    }

    /* The owner is not counted among the readers. */
    void sleep(bool owner)
    {
        while (netipc_load(&ready, acquire) == 0)
            netipc_os_wait(&ready, 0, 1);
        if (!owner)
            netipc_store(&reader_count, 1, relaxed);
        struct netipc_wait wait = {};
        wait.latest = &scene.header.latest;
        wait.line = &scene.line;
        wait.news = &news;
        wait.others = &reader_count;
        wait.passed_on = &passed_on;
        wait.sleep_ns = 1;
        for (bool more = true; more;) {
            struct netipc_wait_effort effort;
            switch (netipc_wait_for_change(&wait, &effort)) {
            case NETIPC_WAIT_CHANGED:
                more = see(&wait.generation);
                if (how == LAST_SEEN && wait.generation == PUBLICATIONS &&
                    netipc_fetch_add(&have_seen_last, 1u, relaxed) == SLEEPERS - 1)
                    interrupt();
                break;
            case NETIPC_WAIT_INTERRUPTED:
                RL_ASSERT(how != CLOSE && done_before_news($) == 1);
                more = false;
                break;
            case NETIPC_WAIT_ELAPSED:
                RL_ASSERT(effort.slept);
                break;
            }
        }
    }
};

template <ending how> static int run(const model::options &options, int status)
{
    if (status == model::FAILURE)
        return status;
    int next = model::run<sleepers<how>>(options, 100000);
    return next == model::NOT_REACHED ? status : next;
}
int main(int argc, char **argv)
{
    model::options options = model::parse(argc, argv);
    int status = run<CLOSE>(options, model::NOT_REACHED);
    status = run<INTERRUPT>(options, status);
    return run<LAST_SEEN>(options, status);
}
