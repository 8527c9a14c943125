/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of cgroups snapshots: whatever it decodes can be read to the last byte, and built again. */
#include "tests/fuzz/fuzz.h"

#include <netipc/cgroups_snapshot.h>

#include <stdlib.h>
#include <string.h>

enum { DECODED, WITH_ITEMS, CHANGED_AND_READ, CHANGED_AND_FOUND };
const char *const fuzz_goals[] = {"decoded", "decoded with items", "read although changed", "found to be changed",
                                  NULL};

/* On the heap, of exactly this length. */
static uint8_t *copy_of(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size);
    fuzz_check(copy != NULL || size == 0);
    if (size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

static void check_inside(const uint8_t *bytes, size_t size, const char *string, uint32_t length)
{
    const uint8_t *at = (const uint8_t *)string;
    fuzz_check(at >= bytes && at < bytes + size && length < size - (size_t)(at - bytes));
}

static void check_item(const netipc_cgroups_snapshot_view *view, uint32_t index, const uint8_t *bytes, size_t size,
                       netipc_cgroups_snapshot_builder *builder)
{
    netipc_cgroup_view item;
    fuzz_check(netipc_cgroups_snapshot_item(view, index, &item) == NETIPC_OK);
    check_inside(bytes, size, item.name, item.name_length);
    check_inside(bytes, size, item.path, item.path_length);
    fuzz_check(strlen(item.name) == item.name_length);
    fuzz_check(strlen(item.path) == item.path_length);
    fuzz_check(netipc_cgroups_snapshot_builder_add(builder, item.hash, item.options, item.enabled, item.name,
                                                   item.path) == NETIPC_OK);
}

static void check_equal(const netipc_cgroups_snapshot_view *a, const netipc_cgroups_snapshot_view *b)
{
    fuzz_check(a->generation == b->generation);
    fuzz_check(a->systemd_enabled == b->systemd_enabled);
    fuzz_check(a->item_count == b->item_count);
    for (uint32_t i = 0; i < a->item_count; i++) {
        netipc_cgroup_view left, right;
        fuzz_check(netipc_cgroups_snapshot_item(a, i, &left) == NETIPC_OK);
        fuzz_check(netipc_cgroups_snapshot_item(b, i, &right) == NETIPC_OK);
        fuzz_check(left.hash == right.hash && left.options == right.options && left.enabled == right.enabled);
        fuzz_check(left.name_length == right.name_length && strcmp(left.name, right.name) == 0);
        fuzz_check(left.path_length == right.path_length && strcmp(left.path, right.path) == 0);
    }
}

/* What the builder makes of the items says the same. */
static void check_rebuilt(const netipc_cgroups_snapshot_view *view, const netipc_cgroups_snapshot_builder *builder)
{
    netipc_cgroups_snapshot_view again;
    size_t length = netipc_cgroups_snapshot_builder_length(builder), written;
    uint8_t *bytes = malloc(length);
    fuzz_check(bytes != NULL);
    fuzz_check(netipc_cgroups_snapshot_builder_write(builder, view->generation, view->systemd_enabled, bytes, length,
                                                     &written) == NETIPC_OK);
    fuzz_check(written == length);
    fuzz_check(netipc_cgroups_snapshot_decode(bytes, length, &again) == NETIPC_OK);
    check_equal(view, &again);
    free(bytes);
}

/* Somebody writes to the bytes after they were decoded: every item says so or stays inside. */
static void check_changed(const netipc_cgroups_snapshot_view *view, uint8_t *bytes, size_t size)
{
    uint64_t random = size + 1;
    for (int round = 0; round < 16; round++) {
        random = random * UINT64_C(6364136223846793005) + bytes[(random >> 33) % size] + 1442695040888963407;
        bytes[(random >> 33) % size] = (uint8_t)(random >> 24);
        for (uint32_t i = 0; i < view->item_count; i++) {
            netipc_cgroup_view item;
            netipc_status status = netipc_cgroups_snapshot_item(view, i, &item);
            fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT), "item");
            fuzz_reached[status == NETIPC_OK ? CHANGED_AND_READ : CHANGED_AND_FOUND]++;
            if (status != NETIPC_OK)
                continue;
            check_inside(bytes, size, item.name, item.name_length);
            check_inside(bytes, size, item.path, item.path_length);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    netipc_cgroups_snapshot_view view;
    netipc_cgroups_snapshot_builder *builder;
    uint8_t *bytes = copy_of(data, size);
    netipc_status status = netipc_cgroups_snapshot_decode(bytes, size, &view);
    fuzz_check_status(status, FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT), "decode");
    fuzz_check(status == NETIPC_OK || view.item_count == 0);
    if (status == NETIPC_OK) {
        fuzz_reached[DECODED]++;
        fuzz_reached[WITH_ITEMS] += view.item_count > 0;
        fuzz_check(netipc_cgroups_snapshot_builder_new(&builder) == NETIPC_OK);
        for (uint32_t i = 0; i < view.item_count; i++)
            check_item(&view, i, bytes, size, builder);
        fuzz_check(netipc_cgroups_snapshot_item(&view, view.item_count, &(netipc_cgroup_view){0}) ==
                   NETIPC_INVALID_ARGUMENT);
        check_rebuilt(&view, builder);
        netipc_cgroups_snapshot_builder_free(builder);
        check_changed(&view, bytes, size);
    }
    free(bytes);
    return 0;
}
