/* SPDX-License-Identifier: Apache-2.0 */
/* Session pages that change before and during publications: shm/session_table.c and shm/ring_publisher.c are compiled
 * with stepped_atomics.h here. Session 0 is an honest one with a lease word at most. */
#include "tests/fuzz/formats.h"
#include "tests/fuzz/fuzz.h"

#include "shm/ring_publisher.h"
#include "shm/ring_reader.h"
#include "shm/session_page.h"

#include <string.h>

enum { PUBLISHED, CONDEMNED, HELD, WOKEN, RUNG, CHANGED_IN_A_SCAN, REGAINED };
const char *const fuzz_goals[] = {"published",
                                  "set slots aside",
                                  "leases held through publications",
                                  "woken",
                                  "doorbells",
                                  "words changed in a scan",
                                  "slots came back",
                                  NULL};

struct change {
    uint32_t step;
    uint32_t session, word;
    uint64_t value;
};

static struct {
    struct netipc_region region;
    struct netipc_region_view view;
    struct netipc_session_table table;
    struct netipc_ring ring;
    struct netipc_session_page pages[FUZZ_PAGE_SESSIONS];
    unsigned char mirrors[FUZZ_PAGE_SESSIONS][NETIPC_SESSION_PAGE_SIZE];
    bool listed[FUZZ_PAGE_SESSIONS];
    uint32_t quotas[FUZZ_PAGE_SESSIONS];
    uint32_t slots, history, sessions, quota;
    struct change armed[FUZZ_PAGE_ARMED_MOST];
    uint32_t armed_count, step;
    bool changed; /* during the last publication */
    /* the honest session's view */
    bool holds;
    const unsigned char *held;
    struct netipc_ring_snapshot held_snapshot;
} scene;

/* --- a hostile peer's store --- */

static void apply(const struct change *change)
{
    struct netipc_session_page *page = &scene.pages[change->session];
    size_t at = page->line_offset + change->word * sizeof(uint64_t);
    netipc_atomic_u32 *words = (void *)((unsigned char *)page->base + at);
    netipc_store(&words[0], (uint32_t)change->value, relaxed);
    netipc_store(&words[1], (uint32_t)(change->value >> 32), relaxed);
    memcpy(scene.mirrors[change->session] + at, &change->value, sizeof change->value);
}

void fuzz_step(void)
{
    scene.step++;
    for (uint32_t i = 0; i < scene.armed_count; i++)
        if (scene.armed[i].step == scene.step) {
            apply(&scene.armed[i]);
            scene.changed = true;
            fuzz_reached[CHANGED_IN_A_SCAN]++;
        }
}

static struct change read_change(struct fuzz_input *input)
{
    struct change change = {.session = fuzz_u8(input) % scene.sessions,
                            .word = fuzz_u8(input) % (NETIPC_SESSION_LINE_SIZE / sizeof(uint64_t))};
    uint8_t kind = fuzz_u8(input) % FUZZ_PAGE_KINDS;
    change.value = fuzz_u64(input);
    if (kind == FUZZ_PAGE_ANY)
        change.value = netipc_lease_word(1, (uint32_t)change.value & 0xffffu);
    else if (kind != FUZZ_PAGE_RAW)
        change.value = netipc_lease_word(kind == FUZZ_PAGE_LEASE ? 1 : 2, (uint32_t)(change.value % scene.slots));
    if (change.session == 0)
        change.word = 0; /* its peer is honest but for wake word and doorbell, which may be anything */
    return change;
}

/* --- what must hold --- */

static unsigned char byte_of(uint64_t generation)
{
    return (unsigned char)(generation * 37 + (generation >> 8));
}

static bool all_are(const unsigned char *bytes, uint64_t length, unsigned char byte)
{
    for (uint64_t i = 0; i < length; i++)
        if (bytes[i] != byte)
            return false;
    return true;
}

/* The publisher has written nothing but 1 to be added to a wake word and a doorbell. */
static void check_pages(void)
{
    for (uint32_t i = 0; i < scene.sessions; i++) {
        const unsigned char *page = scene.pages[i].base;
        unsigned char *mirror = scene.mirrors[i];
        size_t line = scene.pages[i].line_offset;
        for (size_t word = 0; word < 2; word++) {
            uint32_t is, was;
            memcpy(&is, page + line + word * sizeof is, sizeof is);
            memcpy(&was, mirror + line + word * sizeof was, sizeof was);
            fuzz_check(is == was || (is == was + 1 && (was % 2 != 0 || scene.changed) && scene.listed[i]));
            if (is != was)
                fuzz_reached[word == 0 ? WOKEN : RUNG]++;
            memcpy(mirror + line + word * sizeof is, &is, sizeof is);
        }
        fuzz_check(memcmp(page, mirror, NETIPC_SESSION_PAGE_SIZE) == 0);
    }
}

