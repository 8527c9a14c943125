/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/codec/snapshots.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Whether the step brings the first packet of a successful cgroups-snapshot answer. */
static bool is_snapshot_answer(const golden_step *step)
{
    enum { MAGIC = 0x4e495043, RESPONSE = 2, CGROUPS_SNAPSHOT = 2 };
    struct {
        uint32_t magic;
        uint16_t version, header_length, kind, flags, code, transport_status;
    } envelope;
    if (step->kind != GOLDEN_RECV || step->packet.length < sizeof envelope)
        return false;
    memcpy(&envelope, step->packet.data, sizeof envelope);
    return envelope.magic == MAGIC && envelope.kind == RESPONSE && envelope.code == CGROUPS_SNAPSHOT &&
           envelope.transport_status == 0;
}

static golden_bytes copy_of(golden_bytes bytes)
{
    golden_bytes copy = {.data = malloc(bytes.length), .length = bytes.length};
    assert_non_null(copy.data);
    memcpy(copy.data, bytes.data, bytes.length);
    return copy;
}

void load_captured_snapshots(captured_snapshots *captured)
{
    golden_file *file = golden_load();
    assert_non_null(file);
    size_t count = 0;
    captured->payloads[count++] = copy_of(golden_message_named(file, "cgroups_resp")->bytes);
    captured->payloads[count++] = copy_of(golden_message_named(file, "cgroups_resp_empty")->bytes);
    for (size_t i = 0; i < file->session_count; i++) {
        const golden_session *session = &file->sessions[i];
        for (size_t step = 0; step < session->step_count; step++) {
            if (!is_snapshot_answer(&session->steps[step]))
                continue;
            assert_true(count < CAPTURED_SNAPSHOTS);
            assert_true(golden_join_payload(session, step, &captured->payloads[count++]));
        }
    }
    assert_int_equal(count, CAPTURED_SNAPSHOTS);
    for (size_t i = 0; i < count; i++)
        golden_snapshot_to_host(&captured->payloads[i]);
    golden_free(file);
}

void free_captured_snapshots(captured_snapshots *captured)
{
    for (size_t i = 0; i < CAPTURED_SNAPSHOTS; i++)
        free(captured->payloads[i].data);
}

void read_whole_snapshot(const netipc_cgroups_snapshot_view *view)
{
    netipc_cgroup_view item;
    for (uint32_t i = 0; i < view->item_count; i++) {
        assert_int_equal(netipc_cgroups_snapshot_item(view, i, &item), NETIPC_OK);
        assert_int_equal(strlen(item.name), item.name_length);
        assert_int_equal(strlen(item.path), item.path_length);
    }
    assert_int_equal(netipc_cgroups_snapshot_item(view, view->item_count, &item), NETIPC_INVALID_ARGUMENT);
    assert_int_equal(netipc_cgroups_snapshot_item(view, UINT32_MAX, &item), NETIPC_INVALID_ARGUMENT);
}

golden_bytes rebuild_snapshot(const netipc_cgroups_snapshot_view *view)
{
    netipc_cgroups_snapshot_builder *builder;
    assert_int_equal(netipc_cgroups_snapshot_builder_new(&builder), NETIPC_OK);
    for (uint32_t i = 0; i < view->item_count; i++) {
        netipc_cgroup_view item;
        assert_int_equal(netipc_cgroups_snapshot_item(view, i, &item), NETIPC_OK);
        assert_int_equal(
            netipc_cgroups_snapshot_builder_add(builder, item.hash, item.options, item.enabled, item.name, item.path),
            NETIPC_OK);
    }
    golden_bytes rebuilt = {.length = netipc_cgroups_snapshot_builder_length(builder)};
    rebuilt.data = malloc(rebuilt.length);
    assert_non_null(rebuilt.data);
    memset(rebuilt.data, 0xa5, rebuilt.length);
    assert_int_equal(netipc_cgroups_snapshot_builder_write(builder, view->generation, view->systemd_enabled,
                                                           rebuilt.data, rebuilt.length, NULL),
                     NETIPC_OK);
    netipc_cgroups_snapshot_builder_free(builder);
    return rebuilt;
}
