/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/shm/made_region.h"

#include "shm/ring_reader.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4, CAPACITY = 256 };

static struct netipc_region_view view_of(const struct made_ring *made)
{
    struct netipc_region_view view;
    assert_int_equal(netipc_region_attach(made->region.fd, made->region.geometry.region_size, UINT64_MAX, 0, &view),
                     NETIPC_OK);
    return view;
}

static uint64_t length_of(uint64_t generation)
{
    return generation * 37 % (CAPACITY + 1);
}

static void nothing_published_is_not_an_empty_snapshot(void **state)
{
    (void)state;
    struct made_ring made;
    struct netipc_ring_snapshot snapshot;
    unsigned char bytes[CAPACITY];
    make_ring(&made, SLOTS, CAPACITY);
    struct netipc_region_view view = view_of(&made);
    assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, sizeof bytes, &snapshot), NETIPC_EMPTY);
    assert_int_equal(snapshot.generation, 0);
    assert_int_equal(snapshot.state, NETIPC_REGION_LIVE);
    assert_null(netipc_ring_latest_data(&made.ring));
    publish_pattern(&made, 0);
    assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, NULL, 0, &snapshot), NETIPC_OK);
    assert_int_equal(snapshot.generation, 1);
    assert_int_equal(snapshot.length, 0);
    netipc_region_detach(&view, false);
    unmake_ring(&made);
}

static void every_generation_is_read_as_it_was_published(void **state)
{
    (void)state;
    static const uint32_t slot_counts[] = {4, 5, 64, 1024};
    for (size_t i = 0; i < 4; i++) {
        struct made_ring made;
        make_ring(&made, slot_counts[i], CAPACITY);
        struct netipc_region_view view = view_of(&made);
        for (uint64_t generation = 1; generation <= 3 * slot_counts[i] + 1; generation++) {
            unsigned char bytes[CAPACITY];
            struct netipc_ring_snapshot snapshot;
            publish_pattern(&made, length_of(generation));
            assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, sizeof bytes, &snapshot), NETIPC_OK);
            assert_int_equal(snapshot.generation, generation);
            assert_int_equal(snapshot.length, length_of(generation));
            assert_int_equal(snapshot.retries, 0);
            assert_true(pattern_is(bytes, snapshot.length, generation));
            assert_true(pattern_is(netipc_ring_latest_data(&made.ring), snapshot.length, generation));
        }
        netipc_region_detach(&view, false);
        unmake_ring(&made);
    }
}

static void behind_the_hot_word_all_slots_but_one_are_whole_generations(void **state)
{
    (void)state;
    struct made_ring made;
    make_ring(&made, 8, CAPACITY);
    for (uint64_t latest = 1; latest <= 40; latest++) {
        publish_pattern(&made, CAPACITY);
        uint32_t odd = 0;
        uint64_t found = 0, oldest = latest > 7 ? latest - 6 : 1;
        for (uint32_t slot = 0; slot < 8; slot++) {
            uint64_t seq = netipc_load(&made.region.slots[slot].seq, relaxed);
            if (seq % 2 != 0) {
                assert_int_equal(slot, made.ring.claimed);
                odd++;
            } else if (seq != 0) {
                assert_in_range(seq / 2, oldest, latest);
                assert_true(pattern_is(netipc_region_slot_data(&made.region, slot), CAPACITY, seq / 2));
                found |= UINT64_C(1) << (seq / 2 - oldest);
            }
        }
        assert_int_equal(odd, 1);
        assert_int_equal(found, (UINT64_C(1) << (latest - oldest + 1)) - 1);
    }
    unmake_ring(&made);
}

static void a_buffer_that_is_too_small_is_told_the_length_and_left_alone(void **state)
{
    (void)state;
    struct made_ring made;
    struct netipc_ring_snapshot snapshot;
    unsigned char bytes[CAPACITY] = {0};
    make_ring(&made, SLOTS, CAPACITY);
    struct netipc_region_view view = view_of(&made);
    publish_pattern(&made, 100);
    assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, 99, &snapshot), NETIPC_TOO_SMALL);
    assert_int_equal(snapshot.length, 100);
    assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, NULL, 0, &snapshot), NETIPC_TOO_SMALL);
    for (int i = 0; i < CAPACITY; i++)
        assert_int_equal(bytes[i], 0);
    assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, 100, &snapshot), NETIPC_OK);
    assert_int_equal(bytes[100], 0);
    netipc_region_detach(&view, false);
    unmake_ring(&made);
}

