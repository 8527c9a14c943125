/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the method apps-lookup, as they are read. */
#include "publish/codec/apps_lookup_wire.h"
#include "publish/codec/labels.h"
#include "shm/detail.h"

#include <inttypes.h>

/* Nothing of a cgroup but, where the status allows or asks for it, its path. */
static const char *cgroup_fault(const struct apps_lookup_item *item)
{
    bool named = item->orchestrator != 0 || item->cgroup_name.length != 0 || item->label_count != 0;
    switch (item->cgroup_status) {
    case NETIPC_APP_CGROUP_KNOWN:
        return item->cgroup_path.length == 0 ? "a cgroup without a path" : NULL;
    case NETIPC_APP_CGROUP_UNKNOWN_NOW:
        return named ? "orchestrator, name or labels of a cgroup that is unknown" : NULL;
    case NETIPC_APP_CGROUP_UNKNOWN_FOR_GOOD:
        if (item->cgroup_path.length == 0)
            return "no path of a cgroup that is unknown for good";
        return named ? "orchestrator, name or labels of a cgroup that is unknown" : NULL;
    case NETIPC_APP_CGROUP_HOST_ROOT:
        return named || item->cgroup_path.length != 0 ? "something about the root cgroup" : NULL;
    default:
        return "an unknown status of its cgroup";
    }
}

const char *netipc_apps_lookup_fault(const struct apps_lookup_item *item)
{
    if (item->status > NETIPC_APP_OVERSIZED)
        return "an unknown status";
    if (item->comm.length > NETIPC_COMM_MAX)
        return "a comm of more than 15 bytes";
    if (item->status == NETIPC_APP_KNOWN)
        return item->comm.length == 0 ? "a process without a comm" : cgroup_fault(item);
    bool empty = item->orchestrator == 0 && item->cgroup_status == 0 && item->ppid == 0 &&
                 item->uid == NETIPC_UID_UNSET && item->starttime == 0 && item->comm.length == 0 &&
                 item->cgroup_path.length == 0 && item->cgroup_name.length == 0 && item->label_count == 0;
    return empty ? NULL : "something about a process that is not known";
}

static netipc_status check_header(uint32_t index, const struct apps_lookup_item *header)
{
    if (header->layout != NETIPC_LOOKUP_LAYOUT)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has layout %u, only %d is known", index, header->layout,
                           NETIPC_LOOKUP_LAYOUT);
    if (header->reserved != 0 || header->reserved2 != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its reserved fields are 0x%" PRIx32 " and 0x%x, not zero",
                           index, header->reserved, header->reserved2);
    const char *fault = netipc_apps_lookup_fault(header);
    if (fault != NULL)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " with status %u and %u: %s", index, header->status,
                           header->cgroup_status, fault);
    return NETIPC_OK;
}

/* Everything about an item, but what lies between it and others. */
static netipc_status read_item(const struct netipc_directory *directory, uint32_t index, struct netipc_wire_item *item,
                               struct apps_lookup_item *header, uint32_t *labels)
{
    static const char *const names[] = {"comm", "cgroup path", "cgroup name"};
    netipc_status status = netipc_directory_item(directory, index, APPS_LOOKUP_ITEM_LENGTH, item);
    if (status != NETIPC_OK)
        return status;
    netipc_load_once(header, item->bytes, APPS_LOOKUP_ITEM_LENGTH);
    status = check_header(index, header);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_wire_string strings[] = {header->comm, header->cgroup_path, header->cgroup_name};
    size_t end;
    status = netipc_strings_check(item, APPS_LOOKUP_ITEM_LENGTH, 3, names, strings, &end);
    return status == NETIPC_OK ? netipc_labels_check(item, end, header->label_count, labels) : status;
}

netipc_status netipc_apps_lookup_decode(const void *bytes, size_t length, netipc_apps_lookup_view *view)
{
    struct netipc_directory directory;
    uint64_t generation;
    size_t end = 0;
    *view = (netipc_apps_lookup_view){0};
    netipc_status status = netipc_lookup_open_answer(bytes, length, &directory, &generation);
    if (status != NETIPC_OK)
        return status;
    for (uint32_t i = 0; i < directory.count; i++) {
        struct netipc_wire_item item;
        struct apps_lookup_item header;
        uint32_t labels;
        status = read_item(&directory, i, &item, &header, &labels);
        if (status == NETIPC_OK)
            status = netipc_directory_check_order(&directory, &item, &end);
        if (status != NETIPC_OK)
            return status;
    }
    status = netipc_directory_check_end(&directory, end);
    if (status == NETIPC_OK)
        *view = (netipc_apps_lookup_view){.generation = generation,
                                          .item_count = directory.count,
                                          .directory = directory.entries,
                                          .items = directory.items,
                                          .items_length = directory.items_length};
    return status;
}

netipc_status netipc_apps_lookup_item(const netipc_apps_lookup_view *view, uint32_t index,
                                      netipc_app_lookup_view *found)
{
    if (index >= view->item_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "item %" PRIu32 " of an answer of %" PRIu32, index,
                           view->item_count);
    /* Checked once more: the bytes may lie in memory that somebody else has written since. */
    const struct netipc_directory directory = {.entries = view->directory,
                                               .items = view->items,
                                               .items_length = view->items_length,
                                               .count = view->item_count};
    struct netipc_wire_item item;
    struct apps_lookup_item header;
    uint32_t labels;
    netipc_status status = read_item(&directory, index, &item, &header, &labels);
    if (status != NETIPC_OK)
        return status;
    *found = (netipc_app_lookup_view){
        .status = header.status,
        .cgroup_status = header.cgroup_status,
        .orchestrator = header.orchestrator,
        .pid = header.pid,
        .ppid = header.ppid,
        .uid = header.uid,
        .starttime = header.starttime,
        .comm = (const char *)item.bytes + header.comm.offset,
        .cgroup_path = (const char *)item.bytes + header.cgroup_path.offset,
        .cgroup_name = (const char *)item.bytes + header.cgroup_name.offset,
        .comm_length = header.comm.length,
        .cgroup_path_length = header.cgroup_path.length,
        .cgroup_name_length = header.cgroup_name.length,
        .label_count = header.label_count,
        .length = item.length,
        .labels = labels,
        .bytes = item.bytes,
        .index = index,
    };
    return NETIPC_OK;
}

netipc_status netipc_app_lookup_label(const netipc_app_lookup_view *item, uint32_t index, netipc_label_view *label)
{
    if (index >= item->label_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "label %" PRIu32 " of %" PRIu32, index, item->label_count);
    const struct netipc_wire_item found = {
        .bytes = item->bytes, .index = (uint32_t)item->index, .length = item->length};
    return netipc_labels_get(&found, item->labels, index, label);
}
