/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_SHM_LAYOUT_H
#define NETIPC_SHM_LAYOUT_H

/*
 * The bytes that processes share, layout version 1. docs/region-format.md says the same for writers of
 * other readers; a change here changes that page, and the fingerprint below when it moves anything.
 */

#include "shm/atomics.h"

#include <stdbool.h>
#include <stddef.h>

#define NETIPC_REGION_MAGIC UINT64_C(0x315263706974656e) /* "netipcR1" in little-endian memory */
#define NETIPC_ORDER_MARK UINT32_C(0x01020304)
#define NETIPC_LAYOUT_MAJOR 1u
#define NETIPC_LAYOUT_MINOR 0u

enum {
    NETIPC_HEADER_SIZE = 4096,
    NETIPC_SLOT_HEADER_SIZE = 64,
    NETIPC_SLOT_DATA_ALIGNMENT = 128, /* two lines: the neighbour prefetcher pulls pairs */
    NETIPC_SERVICE_LABEL_SIZE = 64,
    NETIPC_SLOTS_LEAST = 4,
    NETIPC_SLOTS_MOST = 1024
};

#define NETIPC_CAPACITY_LIMIT (UINT64_C(1) << 40)

/* FNV-1a, 64 bits, of the text in docs/region-format.md that names every offset of this layout. */
#define NETIPC_ABI_FINGERPRINT UINT64_C(0x6be1a027d2e27d25)

/* Written once, before the descriptor leaves the publisher; never changed afterwards. */
struct netipc_region_identity {
    uint64_t magic;
    uint32_t order_mark;
    uint16_t layout_major; /* another major: not readable */
    uint16_t layout_minor; /* a higher minor: readable, with more in reserved space */
    uint64_t abi_fingerprint;
    uint32_t header_size;
    uint32_t slot_header_size;
    uint64_t region_size;
    uint64_t incarnation[2]; /* random, the same across supersede */
    uint64_t ordinal;        /* of this region within the incarnation, from 1 */
    uint64_t open_time_ns;   /* real-time clock */
    uint32_t publisher_pid;  /* a label: the kernel's word on the session is what counts */
    uint32_t slot_count;
    uint64_t capacity;    /* payload and annex bytes that a slot holds */
    uint64_t slot_stride; /* from one slot's data to the next */
    uint64_t slot_headers_offset;
    uint64_t slot_data_offset;
    uint32_t schema_id;
    uint32_t schema_version;
    char service[NETIPC_SERVICE_LABEL_SIZE]; /* a label, NUL-padded */
    uint64_t reserved[6];
    uint64_t check; /* FNV-1a, 64 bits, of all the bytes before it */
};

static_assert(offsetof(struct netipc_region_identity, magic) == 0, "");
static_assert(offsetof(struct netipc_region_identity, order_mark) == 8, "");
static_assert(offsetof(struct netipc_region_identity, layout_major) == 12, "");
static_assert(offsetof(struct netipc_region_identity, layout_minor) == 14, "");
static_assert(offsetof(struct netipc_region_identity, abi_fingerprint) == 16, "");
static_assert(offsetof(struct netipc_region_identity, header_size) == 24, "");
static_assert(offsetof(struct netipc_region_identity, slot_header_size) == 28, "");
static_assert(offsetof(struct netipc_region_identity, region_size) == 32, "");
static_assert(offsetof(struct netipc_region_identity, incarnation) == 40, "");
static_assert(offsetof(struct netipc_region_identity, ordinal) == 56, "");
static_assert(offsetof(struct netipc_region_identity, open_time_ns) == 64, "");
static_assert(offsetof(struct netipc_region_identity, publisher_pid) == 72, "");
static_assert(offsetof(struct netipc_region_identity, slot_count) == 76, "");
static_assert(offsetof(struct netipc_region_identity, capacity) == 80, "");
static_assert(offsetof(struct netipc_region_identity, slot_stride) == 88, "");
static_assert(offsetof(struct netipc_region_identity, slot_headers_offset) == 96, "");
static_assert(offsetof(struct netipc_region_identity, slot_data_offset) == 104, "");
static_assert(offsetof(struct netipc_region_identity, schema_id) == 112, "");
static_assert(offsetof(struct netipc_region_identity, schema_version) == 116, "");
static_assert(offsetof(struct netipc_region_identity, service) == 120, "");
static_assert(offsetof(struct netipc_region_identity, reserved) == 184, "");
static_assert(offsetof(struct netipc_region_identity, check) == 232, "");
static_assert(sizeof(struct netipc_region_identity) == 240, "");

