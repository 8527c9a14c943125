/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes the corpus: usage: fuzz_seeds DIRECTORY (tests/fuzz/corpus). What is in the files comes from the shipped
 * encoders and from the captures of tests/golden, so it is the same each time; a test compares it with what is in the
 * tree.
 */
#include "tests/fuzz/packets.h"
#include "tests/fuzz/seed_file.h"
#include "tests/golden/golden.h"

#include "control/wire.h"
#include "shm/fnv.h"
#include "shm/session_page.h"

#include <netipc/cgroups_snapshot.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const fuzz_goals[] = {NULL};

/* --- snapshot_view --- */

static void save_snapshot(const char *name, const netipc_cgroups_snapshot_builder *builder)
{
    static unsigned char payload[1 << 16];
    size_t length;
    fuzz_check(netipc_cgroups_snapshot_builder_write(builder, 7, 1, payload, sizeof payload, &length) == NETIPC_OK);
    put(payload, length);
    save("snapshot_view", name);
}

static void snapshot_seeds(void)
{
    golden_file *captures = golden_load();
    fuzz_check(captures != NULL);
    static const char *const captured[] = {"cgroups_resp", "cgroups_resp_empty"};
    for (size_t i = 0; i < 2; i++) {
        const golden_message *message = golden_message_named(captures, captured[i]);
        fuzz_check(message != NULL);
        put(message->bytes.data, message->bytes.length);
        save("snapshot_view", captured[i]);
    }
    const golden_session *session = golden_session_named(captures, "snapshot: handshake and one refresh");
    golden_bytes joined;
    fuzz_check(session != NULL && golden_join_payload(session, 3, &joined));
    put(joined.data, joined.length);
    free(joined.data);
    save("snapshot_view", "captured-refresh");
    golden_free(captures);

    netipc_cgroups_snapshot_builder *builder;
    char name[64];
    fuzz_check(netipc_cgroups_snapshot_builder_new(&builder) == NETIPC_OK);
    save_snapshot("built-empty", builder);
    fuzz_check(netipc_cgroups_snapshot_builder_add(builder, 0, 0, 0, "", "") == NETIPC_OK);
    save_snapshot("built-empty-strings", builder);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "service-%.*s%u", (int)(i % 9), "abcdefghi", i);
        fuzz_check(netipc_cgroups_snapshot_builder_add(builder, i * 77, i % 16, i % 2, name, "/system.slice/x") ==
                   NETIPC_OK);
    }
    save_snapshot("built-many", builder);
    netipc_cgroups_snapshot_builder_free(builder);
}

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

/* --- packets --- */

static void packet(unsigned head, const void *bytes, size_t length, const unsigned *kinds)
{
    put_u8(head);
    put_u8((unsigned)length);
    for (unsigned i = 0; i < (head & FUZZ_PACKET_FDS); i++)
        put_u8(kinds[i]);
    put(bytes, length);
}

static void control(unsigned head, uint16_t opcode, uint16_t status, uint64_t id, const void *payload, size_t length,
                    const unsigned *kinds)
{
    unsigned char bytes[NETIPC_WIRE_CONTROL_MAX];
    packet(head, bytes, netipc_wire_control(opcode, status, id, payload, length, bytes), kinds);
}

static void note(unsigned head, uint16_t opcode, uint64_t id, uint64_t ordinal)
{
    const struct netipc_note sent = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = ordinal};
    control(head, opcode, NETIPC_TRANSPORT_OK, id, &sent, sizeof sent, NULL);
}

/* --- attach_client --- */

static void ack(uint16_t status)
{
    const struct netipc_hello_ack sent = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .intersection_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .selected_profile = NETIPC_PROFILE_PUBLICATION,
        .packet_size = 4096,
        .session_id = 1,
    };
    control(FUZZ_PACKET_LAST, NETIPC_OP_HELLO_ACK, status, 0, &sent, sizeof sent, NULL);
}

