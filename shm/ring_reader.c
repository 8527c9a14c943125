/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/ring_reader.h"

#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/hot.h"
#include "shm/payload_copy.h"

#include <stdlib.h>

/* The slot of an older generation. Slots are used in turn but for those that were condemned, so the first guess is
 * right unless there are leases. */
__attribute__((noinline)) static netipc_status find_generation(const struct netipc_region_view *view,
                                                               uint64_t generation, uint64_t hot, uint32_t *index)
{
    uint64_t latest = netipc_hot_generation(hot);
    uint32_t count = view->geometry.slot_count;
    if (generation > latest)
        return netipc_fail(NETIPC_EMPTY, "generation %llu is not published yet, %llu is the latest",
                           (unsigned long long)generation, (unsigned long long)latest);
    uint64_t back = latest - generation;
    if (back < count) {
        uint32_t guess = (netipc_hot_slot(hot) % count + count - (uint32_t)back) % count;
        for (uint32_t i = 0; i < count; i++) {
            *index = (guess + i) % count;
            if (netipc_load(&view->slots[*index].seq, relaxed) == generation * 2)
                return NETIPC_OK;
        }
    }
    return netipc_fail(NETIPC_EXPIRED, "generation %llu has left the ring, %llu is the latest",
                       (unsigned long long)generation, (unsigned long long)latest);
}

COLD netipc_status misnamed(const struct netipc_region_view *view, uint32_t slot)
{
    return netipc_fail(NETIPC_CORRUPT, "the hot word names slot %u of %u", slot, view->geometry.slot_count);
}

/* R1 or L1: where to look. */
HOT netipc_status locate(const struct netipc_region_view *view, uint64_t wanted, struct netipc_ring_snapshot *found)
{
    uint64_t hot = netipc_load(&view->header->latest, acquire); /* pairs with P4 */
    uint64_t latest = netipc_hot_generation(hot);
    found->state = netipc_hot_state(hot);
    found->generation = LIKELY(wanted == NETIPC_LATEST) ? latest : wanted;
    found->slot = netipc_hot_slot(hot);
    if (found->generation == 0)
        return NETIPC_EMPTY;
    if (found->slot >= view->geometry.slot_count)
        return misnamed(view, found->slot);
    if (LIKELY(found->generation == latest))
        return NETIPC_OK;
    uint32_t slot = found->slot;
    netipc_status status = find_generation(view, wanted, hot, &slot);
    found->slot = slot;
    return status;
}

/* Whether the annex lies in the slot behind a payload that does. */
static bool annex_fits(const struct netipc_region_view *view, uint64_t payload_length, uint64_t annex_length)
{
    uint64_t annex_at;
    return !netipc_align_overflows(payload_length, 8, &annex_at) &&
           netipc_range_ok(annex_at, annex_length, view->geometry.capacity);
}

/* R3: every word is loaded once, and only these copies are used. Whether they belong together and stay in their bounds.
 */
HOT bool load_header(const struct netipc_region_view *view, const struct netipc_slot_header *slot, uint64_t seq,
                     struct netipc_ring_snapshot *found)
{
    struct netipc_slot_values values = {
        .seq = seq,
        .payload_length = netipc_load(&slot->payload_length, relaxed),
        .annex_length = netipc_load(&slot->annex_length, relaxed),
        .flags = netipc_load(&slot->flags, relaxed),
        .publish_time_ns = netipc_load(&slot->publish_time_ns, relaxed),
        .checksum = netipc_load(&slot->checksum, relaxed),
    };
    uint64_t check = netipc_load(&slot->check, relaxed);
    found->length = values.payload_length;
    found->annex_length = values.annex_length;
    found->publish_time_ns = values.publish_time_ns;
    return LIKELY(check == netipc_slot_check(&values)) && LIKELY((values.flags & NETIPC_FLAGS_TO_KNOW) == 0) &&
           LIKELY(values.payload_length <= view->geometry.capacity) &&
           (LIKELY(values.annex_length == 0) || annex_fits(view, values.payload_length, values.annex_length));
}

static void forget_header(struct netipc_ring_snapshot *snapshot)
{
    snapshot->length = 0;
    snapshot->annex_length = 0;
    snapshot->publish_time_ns = 0;
}

COLD netipc_status unsound(struct netipc_ring_snapshot *snapshot)
{
    forget_header(snapshot);
    return netipc_fail(NETIPC_CORRUPT, "slot %u of generation %llu does not match its check word or its bounds",
                       snapshot->slot, (unsigned long long)snapshot->generation);
}

