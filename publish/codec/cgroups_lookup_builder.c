/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the method cgroups-lookup, as they are built within a budget. */
#include "publish/codec/cgroups_lookup_wire.h"
#include "publish/codec/labels.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

struct netipc_cgroups_lookup_builder {
    struct netipc_pack pack; /* what was added */
    struct netipc_lookup_budget budget;
    netipc_cgroups_lookup_request_view request;
    uint64_t generation;
};

netipc_status netipc_cgroups_lookup_builder_new(netipc_cgroups_lookup_builder **builder)
{
    *builder = calloc(1, sizeof **builder);
    return *builder != NULL ? NETIPC_OK : netipc_fail(NETIPC_NO_MEMORY, "no memory for a builder of answers");
}

void netipc_cgroups_lookup_builder_free(netipc_cgroups_lookup_builder *builder)
{
    if (builder == NULL)
        return;
    netipc_pack_free(&builder->pack);
    free(builder);
}

/* What the least answers to the whole request take. */
static netipc_status measure_rest(const netipc_cgroups_lookup_request_view *request, uint64_t *rest)
{
    *rest = 0;
    for (uint32_t i = 0; i < request->item_count; i++) {
        const char *path;
        uint32_t path_length;
        netipc_status status = netipc_cgroups_lookup_request_path(request, i, &path, &path_length);
        if (status != NETIPC_OK)
            return status;
        /* Paths lie behind each other in a payload: the sum is less than a hundred times its length. */
        *rest += netipc_lookup_least(netipc_cgroups_lookup_bare_length(path_length), i, request->item_count);
    }
    return NETIPC_OK;
}

netipc_status netipc_cgroups_lookup_builder_begin(netipc_cgroups_lookup_builder *builder,
                                                  const netipc_cgroups_lookup_request_view *request,
                                                  uint64_t generation, uint64_t budget, uint64_t most)
{
    uint64_t rest;
    netipc_pack_reset(&builder->pack);
    builder->request = (netipc_cgroups_lookup_request_view){0};
    builder->budget = (struct netipc_lookup_budget){0};
    builder->generation = generation;
    netipc_status status = measure_rest(request, &rest);
    if (status == NETIPC_OK)
        status = netipc_lookup_budget_begin(&builder->budget, request->item_count, rest, budget, most);
    if (status == NETIPC_OK)
        builder->request = *request;
    return status;
}

static void write_item(unsigned char *to, const netipc_cgroup_lookup_answer *answer, const char *path,
                       uint32_t path_length)
{
    size_t name_length = answer->name != NULL ? strlen(answer->name) : 0;
    const struct cgroups_lookup_item header = {
        .layout = NETIPC_LOOKUP_LAYOUT,
        .status = (uint16_t)answer->status,
        .orchestrator = (uint16_t)answer->orchestrator,
        .path = {.offset = sizeof header, .length = path_length},
        .name = {.offset = (uint32_t)(sizeof header + path_length + 1), .length = (uint32_t)name_length},
        .label_count = (uint16_t)answer->label_count,
    };
    memcpy(to, &header, sizeof header);
    unsigned char *end = netipc_string_write(to + sizeof header, path, path_length);
    end = netipc_string_write(end, answer->name != NULL ? answer->name : "", name_length);
    netipc_labels_write(answer->labels, answer->label_count, to, (size_t)(end - to));
}

static netipc_status check_answer(const netipc_cgroup_lookup_answer *answer)
{
    if (answer->status > NETIPC_CGROUP_OVERSIZED || answer->orchestrator > UINT16_MAX || answer->reserved != 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT,
                           "status %" PRIu32 ", orchestrator %" PRIu32 " or reserved %" PRIu32 " is out of range",
                           answer->status, answer->orchestrator, answer->reserved);
    bool empty = (answer->name == NULL || answer->name[0] == '\0') && answer->label_count == 0;
    if (answer->status != NETIPC_CGROUP_KNOWN && (answer->orchestrator != 0 || !empty))
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "something to tell of a path with status %" PRIu32, answer->status);
    return NETIPC_OK;
}

/* An item that is longer than any payload is not worth its exact length. */
static netipc_status measure(const netipc_cgroup_lookup_answer *answer, uint32_t path_length, uint64_t *length)
{
    *length = netipc_cgroups_lookup_bare_length(path_length);
    if (answer->name != NULL && netipc_add_overflows(*length, strlen(answer->name), length))
        *length = UINT64_MAX;
    netipc_status status = netipc_labels_measure(answer->labels, answer->label_count, length);
    if (status != NETIPC_TOO_LARGE)
        return status;
    *length = UINT64_MAX;
    return NETIPC_OK;
}

static netipc_status append(netipc_cgroups_lookup_builder *builder, const netipc_cgroup_lookup_answer *answer,
                            const char *path, uint32_t path_length, size_t length)
{
    netipc_status status = netipc_pack_reserve(&builder->pack, length);
    if (status == NETIPC_OK)
        write_item(netipc_pack_add(&builder->pack, length), answer, path, path_length);
    return status;
}