static uint64_t region_size(void)
{
    struct netipc_region_geometry geometry;
    fuzz_check(netipc_region_plan(FUZZ_SLOTS, FUZZ_CAPACITY, UINT64_MAX, &geometry) == NETIPC_OK);
    return geometry.region_size;
}

static struct netipc_region_offer offer_of(uint64_t ordinal, bool with_page)
{
    return (struct netipc_region_offer){
        .layout_version = NETIPC_WIRE_LAYOUT,
        .flags = with_page ? NETIPC_REGION_WITH_PAGE : 0,
        .line_offset = netipc_session_line_offset(1),
        .region_size = region_size(),
        .ordinal = ordinal,
        .incarnation = FUZZ_INCARNATION,
        .page_size = NETIPC_SESSION_PAGE_SIZE,
        .lease_quota = 0,
    };
}

static void region(const struct netipc_region_offer *offer, uint64_t id, unsigned fds, const unsigned *kinds)
{
    control(FUZZ_PACKET_LAST | fds, NETIPC_OP_REGION, NETIPC_TRANSPORT_OK, id, offer, sizeof *offer, kinds);
}

/* Up to READY. */
static void attached(unsigned flags, uint32_t quota)
{
    static const unsigned good[] = {FUZZ_FD_REGION, FUZZ_FD_PAGE};
    struct netipc_region_offer offer = offer_of(1, true);
    offer.lease_quota = quota;
    put_u8(flags);
    ack(NETIPC_TRANSPORT_OK);
    region(&offer, 1, 2, good);
    note(FUZZ_PACKET_LAST | FUZZ_PACKET_SEAL, NETIPC_OP_READY, 2, 1);
}

static void good_client_seeds(void)
{
    static const unsigned next[] = {FUZZ_FD_NEXT_REGION};
    struct netipc_region_offer offer = offer_of(2, false);
    attached(0, 0);
    save("attach_client", "attached");
    attached(FUZZ_CLIENT_LEASES, 4);
    save("attach_client", "attached-with-leases");
    attached(0, 0);
    note(FUZZ_PACKET_LAST, NETIPC_OP_SUPERSEDED, 0, 2);
    region(&offer, 3, 1, next);
    note(FUZZ_PACKET_LAST, NETIPC_OP_READY, 4, 2);
    save("attach_client", "superseded");
    attached(0, 0);
    note(0, NETIPC_OP_DOORBELL, 0, 1);
    note(FUZZ_PACKET_LAST, NETIPC_OP_CLOSED, 0, 1);
    save("attach_client", "doorbell-and-closed");
    attached(0, 0);
    note(FUZZ_PACKET_LAST, NETIPC_OP_SUPERSEDED, 0, 2);
    note(FUZZ_PACKET_LAST, NETIPC_OP_READY, 3, 1);
    save("attach_client", "superseded-by-nothing");
    put_u8(0);
    ack(NETIPC_TRANSPORT_OK);
    for (int i = 0; i < 5; i++)
        note(0, i % 2 ? NETIPC_OP_SUPERSEDED : NETIPC_OP_DOORBELL, 0, 2);
    note(FUZZ_PACKET_LAST, NETIPC_OP_CLOSED, 0, 1);
    save("attach_client", "closed-at-attach");
}

