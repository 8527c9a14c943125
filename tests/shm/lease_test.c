/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/shm/leased_ring.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *random >> 24;
}

/* A lease that was taken as a reader takes it, and must protect its bytes. */
struct held {
    struct netipc_ring_snapshot snapshot;
    const unsigned char *data; /* NULL: none */
};

static netipc_status take(struct leased_ring *leased, uint32_t index, uint64_t generation, struct held *held)
{
    return netipc_ring_acquire(&leased->view, lease_word_of(leased, index), generation, &held->data, &held->snapshot);
}

static void give_back(struct leased_ring *leased, uint32_t index, struct held *held)
{
    assert_true(netipc_ring_still(&leased->view, &held->snapshot));
    netipc_ring_release(lease_word_of(leased, index));
    held->data = NULL;
}

static void expect_untouched(struct leased_ring *leased, const struct held *held)
{
    if (held->data == NULL)
        return;
    assert_ptr_equal(held->data, leased->view.data + held->snapshot.slot * leased->view.geometry.slot_stride);
    assert_int_equal(held->snapshot.length, LEASED_LENGTH);
    assert_true(pattern_is(held->data, LEASED_LENGTH, held->snapshot.generation));
    assert_true(netipc_ring_still(&leased->view, &held->snapshot));
}

static void the_quota_is_what_history_and_two_slots_leave(void **state)
{
    (void)state;
    for (uint32_t slots = NETIPC_SLOTS_LEAST; slots <= NETIPC_SLOTS_MOST; slots++) {
        for (uint32_t history = 0; history <= slots - 2; history++)
            assert_int_equal(netipc_ring_quota(slots, history), slots - 2 - history);
        assert_int_equal(netipc_ring_quota(slots, slots - 1), 0);
        assert_int_equal(netipc_ring_quota(slots, UINT32_MAX), 0);
    }
}

/* --- every state that a small ring can get into --- */

enum { SMALL_SLOTS = 6, SMALL_WORDS = SMALL_SLOTS - 2, VISITED_SIZE = 1 << 20 };

/* All of a small ring, compact. */
struct moment {
    uint64_t hot, generation;
    uint32_t latest, claimed, whole_count, condemned_count;
    bool latest_here;
    uint16_t whole[SMALL_SLOTS], condemned[SMALL_SLOTS];
    struct netipc_slot_header headers[SMALL_SLOTS];
    unsigned char bytes[SMALL_SLOTS][LEASED_LENGTH];
    uint64_t words[SMALL_WORDS];
    struct held held[SMALL_WORDS];
};

struct explorer {
    struct leased_ring *leased;
    struct held held[SMALL_WORDS];
    uint64_t *visited;
    uint32_t states, publications;
    struct moment *waiting; /* states whose moves have not been tried */
    uint32_t waiting_count, waiting_room;
};

static void keep(const struct explorer *explorer, struct moment *moment)
{
    struct leased_ring *leased = explorer->leased;
    const struct netipc_ring *ring = &leased->made.ring;
    moment->hot = netipc_load(&leased->made.region.header->latest, relaxed);
    moment->generation = ring->generation;
    moment->latest = ring->latest;
    moment->claimed = ring->claimed;
    moment->latest_here = ring->latest_here;
    moment->whole_count = ring->whole_count;
    moment->condemned_count = ring->condemned_count;
    for (uint32_t i = 0; i < leased->slots; i++) {
        moment->whole[i] = ring->whole[(ring->whole_first + i) % leased->slots];
        moment->condemned[i] = ring->condemned[i];
        memcpy(&moment->headers[i], &leased->made.region.slots[i], sizeof moment->headers[i]);
        memcpy(moment->bytes[i], netipc_region_slot_data(&leased->made.region, i), LEASED_LENGTH);
    }
    for (uint32_t i = 0; i < leased->quota; i++)
        moment->words[i] = netipc_load(lease_word_of(leased, i), relaxed);
    memcpy(moment->held, explorer->held, sizeof moment->held);
}

