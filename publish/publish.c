/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that publish: a slot is filled, gets its index, and becomes public. */
#include <netipc/index.h>

#include "publish/publisher_state.h"
#include "shm/checked.h"
#include "shm/payload_copy.h"

#include <string.h>

/* What a snapshot takes of a slot. */
struct extent {
    uint64_t length;
    uint64_t annex_at, annex_length;
    uint64_t end;
};

static netipc_status prepare_slot(netipc_publisher *publisher, uint64_t length)
{
    if (length <= publisher->region.geometry.capacity)
        return NETIPC_OK;
    return netipc_publisher_grow(publisher, length);
}

static unsigned char *slot_to_fill(const netipc_publisher *publisher)
{
    return netipc_ring_claimed_data(publisher->growing ? &publisher->next_ring : &publisher->ring);
}

static uint64_t capacity_to_fill(const netipc_publisher *publisher)
{
    return publisher->growing ? publisher->next_region.geometry.capacity : publisher->region.geometry.capacity;
}

static void make_public(netipc_publisher *publisher, const struct extent *extent, bool past)
{
    if (publisher->growing)
        netipc_publisher_supersede(publisher, extent->length, extent->annex_length);
    else
        netipc_ring_publish(&publisher->ring, extent->length, extent->annex_length);
    /* P1 of the next publication begins: it will be about as long. */
    if (!past)
        netipc_payload_own(netipc_ring_claimed_data(&publisher->ring), (size_t)extent->length);
    if (netipc_latest_keeps(&publisher->latest))
        netipc_latest_reclaim(&publisher->latest);
    /* A growth wakes the loop anyway. */
    if (netipc_session_table_rung(&publisher->table))
        netipc_service_ring(publisher->endpoint);
}

static bool equals_latest(const netipc_publisher *publisher, const void *bytes, uint64_t length)
{
    if (!publisher->on_change)
        return false;
    const unsigned char *latest = netipc_ring_latest_data(&publisher->ring);
    return latest != NULL && publisher->ring.latest_length == length &&
           (length == 0 || memcmp(latest, bytes, length) == 0);
}

static void report_generation(const netipc_publisher *publisher, uint64_t *generation)
{
    if (generation != NULL)
        *generation = publisher->ring.generation;
}

static netipc_status unchanged(netipc_publisher *publisher, uint64_t *generation)
{
    netipc_ring_count_unchanged(&publisher->ring);
    report_generation(publisher, generation);
    return NETIPC_UNCHANGED;
}

/* --- the index behind a snapshot --- */

static netipc_status measure(const netipc_publisher *publisher, const void *bytes, size_t length, struct extent *extent)
{
    *extent = (struct extent){.length = length, .end = length};
    if (!publisher->indexed)
        return NETIPC_OK;
    netipc_items items;
    netipc_status status = publisher->schema.parse(bytes, length, &items);
    if (status != NETIPC_OK)
        return status;
    extent->annex_length = netipc_index_length(items.count);
    if (extent->annex_length == 0 || netipc_align_overflows(length, 8, &extent->annex_at) ||
        netipc_add_overflows(extent->annex_at, extent->annex_length, &extent->end))
        return netipc_fail(NETIPC_TOO_LARGE, "no index can be made of %u items in %zu bytes", items.count, length);
    return NETIPC_OK;
}

/* Puts the index behind the snapshot in the slot that is being filled. */
static netipc_status write_index(const netipc_publisher *publisher, const struct extent *extent)
{
    unsigned char *slot = slot_to_fill(publisher);
    netipc_items items;
    netipc_status status = publisher->schema.parse(slot, (size_t)extent->length, &items);
    return status == NETIPC_OK ? netipc_index_build(&publisher->schema, &items, slot + extent->annex_at,
                                                    (size_t)extent->annex_length, NULL)
                               : status;
}

/* Moves what was built in a slot that is too small for the index as well. With an error nothing has changed. */
static netipc_status move_to_larger(netipc_publisher *publisher, const struct extent *extent)
{
    bool again = publisher->growing;
    struct netipc_region filled = publisher->next_region;
    const unsigned char *bytes = slot_to_fill(publisher);
    netipc_status status = netipc_publisher_grow(publisher, extent->end);
    if (status != NETIPC_OK)
        return status;
    netipc_payload_copy_in(slot_to_fill(publisher), bytes, (size_t)extent->length);
    if (again)
        netipc_region_destroy(&filled, false);
    return NETIPC_OK;
}

/* What is in the slot, with room for the index behind it, gets that and becomes public. past: it was copied past the
 * caches, and the next one may be. */
static netipc_status finish(netipc_publisher *publisher, const struct extent *extent, bool past, uint64_t *generation)
{
    netipc_status status = publisher->indexed ? write_index(publisher, extent) : NETIPC_OK;
    if (status == NETIPC_OK) {
        make_public(publisher, extent, past);
        report_generation(publisher, generation);
    }
    return status;
}

