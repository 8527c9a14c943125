/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/ring_publisher.h"

#include "shm/os.h"

/* A claimed slot's seq is its last even value + 1: odd, and never a value that it had before. */
static void claim(struct netipc_ring *ring, uint32_t slot)
{
    netipc_atomic_u64 *seq = &ring->region->slots[slot].seq;
    netipc_store(seq, netipc_load(seq, relaxed) | 1u, relaxed); /* P5 */
    ring->claimed = slot;
}

void netipc_ring_start(struct netipc_ring *ring, const struct netipc_region *region,
                       struct netipc_session_table *sessions, uint64_t generation,
                       const struct netipc_ring_totals *totals)
{
    *ring = (struct netipc_ring){
        .region = region,
        .sessions = sessions,
        .generation = generation,
        .totals = *totals,
    };
    /* Nobody else has this region yet, so the claim needs no fence before the first bytes. */
    claim(ring, 0);
}

unsigned char *netipc_ring_claimed_data(const struct netipc_ring *ring)
{
    return netipc_region_slot_data(ring->region, ring->claimed);
}

const unsigned char *netipc_ring_latest_data(const struct netipc_ring *ring)
{
    return ring->latest_here ? netipc_region_slot_data(ring->region, ring->latest) : NULL;
}

static void write_slot_header(struct netipc_slot_header *slot, uint64_t generation, uint64_t length)
{
    struct netipc_slot_values values = {
        .seq = generation * 2,
        .payload_length = length,
        .publish_time_ns = netipc_os_monotonic_coarse_ns(),
    };
    /* P2 */
    netipc_store(&slot->payload_length, values.payload_length, relaxed);
    netipc_store(&slot->annex_length, values.annex_length, relaxed);
    netipc_store(&slot->flags, values.flags, relaxed);
    netipc_store(&slot->publish_time_ns, values.publish_time_ns, relaxed);
    netipc_store(&slot->checksum, values.checksum, relaxed);
    netipc_store(&slot->check, netipc_slot_check(&values), relaxed);
    /* P3, pairs with R2: whoever reads this value sees P1 and P2 */
    netipc_store(&slot->seq, values.seq, release);
}

static void show_totals(struct netipc_ring *ring)
{
    struct netipc_region_counters *counters = &ring->region->header->counters;
    netipc_store(&counters->publications, ring->totals.publications, relaxed);
    netipc_store(&counters->unchanged, ring->totals.unchanged, relaxed);
    netipc_store(&counters->bytes, ring->totals.bytes, relaxed);
    netipc_store(&counters->wakes_sent, ring->totals.wakes_sent, relaxed);
    netipc_store(&counters->wakes_saved, ring->totals.wakes_saved, relaxed);
}

void netipc_ring_publish(struct netipc_ring *ring, uint64_t length)
{
    const struct netipc_region *region = ring->region;
    uint32_t slot = ring->claimed;
    uint64_t generation = ring->generation + 1;

    write_slot_header(&region->slots[slot], generation, length);
    /* P4, pairs with R1 and with the waiter's loads */
    netipc_store(&region->header->latest, netipc_hot_word(generation, NETIPC_REGION_LIVE, slot), release);
    ring->generation = generation;
    ring->latest = slot;
    ring->latest_length = length;
    ring->latest_here = true;

    /* Slots are used in turn, so the one behind the latest is the oldest, and it is not the latest. */
    claim(ring, slot + 1 < region->geometry.slot_count ? slot + 1 : 0);
    /* P6 and P7 */
    netipc_session_table_scan(ring->sessions, generation, &ring->totals.wakes_sent, &ring->totals.wakes_saved);

    ring->totals.publications++;
    ring->totals.bytes += length;
    show_totals(ring);
}

void netipc_ring_count_unchanged(struct netipc_ring *ring)
{
    ring->totals.unchanged++;
    show_totals(ring);
}

void netipc_ring_end(struct netipc_ring *ring, uint32_t state)
{
    netipc_atomic_u64 *latest = &ring->region->header->latest;
    uint64_t word = netipc_load(latest, relaxed);
    netipc_store(latest, netipc_hot_word(netipc_hot_generation(word), state, netipc_hot_slot(word)), release);
    netipc_session_table_scan(ring->sessions, ring->generation, &ring->totals.wakes_sent, &ring->totals.wakes_saved);
    show_totals(ring);
}
