/* SPDX-License-Identifier: Apache-2.0 */
#include "shm/ring_reader.h"

#include "shm/checked.h"
#include "shm/detail.h"
#include "shm/payload_copy.h"

/* One try: NETIPC_OVERRUN when it was overtaken, else what the read gives. */
static netipc_status try_read(const struct netipc_region_view *view, void *buffer, uint64_t capacity,
                              struct netipc_ring_snapshot *snapshot)
{
    uint64_t hot = netipc_load(&view->header->latest, acquire); /* R1, pairs with P4 */
    uint64_t generation = netipc_hot_generation(hot);
    uint32_t index = netipc_hot_slot(hot);
    snapshot->state = netipc_hot_state(hot);
    snapshot->generation = generation;
    if (generation == 0)
        return NETIPC_EMPTY;
    if (index >= view->geometry.slot_count)
        return netipc_fail(NETIPC_CORRUPT, "the hot word names slot %u of %u", index, view->geometry.slot_count);

    const struct netipc_slot_header *slot = &view->slots[index];
    struct netipc_slot_values values = {.seq = netipc_load(&slot->seq, acquire)}; /* R2, pairs with P3 */
    if (values.seq != generation * 2)
        return NETIPC_OVERRUN;

    /* R3: every word is loaded once, and only these copies are used. */
    values.payload_length = netipc_load(&slot->payload_length, relaxed);
    values.annex_length = netipc_load(&slot->annex_length, relaxed);
    values.flags = netipc_load(&slot->flags, relaxed);
    values.publish_time_ns = netipc_load(&slot->publish_time_ns, relaxed);
    values.checksum = netipc_load(&slot->checksum, relaxed);
    uint64_t check = netipc_load(&slot->check, relaxed);
    uint64_t annex_at;
    bool sound = check == netipc_slot_check(&values) && values.flags == 0 &&
                 !netipc_align_overflows(values.payload_length, 8, &annex_at) &&
                 values.payload_length <= view->geometry.capacity &&
                 (values.annex_length == 0 || netipc_range_ok(annex_at, values.annex_length, view->geometry.capacity));
    bool fits = sound && values.payload_length <= capacity;
    if (fits)
        netipc_payload_copy_out(buffer, view->data + index * view->geometry.slot_stride,
                                values.payload_length); /* R4 */

    netipc_fence(acquire); /* R5, pairs with P6: bytes of a later generation imply the claim that R6 then sees */
    if (netipc_load(&slot->seq, relaxed) != values.seq) /* R6 */
        return NETIPC_OVERRUN;
    if (!sound)
        return netipc_fail(NETIPC_CORRUPT, "slot %u of generation %llu does not match its check word or its bounds",
                           index, (unsigned long long)generation);
    snapshot->length = values.payload_length;
    snapshot->publish_time_ns = values.publish_time_ns;
    if (!fits)
        return netipc_fail(NETIPC_TOO_SMALL, "snapshot of %llu bytes, buffer of %llu",
                           (unsigned long long)values.payload_length, (unsigned long long)capacity);
    return NETIPC_OK;
}

netipc_status netipc_ring_read(const struct netipc_region_view *view, void *buffer, uint64_t capacity,
                               struct netipc_ring_snapshot *snapshot)
{
    *snapshot = (struct netipc_ring_snapshot){0};
    for (uint32_t tries = 0; tries < NETIPC_READ_TRIES; tries++) {
        snapshot->retries = tries;
        netipc_status status = try_read(view, buffer, capacity, snapshot);
        if (status != NETIPC_OVERRUN)
            return status;
    }
    snapshot->retries = NETIPC_READ_TRIES;
    return netipc_fail(NETIPC_OVERRUN, "%d tries were overtaken", NETIPC_READ_TRIES);
}
