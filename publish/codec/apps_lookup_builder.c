/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the method apps-lookup, as they are built within a budget. */
#include "publish/codec/apps_lookup_wire.h"
#include "publish/codec/labels.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

struct netipc_apps_lookup_builder {
    struct netipc_pack pack; /* what was added */
    struct netipc_lookup_budget budget;
    netipc_apps_lookup_request_view request;
    uint64_t generation;
};

netipc_status netipc_apps_lookup_builder_new(netipc_apps_lookup_builder **builder)
{
    *builder = calloc(1, sizeof **builder);
    return *builder != NULL ? NETIPC_OK : netipc_fail(NETIPC_NO_MEMORY, "no memory for a builder of answers");
}

void netipc_apps_lookup_builder_free(netipc_apps_lookup_builder *builder)
{
    if (builder == NULL)
        return;
    netipc_pack_free(&builder->pack);
    free(builder);
}

/* What an item that says nothing but its pid takes of the rest. */
static size_t least(const netipc_apps_lookup_builder *builder, uint32_t index)
{
    return (size_t)netipc_lookup_least(APPS_LOOKUP_BARE_LENGTH, index, builder->budget.count);
}

netipc_status netipc_apps_lookup_builder_begin(netipc_apps_lookup_builder *builder,
                                               const netipc_apps_lookup_request_view *request, uint64_t generation,
                                               uint64_t budget, uint64_t most)
{
    const uint64_t padded = APPS_LOOKUP_BARE_LENGTH + netipc_padding(APPS_LOOKUP_BARE_LENGTH);
    uint64_t rest = request->item_count * padded;
    if (rest > 0)
        rest -= padded - APPS_LOOKUP_BARE_LENGTH; /* none behind the last one */
    netipc_pack_reset(&builder->pack);
    builder->request = *request;
    builder->budget = (struct netipc_lookup_budget){0};
    builder->generation = generation;
    return netipc_lookup_budget_begin(&builder->budget, request->item_count, rest, budget, most);
}

/* --- one item --- */

/* What is told, as it will be written: the numbers, and strings with their lengths. */
struct draft {
    struct apps_lookup_item header;
    const char *strings[3];
    size_t lengths[3];
    const netipc_label *labels;
    uint64_t length; /* of the item */
};

static struct draft bare(uint32_t status, uint32_t pid)
{
    return (struct draft){
        .header = {.layout = NETIPC_LOOKUP_LAYOUT, .status = (uint16_t)status, .pid = pid, .uid = NETIPC_UID_UNSET},
        .strings = {"", "", ""},
        .length = APPS_LOOKUP_BARE_LENGTH,
    };
}

/* Lengths that no payload has are not worth their exact number. */
static uint32_t cut(size_t length)
{
    return length > UINT32_MAX ? UINT32_MAX : (uint32_t)length;
}

/* NETIPC_OK; NETIPC_INVALID_ARGUMENT. */
static netipc_status make_draft(const netipc_app_lookup_answer *answer, uint32_t pid, struct draft *draft)
{
    const char *const strings[] = {answer->comm, answer->cgroup_path, answer->cgroup_name};
    if (answer->status > UINT16_MAX || answer->cgroup_status > UINT16_MAX || answer->orchestrator > UINT16_MAX ||
        answer->label_count > NETIPC_LABELS_MAX)
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "status %" PRIu32 ", %" PRIu32 ", orchestrator %" PRIu32 " or %" PRIu32
                           " labels are out of range",
                           answer->status, answer->cgroup_status, answer->orchestrator, answer->label_count);
    *draft = bare(answer->status, pid);
    for (size_t i = 0; i < 3; i++) {
        draft->strings[i] = strings[i] != NULL ? strings[i] : "";
        draft->lengths[i] = strlen(draft->strings[i]);
        if (netipc_add_overflows(draft->length, draft->lengths[i], &draft->length))
            draft->length = UINT64_MAX;
    }
    struct apps_lookup_item *header = &draft->header;
    header->cgroup_status = (uint16_t)answer->cgroup_status;
    header->orchestrator = (uint16_t)answer->orchestrator;
    header->ppid = answer->ppid;
    header->uid = answer->uid;
    header->starttime = answer->starttime;
    header->comm.length = cut(draft->lengths[0]);
    header->cgroup_path.length = cut(draft->lengths[1]);
    header->cgroup_name.length = cut(draft->lengths[2]);
    header->label_count = (uint16_t)answer->label_count;
    draft->labels = answer->labels;
    const char *fault = netipc_apps_lookup_fault(header);
    if (fault != NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "an answer for process %" PRIu32 " with status %u and %u: %s", pid,
                           header->status, header->cgroup_status, fault);
    netipc_status status = netipc_labels_measure(answer->labels, answer->label_count, &draft->length);
    if (status != NETIPC_TOO_LARGE)
        return status;
    draft->length = UINT64_MAX;
    return NETIPC_OK;
}

static void write_item(unsigned char *to, const struct draft *draft)
{
    struct apps_lookup_item header = draft->header;
    unsigned char *end = to + APPS_LOOKUP_ITEM_LENGTH;
    struct netipc_wire_string *const places[] = {&header.comm, &header.cgroup_path, &header.cgroup_name};
    for (size_t i = 0; i < 3; i++) {
        places[i]->offset = (uint32_t)(end - to);
        end = netipc_string_write(end, draft->strings[i], draft->lengths[i]);
    }
    memcpy(to, &header, APPS_LOOKUP_ITEM_LENGTH);
    netipc_labels_write(draft->labels, header.label_count, to, (size_t)(end - to));
}

