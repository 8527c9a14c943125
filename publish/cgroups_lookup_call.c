/* SPDX-License-Identifier: Apache-2.0 */
/* The call of cgroups-lookup: its requests, what it keeps of their answers, and its result. */
#include <netipc/cgroups_lookup.h>

#include "publish/codec/cgroups_lookup_wire.h"
#include "publish/lookup_parts.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

struct netipc_cgroups_lookup_result {
    uint64_t generation;
    uint32_t count;
    struct netipc_lookup_kept *kept;
    netipc_cgroup_lookup_view items[];
};

struct call {
    const char *const *paths;
    uint32_t count;
    netipc_cgroups_lookup_request_builder *builder;
    struct netipc_bytes payload;
    netipc_cgroups_lookup_result *result;
};

/* --- requests --- */

/* Adds path after path while there is room for them and for the least that is answered. */
static netipc_status add_paths(struct call *call, uint32_t first, const struct netipc_lookup_room *room, uint32_t *keys)
{
    uint64_t answer = sizeof(struct netipc_lookup_answer_header);
    netipc_cgroups_lookup_request_builder_reset(call->builder);
    for (*keys = 0; *keys < room->keys && first + *keys < call->count; (*keys)++) {
        const char *path = call->paths[first + *keys];
        uint64_t bare = sizeof(struct cgroups_lookup_item) + (uint64_t)strlen(path) + 2;
        answer += sizeof(struct netipc_wire_entry) + bare + netipc_padding(bare);
        if (*keys > 0 && answer > room->answer_bytes)
            return NETIPC_OK;
        netipc_status status = netipc_cgroups_lookup_request_builder_add(call->builder, path, room->request_bytes);
        if (status == NETIPC_TOO_LARGE && *keys > 0)
            return NETIPC_OK;
        if (status != NETIPC_OK)
            return status;
    }
    return NETIPC_OK;
}

static netipc_status ask(void *context, uint32_t first, const struct netipc_lookup_room *room,
                         struct netipc_lookup_request *request)
{
    struct call *call = context;
    netipc_status status = add_paths(call, first, room, &request->keys);
    if (status != NETIPC_OK)
        return status;
    size_t length = netipc_cgroups_lookup_request_builder_length(call->builder);
    call->payload.length = 0;
    status = netipc_bytes_reserve(&call->payload, length);
    if (status == NETIPC_OK)
        status = netipc_cgroups_lookup_request_builder_write(call->builder, call->payload.data, length, NULL);
    request->payload = call->payload.data;
    request->length = length;
    return status;
}

/* --- answers --- */

/* The item must be for this path; final: it need not be asked for again. */
static netipc_status check_item(const netipc_cgroup_lookup_view *item, const char *path, bool *final)
{
    if (strlen(path) != item->path_length || memcmp(path, item->path, item->path_length) != 0)
        return netipc_fail(NETIPC_PROTOCOL, "item %" PRIu32 " of the answer is for another path than was asked for",
                           item->index);
    if (item->status != NETIPC_CGROUP_EXCEEDED && !*final)
        return netipc_fail(NETIPC_PROTOCOL, "item %" PRIu32 " of the answer is there, but one before it had no room",
                           item->index);
    *final = item->status != NETIPC_CGROUP_EXCEEDED;
    return NETIPC_OK;
}

/* Views of the items that are final, at the beginning of an answer; *end gets what follows their bytes. */
static netipc_status check_items(struct call *call, uint32_t first, const netipc_cgroups_lookup_view *view,
                                 uint32_t *answered, const unsigned char **end)
{
    bool final = true;
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_cgroup_lookup_view item;
        netipc_status status = netipc_cgroups_lookup_item(view, i, &item);
        if (status == NETIPC_OK)
            status = check_item(&item, call->paths[first + i], &final);
        if (status != NETIPC_OK)
            return status;
        if (i == 0 && view->item_count > 1 && item.status == NETIPC_CGROUP_OVERSIZED)
            return NETIPC_OK; /* among fewer it may not be: see lookup_parts.h */
        if (!final)
            continue;
        call->result->items[first + i] = item;
        call->result->items[first + i].index = first + i;
        *answered = i + 1;
        *end = item.bytes + item.length;
    }
    return NETIPC_OK;
}

