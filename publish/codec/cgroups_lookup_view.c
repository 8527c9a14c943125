/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the method cgroups-lookup, as they are read. */
#include "publish/codec/cgroups_lookup_wire.h"
#include "publish/codec/labels.h"
#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>
#include <stdlib.h>

static netipc_status check_header(uint32_t index, const struct cgroups_lookup_item *header)
{
    if (header->layout != NETIPC_LOOKUP_LAYOUT)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has layout %u, only %d is known", index, header->layout,
                           NETIPC_LOOKUP_LAYOUT);
    if (header->status > NETIPC_CGROUP_OVERSIZED)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 " has status %u, %d is the last", index, header->status,
                           NETIPC_CGROUP_OVERSIZED);
    if (header->reserved != 0 || header->reserved2 != 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": its reserved fields are 0x%x and 0x%x, not zero", index,
                           header->reserved, header->reserved2);
    if (header->path.length == 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": an empty path", index);
    if (header->status != NETIPC_CGROUP_KNOWN &&
        (header->orchestrator != 0 || header->name.length != 0 || header->label_count != 0))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 " has status %u, and orchestrator %u, a name of %" PRIu32
                           " bytes and %u labels: none is known",
                           index, header->status, header->orchestrator, header->name.length, header->label_count);
    return NETIPC_OK;
}

/* Everything about an item, but what lies between it and others. */
static netipc_status read_item(const struct netipc_directory *directory, uint32_t index, struct netipc_wire_item *item,
                               struct cgroups_lookup_item *header, uint32_t *labels)
{
    static const char *const names[] = {"path", "name"};
    netipc_status status = netipc_directory_item(directory, index, sizeof *header, item);
    if (status != NETIPC_OK)
        return status;
    netipc_load_once(header, item->bytes, sizeof *header);
    status = check_header(index, header);
    if (status != NETIPC_OK)
        return status;
    const struct netipc_wire_string strings[] = {header->path, header->name};
    size_t end;
    status = netipc_strings_check(item, sizeof *header, 2, names, strings, &end);
    return status == NETIPC_OK ? netipc_labels_check(item, end, header->label_count, labels) : status;
}

netipc_status netipc_cgroups_lookup_decode(const void *bytes, size_t length, netipc_cgroups_lookup_view *view)
{
    struct netipc_directory directory;
    uint64_t generation;
    size_t end = 0;
    *view = (netipc_cgroups_lookup_view){0};
    netipc_status status = netipc_lookup_open_answer(bytes, length, &directory, &generation);
    if (status != NETIPC_OK)
        return status;
    for (uint32_t i = 0; i < directory.count; i++) {
        struct netipc_wire_item item;
        struct cgroups_lookup_item header;
        uint32_t labels;
        status = read_item(&directory, i, &item, &header, &labels);
        if (status == NETIPC_OK)
            status = netipc_directory_check_order(&directory, &item, &end);
        if (status != NETIPC_OK)
            return status;
    }
    status = netipc_directory_check_end(&directory, end);
    if (status == NETIPC_OK)
        *view = (netipc_cgroups_lookup_view){.generation = generation,
                                             .item_count = directory.count,
                                             .directory = directory.entries,
                                             .items = directory.items,
                                             .items_length = directory.items_length};
    return status;
}

netipc_status netipc_cgroups_lookup_item(const netipc_cgroups_lookup_view *view, uint32_t index,
                                         netipc_cgroup_lookup_view *found)
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
    struct cgroups_lookup_item header;
    uint32_t labels;
    netipc_status status = read_item(&directory, index, &item, &header, &labels);
    if (status != NETIPC_OK)
        return status;
    *found = (netipc_cgroup_lookup_view){
        .status = header.status,
        .orchestrator = header.orchestrator,
        .path = (const char *)item.bytes + header.path.offset,
        .name = (const char *)item.bytes + header.name.offset,
        .path_length = header.path.length,
        .name_length = header.name.length,
        .label_count = header.label_count,
        .length = item.length,
        .bytes = item.bytes,
        .labels = labels,
        .index = index,
    };
    return NETIPC_OK;
}

netipc_status netipc_cgroup_lookup_label(const netipc_cgroup_lookup_view *item, uint32_t index,
                                         netipc_label_view *label)
{
    if (index >= item->label_count)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "label %" PRIu32 " of %" PRIu32, index, item->label_count);
    const struct netipc_wire_item found = {.bytes = item->bytes, .index = item->index, .length = item->length};
    return netipc_labels_get(&found, item->labels, index, label);
}

/* --- copy --- */

/* The struct, the labels, and the item's own bytes, which the strings stay in. */
netipc_status netipc_cgroup_lookup_copy_of(const netipc_cgroup_lookup_view *item, netipc_cgroup_lookup_copy **copy)
{
    const size_t labels_length = item->label_count * sizeof(netipc_label);
    *copy = NULL;
    netipc_cgroup_lookup_copy *made = malloc(sizeof *made + labels_length + item->length);
    if (made == NULL)
        return netipc_fail(NETIPC_NO_MEMORY, "no memory for an item of %" PRIu32 " bytes", item->length);
    netipc_label *labels = (netipc_label *)(made + 1);
    unsigned char *bytes = (unsigned char *)labels + labels_length;
    memcpy(bytes, item->bytes, item->length);
    *made = (netipc_cgroup_lookup_copy){
        .status = item->status,
        .orchestrator = item->orchestrator,
        .path = (const char *)bytes + (item->path - (const char *)item->bytes),
        .name = (const char *)bytes + (item->name - (const char *)item->bytes),
        .labels = labels,
        .label_count = item->label_count,
    };
    /* Now that they cannot change any more: are they still what they were? */
    netipc_status status = NETIPC_OK;
    if (made->path[item->path_length] != '\0' || made->name[item->name_length] != '\0')
        status = netipc_fail(NETIPC_CORRUPT, "the bytes of item %" PRIu32 " have changed", item->index);
    netipc_cgroup_lookup_view own = *item;
    own.bytes = bytes;
    for (uint32_t i = 0; status == NETIPC_OK && i < item->label_count; i++) {
        netipc_label_view label;
        status = netipc_cgroup_lookup_label(&own, i, &label);
        if (status == NETIPC_OK)
            labels[i] = (netipc_label){.key = label.key, .value = label.value};
    }
    if (status == NETIPC_OK)
        *copy = made;
    else
        free(made);
    return status;
}