/* For inspection only; nobody decides anything by them. One writer: the publisher. */
struct netipc_region_counters {
    netipc_atomic_u64 publications;
    netipc_atomic_u64 unchanged;
    netipc_atomic_u64 bytes;
    netipc_atomic_u64 wakes_sent;
    netipc_atomic_u64 wakes_saved;
};

struct netipc_region_header {
    struct netipc_region_identity identity;
    unsigned char reserved0[512 - sizeof(struct netipc_region_identity)];
    netipc_atomic_u64 latest; /* generation, state, slot: see netipc_hot_word() */
    unsigned char reserved1[120];
    struct netipc_region_counters counters;
    unsigned char reserved2[NETIPC_HEADER_SIZE - 640 - sizeof(struct netipc_region_counters)];
};

static_assert(offsetof(struct netipc_region_header, latest) == 512, "the hot word has two lines of its own");
static_assert(offsetof(struct netipc_region_header, counters) == 640, "");
static_assert(sizeof(struct netipc_region_header) == NETIPC_HEADER_SIZE, "");

struct netipc_slot_header {
    netipc_atomic_u64 seq; /* odd while claimed; 2 x generation when whole; 0: never used */
    netipc_atomic_u64 payload_length;
    netipc_atomic_u64 annex_length; /* an index or the like, at the next multiple of 8 behind the payload */
    netipc_atomic_u64 flags;        /* none defined: 0; see below */
    netipc_atomic_u64 publish_time_ns;
    netipc_atomic_u64 checksum; /* of the payload; 0: not computed */
    netipc_atomic_u64 check;    /* netipc_slot_check() of all the words above */
    netipc_atomic_u64 reserved;
};

static_assert(offsetof(struct netipc_slot_header, seq) == 0, "");
static_assert(offsetof(struct netipc_slot_header, payload_length) == 8, "");
static_assert(offsetof(struct netipc_slot_header, annex_length) == 16, "");
static_assert(offsetof(struct netipc_slot_header, flags) == 24, "");

/* A slot with one of these flags is for readers that know what it means; the others may be passed over. */
#define NETIPC_FLAGS_TO_KNOW UINT64_C(0xffffffff)

static_assert(offsetof(struct netipc_slot_header, publish_time_ns) == 32, "");
static_assert(offsetof(struct netipc_slot_header, checksum) == 40, "");
static_assert(offsetof(struct netipc_slot_header, check) == 48, "");
static_assert(sizeof(struct netipc_slot_header) == NETIPC_SLOT_HEADER_SIZE, "");

/* The local copy of a slot header that is checked and used. */
struct netipc_slot_values {
    uint64_t seq;
    uint64_t payload_length;
    uint64_t annex_length;
    uint64_t flags;
    uint64_t publish_time_ns;
    uint64_t checksum;
};

/*
 * A sum of products with odd constants: changing one word always changes it, and the products run side by side (a
 * chain of rounds would cost the reader some 15 ns more). It guards against accidents, not against forgery.
 */
static inline uint64_t netipc_slot_check(const struct netipc_slot_values *values)
{
    return UINT64_C(0x9ae16a3b2f90404f) + values->seq * UINT64_C(0x9e3779b97f4a7c15) +
           values->payload_length * UINT64_C(0xc2b2ae3d27d4eb4f) + values->annex_length * UINT64_C(0x165667b19e3779f9) +
           values->flags * UINT64_C(0x27d4eb2f165667c5) + values->publish_time_ns * UINT64_C(0x85ebca77c2b2ae63) +
           values->checksum * UINT64_C(0xff51afd7ed558ccd);
}

