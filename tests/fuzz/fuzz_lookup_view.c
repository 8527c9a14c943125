/* SPDX-License-Identifier: Apache-2.0 */
/* The payloads of cgroups-lookup and apps-lookup: whatever they decode can be read to the last byte, answered, and
 * built again. */
#include "tests/fuzz/fuzz.h"

#include <netipc/apps_lookup.h>
#include <netipc/cgroups_lookup.h>

#include <stdlib.h>
#include <string.h>

enum {
    REQUEST,
    ANSWERED,
    ANSWERED_IN_PART,
    ANSWER,
    WITH_ITEMS,
    WITH_LABELS,
    CHANGED_AND_READ,
    CHANGED_AND_FOUND,
    PIDS,
    APPS
};
const char *const fuzz_goals[] = {"decoded a request for paths",
                                  "answered it",
                                  "answered it in part",
                                  "decoded an answer",
                                  "decoded items",
                                  "decoded labels",
                                  "read although changed",
                                  "found to be changed",
                                  "decoded and answered a request for pids",
                                  "decoded processes",
                                  NULL};

enum { ANSWER_MOST = 1 << 20 };

static const uint64_t decoded = FUZZ_STATUS(NETIPC_OK) | FUZZ_STATUS(NETIPC_CORRUPT);

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

/* --- requests --- */

/* What is told of the paths depends on their bytes, so that mutations of these come everywhere. */
static netipc_cgroup_lookup_answer found_for(const char *path, uint32_t length)
{
    static const netipc_label labels[] = {{"a", "b"}, {"longer than that", ""}, {"last", "one"}};
    unsigned char sum = 0;
    for (uint32_t i = 0; i < length; i++)
        sum = (unsigned char)(sum * 31 + (unsigned char)path[i]);
    if (sum % 4 != 0)
        return (netipc_cgroup_lookup_answer){
            .orchestrator = sum, .name = path, .labels = labels, .label_count = sum % 3u};
    static const uint32_t statuses[] = {NETIPC_CGROUP_UNKNOWN_NOW, NETIPC_CGROUP_UNKNOWN_FOR_GOOD,
                                        NETIPC_CGROUP_OVERSIZED, NETIPC_CGROUP_EXCEEDED};
    return (netipc_cgroup_lookup_answer){.status = statuses[sum / 4 % 4]};
}

/* Its items answer the paths in order, and nothing but "exceeded" comes behind "exceeded". */
static void check_answer(const netipc_cgroups_lookup_request_view *request, const uint8_t *bytes, size_t length)
{
    netipc_cgroups_lookup_view view;
    bool exceeded = false;
    uint32_t answered = 0;
    fuzz_check(netipc_cgroups_lookup_decode(bytes, length, &view) == NETIPC_OK);
    fuzz_check(view.item_count == request->item_count && view.generation == length);
    for (uint32_t i = 0; i < view.item_count; i++) {
        netipc_cgroup_lookup_view item;
        const char *path;
        uint32_t path_length;
        fuzz_check(netipc_cgroups_lookup_item(&view, i, &item) == NETIPC_OK);
        fuzz_check(netipc_cgroups_lookup_request_path(request, i, &path, &path_length) == NETIPC_OK);
        fuzz_check(item.path_length == path_length && strcmp(item.path, path) == 0);
        fuzz_check(!exceeded || item.status == NETIPC_CGROUP_EXCEEDED);
        exceeded = item.status == NETIPC_CGROUP_EXCEEDED;
        answered += !exceeded;
    }
    fuzz_reached[answered == view.item_count ? ANSWERED : ANSWERED_IN_PART] += view.item_count > 0;
}