static void go_back_to(struct explorer *explorer, const struct moment *moment)
{
    struct leased_ring *leased = explorer->leased;
    struct netipc_ring *ring = &leased->made.ring;
    netipc_store(&leased->made.region.header->latest, moment->hot, relaxed);
    ring->generation = moment->generation;
    ring->latest = moment->latest;
    ring->claimed = moment->claimed;
    ring->latest_here = moment->latest_here;
    ring->whole_first = 0;
    ring->whole_count = moment->whole_count;
    ring->condemned_count = moment->condemned_count;
    for (uint32_t i = 0; i < leased->slots; i++) {
        ring->whole[i] = moment->whole[i];
        ring->condemned[i] = moment->condemned[i];
        memcpy(&leased->made.region.slots[i], &moment->headers[i], sizeof moment->headers[i]);
        memcpy(netipc_region_slot_data(&leased->made.region, i), moment->bytes[i], LEASED_LENGTH);
    }
    for (uint32_t i = 0; i < leased->quota; i++)
        netipc_store(lease_word_of(leased, i), moment->words[i], relaxed);
    memcpy(explorer->held, moment->held, sizeof explorer->held);
}

/* Two states are the same when they differ in nothing but the names of slots, the order of lease words, and how many
 * generations there have been. */
static uint64_t name_of(const struct moment *moment, uint32_t slots, uint32_t words)
{
    uint32_t place[SMALL_SLOTS], next = 0, unused = 0;
    place[moment->claimed] = next++;
    for (uint32_t i = 0; i < moment->condemned_count; i++)
        place[moment->condemned[i]] = next++;
    for (uint32_t i = 0; i < moment->whole_count; i++) {
        unused += netipc_load(&moment->headers[moment->whole[i]].seq, relaxed) == 0;
        place[moment->whole[i]] = next++;
    }
    assert_int_equal(next, slots);
    uint64_t sorted[SMALL_WORDS];
    for (uint32_t i = 0; i < words; i++) {
        uint64_t word = moment->words[i] == 0 ? 0 : 2 * place[(moment->words[i] & 0xffff) - 1] + 2;
        word += word != 0 && moment->held[i].data != NULL;
        uint32_t at = i;
        for (; at > 0 && sorted[at - 1] > word; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = word;
    }
    uint64_t name = 1 + moment->latest_here;
    name = name * 8 + moment->condemned_count;
    name = name * 8 + unused;
    for (uint32_t i = 0; i < words; i++)
        name = name * 16 + sorted[i];
    return name;
}

/* Checks the state at hand and remembers it, unless it has been met. */
static void meet(struct explorer *explorer)
{
    struct moment moment;
    keep(explorer, &moment);
    uint64_t name = name_of(&moment, explorer->leased->slots, explorer->leased->quota);
    uint64_t *place = &explorer->visited[name * UINT64_C(0x9e3779b97f4a7c15) >> 44];
    for (; *place != 0; place = place + 1 < explorer->visited + VISITED_SIZE ? place + 1 : explorer->visited)
        if (*place == name)
            return;
    *place = name;
    assert_in_range(++explorer->states, 1, VISITED_SIZE / 2);
    expect_history(explorer->leased, true);
    for (uint32_t i = 0; i < explorer->leased->quota; i++)
        expect_untouched(explorer->leased, &explorer->held[i]);
    if (explorer->waiting_count == explorer->waiting_room) {
        explorer->waiting_room = explorer->waiting_room * 2 + 1024;
        explorer->waiting = realloc(explorer->waiting, explorer->waiting_room * sizeof *explorer->waiting);
        assert_non_null(explorer->waiting);
    }
    explorer->waiting[explorer->waiting_count++] = moment;
}

static void try_every_move(struct explorer *explorer, const struct moment *from)
{
    struct leased_ring *leased = explorer->leased;
    go_back_to(explorer, from);
    uint64_t rescans = leased->made.ring.totals.condemned;
    publish_roughly(leased);
    assert_in_range(leased->made.ring.totals.condemned - rescans, 0, leased->quota);
    explorer->publications++;
    meet(explorer);
    for (uint32_t i = 0; i < leased->quota; i++) {
        if (from->words[i] != 0) {
            go_back_to(explorer, from);
            netipc_ring_release(lease_word_of(leased, i));
            explorer->held[i].data = NULL;
            meet(explorer);
            continue;
        }
        for (uint32_t slot = 0; slot < leased->slots; slot++) {
            uint64_t seq = netipc_load(&from->headers[slot].seq, relaxed);
            go_back_to(explorer, from); /* a word that nobody has validated, on whatever slot */
            netipc_store(lease_word_of(leased, i), netipc_lease_word(1, slot), relaxed);
            meet(explorer);
            if (seq == 0 || seq % 2 != 0)
                continue;
            go_back_to(explorer, from); /* a lease, as it should be */
            assert_int_equal(take(leased, i, seq / 2, &explorer->held[i]), NETIPC_OK);
            meet(explorer);
        }
    }
}

static void explore(uint32_t slots, uint32_t history)
{
    struct leased_ring leased;
    make_leased_ring(&leased, slots, history);
    struct explorer explorer = {.leased = &leased, .visited = calloc(VISITED_SIZE, sizeof(uint64_t))};
    assert_non_null(explorer.visited);
    meet(&explorer);
    while (explorer.waiting_count > 0) {
        struct moment from = explorer.waiting[--explorer.waiting_count];
        try_every_move(&explorer, &from);
    }
    print_message("%u slots, history of %u: %u states\n", slots, history, explorer.states);
    assert_true(explorer.publications >= slots);
    free(explorer.waiting);
    free(explorer.visited);
    unmake_leased_ring(&leased);
}

static void in_every_state_of_a_small_ring_leases_hold_and_the_history_is_whole(void **state)
{
    (void)state;
    for (uint32_t slots = NETIPC_SLOTS_LEAST; slots <= SMALL_SLOTS; slots++)
        for (uint32_t history = 0; history <= slots - 2; history++)
            explore(slots, history);
}

/* --- large rings --- */

static void lease_at_random(uint32_t history)
{
    enum { ROUNDS = 6000 };
    static struct leased_ring leased;
    static struct held held[NETIPC_SLOTS_MOST];
    memset(held, 0, sizeof held);
    make_leased_ring(&leased, NETIPC_SLOTS_MOST, history);
    uint64_t random = history + 1, rescans = 0;
    uint32_t most_condemned = 0;
    for (int round = 0; round < ROUNDS; round++) {
        publish_roughly(&leased);
        assert_in_range(leased.made.ring.totals.condemned - rescans, 0, leased.quota);
        rescans = leased.made.ring.totals.condemned;
        /* Now nearly everybody holds on to the oldest, now nearly everybody lets go. */
        uint64_t takers = round / 1500 % 2 == 0 ? 7 : 1;
        for (int i = 0; i < 8 && leased.quota > 0; i++) {
            uint32_t index = (uint32_t)(next_random(&random) % leased.quota);
            uint64_t listed[NETIPC_SLOTS_MOST];
            expect_untouched(&leased, &held[index]);
            if (held[index].data != NULL && next_random(&random) % 8 >= takers) {
                give_back(&leased, index, &held[index]);
            } else if (held[index].data == NULL && next_random(&random) % 8 < takers) {
                uint32_t count = netipc_ring_history(&leased.view, listed, NETIPC_SLOTS_MOST);
                uint64_t generation = listed[next_random(&random) % (next_random(&random) % count + 1)];
                assert_int_equal(take(&leased, index, generation, &held[index]), NETIPC_OK);
            }
        }
        most_condemned =
            leased.made.ring.condemned_count > most_condemned ? leased.made.ring.condemned_count : most_condemned;
        expect_history(&leased, round % 1000 == 999);
    }
    for (uint32_t i = 0; i < leased.quota; i++)
        expect_untouched(&leased, &held[i]);
    assert_true(leased.quota <= 1 || most_condemned > 0);
    print_message("history of %u: up to %u of %u leases held slots apart\n", history, most_condemned, leased.quota);
    unmake_leased_ring(&leased);
}

static void leases_at_random_hold_in_a_ring_of_1024_slots(void **state)
{
    (void)state;
    static const uint32_t histories[] = {0, 300, 1000, 1021, 1022};
    for (size_t i = 0; i < sizeof histories / sizeof *histories; i++)
        lease_at_random(histories[i]);
}

static void condemned_slots_are_used_again_once_their_leases_end(void **state)
{
    (void)state;
    enum { SLOTS = 20, HISTORY = 5, QUOTA = SLOTS - 2 - HISTORY };
    static struct leased_ring leased;
    struct held held[QUOTA] = {0};
    make_leased_ring(&leased, SLOTS, HISTORY);
    for (int lap = 0; lap < 3; lap++) {
        for (int i = 0; i < SLOTS; i++)
            publish_roughly(&leased);
        uint64_t oldest = leased.made.ring.generation - QUOTA + 1;
        for (uint32_t i = 0; i < QUOTA; i++)
            assert_int_equal(take(&leased, i, oldest + i, &held[i]), NETIPC_OK);
        for (int i = 0; i < 5 * SLOTS; i++) {
            publish_roughly(&leased);
            expect_history(&leased, true);
        }
        assert_int_equal(leased.made.ring.condemned_count, QUOTA);
        uint64_t rescans = leased.made.ring.totals.condemned;
        for (int i = 0; i < 5; i++)
            publish_roughly(&leased);
        assert_int_equal(leased.made.ring.totals.condemned, rescans); /* the next is set aside before the scan */
        for (uint32_t i = 0; i < QUOTA; i++) {
            expect_untouched(&leased, &held[i]);
            give_back(&leased, i, &held[i]);
            publish_roughly(&leased);
            expect_history(&leased, true);
        }
        publish_roughly(&leased);
        publish_roughly(&leased);
        uint64_t listed[SLOTS];
        assert_int_equal(leased.made.ring.condemned_count, 0);
        assert_int_equal(netipc_ring_history(&leased.view, listed, SLOTS), SLOTS - 1);
    }
    unmake_leased_ring(&leased);
}

/* --- what does not count --- */

static void words_that_do_not_count_change_nothing(void **state)
{
    (void)state;
    enum { SLOTS = 12, HISTORY = 6, QUOTA = SLOTS - 2 - HISTORY };
    static struct leased_ring leased;
    make_leased_ring(&leased, SLOTS, HISTORY);
    struct netipc_session_line *line = &leased.lines[0];
    uint64_t random = 7;
    for (uint32_t i = QUOTA; i < NETIPC_SESSION_LEASES; i++) /* beyond the quota */
        netipc_store(netipc_line_lease(line, i), netipc_lease_word(1, i % SLOTS), relaxed);
    for (int i = 0; i < 2000; i++) {
        uint32_t slot = (uint32_t)next_random(&random) % SLOTS;
        const uint64_t nothings[] = {
            netipc_lease_word(0, slot), /* the ordinals of other regions */
            netipc_lease_word(2, slot),
            netipc_lease_word(UINT64_C(1) << 47 | 1, slot),
            UINT64_C(1) << 16,           /* no slot */
            netipc_lease_word(1, SLOTS), /* slots out of range */
            netipc_lease_word(1, SLOTS + (uint32_t)next_random(&random) % (0xfffe - SLOTS)),
            netipc_lease_word(1, 0xfffe),
            next_random(&random) << 17 | slot, /* garbage */
            UINT64_MAX,
        };
        for (uint32_t word = 0; word < QUOTA; word++)
            netipc_store(lease_word_of(&leased, word),
                         nothings[next_random(&random) % (sizeof nothings / sizeof *nothings)], relaxed);
        publish_roughly(&leased);
        assert_int_equal(leased.made.ring.condemned_count, 0);
        assert_int_equal(leased.made.ring.totals.condemned, 0);
        expect_history(&leased, i % 100 == 0);
    }
    /* A grant for another region counts in that one only. */
    for (uint32_t word = 0; word < QUOTA; word++)
        netipc_store(lease_word_of(&leased, word), netipc_lease_word(1, word), relaxed);
    netipc_session_table_grant(&leased.made.sessions, 0, 2, QUOTA);
    for (int i = 0; i < 3 * SLOTS; i++)
        publish_roughly(&leased);
    assert_int_equal(leased.made.ring.totals.condemned, 0);
    netipc_session_table_grant(&leased.made.sessions, 0, 1, QUOTA);
    for (int i = 0; i < 3 * SLOTS; i++)
        publish_roughly(&leased);
    assert_int_equal(leased.made.ring.condemned_count, QUOTA);
    /* And none once the session has left. */
    netipc_session_table_remove(&leased.made.sessions, 0);
    for (int i = 0; i < 3 * SLOTS; i++)
        publish_roughly(&leased);
    assert_int_equal(leased.made.ring.condemned_count, 0);
    unmake_leased_ring(&leased);
}

struct flapper {
    struct leased_ring *leased;
    netipc_atomic_u32 stop;
    uint64_t stores;
};

static void *flap(void *context)
{
    struct flapper *flapper = context;
    uint64_t random = 3;
    while (netipc_load(&flapper->stop, relaxed) == 0)
        for (int i = 0; i < 64; i++, flapper->stores++) {
            uint64_t value = next_random(&random);
            uint64_t word = value % 16 == 0
                                ? next_random(&random) << 20 | value
                                : netipc_lease_word(1, (uint32_t)(value >> 8) % (flapper->leased->slots + 1));
            uint32_t session = (uint32_t)(value >> 5) % 2, index = (uint32_t)(value >> 20) % NETIPC_SESSION_LEASES;
            netipc_store(netipc_line_lease(&flapper->leased->lines[session], index), word, relaxed);
        }
    return NULL;
}

static void publications_stay_bounded_and_the_history_whole_while_lease_words_flap(void **state)
{
    (void)state;
    enum { SLOTS = 64, HISTORY = 10, PUBLICATIONS = 30000 };
    static struct leased_ring leased;
    make_leased_ring(&leased, SLOTS, HISTORY);
    struct flapper flapper = {.leased = &leased};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flap, &flapper), 0);
    uint64_t rescans = 0;
    for (int i = 0; i < PUBLICATIONS; i++) {
        publish_roughly(&leased);
        assert_in_range(leased.made.ring.totals.condemned - rescans, 0, leased.quota);
        rescans = leased.made.ring.totals.condemned;
        expect_history(&leased, i % 512 == 0);
    }
    netipc_store(&flapper.stop, 1, relaxed);
    pthread_join(thread, NULL);
    print_message("%llu words were written, %llu slots condemned\n", (unsigned long long)flapper.stores,
                  (unsigned long long)rescans);
    assert_true(rescans > 0);
    unmake_leased_ring(&leased);
}