/* An item of length bytes, or what becomes of it for want of room. */
static netipc_status place(netipc_cgroups_lookup_builder *builder, const netipc_cgroup_lookup_answer *answer,
                           const char *path, uint32_t path_length, uint64_t length)
{
    static const netipc_cgroup_lookup_answer oversized = {.status = NETIPC_CGROUP_OVERSIZED};
    struct netipc_lookup_budget *budget = &builder->budget;
    const uint64_t bare = netipc_cgroups_lookup_bare_length(path_length);
    const uint64_t least = netipc_lookup_least(bare, budget->added, budget->count);
    netipc_status status;
    if (least > budget->rest)
        return netipc_fail(NETIPC_CORRUPT, "the request has changed: path %" PRIu32 " was shorter", budget->added);
    switch (netipc_lookup_budget_fit(budget, builder->pack.items.length, length, least)) {
    case NETIPC_LOOKUP_FITS:
        status = append(builder, answer, path, path_length, (size_t)length);
        break;
    case NETIPC_LOOKUP_OVERSIZED: /* for that there is room always */
        status = append(builder, &oversized, path, path_length, (size_t)bare);
        break;
    case NETIPC_LOOKUP_ELSEWHERE:
        return netipc_fail(NETIPC_LIMIT_EXCEEDED,
                           "an item of %" PRIu64 " bytes does not fit into %" PRIu64
                           ", another session could take %" PRIu64,
                           length, budget->budget, budget->most);
    default:
        budget->full = true;
        return NETIPC_OK;
    }
    if (status == NETIPC_OK) {
        budget->added++;
        budget->rest -= least;
    }
    return status;
}

netipc_status netipc_cgroups_lookup_builder_add(netipc_cgroups_lookup_builder *builder,
                                                const netipc_cgroup_lookup_answer *answer)
{
    struct netipc_lookup_budget *budget = &builder->budget;
    const char *path;
    uint32_t path_length;
    uint64_t length;
    if (budget->added == budget->count)
        return netipc_fail(NETIPC_WRONG_STATE, "all %" PRIu32 " paths have been answered", budget->count);
    netipc_status status = check_answer(answer);
    if (status == NETIPC_OK)
        status = netipc_cgroups_lookup_request_path(&builder->request, budget->added, &path, &path_length);
    if (status == NETIPC_OK)
        status = measure(answer, path_length, &length);
    if (status != NETIPC_OK)
        return status;
    if (budget->full || answer->status == NETIPC_CGROUP_EXCEEDED) {
        budget->full = true;
        return NETIPC_OK;
    }
    return place(builder, answer, path, path_length, length);
}

uint32_t netipc_cgroups_lookup_builder_open_count(const netipc_cgroups_lookup_builder *builder)
{
    return builder->budget.full ? 0 : builder->budget.count - builder->budget.added;
}

/* The items that were added, padded for others to follow. */
static size_t added_length(const netipc_cgroups_lookup_builder *builder)
{
    size_t length = builder->pack.items.length;
    return builder->budget.added < builder->budget.count ? length + netipc_padding(length) : length;
}

size_t netipc_cgroups_lookup_builder_length(const netipc_cgroups_lookup_builder *builder)
{
    return sizeof(struct netipc_lookup_answer_header) +
           (size_t)builder->budget.count * sizeof(struct netipc_wire_entry) + added_length(builder) +
           (size_t)builder->budget.rest;
}

/* From at on, in the packed area, the least answers to all that was not answered. */
static netipc_status write_rest(const netipc_cgroups_lookup_builder *builder, unsigned char *directory,
                                unsigned char *items, size_t at)
{
    static const netipc_cgroup_lookup_answer exceeded = {.status = NETIPC_CGROUP_EXCEEDED};
    const uint32_t count = builder->budget.count;
    const size_t end = added_length(builder) + (size_t)builder->budget.rest;
    for (uint32_t i = builder->budget.added; i < count; i++) {
        const char *path;
        uint32_t path_length;
        netipc_status status = netipc_cgroups_lookup_request_path(&builder->request, i, &path, &path_length);
        if (status != NETIPC_OK)
            return status;
        const struct netipc_wire_entry entry = {.offset = (uint32_t)at,
                                                .length = (uint32_t)netipc_cgroups_lookup_bare_length(path_length)};
        size_t taken = (size_t)netipc_lookup_least(entry.length, i, count);
        if (!netipc_range_ok(at, taken, end))
            return netipc_fail(NETIPC_CORRUPT, "the request has changed: path %" PRIu32 " was shorter", i);
        memcpy(directory + i * sizeof entry, &entry, sizeof entry);
        write_item(items + at, &exceeded, path, path_length);
        memset(items + at + entry.length, 0, taken - entry.length);
        at += taken;
    }
    return at == end ? NETIPC_OK : netipc_fail(NETIPC_CORRUPT, "the request has changed: its paths were longer");
}

netipc_status netipc_cgroups_lookup_builder_write(const netipc_cgroups_lookup_builder *builder, void *buffer,
                                                  size_t capacity, size_t *length)
{
    size_t needed = netipc_cgroups_lookup_builder_length(builder);
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