COLD netipc_status too_small(uint64_t length, uint64_t capacity)
{
    return netipc_fail(NETIPC_TOO_SMALL, "snapshot of %llu bytes, buffer of %llu", (unsigned long long)length,
                       (unsigned long long)capacity);
}

COLD netipc_status overtaken(struct netipc_ring_snapshot *snapshot)
{
    snapshot->retries = NETIPC_READ_TRIES;
    forget_header(snapshot);
    return netipc_fail(NETIPC_OVERRUN, "%d tries were overtaken", NETIPC_READ_TRIES);
}

static const unsigned char *slot_data(const struct netipc_region_view *view, uint32_t slot)
{
    return view->data + slot * view->geometry.slot_stride;
}

/* One try: NETIPC_OVERRUN when it was overtaken, else what the read gives. */
HOT netipc_status try_read(const struct netipc_region_view *view, uint64_t wanted, void *buffer, uint64_t capacity,
                           uint32_t tries, struct netipc_ring_snapshot *snapshot)
{
    struct netipc_ring_snapshot found = {0};
    found.retries = tries;
    netipc_status status = locate(view, wanted, &found); /* R1 */
    if (!LIKELY(status == NETIPC_OK)) {
        *snapshot = found;
        return status;
    }
    const struct netipc_slot_header *slot = &view->slots[found.slot];
    uint64_t seq = netipc_load(&slot->seq, acquire); /* R2, pairs with P3 */
    if (!LIKELY(seq == found.generation * 2)) {
        *snapshot = found;
        return NETIPC_OVERRUN;
    }
    bool sound = load_header(view, slot, seq, &found); /* R3 */
    bool fits = LIKELY(sound) && LIKELY(found.length <= capacity);
    *snapshot = found; /* now, so that it need not be kept over the copy */
    if (LIKELY(fits))
        netipc_payload_copy_out(buffer, slot_data(view, found.slot), found.length); /* R4 */

    netipc_fence(acquire); /* R5, pairs with P6: bytes of a later generation imply the claim that R6 then sees */
    if (!LIKELY(netipc_load(&slot->seq, relaxed) == seq)) /* R6 */
        return NETIPC_OVERRUN;
    if (LIKELY(fits))
        return NETIPC_OK;
    return sound ? too_small(snapshot->length, capacity) : unsound(snapshot);
}

COLD netipc_status read_again(const struct netipc_region_view *view, uint64_t generation, void *buffer,
                              uint64_t capacity, struct netipc_ring_snapshot *snapshot)
{
    for (uint32_t tries = 1; tries < NETIPC_READ_TRIES; tries++) {
        netipc_status status = try_read(view, generation, buffer, capacity, tries, snapshot);
        if (status != NETIPC_OVERRUN)
            return status;
    }
    return overtaken(snapshot);
}

netipc_status netipc_ring_read(const struct netipc_region_view *view, uint64_t generation, void *buffer,
                               uint64_t capacity, struct netipc_ring_snapshot *snapshot)
{
    netipc_status status = try_read(view, generation, buffer, capacity, 0, snapshot);
    return LIKELY(status != NETIPC_OVERRUN) ? status : read_again(view, generation, buffer, capacity, snapshot);
}

/* L4: whether the slot holds what found says, and what its header says of it. NETIPC_CORRUPT without a word yet. */
HOT netipc_status check_slot(const struct netipc_region_view *view, struct netipc_ring_snapshot *found)
{
    const struct netipc_slot_header *slot = &view->slots[found->slot];
    uint64_t seq = netipc_load(&slot->seq, acquire); /* pairs with P3 */
    if (seq != found->generation * 2)
        return NETIPC_OVERRUN;
    if (LIKELY(load_header(view, slot, seq, found)))
        return NETIPC_OK;
    /* Nobody honours the leases of a session that has ended: a later generation's header, as in L5? */
    netipc_fence(acquire);
    return netipc_load(&slot->seq, relaxed) == seq ? NETIPC_CORRUPT : NETIPC_OVERRUN;
}