/* --- looking for a generation --- */

static void a_generation_is_found_while_it_is_in_the_ring(void **state)
{
    (void)state;
    enum { SLOTS = 8, HISTORY = 3 };
    static struct leased_ring leased;
    struct netipc_ring_snapshot snapshot;
    struct held held = {0};
    unsigned char bytes[LEASED_LENGTH];
    uint64_t listed[SLOTS] = {77};
    make_leased_ring(&leased, SLOTS, HISTORY);
    assert_int_equal(netipc_ring_history(&leased.view, listed, SLOTS), 0);
    assert_int_equal(netipc_ring_read(&leased.view, 1, bytes, sizeof bytes, &snapshot), NETIPC_EMPTY);
    assert_int_equal(take(&leased, 0, NETIPC_LATEST, &held), NETIPC_EMPTY);
    assert_int_equal(take(&leased, 0, 1, &held), NETIPC_EMPTY);
    for (uint64_t latest = 1; latest <= 30; latest++) {
        publish_roughly(&leased);
        uint64_t oldest = latest < SLOTS ? 1 : latest - (SLOTS - 2);
        for (uint64_t generation = 1; generation <= latest + 2; generation++) {
            netipc_status expected = generation > latest   ? NETIPC_EMPTY
                                     : generation < oldest ? NETIPC_EXPIRED
                                                           : NETIPC_OK;
            assert_int_equal(netipc_ring_read(&leased.view, generation, bytes, sizeof bytes, &snapshot), expected);
            assert_int_equal(snapshot.generation, generation);
            assert_int_equal(take(&leased, 0, generation, &held), expected);
            assert_int_equal(netipc_load(lease_word_of(&leased, 0), relaxed) != 0, expected == NETIPC_OK);
            if (expected != NETIPC_OK)
                continue;
            assert_int_equal(held.snapshot.generation, generation);
            expect_untouched(&leased, &held);
            give_back(&leased, 0, &held);
            assert_int_equal(netipc_load(lease_word_of(&leased, 0), relaxed), 0);
        }
        assert_int_equal(netipc_ring_read(&leased.view, UINT64_MAX, bytes, sizeof bytes, &snapshot), NETIPC_EMPTY);
        assert_int_equal(netipc_ring_history(&leased.view, listed, 0), 0);
        assert_int_equal(netipc_ring_history(&leased.view, listed, 1), 1);
        assert_int_equal(listed[0], latest);
        uint32_t count = netipc_ring_history(&leased.view, listed, 3);
        assert_int_equal(count, latest < 3 ? latest : 3);
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(listed[i], latest - count + 1 + i);
    }
    unmake_leased_ring(&leased);
}

