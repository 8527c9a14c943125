/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_CONTROL_WIRE_H
#define NETIPC_CONTROL_WIRE_H

/*
 * The bytes of the control channel, as docs/wire.md gives them. All structs are copied in and out by memcpy and
 * hold host byte order; reserved fields are sent as zero and checked.
 */

#include <netipc/status.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NETIPC_WIRE_MAGIC UINT32_C(0x4e495043)
#define NETIPC_WIRE_CHUNK_MAGIC UINT32_C(0x4e43484b)

enum {
    NETIPC_WIRE_VERSION = 1,
    NETIPC_WIRE_LAYOUT = 1, /* of every control payload */
    NETIPC_WIRE_ENVELOPE_SIZE = 32,
    NETIPC_WIRE_HELLO_SIZE = 44,
    NETIPC_WIRE_HELLO_ACK_SIZE = 48,
    NETIPC_WIRE_ATTACH_SIZE = 24,
    NETIPC_WIRE_REGION_SIZE = 56,
    NETIPC_WIRE_NOTE_SIZE = 16,
    NETIPC_WIRE_CHECKSUM_SIZE = 4,
    NETIPC_WIRE_CONTROL_MAX = NETIPC_WIRE_ENVELOPE_SIZE + 64 /* no control message of ours is longer, with a checksum */
};

enum { NETIPC_KIND_REQUEST = 1, NETIPC_KIND_RESPONSE = 2, NETIPC_KIND_CONTROL = 3 };

enum {
    NETIPC_OP_HELLO = 1,
    NETIPC_OP_HELLO_ACK = 2,
    NETIPC_OP_ATTACH = 0x100,
    NETIPC_OP_REGION = 0x101,
    NETIPC_OP_ATTACHED = 0x102,
    NETIPC_OP_READY = 0x103,
    NETIPC_OP_SUPERSEDED = 0x104,
    NETIPC_OP_DOORBELL = 0x105,
    NETIPC_OP_CLOSED = 0x107
};

enum {
    NETIPC_TRANSPORT_OK = 0,
    NETIPC_TRANSPORT_BAD_ENVELOPE = 1,
    NETIPC_TRANSPORT_AUTH_FAILED = 2,
    NETIPC_TRANSPORT_INCOMPATIBLE = 3,
    NETIPC_TRANSPORT_UNSUPPORTED = 4,
    NETIPC_TRANSPORT_LIMIT_EXCEEDED = 5,
    NETIPC_TRANSPORT_INTERNAL_ERROR = 6
};

/* Profiles: bits below 0x10000; the others are capabilities and are never selected. */
#define NETIPC_PROFILE_BASELINE UINT32_C(0x01)
#define NETIPC_PROFILE_PUBLICATION UINT32_C(0x10)
#define NETIPC_PROFILE_MASK UINT32_C(0xffff)
#define NETIPC_CAPABILITY_IEEE UINT32_C(0x20000)
#define NETIPC_CAPABILITY_CASTAGNOLI UINT32_C(0x40000)
#define NETIPC_CAPABILITY_CHECKSUMS (NETIPC_CAPABILITY_IEEE | NETIPC_CAPABILITY_CASTAGNOLI)

struct netipc_envelope {
    uint32_t magic;
    uint16_t version;
    uint16_t header_len;
    uint16_t kind;
    uint16_t flags;
    uint16_t code;
    uint16_t transport_status;
    uint32_t payload_len;
    uint32_t item_count;
    uint64_t message_id;
};
static_assert(sizeof(struct netipc_envelope) == NETIPC_WIRE_ENVELOPE_SIZE, "");
static_assert(offsetof(struct netipc_envelope, kind) == 8, "");
static_assert(offsetof(struct netipc_envelope, payload_len) == 16, "");
static_assert(offsetof(struct netipc_envelope, message_id) == 24, "");

/* Envelope flags. */
enum { NETIPC_ENVELOPE_BATCH = 1 };