static void bad_client_seeds(void)
{
    static const struct {
        const char *name;
        unsigned fds, kinds[3];
    } gifts[] = {
        {"region-unsealed", 2, {FUZZ_FD_UNSEALED, FUZZ_FD_PAGE}},
        {"region-sparse", 2, {FUZZ_FD_SPARSE, FUZZ_FD_PAGE}},
        {"region-empty", 2, {FUZZ_FD_EMPTY, FUZZ_FD_PAGE}},
        {"region-pipe", 2, {FUZZ_FD_PIPE, FUZZ_FD_PAGE}},
        {"region-socket", 2, {FUZZ_FD_SOCKET, FUZZ_FD_PAGE}},
        {"region-page", 2, {FUZZ_FD_PAGE, FUZZ_FD_REGION}},
        {"region-file", 2, {FUZZ_FD_FILE, FUZZ_FD_FILE}},
        {"region-other", 2, {FUZZ_FD_NEXT_REGION, FUZZ_FD_PAGE}},
        {"page-unsealed", 2, {FUZZ_FD_REGION, FUZZ_FD_UNSEALED}},
        {"page-sparse", 2, {FUZZ_FD_REGION, FUZZ_FD_SPARSE}},
        {"page-missing", 1, {FUZZ_FD_REGION}},
        {"nothing-sent", 0, {0}},
        {"three-sent", 3, {FUZZ_FD_REGION, FUZZ_FD_PAGE, FUZZ_FD_PAGE}},
    };
    for (size_t i = 0; i < sizeof gifts / sizeof *gifts; i++) {
        struct netipc_region_offer offer = offer_of(1, true);
        put_u8(0);
        ack(NETIPC_TRANSPORT_OK);
        region(&offer, 1, gifts[i].fds, gifts[i].kinds);
        note(FUZZ_PACKET_LAST | FUZZ_PACKET_SEAL, NETIPC_OP_READY, 2, 1);
        save("attach_client", gifts[i].name);
    }
    for (uint16_t status = NETIPC_TRANSPORT_BAD_ENVELOPE; status <= NETIPC_TRANSPORT_INTERNAL_ERROR; status++) {
        char name[32];
        put_u8(0);
        ack(status);
        snprintf(name, sizeof name, "refused-%u", status);
        save("attach_client", name);
    }
    static const unsigned pipes[] = {FUZZ_FD_PIPE, FUZZ_FD_FILE, FUZZ_FD_SOCKET};
    static const unsigned char zeros[200];
    const struct netipc_note said = {.layout_version = NETIPC_WIRE_LAYOUT, .ordinal = 1};
    attached(0, 0);
    control(FUZZ_PACKET_LAST | 3, NETIPC_OP_SUPERSEDED, NETIPC_TRANSPORT_OK, 0, &said, sizeof said, pipes);
    save("attach_client", "news-with-descriptors");
    put_u8(0);
    packet(FUZZ_PACKET_LAST | FUZZ_PACKET_WIDE | FUZZ_PACKET_FIX | 2, zeros, sizeof zeros, pipes);
    save("attach_client", "too-long");
}

/* --- rpc_client --- */

static void rpc_packet(unsigned head, const void *bytes, size_t length)
{
    put_u8(head);
    put_u8((unsigned)length);
    put(bytes, length);
}

static void rpc_ack(uint16_t status, uint32_t packet_size, uint32_t response_payload)
{
    const struct netipc_hello_ack sent = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .server_supported_profiles = NETIPC_PROFILE_BASELINE,
        .intersection_profiles = NETIPC_PROFILE_BASELINE,
        .selected_profile = NETIPC_PROFILE_BASELINE,
        .max_request_payload_bytes = 4096,
        .max_request_batch_items = 16,
        .max_response_payload_bytes = response_payload,
        .max_response_batch_items = 16,
        .packet_size = packet_size,
        .session_id = 1,
    };
    unsigned char bytes[NETIPC_WIRE_CONTROL_MAX];
    rpc_packet(FUZZ_RPC_LAST, bytes, netipc_wire_control(NETIPC_OP_HELLO_ACK, status, 0, &sent, sizeof sent, bytes));
}

static void rpc_answer(unsigned head, uint16_t status, const void *payload, size_t length, uint32_t whole)
{
    unsigned char bytes[255];
    const struct netipc_envelope envelope = {.transport_status = status, .item_count = 1, .payload_len = whole};
    memcpy(bytes, &envelope, sizeof envelope);
    if (length > 0)
        memcpy(bytes + sizeof envelope, payload, length);
    rpc_packet(head, bytes, sizeof envelope + length);
}