static void a_condemned_generation_is_kept_for_its_holder_and_found_by_nobody_else(void **state)
{
    (void)state;
    static struct leased_ring leased;
    struct netipc_ring_snapshot snapshot;
    struct held held = {0}, other = {0};
    unsigned char bytes[LEASED_LENGTH];
    make_leased_ring(&leased, 4, 0);
    publish_roughly(&leased);
    assert_int_equal(take(&leased, 0, 1, &held), NETIPC_OK);
    for (int i = 0; i < 10; i++)
        publish_roughly(&leased);
    expect_untouched(&leased, &held);
    assert_true(netipc_ring_still(&leased.view, &held.snapshot)); /* set aside */
    assert_int_equal(netipc_ring_read(&leased.view, 1, bytes, sizeof bytes, &snapshot), NETIPC_EXPIRED);
    assert_int_equal(take(&leased, 1, 1, &other), NETIPC_EXPIRED);
    assert_null(other.data);
    netipc_ring_release(lease_word_of(&leased, 0));
    publish_roughly(&leased);
    assert_false(netipc_ring_still(&leased.view, &held.snapshot)); /* claimed, to be written next */
    publish_roughly(&leased);
    assert_false(netipc_ring_still(&leased.view, &held.snapshot));
    unmake_leased_ring(&leased);
}