static void answer(const netipc_cgroups_lookup_request_view *request, uint64_t budget)
{
    netipc_cgroups_lookup_builder *builder;
    netipc_status status = NETIPC_OK;
    fuzz_check(netipc_cgroups_lookup_builder_new(&builder) == NETIPC_OK);
    if (netipc_cgroups_lookup_builder_begin(builder, request, 0, budget, ANSWER_MOST) == NETIPC_OK) {
        for (uint32_t i = 0; i < request->item_count && status == NETIPC_OK; i++) {
            const char *path;
            uint32_t path_length;
            fuzz_check(netipc_cgroups_lookup_request_path(request, i, &path, &path_length) == NETIPC_OK);
            const netipc_cgroup_lookup_answer found = found_for(path, path_length);
            status = netipc_cgroups_lookup_builder_add(builder, &found);
            fuzz_check(status == NETIPC_OK || (i == 0 && status == NETIPC_LIMIT_EXCEEDED));
        }
        size_t length = netipc_cgroups_lookup_builder_length(builder), written;
        uint8_t *bytes = malloc(length);
        fuzz_check(bytes != NULL && length <= budget);
        fuzz_check(netipc_cgroups_lookup_builder_write(builder, bytes, length, &written) == NETIPC_OK);
        fuzz_check(written == length);
        uint64_t generation = length;
        memcpy(bytes + 8, &generation, sizeof generation);
        check_answer(request, bytes, length);
        free(bytes);
    }
    netipc_cgroups_lookup_builder_free(builder);
}

static void check_request(uint8_t *bytes, size_t size)
{
    netipc_cgroups_lookup_request_view view;
    const char *path;
    uint32_t length;
    netipc_status status = netipc_cgroups_lookup_request_decode(bytes, size, &view);
    fuzz_check_status(status, decoded, "decode a request");
    fuzz_check(status == NETIPC_OK || view.item_count == 0);
    if (status != NETIPC_OK)
        return;
    for (uint32_t i = 0; i < view.item_count; i++) {
        fuzz_check(netipc_cgroups_lookup_request_path(&view, i, &path, &length) == NETIPC_OK);
        check_inside(bytes, size, path, length);
        fuzz_check(length > 0 && strlen(path) == length);
    }
    fuzz_check(netipc_cgroups_lookup_request_path(&view, view.item_count, &path, &length) == NETIPC_INVALID_ARGUMENT);
    fuzz_reached[REQUEST] += view.item_count > 0;
    answer(&view, ANSWER_MOST);
    answer(&view, 2 * size);
    answer(&view, 4 * size);
}

/* --- answers --- */

static void check_labels(const netipc_cgroup_lookup_view *item, const uint8_t *bytes, size_t size)
{
    netipc_label_view label;
    for (uint32_t i = 0; i < item->label_count; i++) {
        fuzz_check(netipc_cgroup_lookup_label(item, i, &label) == NETIPC_OK);
        check_inside(bytes, size, label.key, label.key_length);
        check_inside(bytes, size, label.value, label.value_length);
        fuzz_check(label.key_length > 0 && strlen(label.key) == label.key_length);
        fuzz_check(strlen(label.value) == label.value_length);
        fuzz_reached[WITH_LABELS]++;
    }
    fuzz_check(netipc_cgroup_lookup_label(item, item->label_count, &label) == NETIPC_INVALID_ARGUMENT);
}

static void check_item(const netipc_cgroups_lookup_view *view, uint32_t index, const uint8_t *bytes, size_t size)
{
    netipc_cgroup_lookup_view item;
    netipc_cgroup_lookup_copy *copy;
    fuzz_check(netipc_cgroups_lookup_item(view, index, &item) == NETIPC_OK);
    check_inside(bytes, size, item.path, item.path_length);
    check_inside(bytes, size, item.name, item.name_length);
    fuzz_check(item.path_length > 0 && strlen(item.path) == item.path_length);
    fuzz_check(strlen(item.name) == item.name_length);
    fuzz_check(item.status == NETIPC_CGROUP_KNOWN || (item.orchestrator | item.name_length | item.label_count) == 0);
    fuzz_check(item.status <= NETIPC_CGROUP_OVERSIZED);
    check_labels(&item, bytes, size);
    fuzz_check(netipc_cgroup_lookup_copy_of(&item, &copy) == NETIPC_OK);
    fuzz_check(strcmp(copy->path, item.path) == 0 && strcmp(copy->name, item.name) == 0);
    fuzz_check(copy->label_count == item.label_count);
    free(copy);
}

