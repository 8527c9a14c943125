/* SPDX-License-Identifier: Apache-2.0 */
/* The seeds of region and session_page. */
#include "tests/fuzz/packets.h"
#include "tests/fuzz/seed_file.h"

#include "shm/fnv.h"
#include "shm/session_page.h"

#include <stdio.h>

/* --- region --- */

static void region_begin(unsigned flags, unsigned slots, unsigned capacity, unsigned publications, unsigned seals,
                         unsigned writes)
{
    put_u8(flags);
    put_u8(flags & FUZZ_REGION_BUILT ? slots - NETIPC_SLOTS_LEAST : slots);
    put_u8(capacity);
    put_u8(publications);
    put_u8(seals);
    put_u8(0); /* announced as it is */
    put_u8(writes);
}

static void region_write(unsigned where, unsigned index, unsigned at, const void *bytes, size_t length)
{
    put_u8(where);
    put_u8(index);
    put_u8(at);
    put_u8((unsigned)length);
    put(bytes, length);
}

static void region_write_u64(unsigned where, unsigned index, unsigned at, uint64_t value)
{
    region_write(where, index, at, &value, sizeof value);
}

/* Every call once, of the latest and of older ones. */
static void region_calls(void)
{
    for (unsigned what = 0; what < FUZZ_REGION_ARM; what++) {
        static const unsigned backs[] = {1, 2, 5, 20, 255};
        bool old = what == FUZZ_REGION_READ_OLD || what == FUZZ_REGION_ACQUIRE_OLD || what == FUZZ_REGION_FIND ||
                   what == FUZZ_REGION_READ_LEASED;
        for (size_t i = 0; i < (old ? sizeof backs / sizeof *backs : 2); i++) {
            put_u8(what);
            put_u8(backs[i]);
            put_u8(i == 0 ? 255 : 1);
        }
    }
}

static void region_arm(unsigned step, bool fix, unsigned where, unsigned index, unsigned at, uint64_t value)
{
    put_u8(FUZZ_REGION_ARM);
    put_u8(step);
    put_u8(fix);
    put_u8(where);
    put_u8(index);
    put_u8(at);
    put_u64(value);
}

static void region_call(unsigned what, unsigned back)
{
    put_u8(what);
    put_u8(back);
    put_u8(255);
}

static void built_region_seeds(void)
{
    region_begin(FUZZ_REGION_BUILT, 4, 1, 0, 0, 0);
    region_calls();
    save("region", "built-nothing-published");
    region_begin(FUZZ_REGION_BUILT, 8, 12, 30, 0, 0);
    region_calls();
    save("region", "built");
    region_begin(FUZZ_REGION_BUILT | FUZZ_REGION_SMALL_LIMIT, 8, 12, 3, 0, 0);
    save("region", "built-above-the-limit");
    for (unsigned missing = 1; missing < 16; missing <<= 1) {
        char name[32];
        region_begin(FUZZ_REGION_BUILT, 4, 1, 1, missing, 0);
        snprintf(name, sizeof name, "built-lacks-seal-%u", missing);
        save("region", name);
    }
    region_begin(FUZZ_REGION_BUILT, 4, 1, 1, FUZZ_REGION_PUNCHED | 1 << 5, 0);
    save("region", "built-punched");
}

/* Lies with check words that fit. */
static void forged_region_seeds(void)
{
    const unsigned fixed = FUZZ_REGION_BUILT | FUZZ_REGION_FIX_IDENTITY | FUZZ_REGION_FIX_SLOTS;
    static const struct {
        const char *name;
        unsigned where, index, at;
        uint64_t value;
    } lies[] = {
        {"forged-length", FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, payload_length), 4096},
        {"forged-endless-length", FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, payload_length), UINT64_MAX},
        {"forged-annex", FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, annex_length), UINT64_MAX - 7},
        {"forged-flags", FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, flags), 1},
        {"forged-seq", FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, seq), 8},
        {"forged-slot", FUZZ_AT_HOT, 0, 0, (UINT64_C(3) << 14) | 1 << 12 | 4095},
        {"forged-next-slot", FUZZ_AT_HOT, 0, 0, (UINT64_C(3) << 14) | 1 << 12 | 4},
        {"forged-generation", FUZZ_AT_HOT, 0, 0, UINT64_MAX << 14 | 1 << 12 | 2},
        {"forged-slot-count", FUZZ_AT_IDENTITY, 0, offsetof(struct netipc_region_identity, slot_count),
         UINT64_C(97) << 32 | 5},
        {"forged-more-slots", FUZZ_AT_IDENTITY, 0, offsetof(struct netipc_region_identity, slot_count),
         UINT64_C(97) << 32 | 60},
        {"forged-capacity", FUZZ_AT_IDENTITY, 0, offsetof(struct netipc_region_identity, capacity), 128},
        {"forged-large-capacity", FUZZ_AT_IDENTITY, 0, offsetof(struct netipc_region_identity, capacity),
         UINT64_C(1) << 40},
        {"forged-stride", FUZZ_AT_IDENTITY, 0, offsetof(struct netipc_region_identity, slot_stride), 0},
        {"forged-data-offset", FUZZ_AT_IDENTITY, 0, offsetof(struct netipc_region_identity, slot_data_offset),
         UINT64_MAX - 127},
    };
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        region_begin(fixed, 4, 12, 3, 0, 1);
        region_write_u64(lies[i].where, lies[i].index, lies[i].at, lies[i].value);
        region_calls();
        save("region", lies[i].name);
    }
}