static void a_lease_on_what_is_not_sound_is_given_back(void **state)
{
    (void)state;
    static struct leased_ring leased;
    struct held held = {0};
    make_leased_ring(&leased, 4, 0);
    publish_roughly(&leased);
    struct netipc_slot_header *slot = &leased.made.region.slots[leased.made.ring.latest];
    netipc_store(&slot->payload_length, LEASED_CAPACITY * 2, relaxed);
    assert_int_equal(take(&leased, 0, NETIPC_LATEST, &held), NETIPC_CORRUPT);
    assert_int_equal(netipc_load(lease_word_of(&leased, 0), relaxed), 0);
    netipc_store(&slot->payload_length, LEASED_LENGTH, relaxed);
    netipc_store(&slot->seq, 3, relaxed);
    assert_int_equal(take(&leased, 0, NETIPC_LATEST, &held), NETIPC_OVERRUN);
    assert_int_equal(held.snapshot.retries, NETIPC_READ_TRIES);
    assert_int_equal(netipc_load(lease_word_of(&leased, 0), relaxed), 0);
    netipc_store(&slot->seq, 2, relaxed);
    netipc_store(&leased.made.region.header->latest, netipc_hot_word(1, NETIPC_REGION_LIVE, 4), relaxed);
    assert_int_equal(take(&leased, 0, NETIPC_LATEST, &held), NETIPC_CORRUPT);
    assert_int_equal(netipc_load(lease_word_of(&leased, 0), relaxed), 0);
    assert_null(held.data);
    unmake_leased_ring(&leased);
}

