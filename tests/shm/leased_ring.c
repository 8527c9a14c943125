/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/shm/leased_ring.h"

#include <string.h>

void make_leased_ring(struct leased_ring *leased, uint32_t slots, uint32_t history)
{
    memset(leased, 0, sizeof *leased);
    make_ring(&leased->made, slots, LEASED_CAPACITY);
    netipc_session_table_close(&leased->made.sessions);
    assert_int_equal(netipc_session_table_open(&leased->made.sessions, LEASED_SESSIONS_MOST), NETIPC_OK);
    assert_int_equal(netipc_region_attach(leased->made.region.fd, leased->made.region.geometry.region_size, UINT64_MAX,
                                          0, &leased->view),
                     NETIPC_OK);
    leased->slots = slots;
    leased->history = history;
    leased->quota = netipc_ring_quota(slots, history);
    for (uint32_t i = 0, left = leased->quota; left > 0; i++) {
        uint32_t granted = left < NETIPC_SESSION_LEASES ? left : NETIPC_SESSION_LEASES;
        netipc_session_table_grant(&leased->made.sessions, i, 1, granted);
        netipc_session_table_insert(&leased->made.sessions, i, &leased->lines[i]);
        left -= granted;
    }
}

void unmake_leased_ring(struct leased_ring *leased)
{
    netipc_region_detach(&leased->view, false);
    unmake_ring(&leased->made);
}

netipc_atomic_u64 *lease_word_of(struct leased_ring *leased, uint32_t index)
{
    assert_true(index < leased->quota);
    return netipc_line_lease(&leased->lines[index / NETIPC_SESSION_LEASES], index % NETIPC_SESSION_LEASES);
}

void publish_roughly(struct leased_ring *leased)
{
    memset(netipc_ring_claimed_data(&leased->made.ring), 0xee, LEASED_CAPACITY);
    publish_pattern(&leased->made, LEASED_LENGTH);
}

static void expect_readable(struct leased_ring *leased, uint64_t generation)
{
    unsigned char bytes[LEASED_LENGTH];
    struct netipc_ring_snapshot snapshot;
    assert_int_equal(netipc_ring_read(&leased->view, generation, bytes, sizeof bytes, &snapshot), NETIPC_OK);
    assert_int_equal(snapshot.generation, generation);
    assert_int_equal(snapshot.length, LEASED_LENGTH);
    assert_true(pattern_is(bytes, LEASED_LENGTH, generation));
}

void expect_history(struct leased_ring *leased, bool thorough)
{
    const struct netipc_ring *ring = &leased->made.ring;
    uint64_t listed[NETIPC_SLOTS_MOST], latest = ring->generation;
    uint32_t count = netipc_ring_history(&leased->view, listed, NETIPC_SLOTS_MOST);
    uint64_t due = latest < leased->history + 1u ? latest : leased->history + 1u;
    assert_in_range(ring->condemned_count, 0, leased->quota);
    assert_in_range(count, due, leased->slots - 1);
    assert_int_equal(ring->whole_count + ring->condemned_count + 1, leased->slots);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(listed[i], latest - count + 1 + i);
    if (thorough)
        for (uint32_t i = 0; i < count; i++)
            expect_readable(leased, listed[i]);
    else if (count > 0) {
        expect_readable(leased, listed[0]);
        expect_readable(leased, latest - due + 1);
        expect_readable(leased, latest);
    }
}