/* From nothing: identity, hot word and slot headers. */
static void raw_region_seeds(void)
{
    struct netipc_region_geometry geometry;
    struct netipc_region region;
    const struct netipc_region_label label = {.incarnation = FUZZ_INCARNATION, .ordinal = 5, .service = "raw"};
    fuzz_check(netipc_region_plan(4, 100, UINT64_MAX, &geometry) == NETIPC_OK);
    fuzz_check(netipc_region_create(&geometry, &label, NULL, &region) == NETIPC_OK);
    struct netipc_region_identity identity = region.header->identity;
    netipc_region_destroy(&region, false);
    identity.open_time_ns = 1;
    identity.publisher_pid = 1;
    identity.check = netipc_fnv1a_64(&identity, offsetof(struct netipc_region_identity, check));
    region_begin(FUZZ_REGION_FIX_SLOTS, (unsigned)(geometry.region_size / 4096 - 2), 0, 0, 0, 4);
    region_write(FUZZ_AT_IDENTITY, 0, 0, &identity, sizeof identity);
    region_write_u64(FUZZ_AT_HOT, 0, 0, netipc_hot_word(2, NETIPC_REGION_LIVE, 1));
    for (unsigned slot = 0; slot < 2; slot++) {
        const uint64_t words[8] = {2 * (slot + 1), 90 + slot};
        region_write(FUZZ_AT_SLOT, slot, 0, words, sizeof words);
    }
    region_calls();
    save("region", "raw");
    region_begin(0, 3, 0, 0, 0, 0);
    save("region", "raw-zeros");
}

/* The slot is claimed, published again or lies, at each step of a read; the hot word moves on. */
static void changing_region_seeds(void)
{
    static const unsigned calls[] = {FUZZ_REGION_READ,     FUZZ_REGION_ACQUIRE, FUZZ_REGION_FIND,
                                     FUZZ_REGION_READ_OLD, FUZZ_REGION_HISTORY, FUZZ_REGION_READ_LEASED};
    const uint64_t next = netipc_hot_word(4, NETIPC_REGION_LIVE, 3);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char name[32];
        region_begin(FUZZ_REGION_BUILT, 4, 12, 3, 0, 0);
        for (unsigned step = 1; step < 12; step++) {
            region_arm(step, true, FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, seq), 7);
            region_arm(step + 3, true, FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, seq), 6);
            region_call(calls[i], 0);
            region_arm(step, false, FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, payload_length), UINT64_MAX);
            region_arm(step + 1, false, FUZZ_AT_SLOT, 2, offsetof(struct netipc_slot_header, payload_length), 94);
            region_call(calls[i], 0);
            region_arm(step, true, FUZZ_AT_HOT, 0, 0, next);
            region_call(calls[i], 1);
            region_arm(1, true, FUZZ_AT_HOT, 0, 0, netipc_hot_word(3, NETIPC_REGION_LIVE, 2));
            region_call(calls[i], 1);
        }
        snprintf(name, sizeof name, "changing-%u", calls[i]);
        save("region", name);
    }
}

void region_seeds(void)
{
    built_region_seeds();
    forged_region_seeds();
    raw_region_seeds();
    changing_region_seeds();
}

/* --- session_page --- */