/* Somebody writes to the bytes after they were decoded: every item says so or stays inside. */
static void check_changed(const netipc_cgroups_lookup_view *view, uint8_t *bytes, size_t size)
{
    uint64_t random = size + 1;
    for (int round = 0; round < 16; round++) {
        random = random * UINT64_C(6364136223846793005) + bytes[(random >> 33) % size] + 1442695040888963407;
        netipc_cgroup_lookup_view item;
        netipc_cgroup_lookup_copy *copy;
        netipc_label_view label;
        uint32_t index = (uint32_t)(random >> 40) % view->item_count;
        bool there = netipc_cgroups_lookup_item(view, index, &item) == NETIPC_OK;
        bytes[(random >> 33) % size] = (uint8_t)(random >> 24);
        for (uint32_t i = 0; there && i < item.label_count; i++) {
            netipc_status status = netipc_cgroup_lookup_label(&item, i, &label);
            fuzz_check_status(status, decoded, "label");
            if (status == NETIPC_OK)
                check_inside(bytes, size, label.key, label.key_length);
            if (status == NETIPC_OK)
                check_inside(bytes, size, label.value, label.value_length);
        }
        if (there && netipc_cgroup_lookup_copy_of(&item, &copy) == NETIPC_OK)
            free(copy);
        netipc_status status = netipc_cgroups_lookup_item(view, index, &item);
        fuzz_check_status(status, decoded, "item");
        fuzz_reached[status == NETIPC_OK ? CHANGED_AND_READ : CHANGED_AND_FOUND]++;
        if (status == NETIPC_OK)
            check_inside(bytes, size, item.path, item.path_length);
        if (status == NETIPC_OK)
            check_inside(bytes, size, item.name, item.name_length);
    }
}

static void check_an_answer(uint8_t *bytes, size_t size)
{
    netipc_cgroups_lookup_view view;
    netipc_status status = netipc_cgroups_lookup_decode(bytes, size, &view);
    fuzz_check_status(status, decoded, "decode an answer");
    fuzz_check(status == NETIPC_OK || view.item_count == 0);
    if (status != NETIPC_OK)
        return;
    for (uint32_t i = 0; i < view.item_count; i++)
        check_item(&view, i, bytes, size);
    fuzz_check(netipc_cgroups_lookup_item(&view, view.item_count, &(netipc_cgroup_lookup_view){0}) ==
               NETIPC_INVALID_ARGUMENT);
    fuzz_reached[ANSWER]++;
    fuzz_reached[WITH_ITEMS] += view.item_count > 0;
    if (view.item_count > 0)
        check_changed(&view, bytes, size);
}

/* --- processes --- */

