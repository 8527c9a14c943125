/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/ring_reader.h"

#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/payload_copy.h"

#include <stdlib.h>

/* The slot of an older generation. Slots are used in turn but for those that were condemned, so the first guess is
 * right unless there are leases. */
static netipc_status find_generation(const struct netipc_region_view *view, uint64_t generation, uint64_t hot,
                                     uint32_t *index)
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

/* R1 or L1: where to look. */
static netipc_status locate(const struct netipc_region_view *view, uint64_t wanted,
                            struct netipc_ring_snapshot *snapshot)
{
    uint64_t hot = netipc_load(&view->header->latest, acquire); /* pairs with P4 */
    snapshot->state = netipc_hot_state(hot);
    snapshot->generation = wanted != NETIPC_LATEST ? wanted : netipc_hot_generation(hot);
    snapshot->slot = netipc_hot_slot(hot);
    if (snapshot->generation == 0)
        return NETIPC_EMPTY;
    if (snapshot->slot >= view->geometry.slot_count)
        return netipc_fail(NETIPC_CORRUPT, "the hot word names slot %u of %u", snapshot->slot,
                           view->geometry.slot_count);
    if (snapshot->generation == netipc_hot_generation(hot))
        return NETIPC_OK;
    return find_generation(view, wanted, hot, &snapshot->slot);
}

/* R3: every word is loaded once, and only these copies are used. Whether they belong together and stay in their bounds.
 * They are not handed on as a struct: a wider load of what was stored word by word would wait for the stores. */
static bool load_header(const struct netipc_region_view *view, const struct netipc_slot_header *slot, uint64_t seq,
                        struct netipc_ring_snapshot *snapshot)
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
    uint64_t annex_at;
    snapshot->length = values.payload_length;
    snapshot->annex_length = values.annex_length;
    snapshot->publish_time_ns = values.publish_time_ns;
    return check == netipc_slot_check(&values) && (values.flags & NETIPC_FLAGS_TO_KNOW) == 0 &&
           !netipc_align_overflows(values.payload_length, 8, &annex_at) &&
           values.payload_length <= view->geometry.capacity &&
           (values.annex_length == 0 || netipc_range_ok(annex_at, values.annex_length, view->geometry.capacity));
}

static void forget_header(struct netipc_ring_snapshot *snapshot)
{
    snapshot->length = 0;
    snapshot->annex_length = 0;
    snapshot->publish_time_ns = 0;
}

static netipc_status unsound(struct netipc_ring_snapshot *snapshot)
{
    forget_header(snapshot);
    return netipc_fail(NETIPC_CORRUPT, "slot %u of generation %llu does not match its check word or its bounds",
                       snapshot->slot, (unsigned long long)snapshot->generation);
}

static netipc_status too_small(uint64_t length, uint64_t capacity)
{
    return netipc_fail(NETIPC_TOO_SMALL, "snapshot of %llu bytes, buffer of %llu", (unsigned long long)length,
                       (unsigned long long)capacity);
}

static const unsigned char *slot_data(const struct netipc_region_view *view, uint32_t slot)
{
    return view->data + slot * view->geometry.slot_stride;
}

/* One try: NETIPC_OVERRUN when it was overtaken, else what the read gives. */
static netipc_status try_read(const struct netipc_region_view *view, uint64_t wanted, void *buffer, uint64_t capacity,
                              struct netipc_ring_snapshot *snapshot)
{
    netipc_status status = locate(view, wanted, snapshot); /* R1 */
    if (status != NETIPC_OK)
        return status;
    const struct netipc_slot_header *slot = &view->slots[snapshot->slot];
    uint64_t seq = netipc_load(&slot->seq, acquire); /* R2, pairs with P3 */
    if (seq != snapshot->generation * 2)
        return NETIPC_OVERRUN;
    bool sound = load_header(view, slot, seq, snapshot); /* R3 */
    bool fits = sound && snapshot->length <= capacity;
    if (fits)
        netipc_payload_copy_out(buffer, slot_data(view, snapshot->slot), snapshot->length); /* R4 */