/* In front of every packet of a message but the first. */
struct netipc_chunk {
    uint32_t magic;
    uint16_t version;
    uint16_t flags;
    uint64_t message_id;
    uint32_t total_message_len; /* envelope and payload */
    uint32_t chunk_index;       /* the first packet is 0 and has an envelope instead */
    uint32_t chunk_count;       /* with the first packet */
    uint32_t chunk_payload_len;
};
static_assert(sizeof(struct netipc_chunk) == NETIPC_WIRE_ENVELOPE_SIZE, "both headers take as much of a packet");
static_assert(offsetof(struct netipc_chunk, message_id) == 8, "");

struct netipc_hello {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t supported_profiles;
    uint32_t preferred_profiles;
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t max_response_batch_items;
    uint32_t zero;
    uint64_t auth_token;
    uint32_t packet_size; /* the last one on the wire */
    uint32_t not_sent;
};
static_assert(offsetof(struct netipc_hello, auth_token) == 32, "");
static_assert(offsetof(struct netipc_hello, packet_size) + 4 == NETIPC_WIRE_HELLO_SIZE, "");

struct netipc_hello_ack {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t server_supported_profiles;
    uint32_t intersection_profiles;
    uint32_t selected_profile;
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t max_response_batch_items;
    uint32_t packet_size;
    uint32_t zero;
    uint64_t session_id;
};
static_assert(sizeof(struct netipc_hello_ack) == NETIPC_WIRE_HELLO_ACK_SIZE, "");

struct netipc_attach {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t lease_words;     /* wanted */
    uint64_t max_region_size; /* that the subscriber accepts */
    uint64_t have_ordinal;    /* of the region that it holds in this session; 0: none */
};
static_assert(sizeof(struct netipc_attach) == NETIPC_WIRE_ATTACH_SIZE, "");

/* REGION flags */
enum { NETIPC_REGION_WITH_PAGE = 1 }; /* the session page is the second descriptor */

struct netipc_region_offer {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t line_offset; /* of the session's line within its page */
    uint64_t region_size;
    uint64_t ordinal;
    uint64_t incarnation[2];
    uint32_t page_size; /* of the session page's object */
    uint32_t lease_quota;
    uint64_t zero;
};
static_assert(sizeof(struct netipc_region_offer) == NETIPC_WIRE_REGION_SIZE, "");
static_assert(NETIPC_WIRE_ENVELOPE_SIZE + NETIPC_WIRE_REGION_SIZE + NETIPC_WIRE_CHECKSUM_SIZE <=
                  NETIPC_WIRE_CONTROL_MAX,
              "the longest");

/* ATTACHED, READY, SUPERSEDED, DOORBELL and CLOSED */
struct netipc_note {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t status;  /* netipc_status: ATTACHED why not, CLOSED why; else 0 */
    uint64_t ordinal; /* of the region that this is about */
};
static_assert(sizeof(struct netipc_note) == NETIPC_WIRE_NOTE_SIZE, "");

/* Whole packets: an envelope of kind control and its payload. Returns the length written to packet, which has
 * room for NETIPC_WIRE_CONTROL_MAX. */
size_t netipc_wire_control(uint16_t opcode, uint16_t transport_status, uint64_t message_id, const void *payload,
                           size_t payload_length, unsigned char *packet);

/* Splits a packet of length bytes. false when it is shorter than an envelope. */
bool netipc_wire_envelope(const unsigned char *packet, size_t length, struct netipc_envelope *envelope);

/*
 * Whether packet is one whole control message with this opcode and exactly payload_length bytes, of our version and
 * layout and with nothing reserved set but what the payload itself has.
 */
bool netipc_wire_is_control(const struct netipc_envelope *envelope, size_t packet_length, uint16_t opcode,
                            size_t payload_length);

/* The status that a peer's transport_status means here. NETIPC_PROTOCOL for numbers that do not exist. */
netipc_status netipc_wire_status(uint16_t transport_status);

/* The profile both sides use: the highest common bit that both prefer, else the highest common bit; 0: none. */
uint32_t netipc_wire_select_profile(uint32_t common, uint32_t preferred_by_both);

#endif
