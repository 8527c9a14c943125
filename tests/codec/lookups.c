/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/lookups.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static golden_bytes copy_of(golden_bytes bytes)
{
    golden_bytes copy = {.data = malloc(bytes.length), .length = bytes.length};
    assert_non_null(copy.data);
    memcpy(copy.data, bytes.data, bytes.length);
    return copy;
}

static golden_bytes message(const golden_file *file, const char *name)
{
    const golden_message *found = golden_message_named(file, name);
    assert_non_null(found);
    return copy_of(found->bytes);
}

void load_captured_lookups(captured_lookups *captured)
{
    static const char *const requests[] = {"cgroups_lookup_req", "cgroups_lookup_req_empty"};
    static const char *const answers[] = {"cgroups_lookup_resp_empty",
                                          "cgroups_lookup_resp_known_no_labels",
                                          "cgroups_lookup_resp_known_with_labels",
                                          "cgroups_lookup_resp_oversized_item",
                                          "cgroups_lookup_resp_payload_exceeded",
                                          "cgroups_lookup_resp_unknown_permanent",
                                          "cgroups_lookup_resp_unknown_retry"};
    golden_file *file = golden_load();
    assert_non_null(file);
    const golden_session *session =
        golden_session_named(file, "cgroups-lookup: known, unknown, labels, joined answers");
    assert_non_null(session);
    for (size_t i = 0; i < CAPTURED_LOOKUP_REQUESTS - 1; i++)
        captured->requests[i] = message(file, requests[i]);
    for (size_t i = 0; i < CAPTURED_LOOKUP_ANSWERS - 1; i++)
        captured->answers[i] = message(file, answers[i]);
    assert_true(golden_join_payload(session, 2, &captured->requests[CAPTURED_LOOKUP_REQUESTS - 1]));
    assert_true(golden_join_payload(session, 3, &captured->answers[LOOKUP_SESSION]));
    golden_free(file);
    for (size_t i = 0; i < CAPTURED_LOOKUP_REQUESTS; i++)
        golden_lookup_request_to_host(&captured->requests[i]);
    for (size_t i = 0; i < CAPTURED_LOOKUP_ANSWERS; i++)
        golden_lookup_answer_to_host(&captured->answers[i]);
}

void free_captured_lookups(captured_lookups *captured)
{
    for (size_t i = 0; i < CAPTURED_LOOKUP_REQUESTS; i++)
        free(captured->requests[i].data);
    for (size_t i = 0; i < CAPTURED_LOOKUP_ANSWERS; i++)
        free(captured->answers[i].data);
}

void read_whole_request(const netipc_cgroups_lookup_request_view *view)
{
    const char *path;
    uint32_t length;
    for (uint32_t i = 0; i < view->item_count; i++) {
        assert_int_equal(netipc_cgroups_lookup_request_path(view, i, &path, &length), NETIPC_OK);
        assert_true(length > 0);
        assert_int_equal(strlen(path), length);
    }
    assert_int_equal(netipc_cgroups_lookup_request_path(view, view->item_count, &path, &length),
                     NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cgroups_lookup_request_path(view, UINT32_MAX, &path, &length), NETIPC_INVALID_ARGUMENT);
}

static void read_labels(const netipc_cgroup_lookup_view *item)
{
    netipc_label_view label;
    for (uint32_t i = 0; i < item->label_count; i++) {
        assert_int_equal(netipc_cgroup_lookup_label(item, i, &label), NETIPC_OK);
        assert_true(label.key_length > 0);
        assert_int_equal(strlen(label.key), label.key_length);
        assert_int_equal(strlen(label.value), label.value_length);
    }
    assert_int_equal(netipc_cgroup_lookup_label(item, item->label_count, &label), NETIPC_INVALID_ARGUMENT);
}

void read_whole_answer(const netipc_cgroups_lookup_view *view)
{
    netipc_cgroup_lookup_view item;
    for (uint32_t i = 0; i < view->item_count; i++) {
        assert_int_equal(netipc_cgroups_lookup_item(view, i, &item), NETIPC_OK);
        assert_true(item.path_length > 0);
        assert_int_equal(strlen(item.path), item.path_length);
        assert_int_equal(strlen(item.name), item.name_length);
        read_labels(&item);
        if (item.status != NETIPC_CGROUP_KNOWN)
            assert_int_equal(item.orchestrator + item.name_length + item.label_count, 0);
    }
    assert_int_equal(netipc_cgroups_lookup_item(view, view->item_count, &item), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cgroups_lookup_item(view, UINT32_MAX, &item), NETIPC_INVALID_ARGUMENT);
}

