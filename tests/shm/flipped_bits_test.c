/* SPDX-License-Identifier: Apache-2.0 */
/* Every bit of a region's header and slot headers flipped under a subscriber that has attached: each way of reading
 * gives the right bytes or a status that says why not. (The identity is looked at when attaching: region_test.c.) */
#include "tests/shm/made_region.h"

#include "shm/ring_reader.h"

#include <string.h>

enum { SLOTS = 4, CAPACITY = 100, LENGTH = 90, LATEST = 6, OLDEST = 4, BUFFER = 256 };

static struct made_ring made;
static struct netipc_region_view view;

static int setup(void **state)
{
    (void)state;
    make_ring(&made, SLOTS, CAPACITY);
    for (int i = 0; i < LATEST; i++)
        publish_pattern(&made, LENGTH);
    return netipc_region_attach(made.region.fd, made.region.geometry.region_size, UINT64_MAX, 0, &view) != NETIPC_OK;
}

static int teardown(void **state)
{
    (void)state;
    netipc_region_detach(&view, false);
    unmake_ring(&made);
    return 0;
}

static void flip(size_t bit)
{
    ((unsigned char *)made.region.header)[bit / 8] ^= (unsigned char)(1u << bit % 8);
}

/* Right, or refused for a reason that can be. */
static void judge(netipc_status status, const struct netipc_ring_snapshot *snapshot, const unsigned char *data)
{
    assert_true(status == NETIPC_OK || status == NETIPC_OVERRUN || status == NETIPC_CORRUPT ||
                status == NETIPC_EXPIRED || status == NETIPC_EMPTY);
    if (status != NETIPC_OK)
        return;
    assert_in_range(snapshot->generation, OLDEST, LATEST);
    assert_int_equal(snapshot->length, LENGTH);
    assert_true(pattern_is(data, LENGTH, snapshot->generation));
}

/* All ways to read one generation give the same, but that a search finds no slot that it would be overtaken in. */
static netipc_status read_in_every_way(uint64_t wanted)
{
    unsigned char bytes[BUFFER];
    const unsigned char *data = NULL;
    struct netipc_ring_snapshot snapshot;
    netipc_atomic_u64 lease = 0;
    netipc_status copied = netipc_ring_read(&view, wanted, bytes, sizeof bytes, &snapshot);
    judge(copied, &snapshot, bytes);
    netipc_status leased = netipc_ring_acquire(&view, &lease, wanted, &data, &snapshot);
    judge(leased, &snapshot, data);
    assert_int_equal(leased, copied);
    assert_int_equal(netipc_load(&lease, relaxed) != 0, leased == NETIPC_OK);
    netipc_status both = netipc_ring_read_leased(&view, &lease, wanted, bytes, sizeof bytes, &snapshot);
    judge(both, &snapshot, bytes);
    assert_int_equal(both, copied);
    netipc_status found = netipc_ring_find(&view, wanted, &data, &snapshot);
    judge(found, &snapshot, data);
    assert_int_equal(found, copied == NETIPC_OVERRUN ? NETIPC_CORRUPT : copied);
    return copied;
}

static void list_in_bounds(void)
{
    uint64_t listed[SLOTS + 1];
    uint32_t count = netipc_ring_history(&view, listed, SLOTS + 1);
    assert_in_range(count, 0, SLOTS);
    for (uint32_t i = 0; i < count; i++)
        assert_true(listed[i] != 0 && (i == 0 || listed[i] >= listed[i - 1]));
}

/* The latest first, then by number. */
static void read_all(netipc_status statuses[1 + LATEST])
{
    for (uint64_t wanted = 0; wanted <= LATEST; wanted++)
        statuses[wanted] = read_in_every_way(wanted);
    list_in_bounds();
}

static void what_is_not_flipped_reads_right(void **state)
{
    (void)state;
    netipc_status statuses[1 + LATEST];
    read_all(statuses);
    for (uint64_t wanted = 0; wanted <= LATEST; wanted++)
        assert_int_equal(statuses[wanted], wanted == 0 || wanted >= OLDEST ? NETIPC_OK : NETIPC_EXPIRED);
}

/* Of the bits of the hot word in memory: which they are depends on the byte order. */
static bool is_of_state(size_t bit)
{
    unsigned char bytes[8] = {0};
    uint64_t word;
    bytes[bit / 8] = (unsigned char)(1u << bit % 8);
    memcpy(&word, bytes, sizeof word);
    return netipc_hot_state(word) != 0;
}

static void every_flipped_bit_of_the_header_leaves_reads_right_or_refused(void **state)
{
    (void)state;
    const size_t hot = offsetof(struct netipc_region_header, latest) * 8;
    for (size_t bit = 0; bit < (size_t)NETIPC_HEADER_SIZE * 8; bit++) {
        netipc_status statuses[1 + LATEST];
        flip(bit);
        read_all(statuses);
        bool is_hot = bit >= hot && bit < hot + 64, is_state = is_hot && is_of_state(bit - hot);
        /* The hot word has no check word: but the slot that it names does not go with it. */
        if (is_hot && !is_state)
            assert_true(statuses[0] == NETIPC_OVERRUN || statuses[0] == NETIPC_CORRUPT);
        else
            assert_true(statuses[0] == NETIPC_OK && statuses[OLDEST] == NETIPC_OK && statuses[LATEST] == NETIPC_OK);
        flip(bit);
    }
}

static void every_flipped_bit_of_a_slot_header_is_found(void **state)
{
    (void)state;
    for (size_t slot = 0; slot < SLOTS; slot++) {
        uint64_t seq = netipc_load(&made.region.slots[slot].seq, relaxed), generation = seq / 2;
        const size_t first = (NETIPC_HEADER_SIZE + slot * NETIPC_SLOT_HEADER_SIZE) * 8;
        assert_int_equal(seq % 2 != 0, slot == made.ring.claimed);
        for (size_t bit = 0; bit < (size_t)NETIPC_SLOT_HEADER_SIZE * 8; bit++) {
            netipc_status statuses[1 + LATEST];
            bool reserved = bit / 8 >= offsetof(struct netipc_slot_header, reserved);
            bool whole = seq % 2 == 0;
            flip(first + bit);
            read_all(statuses);
            if (whole && !reserved)
                assert_int_not_equal(statuses[generation], NETIPC_OK);
            else if (whole)
                assert_int_equal(statuses[generation], NETIPC_OK);
            if (slot != made.ring.latest)
                assert_int_equal(statuses[0], NETIPC_OK);
            else if (!reserved)
                assert_int_equal(statuses[0], bit < 64 ? NETIPC_OVERRUN : NETIPC_CORRUPT);
            flip(first + bit);
        }
    }
}

#define flipping(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        flipping(what_is_not_flipped_reads_right),
        flipping(every_flipped_bit_of_the_header_leaves_reads_right_or_refused),
        flipping(every_flipped_bit_of_a_slot_header_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
