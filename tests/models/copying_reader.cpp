/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read that says OK has exactly the bytes of its generation. So has one in place whose lease nobody honours, if
 * netipc_ring_still() says so afterwards. What a poll has shown can be read at once, and is in the history.
 */
#include "tests/models/ring.h"

#include "shm/payload_copy.h"

#include "shm/ring_publisher.c"
#include "shm/ring_reader.c"
#include "shm/session_table.c"

/* Payload may be read while it is written: relaxed atomics, in the place of memcpy. */
typedef rl::atomic<uint64_t> word;

enum { SLOTS = 2, PUBLICATIONS = 4, READS = 2 };

void netipc_payload_copy_out(void *bytes, const void *shared, size_t length)
{
    for (size_t i = 0; i < length / sizeof(word); i++)
        ((uint64_t *)bytes)[i] = ((const word *)shared)[i].load(rl::mo_relaxed, $);
}

struct copying_reader : rl::test_suite<copying_reader, 2> {
    model::ring_scene<word, SLOTS> scene;
    netipc_atomic_u64 unhonoured;

    void before()
    {
        for (word &each : scene.data)
            each.store(0, rl::mo_relaxed, $);
        scene.begin();
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
        for (unsigned i = 0; i < PUBLICATIONS; i++) {
            model::stretch stretch(2);
            scene.publish([](word &to, uint64_t value) { to.store(value, rl::mo_relaxed, $); });
        }
    }

    void check(const uint64_t *words, uint64_t generation)
    {
        for (unsigned i = 0; i < model::words_of(generation); i++)
            RL_ASSERT(words[i] == model::word_of(generation, i));
    }

    netipc_status copy(uint64_t wanted, struct netipc_ring_snapshot *snapshot)
    {
        uint64_t words[model::WORDS] = {0};
        netipc_status status = netipc_ring_read(&scene.view, wanted, words, sizeof scene.data / SLOTS, snapshot);
        RL_ASSERT(status == NETIPC_OK || status == NETIPC_EMPTY || status == NETIPC_EXPIRED ||
                  status == NETIPC_OVERRUN);
        if (status == NETIPC_OK) {
            RL_ASSERT(wanted == NETIPC_LATEST || wanted == snapshot->generation);
            scene.check_info(*snapshot);
            check(words, snapshot->generation);
        }
        return status;
    }

    void look(uint64_t wanted)
    {
        const unsigned char *data;
        struct netipc_ring_snapshot snapshot;
        uint64_t words[model::WORDS] = {0};
        netipc_status status = netipc_ring_acquire(&scene.view, &unhonoured, wanted, &data, &snapshot);
        RL_ASSERT(status == NETIPC_OK || status == NETIPC_EMPTY || status == NETIPC_EXPIRED ||
                  status == NETIPC_OVERRUN);
        if (status != NETIPC_OK)
            return;
        netipc_payload_copy_out(words, data, model::words_of(snapshot.generation) * sizeof(word));
        if (netipc_ring_still(&scene.view, &snapshot))
            check(words, snapshot.generation);
        netipc_ring_release(&unhonoured);
    }

    void read()
    {
        struct netipc_ring_snapshot snapshot;
        for (unsigned i = 0; i < READS; i++) {
            uint64_t wanted = rl::rand(3) != 0 ? NETIPC_LATEST : 1 + rl::rand(PUBLICATIONS);
            if (rl::rand(3) != 0)
                copy(wanted, &snapshot);
            else
                look(wanted);
        }
        if (netipc_hot_generation(netipc_load(&scene.header.latest, relaxed)) != PUBLICATIONS)
            return;
        uint64_t history[SLOTS];
        if (rl::rand(2) == 0) {
            RL_ASSERT(copy(NETIPC_LATEST, &snapshot) == NETIPC_OK);
            RL_ASSERT(snapshot.generation == PUBLICATIONS && snapshot.retries == 0);
        } else {
            uint32_t count = netipc_ring_history(&scene.view, history, SLOTS);
            RL_ASSERT(count > 0 && history[count - 1] == PUBLICATIONS);
        }
    }
};

int main(int argc, char **argv)
{
    return model::run<copying_reader>(model::parse(argc, argv), 200000);
}