static netipc_status append(netipc_apps_lookup_builder *builder, const struct draft *draft)
{
    netipc_status status = netipc_pack_reserve(&builder->pack, (size_t)draft->length);
    if (status != NETIPC_OK)
        return status;
    write_item(netipc_pack_add(&builder->pack, (size_t)draft->length), draft);
    builder->budget.rest -= least(builder, builder->budget.added);
    builder->budget.added++;
    return NETIPC_OK;
}

netipc_status netipc_apps_lookup_builder_add(netipc_apps_lookup_builder *builder,
                                             const netipc_app_lookup_answer *answer)
{
    struct netipc_lookup_budget *budget = &builder->budget;
    struct draft draft, oversized;
    uint32_t pid;
    if (budget->added == budget->count)
        return netipc_fail(NETIPC_WRONG_STATE, "all %" PRIu32 " pids have been answered", budget->count);
    netipc_status status = netipc_apps_lookup_request_pid(&builder->request, budget->added, &pid);
    if (status == NETIPC_OK)
        status = make_draft(answer, pid, &draft);
    if (status != NETIPC_OK)
        return status;
    if (budget->full || answer->status == NETIPC_APP_EXCEEDED) {
        budget->full = true;
        return NETIPC_OK;
    }
    switch (netipc_lookup_budget_fit(budget, builder->pack.items.length, draft.length, least(builder, budget->added))) {
    case NETIPC_LOOKUP_FITS:
        return append(builder, &draft);
    case NETIPC_LOOKUP_OVERSIZED: /* for that there is room always */
        oversized = bare(NETIPC_APP_OVERSIZED, pid);
        return append(builder, &oversized);
    case NETIPC_LOOKUP_ELSEWHERE:
        return netipc_fail(NETIPC_LIMIT_EXCEEDED,
                           "an item of %" PRIu64 " bytes does not fit into %" PRIu64
                           ", another session could take %" PRIu64,
                           draft.length, budget->budget, budget->most);
    default:
        budget->full = true;
        return NETIPC_OK;
    }
}

/* --- the whole --- */

uint32_t netipc_apps_lookup_builder_open_count(const netipc_apps_lookup_builder *builder)
{
    return builder->budget.full ? 0 : builder->budget.count - builder->budget.added;
}

/* The items that were added, padded for others to follow. */
static size_t added_length(const netipc_apps_lookup_builder *builder)
{
    size_t length = builder->pack.items.length;
    return builder->budget.added < builder->budget.count ? length + netipc_padding(length) : length;
}

size_t netipc_apps_lookup_builder_length(const netipc_apps_lookup_builder *builder)
{
    return sizeof(struct netipc_lookup_answer_header) +
           (size_t)builder->budget.count * sizeof(struct netipc_wire_entry) + added_length(builder) +
           (size_t)builder->budget.rest;
}

/* From at on, in the packed area, the least answers to all that was not answered. */
static netipc_status write_rest(const netipc_apps_lookup_builder *builder, unsigned char *directory,
                                unsigned char *items, size_t at)
{
    for (uint32_t i = builder->budget.added; i < builder->budget.count; i++) {
        uint32_t pid;
        netipc_status status = netipc_apps_lookup_request_pid(&builder->request, i, &pid);
        if (status != NETIPC_OK)
            return status;
        const struct netipc_wire_entry entry = {.offset = (uint32_t)at, .length = APPS_LOOKUP_BARE_LENGTH};
        const struct draft exceeded = bare(NETIPC_APP_EXCEEDED, pid);
        memcpy(directory + i * sizeof entry, &entry, sizeof entry);
        memset(items + at, 0, least(builder, i));
        write_item(items + at, &exceeded);
        at += least(builder, i);
    }
    return NETIPC_OK;
}

netipc_status netipc_apps_lookup_builder_write(const netipc_apps_lookup_builder *builder, void *buffer, size_t capacity,
                                               size_t *length)
{
    size_t needed = netipc_apps_lookup_builder_length(builder);
    if (length != NULL)
        *length = needed;
    if (capacity < needed)
        return netipc_fail(NETIPC_TOO_SMALL, "the answer needs %zu bytes, the buffer has %zu", needed, capacity);
    const struct netipc_lookup_answer_header header = {
        .layout = NETIPC_LOOKUP_LAYOUT, .item_count = builder->budget.count, .generation = builder->generation};
    const struct netipc_pack *pack = &builder->pack;
    unsigned char *directory = (unsigned char *)buffer + sizeof header;
    unsigned char *items = directory + (size_t)builder->budget.count * sizeof(struct netipc_wire_entry);
    memcpy(buffer, &header, sizeof header);
    if (pack->count > 0) {
        memcpy(directory, pack->directory.data, pack->directory.length);
        memcpy(items, pack->items.data, pack->items.length);
    }
    size_t at = added_length(builder);
    memset(items + pack->items.length, 0, at - pack->items.length);
    return write_rest(builder, directory, items, at);
}