static netipc_status take(void *context, uint32_t first, uint32_t keys, const void *answer, size_t length,
                          uint32_t *answered, uint64_t *generation)
{
    struct call *call = context;
    netipc_cgroups_lookup_view view;
    if (netipc_cgroups_lookup_decode(answer, length, &view) != NETIPC_OK)
        return netipc_fail_within(NETIPC_PROTOCOL, "the answer");
    if (view.item_count != keys)
        return netipc_fail(NETIPC_PROTOCOL, "an answer of %" PRIu32 " items to a request for %" PRIu32, view.item_count,
                           keys);
    const unsigned char *end = view.items, *copy = NULL;
    *generation = view.generation;
    netipc_status status = check_items(call, first, &view, answered, &end);
    if (status == NETIPC_OK && *answered > 0)
        status = netipc_lookup_keep(&call->result->kept, view.items, (size_t)(end - view.items), &copy);
    if (status != NETIPC_OK)
        return status;
    for (netipc_cgroup_lookup_view *item = call->result->items + first, *last = item + *answered; item < last; item++) {
        item->path = (const char *)copy + (item->path - (const char *)view.items);
        item->name = (const char *)copy + (item->name - (const char *)view.items);
        item->bytes = copy + (item->bytes - view.items);
    }
    return NETIPC_OK;
}

static netipc_status give_up(void *context, uint32_t index)
{
    struct call *call = context;
    const size_t length = strlen(call->paths[index]);
    const unsigned char *copy = NULL;
    netipc_status status = netipc_lookup_keep(&call->result->kept, call->paths[index], length + 1, &copy);
    if (status == NETIPC_OK)
        call->result->items[index] = (netipc_cgroup_lookup_view){
            .status = NETIPC_CGROUP_OVERSIZED,
            .path = (const char *)copy,
            .name = (const char *)copy + length,
            .path_length = (uint32_t)length,
            .length = (uint32_t)length + 1,
            .bytes = copy,
            .index = index,
        };
    return status;
}

/* --- the call --- */

static netipc_status check_paths(const char *const *paths, uint32_t count)
{
    if (paths == NULL && count > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%" PRIu32 " paths, but none given", count);
    for (uint32_t i = 0; i < count; i++)
        if (paths[i] == NULL || paths[i][0] == '\0' || strlen(paths[i]) >= NETIPC_ITEMS_PAYLOAD_MAX)
            return netipc_fail(NETIPC_INVALID_ARGUMENT, "path %" PRIu32 " is %s", i,
                               paths[i] == NULL      ? "not given"
                               : paths[i][0] == '\0' ? "empty"
                                                     : "longer than a payload can be");
    return NETIPC_OK;
}

netipc_status netipc_cgroups_lookup_call(netipc_client *client, const char *const *paths, uint32_t count,
                                         uint64_t timeout_ns, netipc_cgroups_lookup_result **result)
{
    if (result == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the result given");
    *result = NULL;
    struct call call = {.paths = paths, .count = count};
    void *made = NULL;
    const struct netipc_lookup lookup = {.method = NETIPC_METHOD_CGROUPS_LOOKUP,
                                         .count = count,
                                         .context = &call,
                                         .ask = ask,
                                         .take = take,
                                         .give_up = give_up};
    netipc_status status = check_paths(paths, count);
    if (status == NETIPC_OK)
        status = netipc_cgroups_lookup_request_builder_new(&call.builder);
    if (status == NETIPC_OK)
        status = netipc_lookup_new_result(sizeof *call.result, count, sizeof *call.result->items, &made);
    call.result = made;
    if (status == NETIPC_OK)
        call.result->count = count;
    if (status == NETIPC_OK)
        status = netipc_lookup_run(&lookup, client, timeout_ns, &call.result->generation);
    netipc_cgroups_lookup_request_builder_free(call.builder);
    netipc_bytes_free(&call.payload);
    if (status == NETIPC_OK)
        *result = call.result;
    else
        netipc_cgroups_lookup_result_free(call.result);
    return status;
}

/* --- the result --- */

uint64_t netipc_cgroups_lookup_result_generation(const netipc_cgroups_lookup_result *result)
{
    return result->generation;
}

uint32_t netipc_cgroups_lookup_result_count(const netipc_cgroups_lookup_result *result)
{
    return result->count;
}

netipc_status netipc_cgroups_lookup_result_item(const netipc_cgroups_lookup_result *result, uint32_t index,
                                                netipc_cgroup_lookup_view *item)
{
    if (index >= result->count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %" PRIu32 " of a result of %" PRIu32, index, result->count);
    *item = result->items[index];
    return NETIPC_OK;
}

void netipc_cgroups_lookup_result_free(netipc_cgroups_lookup_result *result)
{
    if (result == NULL)
        return;
    netipc_lookup_forget(result->kept);
    free(result);
}
