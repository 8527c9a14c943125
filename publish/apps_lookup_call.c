/* SPDX-License-Identifier: Apache-2.0 */
/* The call of apps-lookup: its requests, what it keeps of their answers, and its result. */
#include <netipc/apps_lookup.h>

#include "publish/codec/apps_lookup_wire.h"
#include "publish/lookup_parts.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

struct netipc_apps_lookup_result {
    uint64_t generation;
    uint32_t count;
    struct netipc_lookup_kept *kept;
    netipc_app_lookup_view items[];
};

struct call {
    const uint32_t *pids;
    uint32_t count;
    struct netipc_bytes payload;
    netipc_apps_lookup_result *result;
};

/* --- requests --- */

/* How many items of so many bytes each fit into a payload, behind its header. */
static uint32_t items_in(uint32_t bytes, size_t header, size_t item)
{
    return bytes < header ? 0 : (uint32_t)((bytes - header) / (item + sizeof(struct netipc_wire_entry)));
}

static netipc_status ask(void *context, uint32_t first, const struct netipc_lookup_room *room,
                         struct netipc_lookup_request *request)
{
    struct call *call = context;
    uint32_t keys = call->count - first, bare = APPS_LOOKUP_BARE_LENGTH + 1; /* to the next multiple of 8 */
    uint32_t asked =
        items_in(room->request_bytes, sizeof(struct netipc_lookup_request_header), sizeof(struct apps_lookup_key));
    uint32_t answered = items_in(room->answer_bytes, sizeof(struct netipc_lookup_answer_header), bare);
    if (keys > room->keys)
        keys = room->keys;
    if (keys > asked)
        keys = asked;
    if (keys > answered)
        keys = answered > 0 ? answered : 1;
    if (keys == 0 && first < call->count)
        return netipc_fail(NETIPC_TOO_LARGE, "a request of %" PRIu32 " bytes has no room for a pid",
                           room->request_bytes);
    size_t length = 0;
    netipc_status status = netipc_apps_lookup_request_encode(NULL, keys, NULL, 0, &length);
    call->payload.length = 0;
    if (status == NETIPC_TOO_SMALL)
        status = netipc_bytes_reserve(&call->payload, length);
    if (status == NETIPC_OK)
        status = netipc_apps_lookup_request_encode(keys > 0 ? call->pids + first : NULL, keys, call->payload.data,
                                                   length, NULL);
    *request = (struct netipc_lookup_request){.payload = call->payload.data, .length = length, .keys = keys};
    return status;
}

/* --- answers --- */

/* The item must be for this pid; final: it need not be asked for again. */
static netipc_status check_item(const netipc_app_lookup_view *item, uint32_t pid, bool *final)
{
    if (item->pid != pid)
        return netipc_fail(NETIPC_PROTOCOL, "item %" PRIu64 " of the answer is for process %" PRIu32 ", not %" PRIu32,
                           item->index, item->pid, pid);
    if (item->status != NETIPC_APP_EXCEEDED && !*final)
        return netipc_fail(NETIPC_PROTOCOL, "item %" PRIu64 " of the answer is there, but one before it had no room",
                           item->index);
    *final = item->status != NETIPC_APP_EXCEEDED;
    return NETIPC_OK;
}

/* Views of the items that are final, at the beginning of an answer; *end gets what follows their bytes. */
static netipc_status check_items(struct call *call, uint32_t first, const netipc_apps_lookup_view *view,
                                 uint32_t *answered, const unsigned char **end)
{
    bool final = true;
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_app_lookup_view item;
        netipc_status status = netipc_apps_lookup_item(view, i, &item);
        if (status == NETIPC_OK)
            status = check_item(&item, call->pids[first + i], &final);
        if (status != NETIPC_OK)
            return status;
        if (i == 0 && view->item_count > 1 && item.status == NETIPC_APP_OVERSIZED)
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

static const char *moved(const char *string, const unsigned char *from, const unsigned char *to)
{
    return (const char *)to + (string - (const char *)from);
}

static netipc_status take(void *context, uint32_t first, uint32_t keys, const void *answer, size_t length,
                          uint32_t *answered, uint64_t *generation)
{
    struct call *call = context;
    netipc_apps_lookup_view view;
    if (netipc_apps_lookup_decode(answer, length, &view) != NETIPC_OK)
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
    for (netipc_app_lookup_view *item = call->result->items + first, *last = item + *answered; item < last; item++) {
        item->comm = moved(item->comm, view.items, copy);
        item->cgroup_path = moved(item->cgroup_path, view.items, copy);
        item->cgroup_name = moved(item->cgroup_name, view.items, copy);
        item->bytes = copy + (item->bytes - view.items);
    }
    return NETIPC_OK;
}

static netipc_status give_up(void *context, uint32_t index)
{
    struct call *call = context;
    call->result->items[index] = (netipc_app_lookup_view){
        .status = NETIPC_APP_OVERSIZED,
        .pid = call->pids[index],
        .uid = NETIPC_UID_UNSET,
        .comm = "",
        .cgroup_path = "",
        .cgroup_name = "",
        .index = index,
    };
    return NETIPC_OK;
}

/* --- the call --- */

netipc_status netipc_apps_lookup_call(netipc_client *client, const uint32_t *pids, uint32_t count, uint64_t timeout_ns,
                                      netipc_apps_lookup_result **result)
{
    if (result == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no place for the result given");
    *result = NULL;
    if (pids == NULL && count > 0)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%" PRIu32 " pids, but none given", count);
    struct call call = {.pids = pids, .count = count};
    const struct netipc_lookup lookup = {.method = NETIPC_METHOD_APPS_LOOKUP,
                                         .count = count,
                                         .context = &call,
                                         .ask = ask,
                                         .take = take,
                                         .give_up = give_up};
    void *made;
    netipc_status status = netipc_lookup_new_result(sizeof *call.result, count, sizeof *call.result->items, &made);
    call.result = made;
    if (status == NETIPC_OK)
        call.result->count = count;
    if (status == NETIPC_OK)
        status = netipc_lookup_run(&lookup, client, timeout_ns, &call.result->generation);
    netipc_bytes_free(&call.payload);
    if (status == NETIPC_OK)
        *result = call.result;
    else
        netipc_apps_lookup_result_free(call.result);
    return status;
}

/* --- the result --- */

uint64_t netipc_apps_lookup_result_generation(const netipc_apps_lookup_result *result)
{
    return result->generation;
}

uint32_t netipc_apps_lookup_result_count(const netipc_apps_lookup_result *result)
{
    return result->count;
}

netipc_status netipc_apps_lookup_result_item(const netipc_apps_lookup_result *result, uint32_t index,
                                             netipc_app_lookup_view *item)
{
    if (index >= result->count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %" PRIu32 " of a result of %" PRIu32, index, result->count);
    *item = result->items[index];
    return NETIPC_OK;
}

void netipc_apps_lookup_result_free(netipc_apps_lookup_result *result)
{
    if (result == NULL)
        return;
    netipc_lookup_forget(result->kept);
    free(result);
}
