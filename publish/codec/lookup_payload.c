/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/codec/lookup_payload.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>

/* --- read --- */

static netipc_status check_header(const char *what, size_t length, size_t header_length)
{
    if (length < header_length)
        return netipc_fail(NETIPC_CORRUPT, "%s of %zu bytes, the header alone has %zu", what, length, header_length);
    return NETIPC_OK;
}

static netipc_status check_layout(const char *what, uint16_t layout, uint16_t flags)
{
    if (layout != NETIPC_LOOKUP_LAYOUT)
        return netipc_fail(NETIPC_CORRUPT, "%s has layout %u, only %d is known", what, layout, NETIPC_LOOKUP_LAYOUT);
    if (flags != 0)
        return netipc_fail(NETIPC_CORRUPT, "%s has flags 0x%x, none is known", what, flags);
    return NETIPC_OK;
}

netipc_status netipc_lookup_open_request(const void *bytes, size_t length, struct netipc_directory *directory)
{
    struct netipc_lookup_request_header header;
    netipc_status status = check_header("a lookup's request", length, sizeof header);
    if (status != NETIPC_OK)
        return status;
    netipc_load_once(&header, bytes, sizeof header);
    status = check_layout("the request", header.layout, header.flags);
    if (status != NETIPC_OK)
        return status;
    if (header.reserved[0] != 0 || header.reserved[1] != 0)
        return netipc_fail(NETIPC_CORRUPT,
                           "the request's reserved fields are 0x%" PRIx32 " and 0x%" PRIx32 ", not zero",
                           header.reserved[0], header.reserved[1]);
    return netipc_directory_open(bytes, length, sizeof header, header.item_count, directory);
}

netipc_status netipc_lookup_open_answer(const void *bytes, size_t length, struct netipc_directory *directory,
                                        uint64_t *generation)
{
    struct netipc_lookup_answer_header header;
    netipc_status status = check_header("a lookup's answer", length, sizeof header);
    if (status != NETIPC_OK)
        return status;
    netipc_load_once(&header, bytes, sizeof header);
    status = check_layout("the answer", header.layout, header.flags);
    if (status != NETIPC_OK)
        return status;
    *generation = header.generation;
    return netipc_directory_open(bytes, length, sizeof header, header.item_count, directory);
}

/* --- an answer within its budget --- */

/* Of header and directory. */
static uint64_t frame_length(uint32_t count)
{
    return sizeof(struct netipc_lookup_answer_header) + (uint64_t)count * sizeof(struct netipc_wire_entry);
}

netipc_status netipc_lookup_budget_begin(struct netipc_lookup_budget *budget, uint32_t count, uint64_t rest,
                                         uint64_t limit, uint64_t most)
{
    if (most < limit)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "a budget of %" PRIu64 " bytes is more than the most, %" PRIu64,
                           limit, most);
    if (limit > NETIPC_ITEMS_PAYLOAD_MAX)
        limit = NETIPC_ITEMS_PAYLOAD_MAX;
    if (most > NETIPC_ITEMS_PAYLOAD_MAX)
        most = NETIPC_ITEMS_PAYLOAD_MAX;
    uint64_t needed;
    if (netipc_add_overflows(frame_length(count), rest, &needed) || needed > limit)
        return netipc_fail(NETIPC_LIMIT_EXCEEDED,
                           "no answer to %" PRIu32 " keys fits into %" PRIu64 " bytes: the least takes %" PRIu64, count,
                           limit, needed);
    *budget = (struct netipc_lookup_budget){.budget = limit, .most = most, .rest = rest, .count = count};
    return NETIPC_OK;
}

enum netipc_lookup_fit netipc_lookup_budget_fit(const struct netipc_lookup_budget *budget, size_t items_length,
                                                uint64_t item_length, uint64_t least)
{
    uint64_t alone, length = frame_length(budget->count) + items_length + netipc_padding(items_length);
    if (netipc_add_overflows(frame_length(1), item_length, &alone) || alone > budget->most)
        return NETIPC_LOOKUP_OVERSIZED;
    /* Nothing here is more than a few times a u32. */
    length += netipc_lookup_least(item_length, budget->added, budget->count) + (budget->rest - least);
    if (length <= budget->budget)
        return NETIPC_LOOKUP_FITS;
    return budget->added == 0 && budget->budget < budget->most ? NETIPC_LOOKUP_ELSEWHERE : NETIPC_LOOKUP_EXCEEDED;
}