golden_bytes request_for(const char *const *paths, uint32_t count)
{
    netipc_cgroups_lookup_request_builder *builder;
    assert_int_equal(netipc_cgroups_lookup_request_builder_new(&builder), NETIPC_OK);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(netipc_cgroups_lookup_request_builder_add(builder, paths[i], UINT32_MAX), NETIPC_OK);
    golden_bytes bytes = {.length = netipc_cgroups_lookup_request_builder_length(builder)};
    size_t length = 0;
    bytes.data = malloc(bytes.length);
    assert_non_null(bytes.data);
    memset(bytes.data, 0xa5, bytes.length);
    assert_int_equal(netipc_cgroups_lookup_request_builder_write(builder, bytes.data, bytes.length, &length),
                     NETIPC_OK);
    assert_int_equal(length, bytes.length);
    netipc_cgroups_lookup_request_builder_free(builder);
    return bytes;
}

golden_bytes rebuild_request(const netipc_cgroups_lookup_request_view *view)
{
    const char **paths = calloc(view->item_count + 1, sizeof *paths);
    uint32_t length;
    assert_non_null(paths);
    for (uint32_t i = 0; i < view->item_count; i++)
        assert_int_equal(netipc_cgroups_lookup_request_path(view, i, &paths[i], &length), NETIPC_OK);
    golden_bytes bytes = request_for(paths, view->item_count);
    free(paths);
    return bytes;
}

golden_bytes request_answered_by(const netipc_cgroups_lookup_view *view)
{
    const char **paths = calloc(view->item_count + 1, sizeof *paths);
    assert_non_null(paths);
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_cgroup_lookup_view item;
        assert_int_equal(netipc_cgroups_lookup_item(view, i, &item), NETIPC_OK);
        paths[i] = item.path;
    }
    golden_bytes bytes = request_for(paths, view->item_count);
    free(paths);
    return bytes;
}

static void add_item(netipc_cgroups_lookup_builder *builder, const netipc_cgroup_lookup_view *item)
{
    netipc_cgroup_lookup_copy *copy;
    assert_int_equal(netipc_cgroup_lookup_copy_of(item, &copy), NETIPC_OK);
    assert_string_equal(copy->path, item->path);
    const netipc_cgroup_lookup_answer answer = {.status = copy->status,
                                                .orchestrator = copy->orchestrator,
                                                .name = copy->name,
                                                .labels = copy->labels,
                                                .label_count = copy->label_count};
    assert_int_equal(netipc_cgroups_lookup_builder_add(builder, &answer), NETIPC_OK);
    free(copy);
}

golden_bytes rebuild_answer(const netipc_cgroups_lookup_view *view)
{
    netipc_cgroups_lookup_builder *builder;
    netipc_cgroups_lookup_request_view request;
    golden_bytes asked = request_answered_by(view);
    assert_int_equal(netipc_cgroups_lookup_request_decode(asked.data, asked.length, &request), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_new(&builder), NETIPC_OK);
    assert_int_equal(netipc_cgroups_lookup_builder_begin(builder, &request, view->generation, UINT32_MAX, UINT32_MAX),
                     NETIPC_OK);
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_cgroup_lookup_view item;
        assert_int_equal(netipc_cgroups_lookup_item(view, i, &item), NETIPC_OK);
        add_item(builder, &item);
    }
    golden_bytes bytes = written_answer(builder, 0xa5);
    netipc_cgroups_lookup_builder_free(builder);
    free(asked.data);
    return bytes;
}

golden_bytes written_answer(const netipc_cgroups_lookup_builder *builder, int filler)
{
    golden_bytes bytes = {.length = netipc_cgroups_lookup_builder_length(builder)};
    size_t length = 0;
    bytes.data = malloc(bytes.length);
    assert_non_null(bytes.data);
    memset(bytes.data, filler, bytes.length);
    assert_int_equal(netipc_cgroups_lookup_builder_write(builder, bytes.data, bytes.length, &length), NETIPC_OK);
    assert_int_equal(length, bytes.length);
    return bytes;
}