static void check_held(void)
{
    if (!scene.holds)
        return;
    fuzz_reached[HELD]++;
    fuzz_check(netipc_ring_still(&scene.view, &scene.held_snapshot));
    fuzz_check(all_are(scene.held, scene.held_snapshot.length, byte_of(scene.held_snapshot.generation)));
}

/* The latest generations, as many as were promised, are whole and found by their numbers. */
static void check_history(void)
{
    uint64_t latest = scene.ring.generation, listed[NETIPC_SLOTS_MOST];
    uint64_t due = latest < scene.history + 1u ? latest : scene.history + 1u;
    uint32_t count = netipc_ring_history(&scene.view, listed, NETIPC_SLOTS_MOST);
    fuzz_check(count >= due && count < scene.slots);
    for (uint32_t i = 0; i < count; i++) {
        unsigned char bytes[FUZZ_PAGE_CAPACITY];
        struct netipc_ring_snapshot snapshot;
        fuzz_check(listed[i] == latest - count + 1 + i);
        fuzz_check(netipc_ring_read(&scene.view, listed[i], bytes, sizeof bytes, &snapshot) == NETIPC_OK);
        fuzz_check(snapshot.retries == 0 && snapshot.generation == listed[i]);
        fuzz_check(all_are(bytes, snapshot.length, byte_of(listed[i])));
    }
    fuzz_check(scene.ring.whole_count + scene.ring.condemned_count + 1 == scene.slots);
    fuzz_check(scene.ring.condemned_count <= scene.quota);
}

static void publish(uint8_t length)
{
    struct netipc_ring *ring = &scene.ring;
    struct netipc_ring_totals before = ring->totals;
    uint64_t generation = ring->generation + 1;
    uint32_t condemned = ring->condemned_count;
    /* A producer may leave anything in the slot, as long as the first bytes are right at the end. */
    memset(netipc_ring_claimed_data(ring), 0xee, FUZZ_PAGE_CAPACITY);
    memset(netipc_ring_claimed_data(ring), byte_of(generation), length % (FUZZ_PAGE_CAPACITY + 1));
    scene.step = 0;
    scene.changed = false;
    netipc_ring_publish(ring, length % (FUZZ_PAGE_CAPACITY + 1), 0);
    scene.armed_count = 0;
    fuzz_check(ring->generation == generation && ring->totals.publications == before.publications + 1);
    fuzz_check(ring->totals.condemned - before.condemned <= scene.quota);
    fuzz_check(ring->totals.wakes_sent - before.wakes_sent <= scene.sessions);
    /* So many scans at most, each with so many accesses. */
    fuzz_check(scene.step <= 200 + (scene.quota + 2) * (10 + FUZZ_PAGE_SESSIONS * (NETIPC_SESSION_LEASES + 12)));
    fuzz_reached[PUBLISHED]++;
    fuzz_reached[CONDEMNED] += ring->condemned_count > condemned;
    fuzz_reached[REGAINED] += ring->condemned_count < condemned;
    check_pages();
    check_held();
    check_history();
}

/* --- the honest session --- */

static void mirror_honest_lease(void)
{
    size_t at = scene.pages[0].line_offset + sizeof(uint64_t);
    memcpy(scene.mirrors[0] + at, (unsigned char *)scene.pages[0].base + at, sizeof(uint64_t));
}

static void take(uint8_t back)
{
    uint64_t latest = scene.ring.generation;
    uint64_t generation = back % 4 == 0 || latest <= back % 4 ? NETIPC_LATEST : latest - back % 4;
    if (scene.holds || scene.quotas[0] == 0 || !scene.listed[0])
        return;
    netipc_status status = netipc_ring_acquire(&scene.view, netipc_line_lease(scene.pages[0].line, 0), generation,
                                               &scene.held, &scene.held_snapshot);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_EMPTY) | FUZZ_STATUS(NETIPC_EXPIRED),
                      "acquire");
    scene.holds = status == NETIPC_OK;
    mirror_honest_lease();
}

static void give(void)
{
    if (!scene.holds)
        return;
    check_held();
    netipc_ring_release(netipc_line_lease(scene.pages[0].line, 0));
    scene.holds = false;
    mirror_honest_lease();
}

/* Once the words stay as they are, only slots that are leased by words that count are set aside. */
static void check_condemned(void)
{
    uint64_t leased = 0;
    for (uint32_t i = 0; i < scene.slots; i++)
        publish(4);
    for (uint32_t i = 0; i < scene.sessions; i++) {
        uint64_t grant = netipc_load(&scene.table.entries[i].grant, relaxed);
        for (uint32_t word = 0; scene.listed[i] && grant >> 16 == 1 && word < scene.quotas[i]; word++) {
            uint64_t value = netipc_load(netipc_line_lease(scene.pages[i].line, word), relaxed);
            for (uint32_t slot = 0; slot < scene.slots; slot++)
                if (value == netipc_lease_word(1, slot))
                    leased |= UINT64_C(1) << slot;
        }
    }
    fuzz_check(scene.ring.condemned_count <= (uint32_t)__builtin_popcountll(leased));
}

