/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/ring_publisher.h"

#include "shm/os.h"
#include "shm/probes.h"

/* P5: a slot's last even value + 1: odd, and its own. */
static void make_odd(struct netipc_ring *ring, uint32_t slot)
{
    netipc_atomic_u64 *seq = &ring->region->slots[slot].seq;
    netipc_store(seq, netipc_load(seq, relaxed) | 1u, relaxed);
}

/* P9: who holds a view can tell a slot that is only set aside from one that is written again. */
static void mark_claimed(struct netipc_ring *ring)
{
    netipc_store(&ring->region->slots[ring->claimed].seq, ring->generation * 2 + 1, relaxed);
    netipc_fence(release); /* before P1 of the next publication; pairs with the fence in netipc_ring_still() */
}

static void append_whole(struct netipc_ring *ring, uint32_t slot)
{
    uint32_t count = ring->region->geometry.slot_count;
    ring->whole[(ring->whole_first + ring->whole_count) % count] = (uint16_t)slot;
    ring->whole_count++;
}

static uint32_t take_oldest(struct netipc_ring *ring)
{
    uint32_t slot = ring->whole[ring->whole_first];
    ring->whole_first = (ring->whole_first + 1) % ring->region->geometry.slot_count;
    ring->whole_count--;
    return slot;
}

static void condemn_oldest(struct netipc_ring *ring)
{
    uint32_t slot = take_oldest(ring);
    make_odd(ring, slot);
    ring->condemned[ring->condemned_count++] = (uint16_t)slot;
}

/* Claims a condemned slot that the last scan did not find leased. */
static bool claim_condemned(struct netipc_ring *ring)
{
    for (uint32_t i = 0; i < ring->condemned_count; i++) {
        if (netipc_leased(&ring->leases, ring->condemned[i]))
            continue;
        ring->claimed = ring->condemned[i];
        ring->condemned[i] = ring->condemned[--ring->condemned_count];
        return true;
    }
    return false;
}

/* P5 to P9. What is condemned already is tried first, since taking a whole slot shortens the history; but not again
 * while all of it stays leased, since that would make each publication scan twice. */
static void claim_and_wake(struct netipc_ring *ring)
{
    if (ring->condemned_count == 0 || ring->condemned_are_leased)
        condemn_oldest(ring);
    netipc_session_table_scan(ring->sessions, &ring->leases, &ring->totals.wakes_sent,
                              &ring->totals.wakes_saved); /* P6 and P7 */
    while (!claim_condemned(ring)) {
        condemn_oldest(ring); /* P8 */
        netipc_session_table_rescan(ring->sessions, &ring->leases);
        ring->totals.condemned++;
    }
    ring->condemned_are_leased = true;
    for (uint32_t i = 0; i < ring->condemned_count; i++)
        if (!netipc_leased(&ring->leases, ring->condemned[i]))
            ring->condemned_are_leased = false;
    mark_claimed(ring);
}

uint32_t netipc_ring_quota(uint32_t slot_count, uint32_t history)
{
    return history < slot_count - 2 ? slot_count - 2 - history : 0;
}

void netipc_ring_start(struct netipc_ring *ring, const struct netipc_region *region, uint64_t ordinal,
                       struct netipc_session_table *sessions, uint64_t generation,
                       const struct netipc_ring_totals *totals)
{
    *ring = (struct netipc_ring){
        .region = region,
        .sessions = sessions,
        .ordinal = ordinal,
        .generation = generation,
        .leases = {.ordinal = ordinal, .slot_count = region->geometry.slot_count},
        .totals = *totals,
    };
    /* Nobody else has this region yet, so the claim needs no fence before the first bytes. */
    mark_claimed(ring);
    for (uint32_t slot = 1; slot < region->geometry.slot_count; slot++)
        append_whole(ring, slot);
}

unsigned char *netipc_ring_claimed_data(const struct netipc_ring *ring)
{
    return netipc_region_slot_data(ring->region, ring->claimed);
}

const unsigned char *netipc_ring_latest_data(const struct netipc_ring *ring)
{
    return ring->latest_here ? netipc_region_slot_data(ring->region, ring->latest) : NULL;
}

static void write_slot_header(struct netipc_slot_header *slot, uint64_t generation, uint64_t length,
                              uint64_t annex_length)
{
    struct netipc_slot_values values = {
        .seq = generation * 2,
        .payload_length = length,
        .annex_length = annex_length,
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

void netipc_ring_publish(struct netipc_ring *ring, uint64_t length, uint64_t annex_length)
{
    const struct netipc_region *region = ring->region;
    uint32_t slot = ring->claimed;
    uint64_t generation = ring->generation + 1;

    write_slot_header(&region->slots[slot], generation, length, annex_length);
    /* P4, pairs with R1 and with the waiter's loads */
    netipc_store(&region->header->latest, netipc_hot_word(generation, NETIPC_REGION_LIVE, slot), release);
    netipc_probe_publish(region->header->identity.service, generation, length, annex_length, slot);
    ring->generation = generation;
    ring->latest = slot;
    ring->latest_length = length;
    ring->latest_here = true;

    append_whole(ring, slot);

    claim_and_wake(ring);

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
    netipc_session_table_scan(ring->sessions, &ring->leases, &ring->totals.wakes_sent, &ring->totals.wakes_saved);
    show_totals(ring);
}