static const uint64_t rpc_value = 8;

/* The answers to a call and to a batch of three. */
static void rpc_two_answers(void)
{
    static const uint32_t batch[] = {0, 8, 8, 8, 16, 8, 1, 0, 2, 0, 3, 0};
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, 0, &rpc_value, sizeof rpc_value, 0);
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, 0, batch, sizeof batch, 0);
}

/* 600 bytes in three packets. */
static void rpc_joined_answer(uint32_t wrong_index)
{
    static const unsigned char zeros[256];
    unsigned char bytes[255] = {0};
    rpc_answer(FUZZ_RPC_FIRST, 0, zeros, 200, 600);
    for (uint32_t index = 1; index < 3; index++) {
        const struct netipc_chunk chunk = {
            .total_message_len = 632, .chunk_index = index + wrong_index, .chunk_count = 3};
        memcpy(bytes, &chunk, sizeof chunk);
        rpc_packet(index == 2 ? FUZZ_RPC_LAST | FUZZ_RPC_CONTINUATION : FUZZ_RPC_CONTINUATION, bytes,
                   sizeof chunk + 200);
    }
}

static void good_rpc_seeds(void)
{
    rpc_ack(0, 4096, 512);
    rpc_two_answers();
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, 0, NULL, 0, 0);
    save("rpc_client", "answered");
    rpc_ack(0, 256, 1024);
    rpc_joined_answer(0);
    save("rpc_client", "joined");
    rpc_ack(0, 4096, 512);
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_HANG_UP, 0, NULL, 0, 0); /* in the place of an answer: garbage, and the end */
    rpc_ack(0, 4096, 512);
    rpc_two_answers();
    save("rpc_client", "garbage");
    rpc_ack(0, 4096, 512);
    rpc_packet(FUZZ_RPC_LAST | FUZZ_RPC_HANG_UP, "", 0);
    rpc_ack(0, 4096, 512);
    rpc_two_answers();
    save("rpc_client", "hung-up");
    for (uint32_t granted = 512; granted < 4096; granted *= 2) {
        rpc_ack(0, 4096, granted);
        rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER | FUZZ_RPC_HANG_UP, NETIPC_TRANSPORT_LIMIT_EXCEEDED, NULL, 0, 0);
    }
    rpc_ack(0, 4096, 4096);
    rpc_two_answers();
    save("rpc_client", "grown");
}

static void bad_rpc_seeds(void)
{
    char name[32];
    for (uint16_t status = NETIPC_TRANSPORT_BAD_ENVELOPE; status <= NETIPC_TRANSPORT_INTERNAL_ERROR; status++) {
        rpc_ack(status, 4096, 512);
        snprintf(name, sizeof name, "refused-%u", status);
        save("rpc_client", name);
        rpc_ack(0, 4096, 512);
        rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_ANSWER, status, NULL, 0, 0);
        rpc_ack(0, 4096, 512);
        rpc_two_answers();
        snprintf(name, sizeof name, "failed-%u", status);
        save("rpc_client", name);
    }
    rpc_ack(0, 256, 1024);
    rpc_joined_answer(1);
    save("rpc_client", "wrong-index");
    rpc_ack(0, 4096, UINT32_MAX);
    rpc_answer(FUZZ_RPC_LAST | FUZZ_RPC_FIRST, 0, &rpc_value, sizeof rpc_value, UINT32_MAX);
    save("rpc_client", "endless");
}

/* --- attach_server --- */

static void server(unsigned operation, unsigned connection)
{
    put_u8(operation + 16 * connection);
}

static void server_dispatch(void)
{
    server(FUZZ_SERVER_DISPATCH, 0);
}

