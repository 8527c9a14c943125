/* SPDX-License-Identifier: Apache-2.0 */
#include "control/call.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What the answers of our own methods begin with, so that each item can fail by itself. */
struct outcome {
    uint32_t status;
    uint32_t zero;
};
static_assert(sizeof(struct outcome) == 8, "what follows is aligned as the item is");

static bool is_batch(const struct netipc_call *call)
{
    return (call->envelope.flags & NETIPC_ENVELOPE_BATCH) != 0;
}

static bool is_own(const struct netipc_call *call)
{
    return call->envelope.code >= NETIPC_METHOD_OWN;
}

static void split(struct netipc_call *call, uint32_t answer_limit)
{
    uint32_t items = call->envelope.item_count, first = 0;
    for (uint32_t i = 0; i < call->part_count; i++) {
        uint32_t count = items / call->part_count + (i < items % call->part_count);
        call->parts[i] =
            (struct netipc_call_part){.call = call, .first = first, .count = count, .answer = {.limit = answer_limit}};
        first += count;
    }
    netipc_store(&call->parts_left, call->part_count, relaxed);
}

netipc_status netipc_call_new(const struct netipc_envelope *envelope, const unsigned char *payload, bool keep,
                              uint32_t parts, uint32_t answer_limit, struct netipc_call **made)
{
    *made = NULL;
    if (parts > envelope->item_count)
        parts = envelope->item_count;
    struct netipc_call *call = calloc(1, sizeof *call + parts * sizeof *call->parts);
    if (call == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for a request");
    call->envelope = *envelope;
    call->part_count = parts;
    split(call, answer_limit);
    size_t length = envelope->payload_len;
    if (keep) {
        call->copy = malloc(length > 0 ? length : 1);
        if (call->copy != NULL)
            memcpy(call->copy, payload, length);
        payload = call->copy;
    }
    if (is_batch(call))
        call->items = calloc(envelope->item_count, sizeof *call->items);
    netipc_status status = NETIPC_OK;
    if (payload == NULL || (is_batch(call) && call->items == NULL))
        status = netipc_fail(NETIPC_NO_MEMORY, "no memory for a request of %zu bytes", length);
    else if (is_batch(call))
        status = netipc_batch_decode(payload, length, envelope->item_count, &call->batch);
    if (status != NETIPC_OK) {
        netipc_call_free(call);
        return status;
    }
    call->request.payload = payload;
    call->request.length = length;
    *made = call;
    return NETIPC_OK;
}

void netipc_call_free(struct netipc_call *call)
{
    for (uint32_t i = 0; i < call->part_count; i++)
        netipc_answer_free(&call->parts[i].answer);
    free(call->copy);
    free(call->items);
    free(call->joined);
    free(call);
}

/* --- running --- */

static netipc_status run_item(struct netipc_call_part *part, uint32_t item)
{
    const struct netipc_call *call = part->call;
    netipc_request request = call->request;
    request.item = item;
    netipc_status status = NETIPC_OK;
    if (is_batch(call))
        status = netipc_batch_item(&call->batch, item, &request.payload, &request.length);
    return status == NETIPC_OK ? call->handler(call->context, &request, &part->answer) : status;
}

/* An item of a method of ours: its outcome, and behind it its answer, if there is one. */
static netipc_status run_own_item(struct netipc_call_part *part, uint32_t item)
{
    struct netipc_answer *answer = &part->answer;
    struct outcome outcome = {0};
    netipc_status status = netipc_answer_write(answer, &outcome, sizeof outcome);
    if (status != NETIPC_OK)
        return status;
    size_t start = answer->start;
    answer->start += sizeof outcome;
    answer->length = answer->room = 0;
    outcome.status = run_item(part, item);
    if (outcome.status == NETIPC_LIMIT_EXCEEDED || outcome.status == NETIPC_TOO_LARGE)
        return NETIPC_LIMIT_EXCEEDED; /* that is the session's, which can agree on more */
    if (outcome.status != NETIPC_OK)
        answer->length = 0;
    answer->start = start;
    answer->length += sizeof outcome;
    memcpy(answer->bytes + start, &outcome, sizeof outcome);
    return NETIPC_OK;
}

static netipc_status run_items(struct netipc_call_part *part)
{
    struct netipc_call *call = part->call;
    for (uint32_t i = part->first; i < part->first + part->count; i++) {
        if (i > part->first && !netipc_answer_begin(&part->answer))
            return netipc_fail(NETIPC_LIMIT_EXCEEDED, "the answers have no room for item %u", i);
        netipc_status status = is_own(call) ? run_own_item(part, i) : run_item(part, i);
        if (status != NETIPC_OK)
            return status;
        if (is_batch(call))
            call->items[i] = (struct netipc_call_item){(uint32_t)part->answer.start, (uint32_t)part->answer.length};
    }
    return NETIPC_OK;
}

/* --- joining --- */

static size_t part_length(const struct netipc_call_part *part)
{
    return part->answer.start + part->answer.length;
}

/* The directory, and behind it the parts' answers, each at a multiple of 8. */
static netipc_status join(struct netipc_call *call)
{
    size_t limit = call->parts[0].answer.limit;
    uint64_t length = (uint64_t)call->envelope.item_count * sizeof *call->items;
    for (uint32_t i = 0; i < call->part_count; i++)
        if (netipc_align_overflows(length, 8, &length) ||
            netipc_add_overflows(length, part_length(&call->parts[i]), &length) || length > limit)
            return netipc_fail(NETIPC_LIMIT_EXCEEDED, "the answers take more than the %zu bytes of this session",
                               limit);
    call->joined = calloc(1, (size_t)length);
    if (call->joined == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for an answer of %llu bytes", (unsigned long long)length);
    const size_t directory = (size_t)call->envelope.item_count * sizeof *call->items;
    size_t at = directory;
    for (uint32_t i = 0; i < call->part_count; i++) {
        const struct netipc_call_part *part = &call->parts[i];
        at = (at + 7) & ~(size_t)7;
        if (part_length(part) > 0)
            memcpy(call->joined + at, part->answer.bytes, part_length(part));
        for (uint32_t item = part->first; item < part->first + part->count; item++)
            call->items[item].offset += (uint32_t)(at - directory);
        at += part_length(part);
    }
    memcpy(call->joined, call->items, directory);
    call->answer = call->joined;
    call->answer_length = (size_t)length;
    return NETIPC_OK;
}

static void conclude(struct netipc_call *call)
{
    call->status = NETIPC_OK;
    for (uint32_t i = 0; i < call->part_count && call->status == NETIPC_OK; i++)
        call->status = call->parts[i].status;
    if (call->status != NETIPC_OK)
        return;
    if (is_batch(call)) {
        call->status = join(call);
    } else {
        call->answer = call->parts[0].answer.bytes;
        call->answer_length = part_length(&call->parts[0]);
    }
}

bool netipc_call_run(struct netipc_call_part *part)
{
    struct netipc_call *call = part->call;
    part->status = run_items(part);
    /* acq_rel: whoever ends last sees what the other parts have written */
    if (netipc_fetch_add(&call->parts_left, (uint32_t)-1, acq_rel) != 1)
        return false;
    conclude(call);
    return true;
}