static void an_ended_region_keeps_its_last_snapshot(void **state)
{
    (void)state;
    static const uint32_t ends[] = {NETIPC_REGION_CLOSED, NETIPC_REGION_SUPERSEDED};
    for (size_t i = 0; i < 2; i++) {
        struct made_ring made;
        struct netipc_ring_snapshot snapshot;
        unsigned char bytes[CAPACITY];
        make_ring(&made, SLOTS, CAPACITY);
        struct netipc_region_view view = view_of(&made);
        publish_pattern(&made, 100);
        netipc_ring_end(&made.ring, ends[i]);
        assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, sizeof bytes, &snapshot), NETIPC_OK);
        assert_int_equal(snapshot.state, ends[i]);
        assert_int_equal(snapshot.generation, 1);
        assert_true(snapshot.length == 100 && pattern_is(bytes, 100, 1));
        netipc_region_detach(&view, false);
        unmake_ring(&made);
    }
}

static void the_counters_say_what_was_done(void **state)
{
    (void)state;
    struct made_ring made;
    make_ring(&made, SLOTS, CAPACITY);
    for (int i = 0; i < 10; i++)
        publish_pattern(&made, 7);
    netipc_ring_count_unchanged(&made.ring);
    const struct netipc_region_counters *counters = &made.region.header->counters;
    assert_int_equal(netipc_load(&counters->publications, relaxed), 10);
    assert_int_equal(netipc_load(&counters->unchanged, relaxed), 1);
    assert_int_equal(netipc_load(&counters->bytes, relaxed), 70);
    assert_int_equal(netipc_load(&counters->wakes_sent, relaxed), 0);
    unmake_ring(&made);
}

/* --- damage --- */

/* Whatever the words of the region say, a read gives the latest generation as it was published, or a status. */
static void read_gives_right_data_or_a_status(const struct netipc_region_view *view, uint64_t latest)
{
    unsigned char *bytes = malloc(CAPACITY); /* of exactly this size, for the sanitizer to watch */
    assert_non_null(bytes);
    struct netipc_ring_snapshot snapshot;
    netipc_status status = netipc_ring_read(view, NETIPC_LATEST, bytes, CAPACITY, &snapshot);
    if (status == NETIPC_OK) {
        assert_int_equal(snapshot.generation, latest);
        assert_int_equal(snapshot.length, CAPACITY);
        assert_true(pattern_is(bytes, CAPACITY, latest));
    } else {
        assert_true(status == NETIPC_CORRUPT || status == NETIPC_OVERRUN || status == NETIPC_EMPTY);
        assert_in_range(snapshot.retries, 0, NETIPC_READ_TRIES);
    }
    free(bytes);
}

static void every_flipped_bit_of_the_slot_headers_and_the_hot_word_is_found_or_does_no_harm(void **state)
{
    (void)state;
    struct made_ring made;
    make_ring(&made, SLOTS, CAPACITY);
    struct netipc_region_view view = view_of(&made);
    for (int i = 0; i < 6; i++)
        publish_pattern(&made, CAPACITY);
    struct {
        volatile unsigned char *bytes;
        size_t length;
    } targets[] = {{(volatile unsigned char *)made.region.slots, SLOTS * sizeof(struct netipc_slot_header)},
                   {(volatile unsigned char *)made.region.header + offsetof(struct netipc_region_header, latest), 8}};
    for (size_t target = 0; target < 2; target++)
        for (size_t bit = 0; bit < targets[target].length * 8; bit++) {
            volatile unsigned char *byte = targets[target].bytes + bit / 8;
            *byte = (unsigned char)(*byte ^ 1u << bit % 8);
            read_gives_right_data_or_a_status(&view, 6);
            *byte = (unsigned char)(*byte ^ 1u << bit % 8);
        }
    /* In the header that the hot word names, every bit of every word but the reserved one is found. */
    volatile unsigned char *named = (volatile unsigned char *)&made.region.slots[made.ring.latest];
    for (size_t bit = 0; bit < offsetof(struct netipc_slot_header, reserved) * 8; bit++) {
        struct netipc_ring_snapshot snapshot;
        unsigned char bytes[CAPACITY];
        named[bit / 8] = (unsigned char)(named[bit / 8] ^ 1u << bit % 8);
        assert_int_not_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, sizeof bytes, &snapshot), NETIPC_OK);
        named[bit / 8] = (unsigned char)(named[bit / 8] ^ 1u << bit % 8);
    }
    netipc_region_detach(&view, false);
    unmake_ring(&made);
}

static void random_words_in_the_slot_headers_give_a_status(void **state)
{
    (void)state;
    struct made_ring made;
    make_ring(&made, SLOTS, CAPACITY);
    struct netipc_region_view view = view_of(&made);
    publish_pattern(&made, CAPACITY);
    uint64_t random = UINT64_C(0x243f6a8885a308d3);
    for (int round = 0; round < 20000; round++) {
        netipc_atomic_u64 *words = (netipc_atomic_u64 *)&made.region.slots[0];
        for (size_t i = 0; i < SLOTS * 8; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
            netipc_store(&words[i], random >> (random >> 58), relaxed);
        }
        if (round % 2 == 0) /* a seq that the hot word names, so that the rest is looked at */
            netipc_store(&made.region.slots[0].seq, 2, relaxed);
        netipc_store(&made.region.header->latest, netipc_hot_word(1, NETIPC_REGION_LIVE, random % 6), relaxed);
        unsigned char bytes[CAPACITY];
        struct netipc_ring_snapshot snapshot;
        netipc_status status = netipc_ring_read(&view, NETIPC_LATEST, bytes, sizeof bytes, &snapshot);
        assert_true(status == NETIPC_CORRUPT || status == NETIPC_OVERRUN);
    }
    netipc_region_detach(&view, false);
    unmake_ring(&made);
}