static void server_hello(unsigned connection, uint64_t token)
{
    const struct netipc_hello hello = {
        .layout_version = NETIPC_WIRE_LAYOUT,
        .supported_profiles = NETIPC_PROFILE_BASELINE | NETIPC_PROFILE_PUBLICATION,
        .preferred_profiles = NETIPC_PROFILE_PUBLICATION,
        .max_request_payload_bytes = 4096,
        .max_request_batch_items = 1,
        .max_response_payload_bytes = 65536,
        .max_response_batch_items = 1,
        .auth_token = token,
        .packet_size = 65536,
    };
    server(FUZZ_SERVER_CONNECT, connection);
    server_dispatch();
    server(FUZZ_SERVER_SEND, connection);
    control(0, NETIPC_OP_HELLO, NETIPC_TRANSPORT_OK, 0, &hello, NETIPC_WIRE_HELLO_SIZE, NULL);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, connection);
}

static void server_attach(unsigned connection, uint64_t have, uint64_t limit)
{
    const struct netipc_attach attach = {
        .layout_version = NETIPC_WIRE_LAYOUT, .lease_words = 2, .max_region_size = limit, .have_ordinal = have};
    server(FUZZ_SERVER_SEND, connection);
    control(0, NETIPC_OP_ATTACH, NETIPC_TRANSPORT_OK, 5, &attach, sizeof attach, NULL);
    server_dispatch();
}

static void server_attached(unsigned connection, uint64_t ordinal)
{
    server(FUZZ_SERVER_SEND, connection);
    note(0, NETIPC_OP_ATTACHED, 6, ordinal);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, connection);
}

static void server_publish(unsigned size)
{
    server(FUZZ_SERVER_PUBLISH, 0);
    put_u16(size);
}

static void server_scribble(unsigned connection, unsigned word, uint64_t value)
{
    server(FUZZ_SERVER_SCRIBBLE, connection);
    put_u8(word);
    put_u64(value);
}

static void join_server(unsigned connection)
{
    server_hello(connection, FUZZ_TOKEN);
    server_attach(connection, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, connection);
    server_attached(connection, 1);
}

static void attaching_server_seeds(void)
{
    join_server(0);
    server_scribble(0, 0, UINT64_C(0x300000003));
    for (unsigned word = 1; word < 4; word++)
        server_scribble(0, word, netipc_lease_word(1, word));
    server_publish(200);
    server_dispatch();
    server(FUZZ_SERVER_PUNCH, 0);
    server_publish(1000);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, 0);
    server_attach(0, 1, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 0);
    server_attached(0, 2);
    server_publish(3000);
    server(FUZZ_SERVER_CLOSE, 0);
    server_dispatch();
    save("attach_server", "attached-grown-and-left");
    for (unsigned connection = 0; connection < FUZZ_SERVER_CONNECTIONS; connection++)
        join_server(connection);
    server_publish(0);
    save("attach_server", "four-attached");
    server_hello(1, FUZZ_TOKEN);
    server_attach(1, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 1);
    server(FUZZ_SERVER_PUNCH, 1);
    server_attached(1, 1);
    server_publish(10);
    save("attach_server", "punched-before");
    server_hello(1, FUZZ_TOKEN);
    server_attach(1, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 1);
    server(FUZZ_SERVER_SEAL, 1);
    put_u8(1);
    server_attached(1, 1);
    save("attach_server", "sealed-before");
    server_hello(2, FUZZ_TOKEN);
    server_attach(2, 0, UINT64_MAX);
    server_attach(2, 0, UINT64_MAX);
    save("attach_server", "attached-twice-and-unread");
    server_hello(2, FUZZ_TOKEN);
    server_attach(2, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 2);
    server_attach(2, 0, UINT64_MAX);
    server(FUZZ_SERVER_RECEIVE, 2);
    server_attached(2, 1);
    server_attached(2, 1);
    save("attach_server", "attached-twice");
    server_hello(2, FUZZ_TOKEN);
    server_attach(2, 0, 4096);
    server(FUZZ_SERVER_RECEIVE, 2);
    save("attach_server", "region-above-its-limit");
}