/* --- the calls --- */

/* With the copy that is the cheaper one, as far as is known. */
static netipc_status copy_much_and_publish(netipc_publisher *publisher, const void *bytes, const struct extent *extent,
                                           uint64_t *generation)
{
    size_t length = (size_t)extent->length;
    const struct netipc_streaming_plan plan = netipc_streaming_plan(&publisher->streaming, length);
    uint64_t start_ns = plan.timed ? netipc_os_monotonic_ns() : 0;
    if (plan.past)
        netipc_payload_stream_in(slot_to_fill(publisher), bytes, length);
    else
        netipc_payload_copy_in(slot_to_fill(publisher), bytes, length);
    netipc_status status = finish(publisher, extent, plan.past, generation);
    publisher->streamed += plan.past && status == NETIPC_OK;
    if (plan.timed)
        netipc_streaming_learn(&publisher->streaming, length, publisher->region.geometry.slot_count,
                               netipc_os_monotonic_ns() - start_ns);
    return status;
}

static netipc_status copy_and_publish(netipc_publisher *publisher, const void *bytes, size_t length,
                                      uint64_t *generation)
{
    struct extent extent;
    netipc_status status = measure(publisher, bytes, length, &extent);
    if (status == NETIPC_OK)
        status = prepare_slot(publisher, extent.end);
    if (status != NETIPC_OK)
        return status;
    if (length < NETIPC_STREAMING_LEAST || publisher->growing) {
        netipc_payload_copy_in(slot_to_fill(publisher), bytes, length);
        return finish(publisher, &extent, false, generation);
    }
    return copy_much_and_publish(publisher, bytes, &extent, generation);
}

static netipc_status publish_in_place(netipc_publisher *publisher, size_t length, uint64_t *generation)
{
    struct extent extent;
    netipc_status status = measure(publisher, slot_to_fill(publisher), length, &extent);
    if (status == NETIPC_OK && extent.end > capacity_to_fill(publisher))
        status = move_to_larger(publisher, &extent);
    return status == NETIPC_OK ? finish(publisher, &extent, false, generation) : status;
}

netipc_status netipc_publish(netipc_publisher *publisher, const void *bytes, size_t length, uint64_t *generation)
{
    netipc_status status = netipc_publisher_check(publisher);
    if (status != NETIPC_OK)
        return status;
    if (publisher->lent)
        return netipc_fail(NETIPC_WRONG_STATE, "a snapshot has been begun: commit or abort it first");
    if (bytes == NULL && length > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no bytes given for a snapshot of %zu", length);
    if (equals_latest(publisher, bytes, length))
        return unchanged(publisher, generation);
    status = copy_and_publish(publisher, bytes, length, generation);
    netipc_publisher_abandon(publisher);
    return status;
}

netipc_status netipc_publish_begin(netipc_publisher *publisher, size_t minimum, void **data, size_t *capacity)
{
    netipc_status status = netipc_publisher_check(publisher);
    if (status != NETIPC_OK)
        return status;
    if (data == NULL || capacity == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the slot's address and capacity given");
    if (publisher->lent)
        return netipc_fail(NETIPC_WRONG_STATE, "a snapshot has been begun already");
    status = prepare_slot(publisher, minimum);
    if (status != NETIPC_OK)
        return status;
    publisher->lent = true;
    netipc_payload_order(); /* whoever builds there may do it by a large memcpy() */
    *data = slot_to_fill(publisher);
    *capacity = capacity_to_fill(publisher);
    return NETIPC_OK;
}

static netipc_status check_loan(const netipc_publisher *publisher)
{
    netipc_status status = netipc_publisher_check(publisher);
    if (status == NETIPC_OK && !publisher->lent)
        return netipc_fail(NETIPC_WRONG_STATE, "no snapshot has been begun");
    return status;
}

netipc_status netipc_publish_commit(netipc_publisher *publisher, size_t length, uint64_t *generation)
{
    netipc_status status = check_loan(publisher);
    if (status != NETIPC_OK)
        return status;
    uint64_t capacity = capacity_to_fill(publisher);
    if (length > capacity)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%zu bytes committed, %llu were lent", length,
                           (unsigned long long)capacity);
    publisher->lent = false;
    if (equals_latest(publisher, slot_to_fill(publisher), length))
        status = unchanged(publisher, generation);
    else
        status = publish_in_place(publisher, length, generation);
    netipc_publisher_abandon(publisher);
    return status;
}

netipc_status netipc_publish_abort(netipc_publisher *publisher)
{
    netipc_status status = check_loan(publisher);
    if (status != NETIPC_OK)
        return status;
    publisher->lent = false;
    netipc_publisher_abandon(publisher);
    return NETIPC_OK;
}