/* One try: NETIPC_OVERRUN when it was overtaken. */
HOT netipc_status try_acquire(const struct netipc_region_view *view, netipc_atomic_u64 *lease, uint64_t wanted,
                              uint32_t tries, struct netipc_ring_snapshot *snapshot)
{
    struct netipc_ring_snapshot found = {0};
    found.retries = tries;
    netipc_status status = locate(view, wanted, &found); /* L1 */
    if (!LIKELY(status == NETIPC_OK)) {
        *snapshot = found;
        return status;
    }
    netipc_store(lease, netipc_lease_word(view->identity.ordinal, found.slot), relaxed); /* L2 */
    netipc_fence(seq_cst); /* L3: the publisher sees the lease, or L4 sees the claim; pairs with P6 */
    status = check_slot(view, &found);
    *snapshot = found;
    if (LIKELY(status == NETIPC_OK))
        return NETIPC_OK;
    netipc_ring_release(lease);
    return status == NETIPC_CORRUPT ? unsound(snapshot) : status;
}

COLD netipc_status acquire_again(const struct netipc_region_view *view, netipc_atomic_u64 *lease, uint64_t generation,
                                 struct netipc_ring_snapshot *snapshot)
{
    for (uint32_t tries = 1; tries < NETIPC_READ_TRIES; tries++) {
        netipc_status status = try_acquire(view, lease, generation, tries, snapshot);
        if (status != NETIPC_OVERRUN)
            return status;
    }
    return overtaken(snapshot);
}

netipc_status netipc_ring_acquire(const struct netipc_region_view *view, netipc_atomic_u64 *lease, uint64_t generation,
                                  const unsigned char **data, struct netipc_ring_snapshot *snapshot)
{
    netipc_status status = try_acquire(view, lease, generation, 0, snapshot);
    if (status == NETIPC_OVERRUN)
        status = acquire_again(view, lease, generation, snapshot);
    if (status == NETIPC_OK)
        *data = slot_data(view, snapshot->slot);
    return status;
}

netipc_status netipc_ring_read_leased(const struct netipc_region_view *view, netipc_atomic_u64 *lease,
                                      uint64_t generation, void *buffer, uint64_t capacity,
                                      struct netipc_ring_snapshot *snapshot)
{
    const unsigned char *data;
    netipc_status status = netipc_ring_acquire(view, lease, generation, &data, snapshot);
    if (status != NETIPC_OK)
        return status;
    if (snapshot->length > capacity)
        status = too_small(snapshot->length, capacity);
    else
        netipc_payload_copy_out(buffer, data, snapshot->length);
    if (!netipc_ring_still(view, snapshot))
        status = netipc_fail(NETIPC_OVERRUN, "the session ended during the read");
    netipc_ring_release(lease);
    return status;
}

netipc_status netipc_ring_find(const struct netipc_region_view *view, uint64_t generation, const unsigned char **data,
                               struct netipc_ring_snapshot *snapshot)
{
    struct netipc_ring_snapshot found = {0};
    netipc_status status = locate(view, generation, &found);
    netipc_status sound = status == NETIPC_OK ? check_slot(view, &found) : NETIPC_OK;
    *snapshot = found;
    if (status == NETIPC_OK && sound != NETIPC_OK)
        return unsound(snapshot);
    if (status == NETIPC_OK)
        *data = slot_data(view, snapshot->slot);
    return status;
}

void netipc_ring_release(netipc_atomic_u64 *lease)
{
    netipc_store(lease, 0, release); /* L6, pairs with S5 of session_table.c */
}

bool netipc_ring_still(const struct netipc_region_view *view, const struct netipc_ring_snapshot *snapshot)
{
    netipc_fence(acquire); /* L5, pairs with P9: bytes of a later generation imply the mark that this load then sees */
    uint64_t seq = netipc_load(&view->slots[snapshot->slot].seq, relaxed);
    return (seq & ~UINT64_C(1)) == snapshot->generation * 2; /* whole, or only set aside */
}

static int compare_generations(const void *a, const void *b)
{
    uint64_t left, right;
    left = *(const uint64_t *)a;
    right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

uint32_t netipc_ring_history(const struct netipc_region_view *view, uint64_t *generations, uint32_t capacity)
{
    uint64_t found[NETIPC_SLOTS_MOST];
    uint32_t count = 0;
    uint64_t latest = netipc_hot_generation(netipc_load(&view->header->latest, acquire));
    for (uint32_t slot = 0; slot < view->geometry.slot_count; slot++) {
        uint64_t seq = netipc_load(&view->slots[slot].seq, relaxed);
        if (seq % 2 == 0 && seq != 0 && seq / 2 <= latest)
            found[count++] = seq / 2;
    }
    qsort(found, count, sizeof *found, compare_generations);
    uint32_t given = count < capacity ? count : capacity;
    for (uint32_t i = 0; i < given; i++)
        generations[i] = found[count - given + i];
    return given;
}