    netipc_fence(acquire); /* R5, pairs with P6: bytes of a later generation imply the claim that R6 then sees */
    if (netipc_load(&slot->seq, relaxed) != seq) /* R6 */
        return NETIPC_OVERRUN;
    if (!sound)
        return unsound(snapshot);
    return fits ? NETIPC_OK : too_small(snapshot->length, capacity);
}

netipc_status netipc_ring_read(const struct netipc_region_view *view, uint64_t generation, void *buffer,
                               uint64_t capacity, struct netipc_ring_snapshot *snapshot)
{
    *snapshot = (struct netipc_ring_snapshot){0};
    for (uint32_t tries = 0; tries < NETIPC_READ_TRIES; tries++) {
        snapshot->retries = tries;
        netipc_status status = try_read(view, generation, buffer, capacity, snapshot);
        if (status != NETIPC_OVERRUN)
            return status;
    }
    snapshot->retries = NETIPC_READ_TRIES;
    forget_header(snapshot);
    return netipc_fail(NETIPC_OVERRUN, "%d tries were overtaken", NETIPC_READ_TRIES);
}

/* L4: whether the slot holds what snapshot says, and what its header says of it. */
static netipc_status check_slot(const struct netipc_region_view *view, struct netipc_ring_snapshot *snapshot)
{
    const struct netipc_slot_header *slot = &view->slots[snapshot->slot];
    uint64_t seq = netipc_load(&slot->seq, acquire); /* pairs with P3 */
    if (seq != snapshot->generation * 2)
        return NETIPC_OVERRUN;
    if (load_header(view, slot, seq, snapshot))
        return NETIPC_OK;
    /* Nobody honours the leases of a session that has ended: a later generation's header, as in L5? */
    netipc_fence(acquire);
    return netipc_load(&slot->seq, relaxed) == seq ? unsound(snapshot) : NETIPC_OVERRUN;
}

static netipc_status try_acquire(const struct netipc_region_view *view, netipc_atomic_u64 *lease, uint64_t wanted,
                                 struct netipc_ring_snapshot *snapshot)
{
    netipc_status status = locate(view, wanted, snapshot); /* L1 */
    if (status != NETIPC_OK)
        return status;
    netipc_store(lease, netipc_lease_word(view->identity.ordinal, snapshot->slot), relaxed); /* L2 */
    netipc_fence(seq_cst); /* L3: the publisher sees the lease, or L4 sees the claim; pairs with P6 */
    status = check_slot(view, snapshot);
    if (status != NETIPC_OK)
        netipc_ring_release(lease);
    return status;
}

netipc_status netipc_ring_acquire(const struct netipc_region_view *view, netipc_atomic_u64 *lease, uint64_t generation,
                                  const unsigned char **data, struct netipc_ring_snapshot *snapshot)
{
    *snapshot = (struct netipc_ring_snapshot){0};
    for (uint32_t tries = 0; tries < NETIPC_READ_TRIES; tries++) {
        snapshot->retries = tries;
        netipc_status status = try_acquire(view, lease, generation, snapshot);
        if (status == NETIPC_OK)
            *data = slot_data(view, snapshot->slot);
        if (status != NETIPC_OVERRUN)
            return status;
    }
    snapshot->retries = NETIPC_READ_TRIES;
    forget_header(snapshot);
    return netipc_fail(NETIPC_OVERRUN, "%d tries were overtaken", NETIPC_READ_TRIES);
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
    *snapshot = (struct netipc_ring_snapshot){0};
    netipc_status status = locate(view, generation, snapshot);
    if (status == NETIPC_OK)
        status = check_slot(view, snapshot);
    if (status == NETIPC_OK)
        *data = slot_data(view, snapshot->slot);
    return status == NETIPC_OVERRUN ? unsound(snapshot) : status;
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
