/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_MODELS_RING_H
#define NETIPC_TESTS_MODELS_RING_H

/* A region in the model's memory, its publisher and one session. Include it before the shipped files. */

#include "tests/models/model.h"

#include "shm/ring_publisher.h"
#include "shm/ring_reader.h"

namespace model
{

enum { WORDS = 2, ORDINAL = 7 };

/* What word i of a generation is, and how many of them it has. */
inline uint64_t word_of(uint64_t generation, unsigned i)
{
    return generation * 100 + i;
}

inline unsigned words_of(uint64_t generation)
{
    return generation % 3 == 0 ? 1 : WORDS;
}

/* word: what a word of payload is in the model. */
template <typename word, unsigned slots> struct ring_scene {
    struct netipc_region_header header;
    struct netipc_slot_header headers[slots];
    word data[slots * WORDS];
    struct netipc_region region;
    struct netipc_region_view view;
    struct netipc_session_table table;
    struct netipc_session_line line;
    struct netipc_ring ring;

    void begin()
    {
        reset();
        struct netipc_region_geometry geometry = {};
        geometry.slot_count = slots;
        geometry.slot_stride = geometry.capacity = WORDS * sizeof(word);
        region.geometry = view.geometry = geometry;
        view.identity.ordinal = ORDINAL;
        view.header = region.header = &header;
        view.slots = region.slots = headers;
        view.data = region.data = (unsigned char *)data;
        netipc_session_table_open(&table, 2);
        struct netipc_ring_totals totals = {};
        netipc_ring_start(&ring, &region, ORDINAL, &table, 0, &totals);
    }

    void end()
    {
        netipc_session_table_close(&table);
    }

    /* The next generation; store(word, value) writes a word. */
    template <typename function> void publish(function store)
    {
        uint64_t generation = ring.generation + 1;
        word *words = (word *)netipc_ring_claimed_data(&ring);
        for (unsigned i = 0; i < words_of(generation); i++)
            store(words[i], word_of(generation, i));
        now_ns = generation;
        netipc_ring_publish(&ring, words_of(generation) * sizeof(word), 0);
    }

    /* What an OK says besides the bytes. */
    void check_info(const struct netipc_ring_snapshot &snapshot)
    {
        RL_ASSERT(snapshot.length == words_of(snapshot.generation) * sizeof(word));
        RL_ASSERT(snapshot.publish_time_ns == snapshot.generation);
    }
};

} // namespace model

#endif