/* With a check word that fits: only the bounds are left to say no. */
static void forged_lengths_are_found_by_their_bounds(void **state)
{
    (void)state;
    static const struct {
        uint64_t payload, annex, flags;
        netipc_status status;
    } cases[] = {
        {CAPACITY, 0, 0, NETIPC_OK},
        {CAPACITY + 1, 0, 0, NETIPC_CORRUPT},
        {UINT64_MAX, 0, 0, NETIPC_CORRUPT},
        {UINT64_MAX - 6, 0, 0, NETIPC_CORRUPT},
        {UINT64_C(1) << 63, 0, 0, NETIPC_CORRUPT},
        {0, CAPACITY, 0, NETIPC_OK},
        {0, CAPACITY + 1, 0, NETIPC_CORRUPT},
        {1, CAPACITY - 8, 0, NETIPC_OK},
        {1, CAPACITY - 7, 0, NETIPC_CORRUPT}, /* the annex begins at the next multiple of 8 */
        {CAPACITY, 1, 0, NETIPC_CORRUPT},
        {8, UINT64_MAX, 0, NETIPC_CORRUPT},
        {8, UINT64_MAX - 7, 0, NETIPC_CORRUPT},
        {8, 0, 1, NETIPC_CORRUPT},
        {8, 0, UINT64_C(1) << 31, NETIPC_CORRUPT},
        {8, 0, UINT64_C(1) << 32, NETIPC_OK},
        {8, 0, UINT64_C(1) << 63, NETIPC_OK},
    };
    struct made_ring made;
    make_ring(&made, SLOTS, CAPACITY);
    struct netipc_region_view view = view_of(&made);
    publish_pattern(&made, CAPACITY);
    struct netipc_slot_header *slot = &made.region.slots[made.ring.latest];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct netipc_slot_values values = {
            .seq = 2, .payload_length = cases[i].payload, .annex_length = cases[i].annex, .flags = cases[i].flags};
        netipc_store(&slot->payload_length, values.payload_length, relaxed);
        netipc_store(&slot->annex_length, values.annex_length, relaxed);
        netipc_store(&slot->flags, values.flags, relaxed);
        netipc_store(&slot->publish_time_ns, 0, relaxed);
        netipc_store(&slot->checksum, 0, relaxed);
        netipc_store(&slot->check, netipc_slot_check(&values), relaxed);
        unsigned char *bytes = malloc(CAPACITY);
        struct netipc_ring_snapshot snapshot;
        assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, CAPACITY, &snapshot), cases[i].status);
        /* However much room the caller says there is. */
        if (cases[i].status != NETIPC_OK)
            assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, UINT64_MAX, &snapshot), NETIPC_CORRUPT);
        free(bytes);
    }
    netipc_region_detach(&view, false);
    unmake_ring(&made);
}

/* F2 */
static void an_odd_sequence_that_never_changes_ends_a_read_after_a_fixed_number_of_tries(void **state)
{
    (void)state;
    struct made_ring made;
    struct netipc_ring_snapshot snapshot;
    unsigned char bytes[CAPACITY];
    make_ring(&made, SLOTS, CAPACITY);
    struct netipc_region_view view = view_of(&made);
    publish_pattern(&made, CAPACITY);
    netipc_store(&made.region.slots[made.ring.latest].seq, 3, relaxed);
    assert_int_equal(netipc_ring_read(&view, NETIPC_LATEST, bytes, sizeof bytes, &snapshot), NETIPC_OVERRUN);
    assert_int_equal(snapshot.retries, NETIPC_READ_TRIES);
    netipc_region_detach(&view, false);
    unmake_ring(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_published_is_not_an_empty_snapshot),
        cmocka_unit_test(every_generation_is_read_as_it_was_published),
        cmocka_unit_test(behind_the_hot_word_all_slots_but_one_are_whole_generations),
        cmocka_unit_test(a_buffer_that_is_too_small_is_told_the_length_and_left_alone),
        cmocka_unit_test(an_ended_region_keeps_its_last_snapshot),
        cmocka_unit_test(the_counters_say_what_was_done),
        cmocka_unit_test(every_flipped_bit_of_the_slot_headers_and_the_hot_word_is_found_or_does_no_harm),
        cmocka_unit_test(random_words_in_the_slot_headers_give_a_status),
        cmocka_unit_test(forged_lengths_are_found_by_their_bounds),
        cmocka_unit_test(an_odd_sequence_that_never_changes_ends_a_read_after_a_fixed_number_of_tries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