static void talking_server_seeds(void)
{
    static const unsigned pipes[] = {FUZZ_FD_PIPE, FUZZ_FD_SOCKET, FUZZ_FD_FILE};
    const struct netipc_note said = {.layout_version = NETIPC_WIRE_LAYOUT};
    server_hello(0, 1);
    save("attach_server", "wrong-token");
    server(FUZZ_SERVER_CONNECT, 3);
    server(FUZZ_SERVER_SHUT_DOWN, 3);
    server(FUZZ_SERVER_CONNECT, 2);
    server_dispatch();
    server(FUZZ_SERVER_SEND_LONG, 2);
    put_u16(5000);
    server_dispatch();
    save("attach_server", "silent-and-too-long");
    server_hello(0, FUZZ_TOKEN);
    server(FUZZ_SERVER_SEND, 0);
    control(3, NETIPC_OP_ATTACHED, NETIPC_TRANSPORT_OK, 1, &said, sizeof said, pipes);
    server_dispatch();
    save("attach_server", "descriptors");

    /* A request in several packets, as it was captured, and more than one in the queue. */
    struct netipc_envelope envelope = {.magic = NETIPC_WIRE_MAGIC,
                                       .version = NETIPC_WIRE_VERSION,
                                       .header_len = NETIPC_WIRE_ENVELOPE_SIZE,
                                       .kind = NETIPC_KIND_REQUEST,
                                       .code = 2,
                                       .payload_len = 40,
                                       .item_count = 1,
                                       .message_id = 9};
    const uint32_t chunk[8] = {NETIPC_WIRE_CHUNK_MAGIC, NETIPC_WIRE_VERSION, 9, 0, 72, 1, 2, 40};
    unsigned char bytes[NETIPC_WIRE_ENVELOPE_SIZE + 40] = {0};
    server_hello(0, FUZZ_TOKEN);
    server(FUZZ_SERVER_SEND, 0);
    packet(0, &envelope, sizeof envelope, NULL);
    memcpy(bytes, chunk, sizeof chunk);
    server(FUZZ_SERVER_SEND, 0);
    packet(0, bytes, sizeof bytes, NULL);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, 0);
    envelope.payload_len = 100000;
    server(FUZZ_SERVER_SEND, 0);
    packet(0, &envelope, sizeof envelope, NULL);
    server_dispatch();
    server(FUZZ_SERVER_RECEIVE, 0);
    save("attach_server", "requests");
}

/* What clients of the published library send, packet by packet. */
static void captured_server_seeds(void)
{
    golden_file *captures = golden_load();
    fuzz_check(captures != NULL);
    for (size_t i = 0; i < captures->session_count && i < 4; i++) {
        const golden_session *session = &captures->sessions[i];
        char name[32];
        server(FUZZ_SERVER_CONNECT, 0);
        for (size_t step = 0; step < session->step_count; step++) {
            const golden_step *said = &session->steps[step];
            if (said->kind != GOLDEN_SEND || said->packet.length > 255)
                continue;
            server(FUZZ_SERVER_SEND, 0);
            packet(0, said->packet.data, said->packet.length, NULL);
            server_dispatch();
            server(FUZZ_SERVER_RECEIVE, 0);
        }
        snprintf(name, sizeof name, "captured-%zu", i);
        save("attach_server", name);
    }
    golden_free(captures);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
        return 2;
    }
    seed_corpus = argv[1];
    snapshot_seeds();
    built_region_seeds();
    forged_region_seeds();
    raw_region_seeds();
    changing_region_seeds();
    still_page_seeds();
    flapping_page_seeds();
    good_client_seeds();
    bad_client_seeds();
    good_rpc_seeds();
    bad_rpc_seeds();
    attaching_server_seeds();
    talking_server_seeds();
    captured_server_seeds();
    index_seeds();
    method_seeds();
    request_seeds();
    lookup_seeds();
    return 0;
}