/* --- the control thread's part --- */

static void leave(uint32_t session)
{
    if (!scene.listed[session])
        return;
    if (session == 0)
        give();
    netipc_session_table_remove(&scene.table, session);
    fuzz_check(netipc_session_table_quiet(&scene.table));
    scene.listed[session] = false;
}

static void join(uint32_t session)
{
    if (scene.listed[session])
        return;
    netipc_session_table_grant(&scene.table, session, 1, scene.quotas[session]);
    netipc_session_table_insert(&scene.table, session, scene.pages[session].line);
    scene.listed[session] = true;
}

/* Loses what it was granted here, for a region that there is not, or gets it back. */
static void grant(uint32_t session)
{
    if (session == 0)
        give();
    uint64_t grant = netipc_load(&scene.table.entries[session].grant, relaxed);
    netipc_session_table_grant(&scene.table, session, grant >> 16 == 1 ? 2 : 1, scene.quotas[session]);
    if (session == 0)
        scene.quotas[0] = 0; /* holds no view any more: it cannot know whether its leases count */
}

static void set_up(struct fuzz_input *input)
{
    struct netipc_region_geometry geometry;
    const struct netipc_region_label label = {.ordinal = 1, .service = "fuzzed"};
    memset(&scene, 0, sizeof scene);
    scene.slots = NETIPC_SLOTS_LEAST + fuzz_u8(input) % FUZZ_PAGE_SLOTS;
    scene.history = fuzz_u8(input) % (scene.slots - 1);
    scene.sessions = 1 + fuzz_u8(input) % FUZZ_PAGE_SESSIONS;
    scene.quota = netipc_ring_quota(scene.slots, scene.history);
    fuzz_check(netipc_region_plan(scene.slots, FUZZ_PAGE_CAPACITY, UINT64_MAX, &geometry) == NETIPC_OK);
    fuzz_check(netipc_region_create(&geometry, &label, NULL, &scene.region) == NETIPC_OK);
    fuzz_check(netipc_region_attach(scene.region.fd, geometry.region_size, UINT64_MAX, 0, &scene.view) == NETIPC_OK);
    fuzz_check(netipc_session_table_open(&scene.table, FUZZ_PAGE_SESSIONS) == NETIPC_OK);
    uint32_t left = scene.quota;
    for (uint32_t i = 0; i < scene.sessions; i++) {
        uint32_t most = i == 0 ? 1 : NETIPC_SESSION_LEASES, share = fuzz_u8(input);
        scene.quotas[i] = share % ((left < most ? left : most) + 1);
        left -= scene.quotas[i];
        fuzz_check(netipc_session_page_create(i * 7, &scene.pages[i]) == NETIPC_OK);
        fuzz_check(netipc_session_page_seal(&scene.pages[i]) == NETIPC_OK);
        join(i);
    }
    netipc_ring_start(&scene.ring, &scene.region, 1, &scene.table, 0, &(struct netipc_ring_totals){0});
}

static void tear_down(void)
{
    for (uint32_t i = 0; i < scene.sessions; i++)
        netipc_session_page_destroy(&scene.pages[i], false);
    netipc_session_table_close(&scene.table);
    netipc_region_detach(&scene.view, false);
    netipc_region_destroy(&scene.region, false);
}

static void take_step(struct fuzz_input *input)
{
    uint8_t what = fuzz_u8(input) % FUZZ_PAGE_STEPS;
    struct change change;
    switch (what) {
    case FUZZ_PAGE_PUBLISH:
        publish(fuzz_u8(input));
        return;
    case FUZZ_PAGE_WRITE:
        change = read_change(input);
        apply(&change);
        return;
    case FUZZ_PAGE_ARM: {
        uint16_t step = fuzz_u16(input);
        change = read_change(input);
        change.step = step;
        if (scene.armed_count < FUZZ_PAGE_ARMED_MOST)
            scene.armed[scene.armed_count++] = change;
        return;
    }
    case FUZZ_PAGE_TAKE:
        take(fuzz_u8(input));
        return;
    case FUZZ_PAGE_GIVE:
        give();
        return;
    case FUZZ_PAGE_LEAVE:
        leave(fuzz_u8(input) % scene.sessions);
        return;
    case FUZZ_PAGE_JOIN:
        join(fuzz_u8(input) % scene.sessions);
        return;
    default:
        grant(fuzz_u8(input) % scene.sessions);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    set_up(&input);
    for (int steps = 0; input.left > 0 && steps < FUZZ_PAGE_STEPS_MOST; steps++)
        take_step(&input);
    publish(1); /* with what is still armed */
    check_condemned();
    for (uint32_t i = 0; i < scene.sessions; i++)
        leave(i);
    check_condemned(); /* they took all their leases along */
    netipc_ring_end(&scene.ring, NETIPC_REGION_CLOSED);
    tear_down();
    return 0;
}