static void answer_pids(const netipc_apps_lookup_request_view *request, uint64_t budget)
{
    static const netipc_label labels[] = {{"a", "b"}, {"longer than that", ""}};
    netipc_apps_lookup_builder *builder;
    netipc_status status = NETIPC_OK;
    fuzz_check(netipc_apps_lookup_builder_new(&builder) == NETIPC_OK);
    if (netipc_apps_lookup_builder_begin(builder, request, 0, budget, ANSWER_MOST) == NETIPC_OK) {
        for (uint32_t i = 0; i < request->item_count && status == NETIPC_OK; i++) {
            uint32_t pid;
            fuzz_check(netipc_apps_lookup_request_pid(request, i, &pid) == NETIPC_OK);
            const netipc_app_lookup_answer known = {.uid = pid,
                                                    .comm = "comm",
                                                    .cgroup_path = "/a/path",
                                                    .cgroup_name = "name",
                                                    .labels = labels,
                                                    .label_count = pid % 3};
            status = netipc_apps_lookup_builder_add(builder, &known);
            fuzz_check(status == NETIPC_OK || (i == 0 && status == NETIPC_LIMIT_EXCEEDED));
        }
        netipc_apps_lookup_view view;
        size_t length = netipc_apps_lookup_builder_length(builder), written;
        uint8_t *bytes = malloc(length);
        fuzz_check(bytes != NULL && length <= budget);
        fuzz_check(netipc_apps_lookup_builder_write(builder, bytes, length, &written) == NETIPC_OK);
        fuzz_check(written == length && netipc_apps_lookup_decode(bytes, length, &view) == NETIPC_OK);
        fuzz_check(view.item_count == request->item_count);
        for (uint32_t i = 0; i < view.item_count; i++) {
            netipc_app_lookup_view item;
            uint32_t pid;
            fuzz_check(netipc_apps_lookup_item(&view, i, &item) == NETIPC_OK);
            fuzz_check(netipc_apps_lookup_request_pid(request, i, &pid) == NETIPC_OK && item.pid == pid);
        }
        fuzz_reached[PIDS] += view.item_count > 0;
        free(bytes);
    }
    netipc_apps_lookup_builder_free(builder);
}

static void check_app(const netipc_app_lookup_view *item, const uint8_t *bytes, size_t size)
{
    netipc_label_view label;
    check_inside(bytes, size, item->comm, item->comm_length);
    check_inside(bytes, size, item->cgroup_path, item->cgroup_path_length);
    check_inside(bytes, size, item->cgroup_name, item->cgroup_name_length);
    fuzz_check(item->status <= NETIPC_APP_OVERSIZED && item->cgroup_status <= NETIPC_APP_CGROUP_HOST_ROOT);
    fuzz_check(item->comm_length <= NETIPC_COMM_MAX && (item->comm_length > 0) == (item->status == NETIPC_APP_KNOWN));
    for (uint32_t i = 0; i < item->label_count; i++) {
        fuzz_check(netipc_app_lookup_label(item, i, &label) == NETIPC_OK);
        check_inside(bytes, size, label.key, label.key_length);
        check_inside(bytes, size, label.value, label.value_length);
    }
}

static void check_apps(uint8_t *bytes, size_t size)
{
    netipc_apps_lookup_request_view request;
    netipc_apps_lookup_view view;
    netipc_app_lookup_view item;
    netipc_status status = netipc_apps_lookup_request_decode(bytes, size, &request);
    fuzz_check_status(status, decoded, "decode a request for pids");
    if (status == NETIPC_OK) {
        answer_pids(&request, ANSWER_MOST);
        answer_pids(&request, 8 * size);
    }
    status = netipc_apps_lookup_decode(bytes, size, &view);
    fuzz_check_status(status, decoded, "decode processes");
    fuzz_check(status == NETIPC_OK || view.item_count == 0);
    uint64_t random = size;
    for (uint32_t i = 0; i < view.item_count; i++) {
        fuzz_check(netipc_apps_lookup_item(&view, i, &item) == NETIPC_OK);
        check_app(&item, bytes, size);
        fuzz_reached[APPS]++;
    }
    for (int round = 0; round < 16 && view.item_count > 0; round++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        bytes[(random >> 33) % size] = (uint8_t)(random >> 24);
        if (netipc_apps_lookup_item(&view, (uint32_t)(random >> 40) % view.item_count, &item) == NETIPC_OK)
            check_app(&item, bytes, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = copy_of(data, size);
    check_request(bytes, size);
    check_an_answer(bytes, size);
    free(bytes);
    bytes = copy_of(data, size);
    check_apps(bytes, size);
    free(bytes);
    return 0;
}
