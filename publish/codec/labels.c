/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/codec/labels.h"

#include "shm/checked.h"
#include "shm/detail.h"

#include <inttypes.h>

static void load_label(const struct netipc_wire_item *item, size_t table, uint32_t index,
                       struct netipc_wire_label *label)
{
    netipc_load_once(label, item->bytes + table + (size_t)index * sizeof *label, sizeof *label);
}

static netipc_status check_label(const struct netipc_wire_item *item, size_t first,
                                 const struct netipc_wire_label *label)
{
    if (label->key.length == 0)
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": an empty label key", item->index);
    netipc_status status = netipc_string_check(item, first, "label key", label->key);
    if (status != NETIPC_OK)
        return status;
    return netipc_string_check(item, netipc_string_end(label->key), "label value", label->value);
}

/* Nothing but zeros between what ends at end and a label behind it, and within that label. */
static bool label_is_padded(const struct netipc_wire_item *item, size_t end, const struct netipc_wire_label *label)
{
    size_t key_end = netipc_string_end(label->key);
    return netipc_bytes_are_zero(item->bytes + end, label->key.offset - end) &&
           netipc_bytes_are_zero(item->bytes + key_end, label->value.offset - key_end);
}

netipc_status netipc_labels_check(const struct netipc_wire_item *item, size_t end, uint32_t count, uint32_t *table)
{
    *table = 0;
    if (count == 0)
        return netipc_strings_check_end(item, end);
    size_t start = end + netipc_padding(end);
    if (!netipc_array_ok(start, count, sizeof(struct netipc_wire_label), item->length))
        return netipc_fail(NETIPC_CORRUPT,
                           "item %" PRIu32 ": the table of %" PRIu32
                           " labels at %zu does not fit into the item's %" PRIu32 " bytes",
                           item->index, count, start, item->length);
    if (!netipc_bytes_are_zero(item->bytes + end, start - end))
        return netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the padding in front of its labels is not zero",
                           item->index);
    end = start + count * sizeof(struct netipc_wire_label);
    for (uint32_t i = 0; i < count; i++) {
        struct netipc_wire_label label;
        load_label(item, start, i, &label);
        netipc_status status = check_label(item, end, &label);
        if (status == NETIPC_OK && !label_is_padded(item, end, &label))
            status =
                netipc_fail(NETIPC_CORRUPT, "item %" PRIu32 ": the padding around its labels is not zero", item->index);
        if (status != NETIPC_OK)
            return status;
        end = netipc_string_end(label.value);
    }
    *table = (uint32_t)start;
    return netipc_strings_check_end(item, end);
}

netipc_status netipc_labels_get(const struct netipc_wire_item *item, uint32_t table, uint32_t index,
                                netipc_label_view *view)
{
    struct netipc_wire_label label;
    load_label(item, table, index, &label);
    netipc_status status = check_label(item, table, &label);
    if (status != NETIPC_OK)
        return status;
    *view = (netipc_label_view){
        .key = (const char *)item->bytes + label.key.offset,
        .value = (const char *)item->bytes + label.value.offset,
        .key_length = label.key.length,
        .value_length = label.value.length,
    };
    return NETIPC_OK;
}

netipc_status netipc_labels_measure(const netipc_label *labels, uint32_t count, uint64_t *length)
{
    if (count == 0)
        return NETIPC_OK;
    uint64_t sum;
    if (count > NETIPC_LABELS_MAX || labels == NULL)
        return netipc_fail(NETIPC_INVALID_ARGUMENT, "%" PRIu32 " labels, but %s", count,
                           labels == NULL ? "none given" : "65535 are the most");
    bool fits = !netipc_align_overflows(*length, NETIPC_ITEM_ALIGNMENT, &sum) &&
                !netipc_add_overflows(sum, count * sizeof(struct netipc_wire_label), &sum);
    for (uint32_t i = 0; i < count; i++) {
        if (labels[i].key == NULL || labels[i].key[0] == '\0' || labels[i].value == NULL)
            return netipc_fail(NETIPC_INVALID_ARGUMENT, "label %" PRIu32 " has no %s", i,
                               labels[i].value == NULL ? "value" : "key");
        fits = fits && !netipc_add_overflows(sum, strlen(labels[i].key), &sum) &&
               !netipc_add_overflows(sum, strlen(labels[i].value), &sum) && !netipc_add_overflows(sum, 2, &sum);
    }
    if (!fits || sum > NETIPC_ITEMS_PAYLOAD_MAX)
        return netipc_fail(NETIPC_TOO_LARGE, "%" PRIu32 " labels are longer than a payload can be", count);
    *length = sum;
    return NETIPC_OK;
}

void netipc_labels_write(const netipc_label *labels, uint32_t count, unsigned char *item, size_t end)
{
    if (count == 0)
        return;
    size_t table = end + netipc_padding(end);
    memset(item + end, 0, table - end);
    unsigned char *to = item + table + count * sizeof(struct netipc_wire_label);
    for (uint32_t i = 0; i < count; i++) {
        struct netipc_wire_label label = {
            .key = {.offset = (uint32_t)(to - item), .length = (uint32_t)strlen(labels[i].key)},
            .value = {.length = (uint32_t)strlen(labels[i].value)}};
        to = netipc_string_write(to, labels[i].key, label.key.length);
        label.value.offset = (uint32_t)(to - item);
        to = netipc_string_write(to, labels[i].value, label.value.length);
        memcpy(item + table + i * sizeof label, &label, sizeof label);
    }
}