static void page_begin(unsigned slots, unsigned history, unsigned sessions)
{
    put_u8(slots - NETIPC_SLOTS_LEAST);
    put_u8(history);
    put_u8(sessions - 1);
    for (unsigned i = 0; i < sessions; i++)
        put_u8(i == 0 ? 1 : NETIPC_SESSION_LEASES);
}

static void page_publish(unsigned count)
{
    while (count-- > 0) {
        put_u8(FUZZ_PAGE_PUBLISH);
        put_u8(100 + count % 29);
    }
}

static void page_change(unsigned session, unsigned word, unsigned kind, uint64_t value)
{
    put_u8(session);
    put_u8(word);
    put_u8(kind);
    put_u64(value);
}

static void page_write(unsigned session, unsigned word, unsigned kind, uint64_t value)
{
    put_u8(FUZZ_PAGE_WRITE);
    page_change(session, word, kind, value);
}

static void page_arm(unsigned step, unsigned session, unsigned word, unsigned kind, uint64_t value)
{
    put_u8(FUZZ_PAGE_ARM);
    put_u16(step);
    page_change(session, word, kind, value);
}

static void still_page_seeds(void)
{
    page_begin(8, 2, 3);
    page_publish(20);
    save("session_page", "nothing-leased");
    page_begin(8, 2, 3);
    page_publish(3);
    for (unsigned word = 1; word < 8; word++)
        page_write(1, word, FUZZ_PAGE_LEASE, word);
    page_publish(20);
    put_u8(FUZZ_PAGE_LEAVE);
    put_u8(1);
    page_publish(10);
    put_u8(FUZZ_PAGE_JOIN);
    put_u8(1);
    page_publish(10);
    save("session_page", "all-taken-and-never-given-back");
    page_begin(6, 1, 2);
    for (unsigned word = 0; word < 32; word++)
        page_write(1, word, FUZZ_PAGE_RAW, UINT64_MAX - word);
    page_publish(10);
    for (unsigned word = 1; word < 32; word++)
        page_write(1, word, FUZZ_PAGE_OTHER, word);
    page_publish(5);
    for (unsigned word = 1; word < 5; word++)
        page_write(1, word, FUZZ_PAGE_ANY, word * 16383 + word % 2);
    page_publish(3);
    put_u8(FUZZ_PAGE_GRANT);
    put_u8(1);
    page_publish(5);
    save("session_page", "garbage");
    page_begin(5, 1, 3);
    for (unsigned round = 0; round < 6; round++) {
        page_write(0, 0, FUZZ_PAGE_RAW, UINT64_C(0x500000003));
        page_write(2, 0, FUZZ_PAGE_RAW, UINT64_C(0x100000002));
        page_publish(1);
    }
    save("session_page", "sleepers-and-doorbells");
}

static void flapping_page_seeds(void)
{
    page_begin(16, 3, 4);
    for (unsigned round = 0; round < 10; round++) {
        put_u8(FUZZ_PAGE_TAKE);
        put_u8(round);
        page_publish(2);
        for (unsigned i = 0; i < 12; i++)
            page_arm(20 + 5 * i + round, 1 + i % 3, 1 + i % 7, FUZZ_PAGE_LEASE, round * 5 + i);
        page_publish(1);
        for (unsigned i = 0; i < 12; i++)
            page_arm(20 + 4 * i, 1 + i % 3, 1 + i % 7, FUZZ_PAGE_RAW, i % 2 ? 0 : UINT64_MAX);
        page_publish(2);
        put_u8(FUZZ_PAGE_GIVE);
    }
    save("session_page", "flapping");
    /* Each slot that is condemned is leased while it is looked for. */
    page_begin(12, 1, 2);
    page_publish(12);
    for (unsigned round = 0; round < 8; round++) {
        for (unsigned i = 0; i < 14; i++)
            page_arm(14 + 6 * i, 1, 1 + i % 7, FUZZ_PAGE_LEASE, round + i);
        page_publish(1);
    }
    save("session_page", "leased-under-the-scan");
    page_begin(4, 0, 2);
    for (unsigned round = 0; round < 12; round++) {
        put_u8(FUZZ_PAGE_TAKE);
        put_u8(round);
        page_arm(18, 1, 1, FUZZ_PAGE_LEASE, round);
        page_arm(18, 0, 0, FUZZ_PAGE_RAW, UINT64_MAX);
        page_publish(3);
        put_u8(FUZZ_PAGE_GIVE);
    }
    save("session_page", "smallest");
}

void page_seeds(void)
{
    still_page_seeds();
    flapping_page_seeds();
}
