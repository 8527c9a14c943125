/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_CODEC_LOOKUP_PAYLOAD_H
#define NETIPC_PUBLISH_CODEC_LOOKUP_PAYLOAD_H

/* What the payloads of all lookups share: headers, a directory of items, and answers that keep to a budget. */

#include "publish/codec/directory.h"

#define NETIPC_LOOKUP_LAYOUT 1

struct netipc_lookup_request_header {
    uint16_t layout;
    uint16_t flags; /* zero */
    uint32_t item_count;
    uint32_t reserved[2]; /* zero */
};
static_assert(offsetof(struct netipc_lookup_request_header, item_count) == 4, "wire format");
static_assert(offsetof(struct netipc_lookup_request_header, reserved) == 8, "wire format");
static_assert(sizeof(struct netipc_lookup_request_header) == 16, "wire format");

struct netipc_lookup_answer_header {
    uint16_t layout;
    uint16_t flags; /* zero */
    uint32_t item_count;
    uint64_t generation;
};
static_assert(offsetof(struct netipc_lookup_answer_header, item_count) == 4, "wire format");
static_assert(offsetof(struct netipc_lookup_answer_header, generation) == 8, "wire format");
static_assert(sizeof(struct netipc_lookup_answer_header) == 16, "wire format");

/* --- read --- */

/* Headers and bounds of directories. NETIPC_OK; NETIPC_CORRUPT. */
netipc_status netipc_lookup_open_request(const void *bytes, size_t length, struct netipc_directory *directory);
netipc_status netipc_lookup_open_answer(const void *bytes, size_t length, struct netipc_directory *directory,
                                        uint64_t *generation);

/* --- an answer within its budget --- */

/*
 * There is always room for the least that can be said of each item that is still to come, so that whatever is added,
 * the answer can be ended with "payload exceeded" for the rest.
 */
struct netipc_lookup_budget {
    uint64_t budget, most; /* bytes of this payload, and of one that another session could agree on */
    uint64_t rest;         /* bytes from the next item on that the least answers take, with padding between them */
    uint32_t count;        /* items of the answer */
    uint32_t added;
    bool full; /* the item behind those added did not fit */
};

enum netipc_lookup_fit {
    NETIPC_LOOKUP_FITS,
    NETIPC_LOOKUP_EXCEEDED,  /* this one does not, nor what follows */
    NETIPC_LOOKUP_OVERSIZED, /* nor would it alone, in any session */
    NETIPC_LOOKUP_ELSEWHERE  /* it is the first, and another session could take it */
};

/* rest: see above, from the first item on. NETIPC_OK; NETIPC_INVALID_ARGUMENT: most is less than budget;
 * NETIPC_LIMIT_EXCEEDED: not even the least answers fit. */
netipc_status netipc_lookup_budget_begin(struct netipc_lookup_budget *budget, uint32_t count, uint64_t rest,
                                         uint64_t limit, uint64_t most);

/* Whether the next item may have item_length bytes behind items_length bytes of those before it; least is what the
 * least answer takes of rest. */
enum netipc_lookup_fit netipc_lookup_budget_fit(const struct netipc_lookup_budget *budget, size_t items_length,
                                                uint64_t item_length, uint64_t least);

/* Bytes that an item of so many takes of rest: index is the item's, of count. */
static inline uint64_t netipc_lookup_least(uint64_t length, uint32_t index, uint32_t count)
{
    return length + (index + 1 < count ? netipc_padding(length) : 0);
}

#endif