/* --- threads --- */

enum { HOLDERS = 2 };

struct holder {
    struct leased_ring *leased;
    netipc_atomic_u32 *stop;
    uint32_t index;
    uint64_t views, bad;
};

static void *hold(void *context)
{
    struct holder *holder = context;
    uint64_t random = holder->index + 1;
    while (netipc_load(holder->stop, relaxed) == 0) {
        struct netipc_ring_snapshot snapshot;
        const unsigned char *data;
        uint64_t latest = netipc_hot_generation(netipc_load(&holder->leased->view.header->latest, relaxed));
        uint64_t back = next_random(&random) % 3, wanted = back == 0 || latest <= back ? NETIPC_LATEST : latest - back;
        if (netipc_ring_acquire(&holder->leased->view, lease_word_of(holder->leased, holder->index), wanted, &data,
                                &snapshot) != NETIPC_OK)
            continue;
        holder->views++;
        for (uint64_t looks = 1 + next_random(&random) % 40; looks > 0; looks--)
            holder->bad += !pattern_is(data, LEASED_LENGTH, snapshot.generation);
        holder->bad += !netipc_ring_still(&holder->leased->view, &snapshot);
        netipc_ring_release(lease_word_of(holder->leased, holder->index));
    }
    return NULL;
}

static void what_threads_hold_is_never_written_by_a_publisher_without_pause(void **state)
{
    (void)state;
    enum { PUBLICATIONS = 300000 };
    static struct leased_ring leased;
    make_leased_ring(&leased, 4, 0);
    netipc_atomic_u32 stop = 0;
    struct holder holders[HOLDERS];
    pthread_t threads[HOLDERS];
    for (uint32_t i = 0; i < HOLDERS; i++) {
        holders[i] = (struct holder){.leased = &leased, .stop = &stop, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, hold, &holders[i]), 0);
    }
    for (int i = 0; i < PUBLICATIONS; i++)
        publish_roughly(&leased);
    netipc_store(&stop, 1, relaxed);
    for (uint32_t i = 0; i < HOLDERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(holders[i].bad, 0);
        assert_true(holders[i].views > 0);
        print_message("%llu views\n", (unsigned long long)holders[i].views);
    }
    assert_true(leased.made.ring.totals.condemned > 0);
    unmake_leased_ring(&leased);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_quota_is_what_history_and_two_slots_leave),
        cmocka_unit_test(in_every_state_of_a_small_ring_leases_hold_and_the_history_is_whole),
        cmocka_unit_test(leases_at_random_hold_in_a_ring_of_1024_slots),
        cmocka_unit_test(condemned_slots_are_used_again_once_their_leases_end),
        cmocka_unit_test(words_that_do_not_count_change_nothing),
        cmocka_unit_test(publications_stay_bounded_and_the_history_whole_while_lease_words_flap),
        cmocka_unit_test(a_generation_is_found_while_it_is_in_the_ring),
        cmocka_unit_test(a_condemned_generation_is_kept_for_its_holder_and_found_by_nobody_else),
        cmocka_unit_test(a_lease_on_what_is_not_sound_is_given_back),
        cmocka_unit_test(what_threads_hold_is_never_written_by_a_publisher_without_pause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