/* The state in the hot word. */
enum { NETIPC_REGION_LIVE = 1, NETIPC_REGION_CLOSED = 2, NETIPC_REGION_SUPERSEDED = 3 };

/*
 * The hot word: generation (50 bits) : state (2) : slot (12). One load sees a publication, a close and a supersede
 * alike. At 10 million publications a second the generation lasts for three and a half years.
 */
static inline uint64_t netipc_hot_word(uint64_t generation, uint32_t state, uint32_t slot)
{
    return generation << 14 | (uint64_t)state << 12 | slot;
}

static inline uint64_t netipc_hot_generation(uint64_t word)
{
    return word >> 14;
}

static inline uint32_t netipc_hot_state(uint64_t word)
{
    return (uint32_t)(word >> 12) & 3u;
}

/* CLOSED or SUPERSEDED; a state of 0 is nobody's. */
static inline bool netipc_hot_ended(uint64_t word)
{
    return netipc_hot_state(word) >= NETIPC_REGION_CLOSED;
}

static inline uint32_t netipc_hot_slot(uint64_t word)
{
    return (uint32_t)word & 0xfffu;
}

/*
 * The session's line, in a page that one subscriber and the publisher share: all that a subscriber can write.
 * The line begins at 64 x (session mod 60) of its page: at one fixed offset, 64 pages fall into one cache set.
 */
enum {
    NETIPC_SESSION_PAGE_SIZE = 4096,
    NETIPC_SESSION_LINE_SIZE = 256, /* four cache lines; a scan touches the first, and more only for a larger quota */
    NETIPC_SESSION_LINE_STEP = 64,
    NETIPC_SESSION_LINES = 60,
    NETIPC_SESSION_BLOCKS = 4,
    NETIPC_SESSION_LEASES_A_BLOCK = 7,
    NETIPC_SESSION_LEASES = 28
};

/*
 * The first 8 bytes of each 64 hold no lease: an abort that comes from a signal handler while the session changes may
 * add to the wake word of where the line was in another page.
 */
struct netipc_session_line {
    struct netipc_session_block {
        netipc_atomic_u32 wake;     /* block 0: bit 0: somebody sleeps; the rest: any value, changed by each wake */
        netipc_atomic_u32 doorbell; /* block 0: bit 0: armed, a packet is wanted at the next change */
        netipc_atomic_u64 leases[NETIPC_SESSION_LEASES_A_BLOCK]; /* netipc_lease_word(), or 0: none */
    } blocks[NETIPC_SESSION_BLOCKS];
};

static_assert(offsetof(struct netipc_session_block, wake) == 0, "");
static_assert(offsetof(struct netipc_session_block, doorbell) == 4, "");
static_assert(offsetof(struct netipc_session_block, leases) == 8, "");
static_assert(sizeof(struct netipc_session_block) == NETIPC_SESSION_LINE_STEP, "");
static_assert(sizeof(struct netipc_session_line) == NETIPC_SESSION_LINE_SIZE, "");
static_assert((NETIPC_SESSION_LINES - 1) * NETIPC_SESSION_LINE_STEP + NETIPC_SESSION_LINE_SIZE <=
                  NETIPC_SESSION_PAGE_SIZE,
              "");

static inline netipc_atomic_u32 *netipc_line_wake(struct netipc_session_line *line)
{
    return &line->blocks[0].wake;
}

static inline netipc_atomic_u32 *netipc_line_doorbell(struct netipc_session_line *line)
{
    return &line->blocks[0].doorbell;
}

/* index below NETIPC_SESSION_LEASES; words beyond the quota are ignored. */
static inline netipc_atomic_u64 *netipc_line_lease(struct netipc_session_line *line, uint32_t index)
{
    return &line->blocks[index / NETIPC_SESSION_LEASES_A_BLOCK].leases[index % NETIPC_SESSION_LEASES_A_BLOCK];
}

/* A lease: region ordinal (48 bits) : slot + 1 (16 bits). */
static inline uint64_t netipc_lease_word(uint64_t ordinal, uint32_t slot)
{
    return ordinal << 16 | (slot + 1u);
}

#endif
