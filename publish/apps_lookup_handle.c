/* SPDX-License-Identifier: Apache-2.0 */
/* The handler of apps-lookup: from a request's bytes to a service's callbacks, and back. */
#include <netipc/apps_lookup.h>

#include "shm/detail.h"

#include <inttypes.h>

/* Asks for one process after the other until the answer is full. */
static netipc_status find_all(const netipc_apps_lookup_service *service, void *asked,
                              const netipc_apps_lookup_request_view *request, netipc_apps_lookup_builder *builder)
{
    for (uint32_t i = 0; netipc_apps_lookup_builder_open_count(builder) > 0; i++) {
        netipc_app_lookup_answer found = {.status = NETIPC_APP_UNKNOWN, .uid = NETIPC_UID_UNSET};
        uint32_t pid;
        netipc_status status = netipc_apps_lookup_request_pid(request, i, &pid);
        if (status == NETIPC_OK)
            status = service->find(service->context, asked, pid, &found);
        if (status != NETIPC_OK)
            return status;
        /* Whether there is room is not for a service to say. */
        if (found.status == NETIPC_APP_EXCEEDED)
            return netipc_fail(NETIPC_INVALID_ARGUMENT, "a service says status %" PRIu32 " of a process", found.status);
        status = netipc_apps_lookup_builder_add(builder, &found);
        if (status != NETIPC_OK)
            return status;
    }
    return NETIPC_OK;
}

static netipc_status write_answer(const netipc_apps_lookup_builder *builder, netipc_answer *answer)
{
    void *room;
    size_t capacity, length = netipc_apps_lookup_builder_length(builder);
    netipc_status status = netipc_answer_room(answer, length, &room, &capacity);
    if (status == NETIPC_OK)
        status = netipc_apps_lookup_builder_write(builder, room, capacity, &length);
    return status == NETIPC_OK ? netipc_answer_set_length(answer, length) : status;
}

static netipc_status answer_with(const netipc_apps_lookup_service *service, const netipc_request *request,
                                 const netipc_apps_lookup_request_view *view, netipc_apps_lookup_builder *builder,
                                 netipc_answer *answer)
{
    uint64_t generation = 0;
    void *asked = NULL;
    netipc_status status = service->begin(service->context, request, &generation, &asked);
    if (status != NETIPC_OK)
        return status;
    status = netipc_apps_lookup_builder_begin(builder, view, generation, request->max_answer, request->max_answer_ever);
    if (status == NETIPC_OK)
        status = find_all(service, asked, view, builder);
    if (service->end != NULL)
        service->end(service->context, asked);
    return status == NETIPC_OK ? write_answer(builder, answer) : status;
}

netipc_status netipc_apps_lookup_handle(void *context, const netipc_request *request, netipc_answer *answer)
{
    const netipc_apps_lookup_service *service = context;
    netipc_apps_lookup_request_view view;
    netipc_apps_lookup_builder *builder;
    if (service == NULL || service->size < sizeof *service || service->begin == NULL || service->find == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "no service given, or its size, begin or find are not set");
    netipc_status status = netipc_apps_lookup_request_decode(request->payload, request->length, &view);
    if (status == NETIPC_OK)
        status = netipc_apps_lookup_builder_new(&builder);
    if (status != NETIPC_OK)
        return status;
    status = answer_with(service, request, &view, builder, answer);
    netipc_apps_lookup_builder_free(builder);
    return status;
}
